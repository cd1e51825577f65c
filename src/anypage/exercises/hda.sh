# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "ALSA: hda"
# packages = ["alsa-utils"]
# files = ["usr/bin/aplay", "usr/share/alsa/alsa.conf"]
# modules = ["snd_hda_intel", "snd_hda_codec_generic", "9p", "9pnet_virtio"]
# qemu = [
#     "-virtfs local,path={share},mount_tag=share,security_model=mapped-file,id=share",
#     "-audiodev wav,id=sound,path={share}/played.wav,out.frequency=48000",
#     "-device intel-hda,id=hda -device hda-output,audiodev=sound,bus=hda.0,mixer=off",
# ]
# ///
# Samples are played, written and mapped; QEMU records what its sound card plays in a folder that
# the guest mounts: it must be what was played.
. /exercises/library/base.sh

FORMAT="-t raw -f S16_LE -c 2 -r 48000"

need_driver snd_hda_intel snd_hda_intel
need_filesystem 9p

has_card() {
	[ -e /dev/snd/pcmC0D0p ]
}

# No sample is zero, so that silence before and after them is none of them.
make_samples() {
	head -c 1400000 /dev/urandom | tr -d '\000' | head -c 960000 >$WORK/samples
	[ "$(stat -c %s $WORK/samples)" = 960000 ]
	mkdir -p $WORK/share
	mount -t 9p -o trans=virtio,version=9p2000.L,cache=none share $WORK/share
}

# play OPTIONS...: behind what was recorded before
play() {
	local before at
	before=$(stat -c %s $WORK/share/played.wav)
	aplay -D hw:0,0 $FORMAT "$@" $WORK/samples
	sleep 2
	tail -c +$((before + 1)) $WORK/share/played.wav >$WORK/heard
	# The first byte that is not silence.
	at=$(cmp /dev/zero $WORK/heard | sed 's/.*\(char\|byte\) \([0-9]*\).*/\2/')
	tail -c +"$at" $WORK/heard | cmp -n 940000 - $WORK/samples
}

check card wait_for has_card
[ "$OK" ] || exit 0
check samples make_samples
check write play
check mmap play -M
check small_periods play --period-size=512 --buffer-size=4096
umount $WORK/share
rm -f $WORK/*
