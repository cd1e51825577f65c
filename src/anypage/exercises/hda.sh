# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["sound"]
# packages = ["alsa-utils"]
# files = ["usr/bin/aplay", "usr/share/alsa/alsa.conf"]
# modules = ["snd_hda_intel", "snd_hda_codec_generic", "9p", "9pnet_virtio"]
# qemu = [
#     "-virtfs local,path={share},mount_tag=share,security_model=mapped-file,id=share",
#     "-audiodev wav,id=sound,path={share}/played.wav,out.frequency=16000",
#     "-device intel-hda,id=hda -device hda-output,audiodev=sound,bus=hda.0,mixer=off",
# ]
# alone = true
# ///
# Samples are played, written and mapped; QEMU records what its sound card plays in a folder that
# the guest mounts, and that no other exercise empties: it must be what was played.
. /exercises/library/base.sh

FORMAT="-t raw -f S16_LE -c 2 -r 16000"

need_driver snd_hda_intel snd_hda_intel
need_filesystem 9p

has_card() {
	[ -e /dev/snd/pcmC0D0p ]
}

make_samples() {
	random_file $WORK/samples 320000
	mkdir -p $WORK/share
	mount -t 9p -o trans=virtio,version=9p2000.L,cache=none share $WORK/share
}

# frames FILE: a line for each pair of samples, left and right
frames() {
	od -A n -v -w4 -t x4 "$1" | tr -d ' '
}

# play OPTIONS...: what was recorded since is of the samples, one behind the other, or silence. An
# emulated card on a busy machine loses some and repeats others where it plays too late: half of them
# have to be there, nearly all with their neighbour. The header of the recording is 11 frames.
play() {
	local before
	before=$(stat -c %s $WORK/share/played.wav)
	aplay -D hw:0,0 $FORMAT "$@" $WORK/samples
	sleep 2
	tail -c +$((before + 1)) $WORK/share/played.wav >$WORK/heard
	frames $WORK/samples >$WORK/wanted
	frames $WORK/heard | awk -v wanted=$WORK/wanted '
	BEGIN {
		while ((getline frame <wanted) > 0)
			at[frame] = ++count
	}
	$1 == "00000000" { next }
	!($1 in at) { foreign++; next }
	{
		if (!seen[$1]++)
			heard++
		if (at[$1] == last + 1)
			in_order++
		last = at[$1]
		all++
	}
	END {
		print count " played, " heard " heard, " in_order " of " all " in order, " foreign + 0 " foreign"
		exit heard < count / 2 || in_order < all * 0.95 || foreign > 11
	}'
}

check card wait_for has_card
[ "$OK" ] || exit 0
check samples make_samples
check write play
check mmap play -M
check small_periods play --period-size=512 --buffer-size=4096
