# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "usb: xhci, storage"
# packages = ["xfsprogs"]
# files = ["usr/sbin/xfs_io"]
# modules = ["xhci_pci", "usb_storage", "sd_mod"]
# disks = { usb = "256M" }
# qemu = [
#     "-device qemu-xhci,id=xhci",
#     "-device usb-storage,drive=usb,bus=xhci.0",
# ]
# ///
# A USB disk at an xHCI controller, whose rings are pages.
. /exercises/library/base.sh
. /exercises/library/disk.sh

need_driver xhci_pci xhci_hcd
need_driver usb_storage usb-storage
need_driver sd_mod sd

exercise_disk_of usb-storage
