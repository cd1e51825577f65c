# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["kexec and crash"]
# packages = ["kexec-tools"]
# files = ["sbin/kexec"]
# qemu = [
#     "-drive if=none,id=kexec_image,file={image},format=raw,readonly=on",
#     "-device virtio-blk-pci,drive=kexec_image,serial=kexec_image,romfile=",
#     "-drive if=none,id=kexec_initramfs,file={initramfs},format=raw,readonly=on",
#     "-device virtio-blk-pci,drive=kexec_initramfs,serial=kexec_initramfs,romfile=",
# ]
# alone = true
# ///
# From the kernel that was booted to one of the same page size, and where it can be chosen to one of
# each other size, by kexec_load and by kexec_file_load. The command line of a kernel says what is
# still to do: this exercise then begins again.
. /exercises/library/kexec.sh

# First to the same size: then to each other one, from this one.
first_steps() {
	local other
	if page_size_is_fixed; then
		echo "$PAGE_SIZE,$PAGE_SIZE"
		return
	fi
	printf '%s,%s' "$PAGE_SIZE" "$PAGE_SIZE"
	for other in 4096 16384 65536; do
		[ $other = "$PAGE_SIZE" ] || printf ',%s,%s' $other "$PAGE_SIZE"
	done
}

[ -e /sys/kernel/kexec_loaded ] || skip "no kexec in this kernel"
STEPS=$(word exercise.kexec)
[ "$STEPS" ] || STEPS=$(first_steps),done

# arrived SIZE: in a kernel of this page size, which the one before started
arrived() {
	[ "$PAGE_SIZE" = "$1" ]
}

# load SIZE: by both system calls in turn, where there are two
load() {
	local call=--kexec-syscall
	if [ $(($(left) % 2)) = 1 ] && grep -q ' kexec_image_probe_default$' /proc/kallsyms; then
		call=--kexec-file-syscall
	fi
	load_kernel "$1" "exercise.kexec=$STEPS" $call -l
	[ "$(cat /sys/kernel/kexec_loaded)" = 1 ]
}

# How many steps are left.
left() {
	echo "$STEPS" | tr ',' '\n' | wc -l
}

NOW=${STEPS%%,*}
STEPS=${STEPS#*,}
NEXT=${STEPS%%,*}
if [ "$(word exercise.kexec)" ]; then
	check "$(left)_left.arrived_at_$NOW" arrived "$NOW"
fi
if [ "$NEXT" != done ]; then
	check "$(left)_left.load_for_$NEXT" load "$NEXT"
fi
