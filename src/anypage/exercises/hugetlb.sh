# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "hugetlb"
# packages = ["xfsprogs"]
# files = ["usr/sbin/xfs_io"]
# seconds = 300
# ///
# hugetlbfs with pages of each size that this page size has, also of those that are runs of
# contiguous entries: mapped, written, read by read(2) and freed. What the guest has no memory for
# is skipped.
. /exercises/library/base.sh

[ -d /sys/kernel/mm/hugepages ] || skip "no huge pages in this kernel"

# use KB: two pages of this size
use() {
	local pool=/sys/kernel/mm/hugepages/hugepages-$1kB half=$(($1 * 512)) free
	free=$(awk '/^MemFree/ { print $2 }' /proc/meminfo)
	[ $(($1 * 3)) -lt "$free" ] || skip "two pages of $1 kB are too much for this guest"
	echo 1 >/proc/sys/vm/compact_memory
	echo 2 >$pool/nr_hugepages
	if [ "$(cat $pool/nr_hugepages)" != 2 ]; then
		echo 0 >$pool/nr_hugepages
		skip "the kernel finds no two pages of $1 kB in one piece"
	fi
	mkdir -p $WORK/huge
	mount -t hugetlbfs -o pagesize=$1K hugetlbfs $WORK/huge
	# The second half of the first page and the first of the second.
	xfs_io -f -c "truncate $((half * 4))" -c "mmap -rw 0 $((half * 4))" \
		-c "mwrite -S 7 $((half + 3)) $((half * 2))" $WORK/huge/file
	[ "$(cat $pool/free_hugepages)" = 0 ]
	tr '\000\007' 'ab' <$WORK/huge/file | tr -s ab >$WORK/runs
	[ "$(cat $WORK/runs)" = aba ]
	tr -d '\000' <$WORK/huge/file | wc -c >$WORK/count
	[ "$(cat $WORK/count)" = $((half * 2)) ]
	rm $WORK/huge/file
	[ "$(cat $pool/free_hugepages)" = 2 ]
	umount $WORK/huge
	echo 0 >$pool/nr_hugepages
	[ "$(cat $pool/nr_hugepages)" = 0 ]
}

for pool in $(ls -d /sys/kernel/mm/hugepages/hugepages-*kB | sort -t - -k 3 -n); do
	size=${pool##*-}
	check "$size" use "${size%kB}"
done
