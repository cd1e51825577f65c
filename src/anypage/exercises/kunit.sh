# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["memory management"]
# modules = [
#     "kunit", "slub_kunit", "list_test", "list-test", "usercopy_kunit", "bitfield_kunit", "checksum_kunit", "cmdline_kunit",
#     "kunit_iov_iter", "memcpy_kunit", "overflow_kunit", "string_kunit", "string_helpers_kunit", "hashtable_test",
#     "test_linear_ranges", "test_bits", "resource_kunit", "siphash_kunit", "stackinit_kunit", "cpumask_kunit",
#     "ext4_inode_test", "ext4-inode-test", "mballoc_test", "mballoc-test", "fat_test", "binfmt_elf_test", "soc_utils_test", "soc-utils-test",
#     "time_test", "rational_test", "damon_sysfs_test", "test_hash", "lib_test",
# ]
# words = ["kunit.enable=1"]
# seconds = 600
# ///
# The kernel's own unit tests: those that are in it ran when it started, those in modules run when
# they are loaded.
. /exercises/library/base.sh

noise "tests provoke reports"
need_debugfs
for module in $(sed -n 's,.*/\([^/]*\)\.ko.*:.*,\1,p' "/lib/modules/$(uname -r)/modules.dep"); do
	# Of the same boot, another exercise gives its modules parameters.
	case $module in
	*kunit* | *test*) modprobe -q "$module" || true ;;
	esac
done
RESULTS=/sys/kernel/debug/kunit
[ -d $RESULTS ] || skip "no KUnit in this kernel"

# A suite passes when its last line is "ok" and some test in it ran.
suite() {
	cat "$1/results" >$WORK/results
	grep -E "^ *not ok" $WORK/results || true
	tail -n 1 $WORK/results | grep "^ok "
	never grep -q -E "^ *not ok" $WORK/results
	if ! grep -E "^ +ok" $WORK/results | grep -q -v "# SKIP"; then
		skip "$(grep -m 1 -o 'SKIP.*' $WORK/results)"
	fi
}

for path in $RESULTS/*; do
	[ -e "$path/results" ] || continue
	check "$(basename "$path" | tr ' ' _)" suite "$path"
done
