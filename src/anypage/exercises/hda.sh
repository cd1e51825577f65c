# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystem = "ALSA: hda"
# packages = ["alsa-utils"]
# files = ["usr/bin/aplay", "usr/share/alsa/alsa.conf"]
# modules = ["snd_hda_intel", "snd_hda_codec_generic", "9p", "9pnet_virtio"]
# qemu = [
#     "-virtfs local,path={share},mount_tag=share,security_model=mapped-file,id=share",
#     "-audiodev wav,id=sound,path={share}/played.wav,out.frequency=16000",
#     "-device intel-hda,id=hda -device hda-output,audiodev=sound,bus=hda.0,mixer=off",
# ]
# ///
# Samples are played, written and mapped; QEMU records what its sound card plays in a folder that
# the guest mounts: it must be what was played.
. /exercises/library/base.sh

FORMAT="-t raw -f S16_LE -c 2 -r 16000"

need_driver snd_hda_intel snd_hda_intel
need_filesystem 9p

has_card() {
	[ -e /dev/snd/pcmC0D0p ]
}

# No sample is zero, so that silence before and after them is none of them.
make_samples() {
	head -c 500000 /dev/urandom | tr -d '\000' | head -c 320000 >$WORK/samples
	[ "$(stat -c %s $WORK/samples)" = 320000 ]
	mkdir -p $WORK/share
	mount -t 9p -o trans=virtio,version=9p2000.L,cache=none share $WORK/share
}

# play OPTIONS...: behind what was recorded before. A guest that is too slow plays silence between.
play() {
	local before
	before=$(stat -c %s $WORK/share/played.wav)
	aplay -D hw:0,0 $FORMAT "$@" $WORK/samples
	sleep 2
	tail -c +$((before + 1)) $WORK/share/played.wav | tr -d '\000' >$WORK/heard
	cmp -n 310000 $WORK/heard $WORK/samples
}

check card wait_for has_card
[ "$OK" ] || exit 0
check samples make_samples
check write play
check mmap play -M
check small_periods play --period-size=512 --buffer-size=4096
umount $WORK/share
rm -f $WORK/*
