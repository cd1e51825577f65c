# SPDX-License-Identifier: GPL-2.0-only
#
# exercise_kdump SIZE, in bytes: the kernel crashes, and one of this page size reads its memory. The
# script runs in both: main.c ends in a panic when a kernel is loaded for that.
. /exercises/library/kexec.sh

MARK=$(word exercise.kdump)
LINES=50000			# of a file, 64 bytes each, so that none is in two pages

load() {
	[ "$(cat /sys/kernel/kexec_crash_size)" -gt 0 ]
	MARK=$PAGE_SIZE-$(cut -d - -f 1 /proc/sys/kernel/random/uuid)
	load_kernel "$1" "nr_cpus=1 reset_devices exercise.kdump=$MARK" -p
	[ "$(cat /sys/kernel/kexec_crash_loaded)" = 1 ]
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
	if page_size_is_fixed && [ "$1" != "$PAGE_SIZE" ]; then
		skip "the page size of this kernel is fixed"
	fi
	check "load" load "$1"
}
