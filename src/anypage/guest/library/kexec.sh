# SPDX-License-Identifier: GPL-2.0-only
#
# What exercises share that start another kernel: the same image and initramfs, which are disks.
. /exercises/library/base.sh

# word NAME: the value of a word of the command line
word() {
	tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"
}

page_size_is_fixed() {
	grep -q "policy 0" /expect
}

# load_kernel SIZE WORDS KEXEC...: with pages of SIZE bytes where that can be chosen, and WORDS behind
# those of this kernel's command line; KEXEC are kexec's options.
load_kernel() {
	local size=$1 more=$2 words
	shift 2
	words=$(tr ' ' '\n' </proc/cmdline |
		grep -v '^arm64\.pagesize=\|^crashkernel=\|^exercise\.' | tr '\n' ' ')
	page_size_is_fixed || words="$words arm64.pagesize=$((size / 1024))k"
	cat "$(disk kexec_image)" >$WORK/image
	cat "$(disk kexec_initramfs)" >$WORK/initramfs
	kexec "$@" $WORK/image --initrd=$WORK/initramfs --command-line="$words $more"
	rm $WORK/image $WORK/initramfs
}
