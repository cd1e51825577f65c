# SPDX-License-Identifier: GPL-2.0-only
#
# How a file system is exercised: files whose sizes lie around those of blocks and pages, written,
# changed in place, mapped, and compared after the page cache was emptied, after another mount, and
# with what a tmpfs holds after the same steps. xfs_io works on any file system.

MOUNT=/mnt/$NAME
SIZES="0 1 511 512 513 1023 1024 1025 4095 4096 4097 8191 8192 16383 16384 16385
	32768 65535 65536 65537 131071 1048576 3145729"

mkdir -p "$MOUNT"

# make_tree DIR
make_tree() {
	local size i
	mkdir "$1/sizes" "$1/many"
	for size in $SIZES; do
		random_file "$1/sizes/$size" "$size"
	done
	for i in $(seq 200); do
		echo "file $i" >"$1/many/$i with a name that is not short, so that folders take blocks"
	done
	# What is changed in place, made longer, made shorter, moved and removed.
	cp "$1/sizes/3145729" "$1/changed"
	head -c 5000 /dev/urandom | dd of="$1/changed" bs=1 seek=70001 conv=notrunc
	head -c 70000 /dev/urandom >>"$1/sizes/4097"
	truncate -s 40001 "$1/sizes/65537"
	truncate -s 200000 "$1/sizes/16385"
	mv "$1/sizes/8191" "$1/moved"
	rm "$1/sizes/1025"
	# A hole of a megabyte.
	echo end | dd of="$1/sparse" bs=1 seek=1048576
}

# sums DIR: one line a file
sums() {
	(cd "$1" && find . -type f -exec sha256sum {} + | sort)
}

# random_steps SEED COUNT KINDS: commands for xfs_io, the same for the same arguments. KINDS: of
# write, map, truncate, punch.
random_steps() {
	awk -v seed="$1" -v count="$2" -v kinds="$3" 'BEGIN {
		srand(seed)
		n = split(kinds, kind, " ")
		size = 0
		for (i = 0; i < count; i++) {
			what = kind[1 + int(rand() * n)]
			from = int(rand() * 600000)
			length_ = 1 + int(rand() * rand() * 150000)
			byte = 1 + i % 255
			if (what == "map" && from + length_ <= size) {
				printf "mmap -rw 0 %d\nmwrite -S %d %d %d\nmunmap\n", size, byte, from, length_
			} else if (what == "truncate" && i % 3 == 0) {
				size = from
				printf "truncate %d\n", size
			} else if (what == "punch" && from + length_ <= size) {
				printf "fpunch %d %d\n", from, length_
			} else {
				printf "pwrite -q -S %d %d %d\n", byte, from, length_
				if (from + length_ > size)
					size = from + length_
			}
			if (i % 40 == 39)
				print "fsync"
		}
	}'
}

# same_steps DIR SEED KINDS: random steps give in DIR what they give on a tmpfs.
same_steps() {
	random_steps "$2" 300 "$3" >$WORK/steps
	rm -f "$1/steps" $WORK/steps.tmpfs
	xfs_io -f "$1/steps" <$WORK/steps
	xfs_io -f $WORK/steps.tmpfs <$WORK/steps
	cmp "$1/steps" $WORK/steps.tmpfs
	drop_caches
	cmp "$1/steps" $WORK/steps.tmpfs
}

# direct_io DIR: past the page cache, and compared through it
direct_io() {
	random_file $WORK/direct 2097152
	dd if=$WORK/direct of="$1/direct" bs=65536 oflag=direct
	cmp $WORK/direct "$1/direct"
	drop_caches
	dd if="$1/direct" of=$WORK/direct.read bs=65536 iflag=direct
	cmp $WORK/direct $WORK/direct.read
}

write_tree() {
	make_tree "$MOUNT"
	sums "$MOUNT" >$WORK/sums
	[ "$(wc -l <$WORK/sums)" -ge 200 ]
}

compare_tree() {
	sums "$MOUNT" >$WORK/sums.now
	cmp $WORK/sums $WORK/sums.now
}

read_back() {
	drop_caches
	compare_tree
}

# remount MOUNT-ARGUMENTS...
remount() {
	umount "$MOUNT"
	mount "$@" "$MOUNT"
	compare_tree
}

# exercise_filesystem PREFIX KINDS FSCK MOUNT-ARGUMENTS...: all checks of a file system that is
# made and not mounted.
exercise_filesystem() {
	local prefix=$1 kinds=$2 fsck=$3 seed
	shift 3
	check $prefix.mount mount "$@" "$MOUNT"
	[ "$OK" ] || return 0
	check $prefix.write write_tree
	check $prefix.read_back read_back
	for seed in 1 2 3; do
		check $prefix.steps_$seed same_steps "$MOUNT" $seed "$kinds"
	done
	check $prefix.direct direct_io "$MOUNT"
	sums "$MOUNT" >$WORK/sums
	check $prefix.remount remount "$@"
	check $prefix.umount umount "$MOUNT"
	check $prefix.fsck $fsck
}
