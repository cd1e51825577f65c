# SPDX-License-Identifier: GPL-2.0-only
#
# How an area of swap is exercised: a group of processes has three times the memory that it may use,
# and all of it comes back, page by page and by swapoff.

GROUP=/sys/fs/cgroup/$NAME
SWAPPED=60000000		# bytes

# swapped_pages DEVICE: in kB
swapped_pages() {
	awk -v device="$1" '$1 == device { print $4 }' /proc/swaps
}

swap_on() {
	mkswap "$1"
	swapon -p 100 "$1"
}

# The group has the files of a tmpfs, which are swapped like any memory.
fill_swap() {
	local i
	mkdir -p /sys/fs/cgroup
	grep -q " /sys/fs/cgroup " /proc/mounts || mount -t cgroup2 cgroup2 /sys/fs/cgroup
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	[ -d $GROUP ] || mkdir $GROUP
	echo 24M >$GROUP/memory.max
	mkdir -p $WORK/swapped
	mount -t tmpfs tmpfs $WORK/swapped
	random_file $WORK/data $((SWAPPED / 3))
	sh -c "echo \$\$ >$GROUP/cgroup.procs; for i in 1 2 3; do cat $WORK/data >$WORK/swapped/\$i; done"
	[ "$(swapped_pages "$1")" -ge 30000 ]
}

compare_swapped() {
	local i
	for i in 1 2 3; do
		cmp $WORK/data $WORK/swapped/$i
	done
}

# swap_off DEVICE: what is in it comes back first
swap_off() {
	[ "$(swapped_pages "$1")" -ge 20000 ]
	swapoff "$1"
	compare_swapped
	umount $WORK/swapped
	rm $WORK/data
	rmdir $GROUP
}

# exercise_swap PREFIX DEVICE
exercise_swap() {
	check "$1swap_on" swap_on "$2"
	[ "$OK" ] || return 0
	check "$1fill" fill_swap "$2"
	check "$1read_back" compare_swapped
	check "$1swap_off" swap_off "$2"
}
