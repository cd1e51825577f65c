# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "9p"
# packages = ["xfsprogs"]
# files = ["usr/sbin/xfs_io"]
# modules = ["9p", "9pnet_virtio"]
# qemu = ["-virtfs local,path={share},mount_tag=share,security_model=mapped-file,id=share"]
# seconds = 300
# ///
# A folder of the host through virtio-9p, without and with a cache, with messages smaller than a
# page and larger.
. /exercises/library/base.sh
. /exercises/library/filesystem.sh

need_filesystem 9p

mounted() {
	mount -t 9p -o "trans=virtio,version=9p2000.L,$1" share "$MOUNT"
}

remount_9p() {
	umount "$MOUNT"
	mounted "$1"
	compare_tree
}

empty() {
	rm -rf "$MOUNT"/*
	umount "$MOUNT"
}

for options in cache=none,msize=8192 cache=mmap,msize=65536 cache=loose,msize=512000; do
	prefix=$(echo $options | tr , _)
	check $prefix.mount mounted $options
	[ "$OK" ] || break
	check $prefix.write write_tree
	check $prefix.read_back read_back
	kinds="write map truncate"
	[ $options = cache=none,msize=8192 ] && kinds="write truncate"
	check $prefix.steps same_steps "$MOUNT" 1 "$kinds"
	sums "$MOUNT" >$WORK/sums
	check $prefix.remount remount_9p $options
	check $prefix.umount empty
done
