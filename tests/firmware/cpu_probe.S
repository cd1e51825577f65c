/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Prints ID_AA64MMFR0_EL1 as 16 hex digits on the PL011 of QEMU's virt machine and powers off
 * (PSCI by HVC, QEMU's conduit for a guest that starts at EL1). Loaded with -kernel as a raw
 * image: runs anywhere, with the MMU off, and needs no stack.
 */
	.globl	_start
_start:
	mrs	x0, id_aa64mmfr0_el1
	mov	x1, #0x09000000			// VIRT_UART
	mov	w2, #60				// shift of the next digit
1:	lsr	x3, x0, x2
	and	w3, w3, #0xf
	cmp	w3, #10
	add	w4, w3, #'0'
	add	w5, w3, #'a' - 10
	csel	w3, w4, w5, lo
	str	w3, [x1]
	subs	w2, w2, #4
	b.ge	1b
	mov	w3, #'\n'
	str	w3, [x1]
	movz	w0, #0x8400, lsl #16		// PSCI SYSTEM_OFF
	movk	w0, #0x0008
	hvc	#0
2:	wfi
	b	2b
