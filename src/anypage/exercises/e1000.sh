# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "net: e1000"
# packages = ["iproute2"]
# files = ["bin/ip"]
# modules = ["e1000"]
# qemu = [
#     "-netdev hubport,id=e1000-a,hubid=1 -netdev hubport,id=e1000-b,hubid=1",
#     "-device e1000,netdev=e1000-a,romfile= -device e1000,netdev=e1000-b,romfile=",
# ]
# ///
# Two cards, joined by a cable: packets from none to 64K bytes of data, a stream each way, and again
# with frames larger than a page of 4K.
. /exercises/library/base.sh
. /exercises/library/network.sh

need_driver e1000 e1000

exercise_network e1000
