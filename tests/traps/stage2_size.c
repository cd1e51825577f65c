// SPDX-License-Identifier: GPL-2.0-only
/* How user_mem_abort() chooses the size of a stage 2 mapping: a line for every case there is. */
#include <stdbool.h>
#include <stdio.h>

#define WARN_ONCE(condition, ...)	(void)(warned |= (condition))
#define fallthrough			__attribute__((fallthrough))
#define get_vma_page_shift(vma)		(vma)

#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define PMD_SIZE	(1UL << PMD_SHIFT)
#define PUD_SIZE	(1UL << PUD_SHIFT)

static bool pmd_fits, pud_fits;

static bool fault_supports_stage2_huge_mapping(int memslot, int hva, unsigned long size)
{
	(void)memslot;
	(void)hva;
	return size == PUD_SIZE ? pud_fits : pmd_fits;
}

static void choose(int vma, bool logging_active)
{
	bool force_pte = false, warned = false;
	int vma_shift, memslot = 0, hva = 0;
	long vma_pagesize;

#include "kernel.h"
	printf("vma %d logging %d pmd %d pud %d: %ld force_pte %d warned %d\n", vma,
	       logging_active, pmd_fits, pud_fits, vma_pagesize, force_pte, warned);
}

int main(void)
{
	/* As those of a VMA, and one that no VMA has. */
	const int shifts[] = {
		PAGE_SHIFT, CONT_PTE_SHIFT, PMD_SHIFT, CONT_PMD_SHIFT, PUD_SHIFT, PAGE_SHIFT + 1
	};

	for (unsigned int i = 0; i < 8 * sizeof(shifts) / sizeof(*shifts); i++) {
		pmd_fits = i & 1;
		pud_fits = i & 2;
		choose(shifts[i / 8], i & 4);
	}
	return 0;
}
