# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["virtio"]
# modules = ["virtio_balloon", "virtio_console"]
# seconds = 900
# qemu = [
#     "-chardev socket,id=monitor,path={folder}/monitor,server=on,wait=off",
#     "-chardev socket,id=port,path={folder}/monitor",
#     "-mon chardev=monitor,mode=readline",
#     "-device virtio-serial-pci,romfile= -device virtserialport,chardev=port,name=monitor",
#     "-device virtio-balloon-pci,free-page-reporting=on,romfile=",
# ]
# ///
# The balloon takes memory and gives it back, in units of 4K whatever the page size; what the guest
# holds meanwhile stays as it is, and free pages are reported.
. /exercises/library/base.sh
. /exercises/library/monitor.sh

need_driver virtio_balloon virtio_balloon
need_monitor

megabytes() {
	awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo
}

# has_megabytes LEAST MOST
has_megabytes() {
	local now
	now=$(megabytes)
	[ "$now" -ge "$1" ] && [ "$now" -le "$2" ]
}

hold() {
	random_file $WORK/held 60000000
	sha256sum $WORK/held >$WORK/sum
	megabytes >$WORK/before
}

# inflate MEGABYTES: the guest has so much less, as both sides see it
inflate() {
	local before=$(cat $WORK/before)
	monitor balloon $((4096 - $1))
	wait_for has_megabytes $((before - $1 - 1)) $((before - $1 + 1))
	monitor info balloon | grep "actual=$((4096 - $1))"
	sha256sum -c $WORK/sum
}

deflate() {
	local before=$(cat $WORK/before)
	monitor balloon 4096
	wait_for has_megabytes $((before - 1)) "$before"
	monitor info balloon | grep "actual=4096"
	sha256sum -c $WORK/sum
	# What came back can be used.
	random_file $WORK/more 100000000
	cp $WORK/more $WORK/copy
	cmp $WORK/more $WORK/copy
	rm $WORK/more $WORK/copy
}

check hold hold
for size in 1 500 2001; do
	check inflate_$size inflate $size
	check deflate_$size deflate
done
