# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["EDAC"]
# modules = ["ghes_edac"]
# acpi = true
# alone = true
# qemu = ["-machine ras=on"]
# ///
# The memory controller of the firmware's tables: as large as the memory of the machine, which the
# kernel counts in pages, and errors that EDAC makes up are counted. QEMU tells of real ones only
# with KVM on hardware.
. /exercises/library/base.sh

modprobe ghes_edac || skip "no error sources in the firmware's tables, or no driver"
need_debugfs
MC=/sys/devices/system/edac/mc/mc0
FAKE=/sys/kernel/debug/edac/mc0

# The memory of the machine in MB, rounded, with what the firmware keeps of it. QEMU's flash is below
# 1G and the memory above.
memory() {
	local sum=0 start end
	sed -n 's/^\([0-9a-f]*\)-\([0-9a-f]*\) : \(System RAM\|reserved\)$/\1 \2/p' /proc/iomem >$WORK/ranges
	while read -r start end; do
		[ $((0x$start >> 30)) = 0 ] || sum=$((sum + 0x$end - 0x$start + 1))
	done <$WORK/ranges
	echo $(((sum + (1 << 19)) >> 20))
}

controller() {
	cat /proc/iomem $MC/mc_name $MC/size_mb $MC/dimm0/size
	[ "$(cat $MC/size_mb)" = "$(memory)" ]
	[ "$(cat $MC/dimm0/size)" = "$(memory)" ]
}

# errors KIND UNCORRECTED
errors() {
	[ -e $FAKE/fake_inject ] || skip "no CONFIG_EDAC_DEBUG in this kernel"
	echo "$2" >$FAKE/fake_inject_ue
	echo 3 >$FAKE/fake_inject_count
	echo 1 >$FAKE/fake_inject
	[ "$(cat $MC/$1_count)" = 3 ]
	dmesg | grep "EDAC MC0: 3 $(echo "$1" | tr a-z A-Z | sed s/_.*//)"
}

check controller controller
check corrected errors ce 0
check uncorrected errors ue 1
