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
. /exercises/library/base.sh

# word NAME: the value of a word of the command line
word() {
	tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"
}

# First to the same size: then to each other one, from this one.
first_steps() {
	local other
	if grep -q "policy 0" /expect; then
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

# load SIZE
load() {
	local words image call
	words=$(tr ' ' '\n' </proc/cmdline | grep -v '^arm64.pagesize=\|^exercise.kexec=' | tr '\n' ' ')
	if ! grep -q "policy 0" /expect; then
		words="$words arm64.pagesize=$(($1 / 1024))k"
	fi
	image=$(disk kexec_image)
	cat "$image" >$WORK/image
	cat "$(disk kexec_initramfs)" >$WORK/initramfs
	# Both system calls in turn, by the number of steps that are left, where there are two.
	call=--kexec-syscall
	if [ $(($(left) % 2)) = 1 ] && grep -q ' kexec_image_probe_default$' /proc/kallsyms; then
		call=--kexec-file-syscall
	fi
	kexec $call -l $WORK/image --initrd=$WORK/initramfs \
		--command-line="$words exercise.kexec=$STEPS"
	[ "$(cat /sys/kernel/kexec_loaded)" = 1 ]
	rm $WORK/image $WORK/initramfs
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
