# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["control groups"]
# packages = ["e2fsprogs"]
# files = ["sbin/mkfs.ext4"]
# modules = ["ext4"]
# selftests = ["cgroup"]
# disks = { scratch = "1G", swap = "1G" }
# qemu = [
#     "-device virtio-blk-pci,drive=scratch,serial=scratch,romfile=",
#     "-device virtio-blk-pci,drive=swap,serial=swap,romfile=",
# ]
# alone = true
# seconds = 2400
# ///
# The kernel's own tests of control groups: memory with its limits and events, swapped, compressed,
# and of the kernel; processes; huge pages, when they are counted. Some take pages for 4K, or memory
# of an emulated machine for fast, and fail on any kernel: compare with one that is built for the
# page size. Not run are those of CPUs, of freezing and of killing, where no page has a part.
. /exercises/library/selftests.sh

LIMIT=400
noise "tests provoke reports"
[ -d /selftests/cgroup ] || skip "the tests are not here"
grep -q " cgroup2 " /proc/mounts ||
	mount -t cgroup2 -o memory_recursiveprot,memory_hugetlb_accounting cgroup2 /sys/fs/cgroup ||
	skip "no control groups in this kernel"

# They write files where they are, whose pages have to go to a disk when memory is short.
prepare() {
	mkswap "$(disk swap)"
	swapon "$(disk swap)"
	mkfs.ext4 -q "$(disk scratch)"
	mkdir -p $WORK/disk
	mount -t ext4 "$(disk scratch)" $WORK/disk
	cp /selftests/cgroup/test_* $WORK/disk
}

check prepare prepare
[ "$OK" ] || exit 0
cd $WORK/disk
for program in test_core test_hugetlb_memcg test_kmem test_pids test_zswap; do
	run_test cgroup $program ./$program
done
# test_memcg_reclaim in it passes every other time, on any kernel.
TRIES=10
run_test cgroup test_memcontrol ./test_memcontrol
