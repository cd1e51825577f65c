# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["BPF"]
# packages = ["bpftool"]
# files = ["usr/sbin/bpftool"]
# ///
# The kernel's type information for BPF programs: it has its structures, and the page size as an
# enumerator only where that is a constant, and the right one. What a program reads otherwise is the
# guest's check bpf.page_size.
. /exercises/library/base.sh

BTF=/sys/kernel/btf/vmlinux
[ -e $BTF ] || skip "no BTF in this kernel"

dump() {
	bpftool btf dump file $BTF >"$WORK/types"
	grep -q "STRUCT 'page' " "$WORK/types"
	grep -q "STRUCT 'task_struct' " "$WORK/types"
}

page_size() {
	local value
	value=$(sed -n "s/.*'__PAGE_SIZE' val=//p" "$WORK/types")
	echo "__PAGE_SIZE is ${value:-not there}"
	if grep -q ' __page_shift$' /proc/kallsyms; then
		[ -z "$value" ]
	else
		[ "$value" = "$PAGE_SIZE" ]
	fi
}

check dump dump
check page_size page_size
