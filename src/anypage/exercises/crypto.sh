# SPDX-License-Identifier: GPL-2.0-only
# /// exercise
# subsystems = ["cryptography"]
# modules = [
#     "tcrypt", "gcm", "ccm", "xts", "cbc", "ecb", "ctr", "cts", "sha512_generic", "sha3_generic", "blake2b_generic",
#     "chacha20poly1305", "deflate", "lz4", "lzo", "zstd", "842", "aes_ce_blk", "aes_neon_blk", "sha256_arm64",
#     "ghash_ce", "rsa_generic", "crypto_null", "authenc", "cmac", "hmac", "xxhash_generic", "seqiv",
#     "echainiv", "essiv", "crc32c_generic", "aes_generic", "sha1_generic", "md5", "chacha_generic", "poly1305_generic",
# ]
# seconds = 600
# ///
# Each algorithm that a module brings is tested by the kernel when it registers, with buffers that
# lie across pages; /proc/crypto says which passed.
. /exercises/library/base.sh

[ -e /proc/crypto ] || skip "no crypto in this kernel"
grep -q selftest /proc/crypto || skip "no algorithms in this kernel"
grep -q "CRYPTO_MANAGER_DISABLE_TESTS=y" $WORK/config 2>/dev/null && skip "self-tests are off"

load_all() {
	local module
	for module in $(sed 's,.*/,,; s,\.ko.*,,' "/lib/modules/$(uname -r)/modules.dep"); do
		[ "$module" = tcrypt ] || modprobe "$module" || true
	done
}

# tcrypt tests all that it knows, whatever is there; it always refuses to stay.
run_tcrypt() {
	dmesg -c >/dev/null
	if ! [ -e "$(find /lib/modules -name 'tcrypt.ko*')" ]; then
		skip "no tcrypt in this kernel"
	fi
	modprobe tcrypt || true
	dmesg | never grep "alg:.*failed"
}

# driver STATUS: those with this result
drivers() {
	awk -v wanted="$1" '/^driver/ { driver = $3 } /^selftest/ && $3 == wanted { print driver }' \
		/proc/crypto
}

none_failed() {
	drivers unknown >$WORK/unknown
	drivers passed >$WORK/passed
	cat $WORK/unknown
	[ "$(wc -l <$WORK/passed)" -ge 5 ]
	[ ! -s $WORK/unknown ]
	dmesg | never grep "alg:.*failed"
}

check load load_all
check tcrypt run_tcrypt
check selftests none_failed
