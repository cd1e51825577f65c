# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["kexec and crash"]
# packages = ["kexec-tools", "makedumpfile", "e2fsprogs"]
# files = ["sbin/kexec", "usr/bin/makedumpfile", "sbin/mkfs.ext4"]
# modules = ["ext4"]
# disks = { scratch = "1G" }
# qemu = [
#     "-device virtio-blk-pci,drive=scratch,serial=scratch,romfile=",
#     "-drive if=none,id=kexec_image,file={image},format=raw,readonly=on",
#     "-device virtio-blk-pci,drive=kexec_image,serial=kexec_image,romfile=",
#     "-drive if=none,id=kexec_initramfs,file={initramfs},format=raw,readonly=on",
#     "-device virtio-blk-pci,drive=kexec_initramfs,serial=kexec_initramfs,romfile=",
# ]
# words = ["crashkernel=512M"]
# alone = true
# seconds = 600
# ///
# The kernel crashes, and the one that was loaded for that, with 16K pages, reads the memory of the
# crashed one: its notes, its log, and through makedumpfile each page of a file that it had.
. /exercises/library/kdump.sh

exercise_kdump 16384
