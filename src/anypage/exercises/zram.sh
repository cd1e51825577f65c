# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "zram, zsmalloc"
# packages = ["xfsprogs"]
# files = ["usr/sbin/xfs_io"]
# modules = ["zram", "lzo", "lzo_rle", "lz4", "zstd", "deflate", "842"]
# seconds = 300
# ///
# A compressed disk in memory: text shrinks with each of its algorithms, and swap on it works; with
# the first one it is exercised as a disk.
. /exercises/library/base.sh
. /exercises/library/disk.sh
. /exercises/library/swap.sh

modprobe -q zram || true
ZRAM=/sys/block/zram0
[ -e $ZRAM ] || skip "no zram in this kernel"

# reset ALGORITHM MEGABYTES
reset() {
	echo 1 >$ZRAM/reset
	echo "$1" >$ZRAM/comp_algorithm
	echo "$2"M >$ZRAM/disksize
}

# A page of text takes less than a page of memory.
shrinks() {
	local i original compressed rest
	for i in $(seq 200); do
		cat /exercises/library/*.sh
	done >$WORK/data
	dd if=$WORK/data of=/dev/zram0 bs=1048576
	drop_caches
	same_as $WORK/data /dev/zram0
	read original compressed rest <$ZRAM/mm_stat
	[ "$original" -ge "$(stat -c %s $WORK/data)" ]
	[ $((compressed * 3)) -lt "$original" ]
}

FIRST=
for algorithm in $(tr -d '[]' <$ZRAM/comp_algorithm); do
	check $algorithm.reset reset $algorithm 200
	check $algorithm.shrinks shrinks
	[ "$FIRST" ] || exercise_disk $algorithm. /dev/zram0
	FIRST=$algorithm
	exercise_swap $algorithm. /dev/zram0
done
echo 1 >$ZRAM/reset
