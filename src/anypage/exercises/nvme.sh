# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "nvme"
# packages = ["xfsprogs"]
# files = ["usr/sbin/xfs_io"]
# modules = ["nvme"]
# disks = { nvme = "256M", nvme_4k = "256M" }
# qemu = [
#     "-device nvme,drive=nvme,serial=nvme,romfile=",
#     "-device nvme,serial=nvme-4k,romfile=,id=nvme-4k",
#     "-device nvme-ns,drive=nvme_4k,bus=nvme-4k,logical_block_size=4096,physical_block_size=4096",
# ]
# ///
# An NVMe disk with blocks of 512 bytes, and one with 4K; the controllers of both have 4K pages.
. /exercises/library/base.sh
. /exercises/library/disk.sh

need_driver nvme nvme

for DISK in /dev/nvme0n1 /dev/nvme1n1; do
	wait_for [ -b $DISK ]
	exercise_disk "$(cat /sys/block/${DISK#/dev/}/queue/logical_block_size)." $DISK
done
