# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["block devices", "virtio"]
# packages = ["xfsprogs"]
# files = ["usr/sbin/xfs_io"]
# modules = ["virtio_blk"]
# disks = { vblk = "256M", vblk_4k = "256M", vblk_16k = "256M" }
# qemu = [
#     "-device virtio-blk-pci,drive=vblk,serial=vblk,romfile=",
#     "-device virtio-blk-pci,drive=vblk_4k,serial=vblk_4k,romfile=,logical_block_size=4096,physical_block_size=4096",
#     "-device virtio-blk-pci,drive=vblk_16k,serial=vblk_16k,romfile=,logical_block_size=16384,physical_block_size=16384",
# ]
# ///
# virtio disks with blocks of 512 bytes, 4K and 16K. This kernel has no disk whose blocks are larger
# than a page, and must refuse it.
. /exercises/library/base.sh
. /exercises/library/disk.sh

exercise_disk 512. "$(disk vblk)"
exercise_disk 4096. "$(disk vblk_4k)"

no_disk() {
	never disk vblk_16k
	# The driver may be older than the log of this exercise.
	timeout 1 cat /dev/kmsg >$WORK/log || true
	grep "Invalid logical block size (16384)" $WORK/log
}

if [ "$PAGE_SIZE" -lt 16384 ]; then
	check 16384.refused no_disk
else
	exercise_disk 16384. "$(disk vblk_16k)"
fi
