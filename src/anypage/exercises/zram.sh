# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "zram, zsmalloc"
# packages = ["xfsprogs"]
# files = ["usr/sbin/xfs_io"]
# modules = ["zram", "lzo", "lzo_rle", "lz4", "zstd", "deflate", "842"]
# seconds = 300
# ///
# A compressed disk in memory with each of its algorithms, as a disk and as swap: text shrinks,
# random bytes and pages of one value are kept.
. /exercises/library/base.sh
. /exercises/library/disk.sh

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

swap_on() {
	mkswap /dev/zram0
	swapon -p 100 /dev/zram0
}

swapped_pages() {
	awk '$1 == "/dev/zram0" { print $4 }' /proc/swaps
}

# A group whose memory is limited to 24M holds 64M.
swap() {
	local group=/sys/fs/cgroup/zram
	mkdir -p /sys/fs/cgroup
	grep -q " /sys/fs/cgroup " /proc/mounts || mount -t cgroup2 cgroup2 /sys/fs/cgroup
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir $group
	echo 24M >$group/memory.max
	mkdir -p $WORK/tmpfs
	mount -t tmpfs tmpfs $WORK/tmpfs
	random_file $WORK/data 20000000
	sh -c "echo \$\$ >$group/cgroup.procs; for i in 1 2 3; do cat $WORK/data >$WORK/tmpfs/\$i; done"
	[ "$(swapped_pages)" -ge 30000 ]
	for i in 1 2 3; do
		cmp $WORK/data $WORK/tmpfs/$i
	done
	swapoff /dev/zram0
	for i in 1 2 3; do
		cmp $WORK/data $WORK/tmpfs/$i
	done
	umount $WORK/tmpfs
	rmdir $group
}

for algorithm in $(tr -d '[]' <$ZRAM/comp_algorithm); do
	check $algorithm.reset reset $algorithm 200
	check $algorithm.shrinks shrinks
	exercise_disk $algorithm. /dev/zram0
	check $algorithm.swap_on swap_on
	check $algorithm.swap swap
done
echo 1 >$ZRAM/reset
