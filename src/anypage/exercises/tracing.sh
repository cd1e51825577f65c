# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["tracing"]
# ///
# The rings of ftrace are pages: filled by the function tracers and by kprobes, resized, read, and
# mapped into one that reads them.
. /exercises/library/base.sh

TRACE=/sys/kernel/tracing
[ -d $TRACE ] || skip "no tracing in this kernel"
grep -q " $TRACE " /proc/mounts || mount -t tracefs tracefs $TRACE
cd $TRACE || skip "no tracefs in this kernel"

has_tracer() {
	grep -qw "$1" available_tracers || skip "no $1 tracer in this kernel"
}

quiet() {
	echo 0 >tracing_on
	echo nop >current_tracer
	echo >trace
}

# tracer NAME PATTERN: the trace holds that many functions of the work
tracer() {
	has_tracer "$1"
	echo "$1" >current_tracer
	echo 1 >tracing_on
	cat /proc/meminfo >/dev/null
	find /exercises >/dev/null
	echo 0 >tracing_on
	cat trace >$WORK/trace
	quiet
	[ "$(grep -c "$2" $WORK/trace)" -ge 3 ]
	[ "$(wc -l <$WORK/trace)" -ge 1000 ]
}

# A name of a function is given back to itself: an event that counts the calls of one.
kprobe() {
	[ -e kprobe_events ] || skip "no kprobe events in this kernel"
	echo 'p:exercise/opened do_sys_openat2 name=+0($arg2):ustring' >kprobe_events
	echo 'r:exercise/returned do_sys_openat2 fd=$retval' >>kprobe_events
	echo 1 >events/exercise/enable
	echo 1 >tracing_on
	cat /exercises/order >/dev/null
	echo 0 >tracing_on
	echo 0 >events/exercise/enable
	cat trace >$WORK/trace
	echo >kprobe_events
	quiet
	grep 'opened.*name="/exercises/order"' $WORK/trace
	grep "returned.*fd=" $WORK/trace
}

# marks COUNT: as many lines are written, and are in the trace
marks() {
	local i
	echo 1 >tracing_on
	for i in $(seq "$1"); do
		echo "line $i of the exercise" >trace_marker
	done
	echo 0 >tracing_on
	[ "$(grep -c 'of the exercise' trace)" = "$1" ]
	echo >trace
}

# Each buffer holds about what was asked for, whatever the size of its pages.
resize() {
	local size before
	before=$(cat buffer_size_kb | sed 's/ .*//')
	for size in 64 1000 5000; do
		echo $size >buffer_size_kb
		marks 200
	done
	echo "$before" >buffer_size_kb
	quiet
}

# Sub-buffers of more than a page.
subbuffers() {
	local size
	[ -e buffer_subbuf_size_kb ] || skip "no such setting in this kernel"
	for size in 8 64 256; do
		echo $size >buffer_subbuf_size_kb
		[ "$(cat buffer_subbuf_size_kb)" -ge $size ]
		marks 300
	done
	echo 4 >buffer_subbuf_size_kb
	quiet
}

raw() {
	echo 1 >tracing_on
	for i in $(seq 2000); do
		echo "line $i of the exercise" >trace_marker
	done
	echo 0 >tracing_on
	for i in per_cpu/cpu*/trace_pipe_raw; do
		timeout 2 cat $i || true
	done >$WORK/raw
	[ "$(strings $WORK/raw | grep -c 'of the exercise')" = 2000 ]
	quiet
}

quiet
check function tracer function vfs_read
check function_graph tracer function_graph vfs_
check kprobe kprobe
check resize resize
check subbuffers subbuffers
check raw raw
