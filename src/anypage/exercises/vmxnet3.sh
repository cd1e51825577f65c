# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "net: vmxnet3"
# packages = ["iproute2"]
# files = ["bin/ip"]
# modules = ["vmxnet3"]
# qemu = [
#     "-netdev hubport,id=vmxnet3-a,hubid=4 -netdev hubport,id=vmxnet3-b,hubid=4",
#     "-device vmxnet3,netdev=vmxnet3-a,romfile= -device vmxnet3,netdev=vmxnet3-b,romfile=",
# ]
# ///
# Two cards, joined by a cable: packets from none to 64K bytes of data, a stream each way, and again
# with frames larger than a page of 4K.
. /exercises/library/base.sh
. /exercises/library/network.sh

need_driver vmxnet3 vmxnet3

exercise_network vmxnet3
