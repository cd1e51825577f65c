# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["random"]
# ///
# Random bytes in long reads and writes: the kernel looks for a signal after each page of them, so
# that one which arrives ends the read with whole pages.
. /exercises/library/base.sh

LONG=$((512 << 20))	# bytes; more than a second's work

interrupted() {
	local reader count
	[ "$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)" -gt $((LONG >> 8)) ] ||
		skip "too little memory for a long read"
	dd if=/dev/urandom of=$WORK/read bs=$LONG count=1 &
	reader=$!
	sleep 1
	# dd says what it has done, and goes on with what the read gave.
	kill -USR1 $reader
	wait $reader
	count=$(stat -c %s $WORK/read)
	rm $WORK/read
	[ "$count" -gt 0 ]
	[ "$count" -lt $LONG ]
	[ $((count % PAGE_SIZE)) = 0 ]
}

unlike() {
	head -c $((PAGE_SIZE * 3 + 5)) /dev/urandom >$WORK/one
	head -c $((PAGE_SIZE * 3 + 5)) /dev/urandom >$WORK/two
	[ "$(wc -c <$WORK/one)" = $((PAGE_SIZE * 3 + 5)) ]
	never cmp -s $WORK/one $WORK/two
	# Random bytes have no smaller form.
	[ "$(gzip -c $WORK/one | wc -c)" -gt $((PAGE_SIZE * 3)) ]
}

written() {
	dd if=$WORK/one of=/dev/urandom bs=$((PAGE_SIZE * 3 + 5)) 2>$WORK/said
	grep "^1+0 records out" $WORK/said
}

check interrupted interrupted
check unlike unlike
check written written
