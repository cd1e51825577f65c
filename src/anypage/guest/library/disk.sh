# SPDX-License-Identifier: GPL-2.0-only
#
# How a disk is exercised: through the page cache, past it, through a map and by several writers at
# once; what was written is read again after the page cache was emptied. xfs_io, like blockdev and
# dd, also works on a disk.

SIZE=25165824			# bytes that are written; no multiple of anything above 8 MiB

# same_as FILE DISK: the disk begins with the file
same_as() {
	cmp -n "$(stat -c %s "$1")" "$1" "$2"
}

buffered() {
	random_file $WORK/data $SIZE
	dd if=$WORK/data of="$1" bs=1048576
	sync
	drop_caches
	same_as $WORK/data "$1"
}

# unaligned DISK: parts of pages, with sizes that are no multiple of any block
unaligned() {
	local at
	for at in 1 4095 65537 1000001 7340033; do
		random_file $WORK/part 70001
		dd if=$WORK/part of="$1" bs=1048576 seek=$at oflag=seek_bytes conv=notrunc
		dd if=$WORK/part of=$WORK/data bs=1048576 seek=$at oflag=seek_bytes conv=notrunc
	done
	drop_caches
	same_as $WORK/data "$1"
}

# direct DISK: requests from one block to megabytes
direct() {
	local block size
	block=$(blockdev --getss "$1")
	for size in "$block" $((block * 3)) 65536 1048576 8388608; do
		random_file $WORK/data $((size * 3))
		dd if=$WORK/data of="$1" bs=$size oflag=direct
		same_as $WORK/data "$1"
		drop_caches
		dd if="$1" of=$WORK/read bs=$size count=3 iflag=direct
		cmp $WORK/data $WORK/read
	done
}

mapped() {
	random_file $WORK/data 2000000
	dd if=$WORK/data of="$1" bs=1048576
	xfs_io -c "mmap -rw 0 1900000" -c "mwrite -S 7 70001 500000" -c "msync -s" "$1"
	xfs_io -c "pwrite -q -S 7 70001 500000" $WORK/data
	drop_caches
	same_as $WORK/data "$1"
}

# parallel DISK: four writers and then four readers, each in a part of its own
parallel() {
	local i jobs=
	for i in 0 1 2 3; do
		random_file $WORK/data.$i 8000000
		dd if=$WORK/data.$i of="$1" bs=40000 seek=$((i * 8000000)) oflag=seek_bytes conv=notrunc &
		jobs="$jobs $!"
	done
	for i in $jobs; do
		wait $i
	done
	jobs=
	drop_caches
	for i in 0 1 2 3; do
		dd if="$1" bs=40000 skip=$((i * 8000000)) iflag=skip_bytes count=200 | cmp - $WORK/data.$i &
		jobs="$jobs $!"
	done
	for i in $jobs; do
		wait $i
	done
}

# exercise_disk_of DRIVER: the disk below a device of this driver
exercise_disk_of() {
	wait_for block_of "$1"
	exercise_disk "" "$(block_of "$1")"
}

# exercise_disk PREFIX DISK
exercise_disk() {
	check "$1disk" wait_for [ -b "$2" ]
	[ "$OK" ] || return 0
	check "$1buffered" buffered "$2"
	check "$1unaligned" unaligned "$2"
	check "$1direct" direct "$2"
	check "$1mapped" mapped "$2"
	check "$1parallel" parallel "$2"
	rm -f $WORK/*
}
