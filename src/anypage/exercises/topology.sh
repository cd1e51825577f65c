# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["driver core"]
# ///
# The CPUs of a node, and of a core, as sysfs shows them: files as large as a page, which agree with
# the CPUs that are online.
. /exercises/library/base.sh

NODE=/sys/devices/system/node/node0
CPU=/sys/devices/system/cpu/cpu0/topology

# files LIST MAP: the same CPUs as a list and as a mask
files() {
	local list=$1 map=$2
	[ "$(stat -c %s "$list")" = "$PAGE_SIZE" ]
	[ "$(stat -c %s "$map")" = "$PAGE_SIZE" ]
	cat "$list" "$map"
	# More than there is, and from behind its end.
	[ "$(dd if="$map" bs=131072 count=1)" = "$(cat "$map")" ]
	[ -z "$(dd if="$map" bs="$PAGE_SIZE" skip=1)" ]
}

# mask LIST: of CPUs 0 to N, or of CPU 0
mask() {
	printf '%x' $(((1 << (${1#0-} + 1)) - 1))
}

node() {
	[ -e $NODE ] || skip "no NUMA in this kernel"
	files $NODE/cpulist $NODE/cpumap
	[ "$(cat /sys/devices/system/node/online)" = 0 ] || skip "there are more nodes"
	[ "$(cat $NODE/cpulist)" = "$(cat /sys/devices/system/cpu/online)" ]
	[ "$(tr -d , <$NODE/cpumap | sed 's/^0*//')" = "$(mask "$(cat $NODE/cpulist)")" ]
}

core() {
	files $CPU/thread_siblings_list $CPU/thread_siblings
	files $CPU/package_cpus_list $CPU/package_cpus
	grep -w 0 $CPU/thread_siblings_list
}

check node node
check core core
