# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "net: virtio"
# packages = ["iproute2"]
# files = ["bin/ip"]
# modules = ["virtio_net"]
# qemu = [
#     "-netdev hubport,id=virtio-net-a,hubid=3 -netdev hubport,id=virtio-net-b,hubid=3",
#     "-device virtio-net-pci,netdev=virtio-net-a,romfile= -device virtio-net-pci,netdev=virtio-net-b,romfile=",
# ]
# ///
# Two cards, joined by a cable: packets from none to 64K bytes of data, a stream each way, and again
# with frames larger than a page of 4K.
. /exercises/library/base.sh
. /exercises/library/network.sh

need_driver virtio_net virtio_net

exercise_network virtio_net
