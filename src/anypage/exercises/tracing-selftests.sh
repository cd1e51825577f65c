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

cd /selftests/ring-buffer || skip "the tests are not here"
run_program ring-buffer map_test
cd /selftests/ftrace
run_program ftrace ftracetest --ktap --logdir $WORK/log
