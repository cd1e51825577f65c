# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "mmc: sdhci"
# packages = ["xfsprogs"]
# files = ["usr/sbin/xfs_io"]
# modules = ["sdhci_pci", "mmc_block"]
# disks = { sd = "256M" }
# qemu = [
#     "-device sdhci-pci",
#     "-device sd-card,drive=sd",
# ]
# ///
# An SD card at a PCI controller, with ADMA.
. /exercises/library/base.sh
. /exercises/library/disk.sh

need_driver sdhci_pci sdhci-pci
need_driver mmc_block mmcblk

exercise_disk_of mmcblk
