# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["KVM"]
# packages = ["qemu-system-arm"]
# files = ["usr/bin/qemu-system-aarch64"]
# modules = ["virtio_pci", "9pnet_virtio", "9p"]
# qemu = [
#   "-fsdev local,id=guests,path={guests},security_model=none,readonly=on",
#   "-device virtio-9p-pci,fsdev=guests,mount_tag=guests",
# ]
# el2 = true
# alone = true
# seconds = 1200
# ///
# KVM where the kernel itself runs at EL2, which takes a CPU with VHE.
. /exercises/library/base.sh
. /exercises/library/kvm.sh

boot_log | grep -q "detected: Virtualization Host Extensions" || skip "no VHE in this CPU"
need_kvm "VHE"
exercise_guests
