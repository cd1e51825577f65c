# SPDX-License-Identifier: GPL-2.0-only
#
# What exercises share; guest/src/exercise.c takes their reports on descriptor 3. PAGE_SIZE is in
# bytes; NAME is that of the exercise.

WORK=/tmp/$NAME			# for an exercise's own files; a tmpfs
REASON=/tmp/reason
OUTPUT=/tmp/output
IN_CHECK=

mkdir -p "$WORK"

# An exercise that went wrong leaves no mount behind, whose disk another one needs.
clean_up() {
	local place
	for place in $(awk -v name="$NAME" '$2 ~ "^/(mnt|tmp)/" name { print $2 }' /proc/mounts | sort -r); do
		umount "$place" || umount -l "$place"
	done
	rm -rf "$WORK"
}
trap clean_up EXIT

# check NAME COMMAND...: passed when the command, run under set -e, succeeds; OK then is not empty.
# Not in a condition, where the shell does not heed set -e.
check() {
	local name=$1 status
	shift
	echo "start $name" >&3
	(set -e; false; true)
	if [ $? = 0 ]; then
		echo "failed $name the script calls check in a condition" >&3
		return 0
	fi
	rm -f $REASON
	(IN_CHECK=y; set -eux; "$@") >$OUTPUT 2>&1 3>&-
	status=$?
	OK=
	if [ -e $REASON ]; then
		echo "skipped $name $(cat $REASON)" >&3
	elif [ $status = 0 ]; then
		OK=y
		echo "passed $name" >&3
	else
		printf 'failed %s exit %d: %s\n' "$name" $status \
			"$(tail -n 6 $OUTPUT | cut -c 1-300 | tr '\n' '|')" >&3
	fi
}

# skip REASON...: ends the check, or the exercise outside of one.
skip() {
	if [ "$IN_CHECK" ]; then
		echo "$*" >$REASON
		exit 77
	fi
	echo "skipped available $*" >&3
	exit 0
}

# fail REASON...: ends the check.
fail() {
	echo "$*"
	exit 1
}

# never COMMAND...: ends the check if the command succeeds. set -e does not heed a `!`.
never() {
	if "$@"; then
		fail "it succeeded: $*"
	fi
}

# Warnings in the kernel's log are no trouble in this exercise, and why. What tells of memory that is
# damaged, or of a task that hangs, is.
noise() {
	echo "noise $*" >&3
}

# whole_log: also what the kernel said before this exercise, which dmesg does not have
whole_log() {
	timeout 2 cat /dev/kmsg >$WORK/log || true
	cat $WORK/log
}

need_filesystem() {
	modprobe -q "$1" || true
	grep -qw "$1" /proc/filesystems || skip "no $1 in this kernel"
}

need_debugfs() {
	grep -q debugfs /proc/mounts || mount -t debugfs debugfs /sys/kernel/debug ||
		skip "no debugfs in this kernel"
}

need_module() {
	modprobe -q "$1" || true
	[ -d "/sys/module/$1" ] || skip "no $1 in this kernel"
}

# need_driver MODULE DRIVER: the module has this driver, of whatever bus.
need_driver() {
	modprobe -q "$1" || true
	ls -d /sys/bus/*/drivers/"$2" >/dev/null 2>&1 || skip "no driver $2 in this kernel"
}

# wait_for COMMAND...: until it succeeds, for a minute or more
wait_for() {
	local try
	for try in $(seq 600); do
		if "$@" >/dev/null 2>&1; then
			return 0
		fi
		sleep 0.1
	done
	return 1
}

# Refused with EXPECTED in its messages: the command must fail.
refused() {
	local expected=$1
	shift
	if "$@" >$WORK/said 2>&1; then
		fail "$* was not refused"
	fi
	cat $WORK/said
	grep -q "$expected" $WORK/said
}

# block_of DRIVER: the block device below a device of this driver, as a path
block_of() {
	local path block
	for block in /sys/block/*; do
		path=$(readlink -f "$block")
		while [ "$path" != /sys ] && [ "$path" != / ]; do
			if [ "$(basename "$(readlink -f "$path/driver")")" = "$1" ]; then
				echo "/dev/$(basename "$block")"
				return 0
			fi
			path=$(dirname "$path")
		done
	done
	return 1
}

# disk SERIAL: the virtio disk with this serial number, as a path.
disk() {
	local block
	for block in /sys/block/*; do
		if [ "$(cat "$block/serial" 2>/dev/null)" = "$1" ]; then
			echo "/dev/$(basename "$block")"
			return 0
		fi
	done
	return 1
}

drop_caches() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

# random_file PATH BYTES
random_file() {
	head -c "$2" /dev/urandom >"$1"
}
