# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "squashfs"
# packages = ["squashfs-tools", "xfsprogs"]
# files = ["usr/bin/mksquashfs", "usr/bin/unsquashfs", "usr/sbin/xfs_io"]
# modules = ["squashfs", "loop"]
# seconds = 300
# ///
# A tree packed with each compressor, with blocks smaller than a page and larger, is read through
# the kernel's squashfs on a loop device, also through maps.
. /exercises/library/base.sh
. /exercises/library/filesystem.sh

need_filesystem squashfs
modprobe -q loop
LOOP=$(losetup -f)

# Compressible and not, with tails that share a fragment.
make_source() {
	local i
	mkdir -p $WORK/source
	make_tree $WORK/source
	rm $WORK/source/sizes/3145729
	for i in $(seq 20); do
		cat /exercises/library/*.sh
	done >$WORK/source/text
	sums $WORK/source >$WORK/sums
}

# pack COMPRESSOR BLOCK-SIZE
pack() {
	rm -f $WORK/image
	mksquashfs $WORK/source $WORK/image -comp "$1" -b "$2" -no-progress -quiet
}

mount_image() {
	losetup $LOOP $WORK/image
	if mount -t squashfs -o ro $LOOP "$MOUNT"; then
		return 0
	fi
	losetup -d $LOOP
	dmesg | tail -n 5
	if dmesg | grep -q 'Filesystem uses "'"$1"'" compression. This is not supported'; then
		skip "no $1 in this kernel's squashfs"
	fi
	return 1
}

unmount() {
	umount "$MOUNT"
	losetup -d $LOOP
}

mapped() {
	cat "$MOUNT/text" >/dev/null
	drop_caches
	xfs_io -r -c "mmap -r 0 100000" -c "mread -v 5000 90000" "$MOUNT/text" >$WORK/mapped
	xfs_io -r -c "mmap -r 0 100000" -c "mread -v 5000 90000" $WORK/source/text >$WORK/mapped.expected
	cmp $WORK/mapped.expected $WORK/mapped
	[ "$(wc -l <$WORK/mapped)" -ge 1000 ]
}

check source make_source
for compressor in gzip xz lz4 lzo zstd; do
	for block in 4096 131072 1048576; do
		check $compressor.$block.mksquashfs pack $compressor $block
		check $compressor.$block.mount mount_image $compressor
		[ "$OK" ] || continue 2
		check $compressor.$block.read_back read_back
		check $compressor.$block.mapped mapped
		check $compressor.$block.umount unmount
	done
done
