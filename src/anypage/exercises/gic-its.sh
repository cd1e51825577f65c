# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["interrupt controllers"]
# disks = { scratch = "1G" }
# qemu = ["-device virtio-blk-pci,drive=scratch,serial=scratch,romfile="]
# ///
# The ITS of a GICv3 has tables in memory, of pages of its own: interrupts of a disk on the PCI bus,
# which are messages, arrive through them.
. /exercises/library/base.sh

modprobe -q virtio_blk || true

# How many messages have arrived.
arrived() {
	awk '/ITS.*MSI/ { for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i } END { print sum + 0 }' /proc/interrupts
}

tables() {
	whole_log | grep "ITS@.*: allocated [0-9]* Devices"
	grep "CPU[0-9]*: using allocated LPI pending table" $WORK/log
	never grep "ITS.*\(fail\|timeout\|Unable\)" $WORK/log
}

messages() {
	local before
	before=$(arrived)
	dd if="$(disk scratch)" of=/dev/null bs=1M count=64
	grep "ITS.*MSI" /proc/interrupts
	[ "$(arrived)" -gt "$before" ]
}

whole_log | grep -q "ITS \[mem" || skip "no ITS in this machine"
check tables tables
check messages messages
