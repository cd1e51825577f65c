# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["perf"]
# selftests = ["perf_events"]
# alone = true
# ///
# The kernel's own tests of perf events whose rings are pages: mapped whole and in part, and with a
# signal at a watermark. They map rings of 4K pages: with larger ones that fails on any kernel.
. /exercises/library/selftests.sh

LIMIT=120
noise "tests provoke reports"
cd /selftests/perf_events || skip "the tests are not here"

for program in mmap watermark_signal; do
	run_test perf_events $program ./$program
done
