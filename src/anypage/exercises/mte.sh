# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["arm64"]
# programs = ["mte"]
# disks = { scratch = "1G" }
# qemu = [
#     "-machine mte=on",
#     "-device virtio-blk-pci,drive=scratch,serial=scratch,romfile=",
# ]
# alone = true
# ///
# Memory tags on a CPU that has them: wrong ones fault, and the kernel keeps those of a page when it
# copies the page, moves it, swaps it out, or shares it.
. /exercises/library/base.sh

mte || skip "no memory tags here: CPU or kernel"

swap_on() {
	mkswap "$(disk scratch)"
	swapon "$(disk scratch)"
}

granules() {
	mte granules || skip "this QEMU keeps one pair of tags for each 4K"
}

check granules granules
check sync mte sync
check async mte async
check fork mte fork
check move mte move
check ptrace mte ptrace
check swap_on swap_on
check swap mte swap
check shared mte shared
