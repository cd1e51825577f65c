# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["XFS"]
# packages = ["xfsprogs"]
# files = ["sbin/mkfs.xfs", "sbin/xfs_repair", "usr/sbin/xfs_io"]
# modules = ["xfs", "libcrc32c", "crc32c_generic"]
# disks = { scratch = "1G" }
# qemu = ["-device virtio-blk-pci,drive=scratch,serial=scratch,romfile="]
# seconds = 400
# ///
# XFS with blocks of 512 bytes, 4K and the size of a page, shared extents, and a log that is
# replayed: the file system is shut down with work in its log. Larger blocks than a page need
# huge pages in this kernel, and are mounted where it says so.
. /exercises/library/base.sh
. /exercises/library/filesystem.sh

need_filesystem xfs
DISK=$(disk scratch) || skip "no disk"

clean() {
	xfs_repair -n "$DISK"
}

# make BLOCK-SIZE; checksums of metadata need blocks of 1K at least
make() {
	local crc=1
	[ "$1" -ge 1024 ] || crc=0
	mkfs.xfs -q -f -b size="$1" -m crc=$crc "$DISK"
}

# A clone shares its blocks with the file, until one of them is written to.
reflink() {
	random_file "$MOUNT/origin" 400000
	xfs_io -f -c "reflink $MOUNT/origin" "$MOUNT/clone"
	cmp "$MOUNT/origin" "$MOUNT/clone"
	cp "$MOUNT/origin" $WORK/expected
	xfs_io -c "pwrite -q -S 7 70001 5000" "$MOUNT/clone"
	xfs_io -c "pwrite -q -S 7 70001 5000" $WORK/expected
	drop_caches
	cmp $WORK/expected "$MOUNT/clone"
	never cmp -s "$MOUNT/origin" "$MOUNT/clone"
}

replay_log() {
	mount -t xfs "$DISK" "$MOUNT"
	random_file $WORK/logged 300000
	cp $WORK/logged "$MOUNT/logged"
	xfs_io -c fsync "$MOUNT/logged"
	xfs_io -x -c "shutdown -f" "$MOUNT"
	umount "$MOUNT"
	mount -t xfs "$DISK" "$MOUNT"
	cmp $WORK/logged "$MOUNT/logged"
	umount "$MOUNT"
	clean
}

for size in $(printf '%s\n' 512 1024 4096 "$PAGE_SIZE" | sort -n -u); do
	check $size.mkfs make $size
	exercise_filesystem $size "write map truncate punch" clean -t xfs "$DISK"
done
check reflink.mount mount -t xfs "$DISK" "$MOUNT"
check reflink.write reflink
check reflink.umount umount "$MOUNT"
check log.replay replay_log
