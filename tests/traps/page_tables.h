/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's early code needs to make page tables in a program of the host. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint8_t u8;
typedef u64 phys_addr_t, pteval_t;
typedef struct { u64 pte; } pte_t;
typedef struct { u64 pgd; } pgd_t;
typedef struct { u64 pgprot; } pgprot_t;

#define PAGE_SHIFT_MIN	12
#define PAGE_SHIFT_MAX	16
#define PAGE_SIZE_MIN	(1UL << PAGE_SHIFT_MIN)
#define PAGE_SIZE_MAX	(1UL << PAGE_SHIFT_MAX)
#define PAGE_SHIFT	__page_shift
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define PAGE_ALIGN(a)	(((a) + PAGE_SIZE - 1) & PAGE_MASK)
#define VA_BITS		48
#define U64_MAX		UINT64_MAX
#define SZ_2M		0x200000
#define UL(n)		_AC(n, UL)
#define _AC(n, type)	__AC(n, type)
#define __AC(n, type)	n##type
#define _AT(type, n)	_AC(n, UL)
#define min(a, b)	((a) < (b) ? (a) : (b))
#define __init
#define __initdata
#define __initconst
#define __ro_after_init
#define __must_check
#define asmlinkage
#define noinline
#define __section(name)
#define __aligned(n)	__attribute__((aligned(n)))
#define __is_defined(x)	1
#define IS_ENABLED(x)	x

#include <asm/pgtable-hwdef.h>

#define PAGE_KERNEL		((pgprot_t){ PTE_UXN | PTE_TYPE_PAGE })
#define PAGE_KERNEL_ROX		((pgprot_t){ PTE_RDONLY | PTE_TYPE_PAGE })
#define pgprot_val(prot)	((prot).pgprot)
#define __pte(value)		((pte_t){ value })
#define pte_none(entry)		(!(entry).pte)
#define __phys_to_pte_val(pa)	(pa)
#define __pte_to_phys(entry)	address_of((entry).pte, PAGE_SHIFT)

extern int __page_shift;

static inline u64 address_of(u64 entry, int shift)
{
	return entry & (1UL << 48) - (1UL << shift);
}

/*
 * Calls visit for each page and block that the CPU finds by these tables with this granule:
 * the lowest bits say what an entry is, see Arm ARM D8.3.
 */
static inline void walk(const u64 *table, int level, int shift, u64 start,
			void (*visit)(u64 address, u64 target, u64 size))
{
	int index_shift = (3 - level) * (shift - 3) + shift;
	int root = 4 - (VA_BITS - 4) / (shift - 3);
	u64 entries = level == root ? 1UL << (VA_BITS - index_shift) : 1UL << (shift - 3);

	for (u64 i = 0; i < entries; i++) {
		u64 address = start + (i << index_shift);

		if (!(table[i] & 1))
			continue;
		if (level < 3 && table[i] & 2)
			walk((const u64 *)address_of(table[i], shift), level + 1, shift, address,
			     visit);
		else
			visit(address, address_of(table[i], shift), 1UL << index_shift);
	}
}
