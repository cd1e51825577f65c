# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["arm64"]
# ///
# The kernel's page tables as debugfs shows them: each line is a range of whole pages, the parts of
# the address space are named, and nothing is writable and executable.
. /exercises/library/base.sh

need_debugfs
TABLES=/sys/kernel/debug/kernel_page_tables
[ -e $TABLES ] || skip "no ptdump in this kernel"

ranges() {
	cat $TABLES >$WORK/tables
	[ "$(grep -c '^0x' $WORK/tables)" -ge 50 ]
	# The size of a page has three hexadecimal digits of zeros at 4K, and another digit at 16K and 64K.
	case $PAGE_SIZE in
	4096) whole='000' ;;
	16384) whole='[048c]000' ;;
	65536) whole='0000' ;;
	esac
	grep '^0x' $WORK/tables | never grep -v -E "^0x[0-9a-f]+$whole-0x[0-9a-f]+$whole "
	grep "PTE" $WORK/tables | head -n 1
}

named() {
	local part
	for part in "Linear Mapping start" "Modules start" "vmalloc() area" "Fixmap start" "vmemmap start"; do
		grep -- "---\[ $part" $WORK/tables
	done
}

no_writable_code() {
	grep '^0x' $WORK/tables | grep -w "RW" | grep -v -w "NX" >$WORK/both || true
	cat $WORK/both
	[ ! -s $WORK/both ]
	if [ -e /sys/kernel/debug/check_wx_pages ]; then
		cat /sys/kernel/debug/check_wx_pages
		dmesg | grep "no W+X pages found"
	fi
}

check ranges ranges
check named named
check no_writable_code no_writable_code
