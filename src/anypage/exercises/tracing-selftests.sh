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

LIMIT=300
noise "tests provoke reports"
TRACE=/sys/kernel/tracing
grep -q " $TRACE " /proc/mounts || mount -t tracefs tracefs $TRACE ||
	skip "no tracefs in this kernel"
ifconfig lo up

cd /selftests/ring-buffer || skip "the tests are not here"
run_test ring-buffer map_test ./map_test
cd /selftests/ftrace
for file in $(find test.d -name "*.tc" | sort); do
	name=${file#test.d/}
	run_test ftrace "${name%.tc}" ./ftracetest --ktap --logdir $WORK/log "$file"
done
