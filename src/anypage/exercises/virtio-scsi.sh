# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "virtio: scsi"
# packages = ["xfsprogs"]
# files = ["usr/sbin/xfs_io"]
# modules = ["virtio_scsi", "sd_mod"]
# disks = { virtio_scsi = "256M" }
# qemu = [
#     "-device virtio-scsi-pci,id=virtio-scsi,romfile=",
#     "-device scsi-hd,drive=virtio_scsi,bus=virtio-scsi.0",
# ]
# ///
# A SCSI disk at virtio-scsi.
. /exercises/library/base.sh
. /exercises/library/disk.sh

need_driver virtio_scsi virtio_scsi
need_driver sd_mod sd

exercise_disk_of virtio_scsi
