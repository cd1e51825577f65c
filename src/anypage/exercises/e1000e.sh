# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "net: e1000e"
# packages = ["iproute2"]
# files = ["bin/ip"]
# modules = ["e1000e"]
# qemu = [
#     "-netdev hubport,id=e1000e-a,hubid=2 -netdev hubport,id=e1000e-b,hubid=2",
#     "-device e1000e,netdev=e1000e-a,romfile= -device e1000e,netdev=e1000e-b,romfile=",
# ]
# ///
# Two cards, joined by a cable: packets from none to 64K bytes of data, a stream each way, and again
# with frames larger than a page of 4K.
. /exercises/library/base.sh
. /exercises/library/network.sh

need_driver e1000e e1000e

exercise_network e1000e
