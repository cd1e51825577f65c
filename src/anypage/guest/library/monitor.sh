# SPDX-License-Identifier: GPL-2.0-only
#
# QEMU's monitor, at a virtio-serial port: an exercise changes its own machine. Its arguments:
#
#	"-chardev socket,id=monitor,path={folder}/monitor,server=on,wait=off"
#	"-chardev socket,id=port,path={folder}/monitor"
#	"-mon chardev=monitor,mode=readline"
#	"-device virtio-serial-pci,romfile= -device virtserialport,chardev=port,name=monitor"

# The device of the port, as a path.
monitor_port() {
	local port
	for port in /sys/class/virtio-ports/*; do
		if [ "$(cat "$port/name" 2>/dev/null)" = monitor ]; then
			echo "/dev/$(basename "$port")"
			return 0
		fi
	done
	return 1
}

need_monitor() {
	modprobe -q virtio_console || true
	wait_for monitor_port || skip "no virtio console in this kernel"
}

# monitor COMMAND...: what QEMU answers within a second
monitor() {
	local port
	port=$(monitor_port)
	exec 4<>"$port"
	printf '%s\n' "$*" >&4
	timeout 1 cat <&4 || true
	exec 4>&-
}
