# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "ata: ahci"
# packages = ["xfsprogs"]
# files = ["usr/sbin/xfs_io"]
# modules = ["ahci", "sd_mod"]
# disks = { ahci = "256M" }
# qemu = [
#     "-device ahci,id=ahci",
#     "-device ide-hd,drive=ahci,bus=ahci.0",
# ]
# ///
# A SATA disk, with queued commands.
. /exercises/library/base.sh
. /exercises/library/disk.sh

need_driver ahci ahci
need_driver sd_mod sd

exercise_disk_of ahci
