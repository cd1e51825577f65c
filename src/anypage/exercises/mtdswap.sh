# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "mtd: mtdswap"
# modules = ["nandsim", "mtdswap", "mtdblock"]
# seconds = 300
# ///
# Swap on a simulated NAND flash of 256 MiB, whose erase blocks are 128K and whose pages 2K: what a
# group beyond its limit has in swap comes back.
. /exercises/library/base.sh
. /exercises/library/swap.sh

modprobe -q nandsim first_id_byte=0x20 second_id_byte=0xaa third_id_byte=0x00 fourth_id_byte=0x15 || true
[ -e /sys/class/mtd/mtd0 ] || skip "no nandsim in this kernel"
modprobe -q mtdswap partitions=0 || true

has_device() {
	dmesg | grep mtdswap
	[ -b /dev/mtdswap0 ]
}

check device has_device
[ "$OK" ] || exit 0
exercise_swap "" /dev/mtdswap0
modprobe -r -q mtdswap || true
