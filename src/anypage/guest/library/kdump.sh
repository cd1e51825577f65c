# SPDX-License-Identifier: GPL-2.0-only
#
# exercise_kdump SIZE, in bytes: the kernel crashes, and one of this page size reads its memory. The
# script runs in both: main.c ends in a panic when a kernel is loaded for that.
. /exercises/library/base.sh

MARK=$(tr ' ' '\n' </proc/cmdline | sed -n "s/^exercise.kdump=//p")
LINES=50000			# of a file, 64 bytes each, so that none is in two pages

load() {
	local words size=$1
	[ "$(cat /sys/kernel/kexec_crash_size)" -gt 0 ]
	words=$(tr ' ' '\n' </proc/cmdline | grep -v '^arm64.pagesize=\|^crashkernel=' | tr '\n' ' ')
	if ! grep -q "policy 0" /expect; then
		words="$words arm64.pagesize=$((size / 1024))k"
	fi
	MARK=$PAGE_SIZE-$(cut -d - -f 1 /proc/sys/kernel/random/uuid)
	cat "$(disk kexec_image)" >$WORK/image
	cat "$(disk kexec_initramfs)" >$WORK/initramfs
	kexec -p $WORK/image --initrd=$WORK/initramfs \
		--command-line="$words nr_cpus=1 reset_devices exercise.kdump=$MARK"
	[ "$(cat /sys/kernel/kexec_crash_loaded)" = 1 ]
	rm $WORK/image $WORK/initramfs
	awk -v mark="mark $MARK" -v lines=$LINES \
		'BEGIN { while (lines--) printf("%-63s\n", mark " " lines) }' >/dev/shm/marks
	echo "mark $MARK in the log" >/dev/kmsg
}

arrived() {
	[ "$PAGE_SIZE" = "$1" ]
	[ -e /proc/vmcore ]
}

# What the crashed kernel says of itself.
notes() {
	head -c 4194304 /proc/vmcore | strings >$WORK/notes
	grep -x "PAGESIZE=${MARK%-*}" $WORK/notes
}

log() {
	makedumpfile --dump-dmesg /proc/vmcore $WORK/log
	tail -n 5 $WORK/log
	grep "mark $MARK in the log" $WORK/log
	grep "Attempted to kill init" $WORK/log
}

# Without pages that are free or zero; all pages of the file are there.
memory() {
	mkfs.ext4 -q "$(disk scratch)"
	mkdir -p $WORK/disk
	mount -t ext4 "$(disk scratch)" $WORK/disk
	makedumpfile -E -d 17 /proc/vmcore $WORK/disk/dump
	ls -l $WORK/disk/dump
	strings $WORK/disk/dump | grep -o "mark $MARK [0-9][0-9]*" | sort -u >$WORK/marks
	wc -l <$WORK/marks
	[ "$(wc -l <$WORK/marks)" = $LINES ]
	umount $WORK/disk
}

exercise_kdump() {
	if [ "$MARK" ]; then
		check "arrived" arrived "$1"
		check "notes" notes
		check "log" log
		check "memory" memory
		return
	fi
	[ -e /sys/kernel/kexec_crash_loaded ] || skip "no kernel for a crash in this kernel"
	if grep -q "policy 0" /expect && [ "$1" != "$PAGE_SIZE" ]; then
		skip "the page size of this kernel is fixed"
	fi
	check "load" load "$1"
}
