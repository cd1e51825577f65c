# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["arm64"]
# modules = ["lkdtm"]
# alone = true
# dies = "Kernel panic - not syncing: kernel stack overflow"
# ///
# A stack that grows beyond its end is noticed at once: the kernel says so, with a backtrace, and
# stops. The guest does not survive this.
. /exercises/library/base.sh

need_debugfs
modprobe -q lkdtm || true
TRIGGER=/sys/kernel/debug/provoke-crash/DIRECT
[ -e $TRIGGER ] || skip "no lkdtm in this kernel"

exhaust() {
	echo 8 >/proc/sys/kernel/printk
	echo EXHAUST_STACK >$TRIGGER
	fail "the guest lives"
}

check exhausted exhaust
