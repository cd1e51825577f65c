# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["EFI"]
# packages = ["e2fsprogs"]
# files = ["usr/bin/chattr"]
# modules = ["efivarfs"]
# acpi = true
# alone = true
# ///
# The firmware's runtime services, called through the pages in which the kernel has mapped them:
# variables of less and of more than one 4K page are written, read, and removed.
. /exercises/library/base.sh

[ -d /sys/firmware/efi ] || skip "no EFI in this kernel, or no firmware"
need_filesystem efivarfs
VARIABLES=$WORK/efivars
GUID=6f0c2a1e-3d54-4b52-9a57-5a1d7be0a9c4

services() {
	whole_log | grep "Remapping and enabling EFI services"
	never grep -i "efi.*\(fault\|error\|failed\|firmware bug\)" $WORK/log
	mkdir -p $VARIABLES
	mount -t efivarfs efivarfs $VARIABLES
	ls $VARIABLES | grep "^BootOrder-"
}

# variable BYTES: its file begins with four bytes of attributes: 7 is kept, at boot and
# at run time.
variable() {
	local file=$VARIABLES/Anypage$1-$GUID
	{ printf '\007\000\000\000'; head -c "$1" /dev/urandom; } >$WORK/data
	dd if=$WORK/data of="$file" bs=65536
	umount $VARIABLES
	mount -t efivarfs efivarfs $VARIABLES
	cmp $WORK/data "$file"
	chattr -i "$file"
	rm "$file"
	umount $VARIABLES
	mount -t efivarfs efivarfs $VARIABLES
	[ ! -e "$file" ]
}

check services services
[ "$OK" ] || exit 0
check small variable 100
check large variable 6000
