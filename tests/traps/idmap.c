// SPDX-License-Identifier: GPL-2.0-only
/* The ID map of a running kernel: text, and the flag of the code that makes entries not global. */
#include "page_tables.h"

#include <asm/kernel-pgtable.h>

#define TABLES	2
#define ROOM	(16 * PAGE_SIZE_MAX)
#define UNUSED	0xa5
#define TEXT_SIZE	0x800

#define CONFIG_UNMAP_KERNEL_AT_EL0	1
#define arm64_use_ng_mappings		false
#define __pa(address)			((phys_addr_t)(address))
#define __phys_to_virt(address)		(address)
#define __pi_map_range			map_range
#define panic(text)			abort()

int __page_shift;
static pgd_t idmap_pg_dir[PAGE_SIZE_MAX / sizeof(pgd_t)] __aligned(PAGE_SIZE_MAX);
static u8 tables[TABLES][ROOM] __aligned(PAGE_SIZE_MAX);
static size_t sizes[TABLES];
static int used;
static u64 text_address, flag_address;
static int text_pages, flag_pages;
static u8 __idmap_text_start[1], __idmap_text_end[1];
u32 __idmap_kpti_flag;

static void *memblock_alloc(size_t size, size_t align)
{
	if (used == TABLES || size > ROOM || align != PAGE_SIZE)
		abort();
	memset(tables[used], 0, size);
	sizes[used] = size;
	return tables[used++];
}

static phys_addr_t __pa_symbol(const void *symbol)
{
	return symbol == __idmap_text_start ? text_address :
	       symbol == __idmap_text_end ? text_address + TEXT_SIZE : flag_address;
}

#include "kernel.h"

static void visit(u64 address, u64 target, u64 size)
{
	u64 text = text_address & PAGE_MASK, flag = flag_address & PAGE_MASK;

	if (address != target || size != PAGE_SIZE || (address != text && address != flag))
		printf("%dK: %#lx is mapped to %#lx\n", 1 << (PAGE_SHIFT - 10), address, target);
	text_pages += address == text;
	flag_pages += address == flag;
}

static void check(u64 text, u64 flag)
{
	text_address = text;
	flag_address = flag;
	used = text_pages = flag_pages = 0;
	memset(idmap_pg_dir, 0, sizeof(idmap_pg_dir));
	memset(tables, UNUSED, sizeof(tables));
	create_idmap();
	for (int i = 0; i < TABLES; i++)
		for (size_t at = sizes[i]; at < ROOM; at++)
			if (tables[i][at] != UNUSED) {
				printf("%dK: table %d is larger than its %zu bytes\n",
				       1 << (PAGE_SHIFT - 10), i, sizes[i]);
				break;
			}
	walk((const u64 *)idmap_pg_dir, IDMAP_ROOT_LEVEL, PAGE_SHIFT, 0, visit);
	if (text_pages != 1 || flag_pages != 1)
		printf("%dK: text %#lx or flag %#lx is not mapped\n", 1 << (PAGE_SHIFT - 10), text,
		       flag);
}

int main(void)
{
	for (__page_shift = PAGE_SHIFT_MIN; __page_shift <= PAGE_SHIFT_MAX; __page_shift += 2)
		/* The flag is so far behind the text that more and more tables are not shared. */
		for (int distance = PAGE_SHIFT_MAX; distance < VA_BITS - 1; distance++)
			check(0x40210000, 0x40210000 + (1UL << distance) + 0x40);
	return 0;
}
