# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "cpu hot-plug"
# ///
# A CPU is switched off and on while others work, and works itself when it is back.
. /exercises/library/base.sh

CPU=/sys/devices/system/cpu/cpu1

[ -e $CPU ] || skip "one CPU only"
[ -e $CPU/online ] || skip "no CPU hot-plug in this kernel"

work() {
	random_file $WORK/data 3000000
	taskset "$1" sha256sum $WORK/data >$WORK/sum
	taskset "$1" sha256sum -c $WORK/sum
}

off_and_on() {
	local i
	for i in 1 2 3 4 5; do
		echo 0 >$CPU/online
		[ "$(cat /sys/devices/system/cpu/online)" = 0 ]
		work 1
		echo 1 >$CPU/online
		[ "$(cat /sys/devices/system/cpu/online)" = 0-1 ]
		work 2
	done
}

under_load() {
	local load
	yes >/dev/null &
	load=$!
	off_and_on
	kill $load
}

check idle off_and_on
check under_load under_load
