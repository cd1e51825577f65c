# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "ext4"
# packages = ["e2fsprogs", "xfsprogs"]
# files = ["sbin/mkfs.ext4", "sbin/e2fsck", "usr/sbin/xfs_io"]
# modules = ["ext4"]
# disks = { scratch = "1G" }
# qemu = ["-device virtio-blk-pci,drive=scratch,serial=scratch,romfile="]
# seconds = 300
# ///
# ext4 with blocks smaller than a page and as large as one. What has larger blocks than the kernel
# has pages is made, and the kernel must refuse it.
. /exercises/library/base.sh
. /exercises/library/filesystem.sh

need_filesystem ext4
DISK=$(disk scratch) || skip "no disk"

clean() {
	e2fsck -f -n "$DISK"
}

for size in $(printf '%s\n' 1024 4096 "$PAGE_SIZE" | sort -n -u); do
	check $size.mkfs mkfs.ext4 -q -F -b $size "$DISK" 512M
	exercise_filesystem $size "write map truncate punch" clean -t ext4 "$DISK"
done

# Twice the page size, where ext4 has such blocks at all.
larger() {
	mkfs.ext4 -q -F -b $((PAGE_SIZE * 2)) "$DISK" 512M
	if mount -t ext4 "$DISK" "$MOUNT"; then
		umount "$MOUNT"
		fail "blocks of $((PAGE_SIZE * 2)) bytes were mounted"
	fi
	dmesg | grep "bad block size $((PAGE_SIZE * 2))"
}

[ "$PAGE_SIZE" = 65536 ] || check larger_blocks_refused larger
