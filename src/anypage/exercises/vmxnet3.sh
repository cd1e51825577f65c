# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["network: virtio, vmxnet3"]
# packages = ["iproute2"]
# files = ["bin/ip"]
# modules = ["vmxnet3"]
# qemu = [
#     "-netdev hubport,id=vmxnet3-a,hubid=4 -netdev hubport,id=vmxnet3-b,hubid=4",
#     "-device vmxnet3,netdev=vmxnet3-a,romfile= -device vmxnet3,netdev=vmxnet3-b,romfile=",
# ]
# ///
# Two cards, joined by a cable: packets from none to 64K bytes of data, a stream each way, and again
# with frames larger than a page of 4K. With 16K and 64K pages the driver refuses the cards, and says
# why: the length of a page does not fit into a descriptor.
. /exercises/library/base.sh
. /exercises/library/network.sh

need_driver vmxnet3 vmxnet3

# Asked once more, for the log of this exercise.
refused_by_driver() {
	local card said
	said="cannot work with $((PAGE_SIZE / 1024))K pages: boot with pages of at most 8K"
	dmesg -c >/dev/null
	for card in /sys/bus/pci/devices/*; do
		[ "$(cat "$card/vendor"):$(cat "$card/device")" = 0x15ad:0x07b0 ] || continue
		[ ! -e "$card/driver" ]
		refused "error" busybox sh -c "echo $(basename "$card") >/sys/bus/pci/drivers/vmxnet3/bind"
	done
	[ "$(dmesg | grep -c "$said")" = 2 ]
}

if [ "$PAGE_SIZE" -gt 8192 ]; then
	check refused refused_by_driver
else
	exercise_network vmxnet3
fi
