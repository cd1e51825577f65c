/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine whose other CPUs lack a granule that the first one has
 *
 * QEMU's CPUs are all alike. This stays at EL2, enters the kernel at EL1, and answers its reads of
 * the ID registers (HCR_EL2.TID3): all CPUs but the first say TGRAN_VALUE in the field of
 * ID_AA64MMFR0_EL1 at TGRAN_SHIFT (Arm ARM DDI 0487, D19). PSCI's CPU_ON goes through it, too.
 *
 * The file is an arm64 Image that is put before the kernel, and the content of the flash, where
 * the kernel does not overwrite it. It uses no memory: what a trap needs is kept in registers of
 * EL2. IMAGE_SIZE is in bytes, with the kernel.
 */
#define FLASH		0x04000000	/* the second bank of QEMU's virt machine */
#define KERNEL		0x200000	/* where the kernel starts, from here */

#define EC_SMC		0x17
#define EC_SYSREG	0x18
#define CPU_ON		0xc4000003

_start:
	b	1f				// Documentation/arch/arm64/booting.rst
	nop
	.quad	0				// text_offset
	.quad	IMAGE_SIZE
	.quad	0xa				// flags: any page size, anywhere
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

1:	adr	x16, _start
	add	x16, x16, #KERNEL
	mov	x17, #FLASH
	add	x17, x17, #(enter - _start)
	br	x17

/* A CPU that CPU_ON started: x0 is where the kernel wants it */
secondary:
	mov	x16, x0
	mov	x0, #0

/* To EL1 at x16; x0 is the kernel's */
enter:
	adr	x1, vectors
	msr	vbar_el2, x1
	mov	x1, #(1 << 31)			// HCR_EL2.RW
	orr	x1, x1, #(1 << 19)		// TSC
	orr	x1, x1, #(1 << 18)		// TID3
	msr	hcr_el2, x1
	mov	x1, #3				// EL1 has the counter and the timer
	msr	cnthctl_el2, x1
	msr	cntvoff_el2, xzr
	mov	x1, #0x33ff			// no trap of floating point
	msr	cptr_el2, x1
	msr	hstr_el2, xzr
	mrs	x1, pmcr_el0			// EL1 has all event counters
	ubfx	x1, x1, #11, #5
	msr	mdcr_el2, x1
	mrs	x1, midr_el1
	msr	vpidr_el2, x1
	mrs	x1, mpidr_el1
	msr	vmpidr_el2, x1
	mov	x1, #0xf			// ICC_SRE_EL2: the GIC's registers are EL1's
	msr	S3_4_C12_C9_5, x1
	isb
	msr	S3_4_C12_C11_0, xzr		// ICH_HCR_EL2
	movz	x1, #0x30d0, lsl #16		// SCTLR_EL1: what is RES1
	movk	x1, #0x0800
	msr	sctlr_el1, x1
	mov	x1, #0x3c5			// EL1h, all masked
	msr	spsr_el2, x1
	msr	elr_el2, x16
	mov	x1, #0
	eret

	.balign	0x800
vectors:
	.org	vectors + 0x400			// synchronous, from EL1
	mov	sp, x16
	msr	tpidr_el2, x17
	mrs	x16, esr_el2
	ubfx	x16, x16, #26, #6
	cmp	x16, #EC_SYSREG
	b.eq	read
	cmp	x16, #EC_SMC
	b.eq	call
	b	.

	.org	vectors + 0x800
call:
	movz	w16, #(CPU_ON >> 16), lsl #16
	movk	w16, #(CPU_ON & 0xffff)
	cmp	w0, w16
	b.ne	1f
	mov	x3, x2				// its context: the kernel has none
	adr	x2, secondary
1:	smc	#0
	mrs	x16, elr_el2
	add	x16, x16, #4
	msr	elr_el2, x16
	b	done

/* An ID register: op0 3, op1 0, CRn 0, CRm 1 to 7 */
read:
	mrs	x16, esr_el2
	ubfx	x17, x16, #1, #4		// CRm
	sub	x17, x17, #1
	ubfx	x16, x16, #17, #3		// op2
	add	x17, x16, x17, lsl #3
	adr	x16, registers
	add	x16, x16, x17, lsl #3
	br	x16
registers:
	.irp	crm, 1, 2, 3, 4, 5, 6, 7
	.irp	op2, 0, 1, 2, 3, 4, 5, 6, 7
	mrs	x17, S3_0_C0_C\crm\()_\op2
	.ifc	\crm\()\op2, 70			// ID_AA64MMFR0_EL1
	b	granules
	.else
	b	have
	.endif
	.endr
	.endr

granules:
	mrs	x16, mpidr_el1
	tst	x16, #0xffff
	b.eq	have
	mov	x16, #TGRAN_VALUE
	bfi	x17, x16, #TGRAN_SHIFT, #4

/* x17 is what the kernel reads */
have:
	mrs	x16, elr_el2
	add	x16, x16, #4
	msr	elr_el2, x16
	mrs	x16, esr_el2
	ubfx	x16, x16, #5, #5		// Rt
	msr	far_el2, x17
	adr	x17, results
	add	x16, x17, x16, lsl #3
	mrs	x17, far_el2
	br	x16
results:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	mov	x\n, x17
	b	done
	.endr
	mov	sp, x17				// x16, as it is kept
	b	done
	msr	tpidr_el2, x17			// x17
	b	done
	.irp	n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	mov	x\n, x17
	b	done
	.endr
	nop					// xzr

done:
	mov	x16, sp
	mrs	x17, tpidr_el2
	eret
