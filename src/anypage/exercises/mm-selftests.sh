# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["memory management"]
# packages = ["bash", "procps", "psmisc", "xfsprogs"]
# files = ["bin/bash", "bin/ps", "usr/bin/killall", "usr/bin/pgrep", "sbin/mkfs.xfs"]
# modules = ["test_vmalloc", "test_hmm", "xfs", "libcrc32c", "crc32c_generic"]
# selftests = ["mm"]
# disks = { scratch = "1G", files = "512M" }
# qemu = [
#     "-device virtio-blk-pci,drive=scratch,serial=scratch,romfile=",
#     "-device virtio-blk-pci,drive=files,serial=files,romfile=",
# ]
# words = ["rodata=full"]
# alone = true
# seconds = 9000
# ///
# The kernel's own tests of memory management, as their run_vmtests.sh runs them, with each result
# that a test reports itself. Some fail on any kernel here, for what a small or emulated machine
# lacks: compare with a kernel that is built for the page size. Left out is hugevm, which walks
# through all of the address space and takes hours when it is emulated. Pages are pinned through a
# file in debugfs; secret memory needs a linear map of pages. split_huge_page_test, which writes files
# byte by byte, is linked with guest/gathered_write.c: otherwise it takes half an hour.
. /exercises/library/selftests.sh

noise "tests provoke reports"
cd /selftests/mm || skip "the tests are not here"
need_debugfs

# run CATEGORY
run() {
	echo "start $1" >&3
	in_session bash ./run_vmtests.sh -t "$1"
	if [ $? = 137 ]; then
		echo "failed $1.end no end after $LIMIT s" >&3
	fi
	results "$1" <$WORK/output >&3
	if ! grep -q -E '^(not )?ok ' $WORK/output; then
		echo "skipped $1.none no test of this category ran: $(tail -n 1 $WORK/output)" >&3
	fi
}

# leave_out PROGRAM REASON: run_vmtests.sh takes 4 for a test that is skipped.
leave_out() {
	printf '#!/bin/sh\necho "ok 1 left out # SKIP %s"\nexit 4\n' "$2" >"$1"
	chmod +x "$1"
}

while read -r program; do
	leave_out "$program" "it does not compile from this tree"
done <left-out
# One writes a file of two huge pages; the other takes ten, and waits for ever where they are not
# there.
if [ "$PAGE_SIZE" = 65536 ]; then
	leave_out split_huge_page_test "the huge pages are too large"
	leave_out charge_reserved_hugetlb.sh "the huge pages are too large"
fi

# That of unmerging pages (-U) waits for the end of one scan, which may have begun before the pages
# were written: it fails now and then, on any kernel.
mv ksm_tests ksm_tests.once
cat >ksm_tests <<'EOF'
#!/bin/sh
for try in 1 2 3 4 5; do
	./ksm_tests.once "$@" >/tmp/ksm_tests
	status=$?
	if [ "$1 $status" != "-U 1" ]; then
		break
	fi
done
cat /tmp/ksm_tests
exit $status
EOF
chmod +x ksm_tests

# In its part events-wp a page is now and then read as zero, when two threads run at a time on busy
# cores, on any kernel; then it waits for ever.
mv uffd-unit-tests uffd-unit-tests.all
printf '#!/bin/sh\nexec taskset 1 ./uffd-unit-tests.all "$@"\n' >uffd-unit-tests
chmod +x uffd-unit-tests

# Swap is there for the tests that need it: some of the others fill memory.
SWAP=$(disk scratch) && mkswap "$SWAP" >$WORK/output 2>&1 || SWAP=none
export SWAP

# Huge pages of a file are split on XFS: the image that run_vmtests.sh makes for it is not mounted by
# a kernel that refuses who writes to a mounted device.
mkdir -p /mnt
if modprobe -q xfs && FILES=$(disk files) && mkfs.xfs -q -f "$FILES" && mount "$FILES" /mnt; then
	export SPLIT_HUGE_PAGE_TEST_XFS_PATH=/mnt
fi

mv khugepaged khugepaged.all
cat >khugepaged <<'EOF'
#!/bin/sh
swapon "$SWAP"
./khugepaged.all "$@"
status=$?
swapoff "$SWAP"
exit $status
EOF
chmod +x khugepaged

for category in mmap gup_test userfaultfd compaction mlock process_mrelease mremap vmalloc hmm \
		madv_populate memfd_secret ksm pagemap thp hugetlb migration mkdirty mdwe; do
	run $category
done
if ! swapon "$SWAP" >$WORK/output 2>&1; then
	echo "skipped cow.swap no swap for it: $(tail -n 1 $WORK/output)" >&3
fi
run cow
