# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["arm64"]
# modules = ["lkdtm"]
# ///
# What the kernel must not do with memory is tried: each attempt ends its process with a report of
# the fault in the kernel's log.
. /exercises/library/base.sh

noise "the attempts are reported there"
need_debugfs
modprobe -q lkdtm || true
TRIGGER=/sys/kernel/debug/provoke-crash/DIRECT
[ -e $TRIGGER ] || skip "no lkdtm in this kernel"

# caught NAME TEXT...: the writer is killed, and the log has one of the texts
caught() {
	local name=$1 text
	shift
	grep -q "^$name\$" $TRIGGER || skip "this lkdtm has no $name"
	dmesg -c >/dev/null
	if sh -c "echo $name >$TRIGGER"; then
		dmesg | tail -n 8
		dmesg | grep -q "lkdtm: XFAIL" && skip "$(dmesg | grep -m 1 'lkdtm: XFAIL')"
		fail "$name went through"
	fi
	dmesg | head -n 8
	for text; do
		if dmesg | grep -q "$text"; then
			return 0
		fi
	done
	return 1
}

FAULT="Unable to handle kernel"

# Without PAN, the kernel may read memory of user space.
access_userspace() {
	zcat /proc/config.gz >$WORK/config || skip "the kernel does not say whether it uses PAN"
	grep -q "CONFIG_ARM64_PAN=y\|CONFIG_ARM64_SW_TTBR0_PAN=y" $WORK/config || skip "no PAN in this kernel"
	caught ACCESS_USERSPACE "$FAULT"
}

check ACCESS_USERSPACE access_userspace
for name in ACCESS_NULL WRITE_RO WRITE_RO_AFTER_INIT WRITE_KERN; do
	check $name caught $name "$FAULT"
done
for name in EXEC_DATA EXEC_STACK EXEC_KMALLOC EXEC_VMALLOC EXEC_RODATA EXEC_USERSPACE EXEC_NULL; do
	check $name caught $name "$FAULT" "Internal error"
done
for name in STACK_GUARD_PAGE_LEADING STACK_GUARD_PAGE_TRAILING; do
	check $name caught $name "$FAULT" "Insufficient stack space" "stack guard page"
done
for name in USERCOPY_SLAB_SIZE_TO USERCOPY_SLAB_SIZE_FROM USERCOPY_STACK_BEYOND USERCOPY_KERNEL; do
	check $name caught $name "usercopy: Kernel memory"
done
