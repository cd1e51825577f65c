# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["memory management"]
# packages = ["util-linux", "mount"]
# files = ["sbin/mkswap", "sbin/swapon"]
# disks = { scratch = "1G" }
# qemu = ["-device virtio-blk-pci,drive=scratch,serial=scratch,romfile="]
# ///
# Swap on a disk, without and with zswap before it. An area that was made for another page size is
# refused: by the kernel, which names that size if it is one that it could run with, and by swapon,
# which says what is wrong.
. /exercises/library/base.sh
. /exercises/library/swap.sh

[ -e /proc/swaps ] || skip "no swap in this kernel"
DISK=$(disk scratch) || skip "no disk"
ZSWAP=/sys/module/zswap/parameters

foreign() {
	/sbin/mkswap --pagesize "$1" "$DISK"
	dmesg -c >/dev/null
	if busybox swapon "$DISK"; then
		swapoff "$DISK"
		fail "an area for pages of $1 bytes was taken"
	fi
	dmesg | grep "Swap area was made for $(($1 / 1024))K pages\|Unable to find swap-space signature"
	refused "pagesize" /sbin/swapon -v "$DISK"
}

zswap_on() {
	[ -e $ZSWAP/enabled ] || skip "no zswap in this kernel"
	echo "$1" >$ZSWAP/compressor || skip "no $1 for zswap in this kernel"
	echo Y >$ZSWAP/enabled
}

for size in 4096 16384 65536; do
	[ $size = "$PAGE_SIZE" ] || check foreign_$size foreign $size
done
exercise_swap disk. "$DISK"
for compressor in lzo lz4 zstd; do
	check zswap.$compressor zswap_on $compressor
	[ "$OK" ] || continue
	exercise_swap zswap.$compressor. "$DISK"
	echo N >$ZSWAP/enabled
done
