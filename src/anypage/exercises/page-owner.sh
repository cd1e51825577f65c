# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["stack depot", "memory management"]
# words = ["page_owner=on"]
# alone = true
# ///
# page_owner keeps for each page the stack that allocated it, as a handle in the stack depot: pages of
# a file in memory are counted at the stack that wrote it, and no longer when the file is removed.
. /exercises/library/base.sh

need_debugfs
STACKS=/sys/kernel/debug/page_owner_stacks/show_stacks
[ -e $STACKS ] || skip "no page_owner in this kernel"
FILE=/dev/shm/owned
BYTES=8388608

# pages_of FUNCTION: how many pages stacks that name it have allocated
pages_of() {
	awk -v name="$1" '
		index($0, name "+") { named = 1 }
		/^nr_base_pages:/ { pages += named * $2; named = 0 }
		END { print pages + 0 }' $STACKS
}

# A depot that is full, or cannot hold an offset, gives the handle of no stack.
stacks() {
	cat $STACKS >$WORK/stacks
	grep -c '^nr_base_pages:' $WORK/stacks
	[ "$(grep -c '^nr_base_pages:' $WORK/stacks)" -ge 200 ]
	grep -m 1 "start_kernel+\|kernel_init+" $WORK/stacks
	whole_log | never grep "Stack depot reached limit"
}

counted() {
	local before after
	before=$(pages_of shmem_write_begin)
	random_file $FILE $BYTES
	after=$(pages_of shmem_write_begin)
	[ $((after - before)) = $((BYTES / PAGE_SIZE)) ]
	rm $FILE
	[ "$(pages_of shmem_write_begin)" = "$before" ]
}

check stacks stacks
check pages_are_counted counted
