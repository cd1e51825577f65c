# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "virtio: mem, memory hot-plug"
# modules = ["virtio_mem", "virtio_console"]
# qemu = [
#     "-m maxmem=8G,slots=2",
#     "-object memory-backend-ram,id=plugged,size=2G",
#     "-chardev socket,id=monitor,path={folder}/monitor,server=on,wait=off",
#     "-chardev socket,id=port,path={folder}/monitor",
#     "-mon chardev=monitor,mode=readline",
#     "-device virtio-serial-pci,romfile= -device virtserialport,chardev=port,name=monitor",
#     "-device virtio-mem-pci,id=plug,memdev=plugged,requested-size=0",
# ]
# alone = true
# ///
# Memory is plugged into the running guest, used, and unplugged.
. /exercises/library/base.sh
. /exercises/library/monitor.sh

need_driver virtio_mem virtio_mem
need_monitor
[ -e /sys/devices/system/memory/block_size_bytes ] || skip "no memory hot-plug in this kernel"

megabytes() {
	awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo
}

# has_more LEAST MOST: megabytes over those before
has_more() {
	local now=$(($(megabytes) - $(cat $WORK/before)))
	[ $now -ge "$1" ] && [ $now -le "$2" ]
}

online() {
	local state
	for state in /sys/devices/system/memory/memory*/state; do
		[ "$(cat "$state")" = online ] || echo online_movable >"$state" || true
	done
}

is_plugged() {
	online
	has_more "$1" "$2"
}

plug() {
	megabytes >$WORK/before
	monitor qom-set plug requested-size 1G
	wait_for is_plugged 1000 1024
}

# More than the guest had before is free memory now, so some of it is new.
use() {
	random_file $WORK/used 300000000
	free -m
	cp $WORK/used $WORK/copy
	cmp $WORK/used $WORK/copy
	rm $WORK/used $WORK/copy
}

unplug() {
	monitor qom-set plug requested-size 0
	wait_for has_more 0 0
}

echo online_movable >/sys/devices/system/memory/auto_online_blocks
check plug plug
check use use
check unplug unplug
check plug_again plug
check use_again use
rm -f $WORK/*
