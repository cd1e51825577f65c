# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["NFS", "SUNRPC"]
# packages = ["nfs-kernel-server", "nfs-common", "rpcbind", "attr", "e2fsprogs", "xfsprogs", "netbase", "libtirpc-common"]
# files = [
#     "usr/sbin/rpc.nfsd", "usr/sbin/rpc.mountd", "usr/sbin/exportfs", "sbin/rpcbind", "sbin/mount.nfs",
#     "usr/bin/setfattr", "usr/bin/getfattr", "sbin/mkfs.ext4", "usr/sbin/xfs_io",
#     "etc/netconfig", "etc/protocols", "etc/services",
# ]
# modules = ["nfsd", "nfs", "nfsv3", "nfsv4", "ext4"]
# disks = { scratch = "1G" }
# qemu = ["-device virtio-blk-pci,drive=scratch,serial=scratch,romfile="]
# seconds = 600
# ///
# Server and client in one guest, over its loopback: NFS v3 and v4.2, with requests smaller than a
# page and of a megabyte, and extended attributes of up to 64K through v4.2.
. /exercises/library/base.sh
. /exercises/library/filesystem.sh

# Each of them takes several messages.
MANY=40

EXPORT=$WORK/export

need_filesystem nfs
need_filesystem nfsd
DISK=$(disk scratch) || skip "no disk"

serve() {
	mkdir -p $EXPORT /run /var/lib/nfs/sm /var/lib/nfs/v4recovery /var/lib/nfs/rpc_pipefs /var/run
	touch /var/lib/nfs/etab /var/lib/nfs/rmtab
	printf 'root:x:0:0:root:/:/bin/sh\n_rpc:x:1:1::/:/bin/sh\n' >/etc/passwd
	printf 'root:x:0:\nnogroup:x:65534:\n' >/etc/group
	echo "127.0.0.1 localhost" >/etc/hosts
	echo "$EXPORT 127.0.0.1(rw,no_root_squash,no_subtree_check,insecure,fsid=0)" >/etc/exports
	mkfs.ext4 -q -F -O ea_inode "$DISK" 900M
	mount -t ext4 "$DISK" $EXPORT
	ip link set lo up
	mount -t nfsd nfsd /proc/fs/nfsd
	rpcbind
	# Nobody has locks to claim back: seconds, of which these are the fewest.
	echo 10 >/proc/fs/nfsd/nfsv4leasetime
	echo 10 >/proc/fs/nfsd/nfsv4gracetime
	exportfs -a
	rpc.nfsd 4
	rpc.mountd
	cat /proc/fs/nfsd/versions
}

# nfs OPTIONS
nfs() {
	mount.nfs "127.0.0.1:$PATH_THERE" "$MOUNT" -o "$1"
}

remount_nfs() {
	umount "$MOUNT"
	nfs "$1"
	compare_tree
}

# The server's own view is the same.
same_there() {
	sync
	sums $EXPORT >$WORK/sums.there
	sed -i '/lost+found/d' $WORK/sums.there
	cmp $WORK/sums $WORK/sums.there
}

empty() {
	find "$MOUNT" -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf {} +
	umount "$MOUNT"
}

# exercise_nfs PREFIX OPTIONS
exercise_nfs() {
	check $1.mount nfs "$2"
	[ "$OK" ] || return 0
	check $1.write write_tree
	check $1.read_back read_back
	check $1.steps_1 same_steps "$MOUNT" 1 "$3"
	check $1.steps_2 same_steps "$MOUNT" 2 "$3"
	check $1.direct direct_io "$MOUNT"
	sums "$MOUNT" >$WORK/sums
	check $1.server same_there
	check $1.remount remount_nfs "$2"
	check $1.umount empty
}

# attribute NAME BYTES: set by the client, and read by client and server
attribute() {
	local value
	value=$(head -c "$2" /dev/urandom | od -A n -v -t x1 | tr -d ' \n')
	echo "0x$value" >$WORK/value
	printf '# file: attributes\nuser.%s=0x%s\n\n' "$1" "$value" >$WORK/restore
	(cd "$MOUNT" && setfattr --restore=$WORK/restore)
	(cd "$MOUNT" && getfattr -e hex -n "user.$1" attributes) | sed -n 's/^user[^=]*=//p' >$WORK/read
	cmp $WORK/value $WORK/read
	(cd $EXPORT && getfattr -e hex -n "user.$1" attributes) | sed -n 's/^user[^=]*=//p' >$WORK/read
	cmp $WORK/value $WORK/read
}

attributes() {
	local size i
	touch "$MOUNT/attributes"
	for size in 1 100 4000 4096 4097 16384 20000 60000 65536; do
		attribute size.$size $size
	done
	for i in $(seq 40); do
		setfattr -n "user.attribute.$i.with.a.name.that.is.not.short" -v $i "$MOUNT/attributes"
	done
	drop_caches
	[ "$(getfattr "$MOUNT/attributes" | grep -c 'that.is.not.short')" = 40 ]
	setfattr -x user.attribute.7.with.a.name.that.is.not.short "$MOUNT/attributes"
	[ "$(getfattr "$MOUNT/attributes" | grep -c 'that.is.not.short')" = 39 ]
}

check serve serve
[ "$OK" ] || exit 0
PATH_THERE=$EXPORT
exercise_nfs v3.small vers=3,tcp,nolock,rsize=4096,wsize=4096 "write map truncate"
exercise_nfs v3.large vers=3,tcp,nolock,rsize=1048576,wsize=1048576 "write map truncate"
PATH_THERE=/
exercise_nfs v4.small vers=4.2,rsize=4096,wsize=4096 "write map truncate punch"
exercise_nfs v4.large vers=4.2,rsize=1048576,wsize=1048576 "write map truncate punch"
check xattr.mount nfs vers=4.2
check xattr.values attributes
check xattr.umount umount "$MOUNT"
rpc.nfsd 0
check stop umount $EXPORT
