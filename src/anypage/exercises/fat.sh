# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "fat"
# packages = ["dosfstools", "xfsprogs"]
# files = ["sbin/mkfs.vfat", "sbin/fsck.vfat", "usr/sbin/xfs_io"]
# modules = ["vfat"]
# disks = { scratch = "1G" }
# qemu = ["-device virtio-blk-pci,drive=scratch,serial=scratch,romfile="]
# seconds = 300
# ///
# FAT16 and FAT32 with clusters smaller than a page and larger.
. /exercises/library/base.sh
. /exercises/library/filesystem.sh

need_filesystem vfat
DISK=$(disk scratch) || skip "no disk"

clean() {
	fsck.vfat -n "$DISK"
}

# make BITS SECTORS-IN-A-CLUSTER MEGABYTES
make() {
	dd if=/dev/zero of="$DISK" bs=1048576 count=4
	mkfs.vfat -F "$1" -s "$2" "$DISK" $(($3 * 1024))
}

check fat16.mkfs make 16 4 100
exercise_filesystem fat16 "write map truncate" clean -t vfat "$DISK"
check fat32.mkfs make 32 1 200
exercise_filesystem fat32 "write map truncate" clean -t vfat "$DISK"
check fat32_large.mkfs make 32 64 1000
exercise_filesystem fat32_large "write map truncate" clean -t vfat "$DISK"
