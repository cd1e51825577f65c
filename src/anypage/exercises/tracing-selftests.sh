# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["tracing"]
# selftests = ["ftrace", "ring-buffer"]
# alone = true
# seconds = 3600
# ///
# The kernel's own tests of tracing: ftracetest with its events, tracers, probes and buffers, and a
# ring buffer that is mapped. What the configuration does not have is skipped.
. /exercises/library/selftests.sh

noise "tests provoke reports"
TRACE=/sys/kernel/tracing
grep -q " $TRACE " /proc/mounts || mount -t tracefs tracefs $TRACE ||
	skip "no tracefs in this kernel"
ifconfig lo up

ftracetest() {
	run_test ftrace "$1" ./ftracetest --ktap --logdir $WORK/log "$2" 3>>$WORK/results
}

# run_folder FOLDER: all that is in it at once, for ftracetest takes seconds to begin; then what
# failed, alone. Its status, which tells of the first try, is of interest when it did not end.
run_folder() {
	local name=${1#test.d/} title file
	echo "start ftrace.$name" >&3
	: >$WORK/results
	LIMIT=1200
	TRIES=1
	ftracetest "$name" "$1"
	sed -n 's/^not ok [0-9]* *//p' $WORK/output | sed 's/^(instance) *//; s/ *# .*//' |
		sort -u >$WORK/failed
	LIMIT=300
	TRIES=2
	while read -r title; do
		file=$(grep -rlxF "# description: $title" "$1" | head -n 1)
		[ -z "$file" ] || ftracetest "$name" "$file"
	done <$WORK/failed
	awk '$1 != "start" && ($2 !~ /\.whole$/ || /exit=137/)' $WORK/results | best >&3
}

LIMIT=300
cd /selftests/ring-buffer || skip "the tests are not here"
run_test ring-buffer map_test ./map_test
cd /selftests/ftrace
for folder in test.d/*/; do
	run_folder "${folder%/}"
done
