# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["Btrfs"]
# packages = ["btrfs-progs", "xfsprogs"]
# files = ["bin/btrfs", "sbin/mkfs.btrfs", "usr/sbin/xfs_io"]
# modules = ["btrfs", "libcrc32c", "crc32c_generic", "xxhash_generic", "sha256_generic", "blake2b_generic"]
# disks = { scratch = "1G" }
# qemu = ["-device virtio-blk-pci,drive=scratch,serial=scratch,romfile="]
# seconds = 400
# ///
# btrfs with sectors of 4K, which any page size takes, and of the size of a page; compressed with
# each of its algorithms, with snapshots, and scrubbed. Sectors of another size are refused.
. /exercises/library/base.sh
. /exercises/library/filesystem.sh

need_filesystem btrfs
DISK=$(disk scratch) || skip "no disk"

clean() {
	btrfs check --force "$DISK" && btrfs check --force --check-data-csum "$DISK"
}

# make SECTOR-SIZE OPTIONS...
make() {
	local size=$1 node=16384
	shift
	[ "$size" -le $node ] || node=$size
	mkfs.btrfs -q -f -s "$size" -n $node "$@" "$DISK"
}

# The same text many times shrinks; random bytes beside it do not.
compress() {
	local i
	for i in $(seq 40); do
		cat /exercises/library/*.sh
	done >$WORK/text
	head -c 300000 /dev/urandom >>$WORK/text
	cp $WORK/text "$MOUNT/text"
	drop_caches
	cmp $WORK/text "$MOUNT/text"
	xfs_io -c "pwrite -q -S 7 70001 5000" "$MOUNT/text"
	xfs_io -c "pwrite -q -S 7 70001 5000" $WORK/text
	drop_caches
	cmp $WORK/text "$MOUNT/text"
}

snapshot() {
	btrfs subvolume create "$MOUNT/volume"
	random_file "$MOUNT/volume/file" 200000
	cp "$MOUNT/volume/file" $WORK/file
	btrfs subvolume snapshot "$MOUNT/volume" "$MOUNT/snapshot"
	xfs_io -c "pwrite -q -S 7 70001 5000" "$MOUNT/volume/file"
	drop_caches
	cmp $WORK/file "$MOUNT/snapshot/file"
	never cmp -s $WORK/file "$MOUNT/volume/file"
}

other_size() {
	make $((PAGE_SIZE * 2))
	if mount -t btrfs "$DISK" "$MOUNT"; then
		umount "$MOUNT"
		fail "sectors of $((PAGE_SIZE * 2)) bytes were mounted"
	fi
	dmesg | grep "sectorsize $((PAGE_SIZE * 2)) not yet supported"
}

for size in $(printf '%s\n' 4096 "$PAGE_SIZE" | sort -n -u); do
	check $size.mkfs make $size
	exercise_filesystem $size "write map truncate punch" clean -t btrfs "$DISK"
	check $size.mkfs_again make $size
	for algorithm in zlib lzo zstd; do
		check $size.$algorithm.mount mount -t btrfs -o compress=$algorithm "$DISK" "$MOUNT"
		[ "$OK" ] || continue
		check $size.$algorithm.write compress
		check $size.$algorithm.umount umount "$MOUNT"
	done
	check $size.snapshot.mount mount -t btrfs "$DISK" "$MOUNT"
	check $size.snapshot.write snapshot
	check $size.scrub btrfs scrub start -B "$MOUNT"
	check $size.snapshot.umount umount "$MOUNT"
	check $size.fsck clean
done
[ "$PAGE_SIZE" = 65536 ] || check other_sectors_refused other_size
