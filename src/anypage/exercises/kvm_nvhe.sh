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
# words = ["kvm-arm.mode=nvhe"]
# el2 = true
# alone = true
# seconds = 1200
# ///
# KVM whose own code at EL2 is apart from the kernel.
. /exercises/library/base.sh
. /exercises/library/kvm.sh

need_kvm "Hyp nVHE"
exercise_guests
