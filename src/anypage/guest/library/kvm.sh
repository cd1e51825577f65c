# SPDX-License-Identifier: GPL-2.0-only
#
# What the exercises of KVM share: the image of this boot runs again as a guest, at each page size,
# and has to pass its checks there.

GUESTS=$WORK/guests

# All that the kernel said: dmesg begins with the exercise.
boot_log() {
	timeout 1 cat /dev/kmsg || true
}

# need_kvm MODE: KVM is there, and says that it works in this mode.
need_kvm() {
	grep -q ' kvm$' /proc/misc || skip "no KVM in this kernel"
	MODE=$1
	check mode has_mode
	modprobe -q virtio_pci || true
	modprobe -q 9pnet_virtio || true
	need_filesystem 9p
	mkdir -p "$GUESTS"
	mount -t 9p -o trans=virtio,ro,msize=65536 guests "$GUESTS"
}

has_mode() {
	boot_log >$WORK/boot_log
	grep 'kvm \[1\]: ' $WORK/boot_log
	grep -q "kvm \[1\]: $MODE mode initialized successfully" $WORK/boot_log
}

# guest PAGE_SIZE: 4k, 16k or 64k; its report is complete, and nothing in it failed.
guest() {
	local report=$WORK/report
	# Memory for a huge page of 64K pages, which DEBUG_VM_PGTABLE takes; most of it is not touched.
	qemu-system-aarch64 -accel kvm -cpu host -machine virt,gic-version=host -smp 2 -m 2G \
		-nodefaults -nographic -no-reboot -serial stdio \
		-kernel "$GUESTS/Image" -initrd "$GUESTS/$1.cpio" \
		-append "console=ttyAMA0 panic=-1 arm64.pagesize=$1" >$report </dev/null
	grep '"status": "failed"' $report && return 1
	tail -n 5 $report
	grep -q "\"total\": $(grep -c '"check": ' $report), \"failed\": 0" $report
}

exercise_guests() {
	local size
	for size in 4k 16k 64k; do
		check guest_$size guest $size
	done
}
