// SPDX-License-Identifier: GPL-2.0-only
/*
 * The early boot up to the kernel's own tables, with the page size of argv[1] asked for: what the
 * ID map of the chosen granule translates has to be the image or the FDT, and itself.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "page_tables.h"

#define IMAGE_SIZE		0x1800000
/* So far from the image that they share the first table alone. */
#define FDT_DISTANCE		(1UL << 42)
#define FDT_MEMORY_SIZE		(2 * SZ_2M)
/* Addresses that are aligned to no block. */
#define STEXT			0x10000
#define INITDATA		0x910000
#define BSS			0xa00000
#define INIT_PG_DIR		0xc00000
#define INIT_PG_END		0x1000000
#define IDMAP_PG_DIR		0x1000000
#define IDMAP_PG_END		0x1400000

static u8 image[IMAGE_SIZE] __attribute__((aligned(SZ_2M), used));
static u8 *fdt_memory;

#define _text			image
#define _stext			(image + STEXT)
#define __initdata_begin	(image + INITDATA)
#define __bss_start		(image + BSS)
#define init_pg_dir		((pgd_t *)(image + INIT_PG_DIR))
#define init_pg_end		((pgd_t *)(image + INIT_PG_END))
#define init_idmap_pg_dir	((pgd_t *)(image + IDMAP_PG_DIR))
#define init_idmap_pg_end	((pgd_t *)(image + IDMAP_PG_END))
#define _end			(image + IMAGE_SIZE)

#include <asm/kernel-pgtable.h>

#define CONFIG_ARM64_64K_PAGES		0
#define CONFIG_ARM64_LPA2		0
#define CONFIG_RANDOMIZE_BASE		0
#define CONFIG_ARM64_DEFAULT_PAGE_SHIFT	12
#define CONFIG_PGTABLE_LEVELS		4
#define VA_BITS_MIN			VA_BITS
#define KIMAGE_VADDR			0
#define SCTLR_ELx_M			1
#define ID_AA64MMFR0_EL1_TGRAN4_SHIFT	28
#define ID_AA64MMFR0_EL1_TGRAN64_SHIFT	24
#define ID_AA64MMFR0_EL1_TGRAN16_SHIFT	20
#define ID_AA64MMFR0_EL1_TGRAN4_SUPPORTED_MAX	7
#define ID_AA64MMFR0_EL1_TGRAN64_SUPPORTED_MAX	7
#define ID_AA64MMFR0_EL1_TGRAN16_SUPPORTED_MIN	1
#define ID_AA64MMFR0_EL1_TGRAN_SHIFT		0
#define ID_AA64MMFR0_EL1_TGRAN_SUPPORTED_MIN	0
#define ID_AA64MMFR0_EL1_TGRAN_SUPPORTED_MAX	0

/* A CPU with all granules. */
static u64 tcr_el1;
static const u64 id_aa64mmfr0_el1 = 1UL << ID_AA64MMFR0_EL1_TGRAN16_SHIFT, sctlr_el1 = 1;
static u64 ttbr0;

#define read_sysreg(name)		(name)
#define sysreg_clear_set(...)
#define dsb(...)
#define dcache_clean_inval_poc(...)
#define fdt_path_offset(...)		0
#define cpu_has_lva()			false
#define cpu_has_lpa2()			false
#define kaslr_requires_kpti()		false
#define kaslr_early_init(...)		0
#define remap_idmap_for_lpa2()
#define tolower(c)			((c) | 0x20)

static bool arm64_use_ng_mappings;

struct arm64_granule {
	u64 tcr_tg;
	u32 tgran_shift, tgran_min, tgran_max;
} arm64_granule;

struct {
	bool given;
	int shift;
	char value[16];
} page_size_request;

static int asked;

static void init_feature_override(u64 boot_status, const void *fdt, int chosen)
{
	(void)boot_status;
	(void)fdt;
	(void)chosen;
	page_size_request.shift = asked;
}

static int granule(void)
{
	u64 tg = tcr_el1 & TCR_TG0_MASK;

	return tg == TCR_TG0_4K ? 12 : tg == TCR_TG0_16K ? 14 : 16;
}

static bool within(u64 address, u64 size, const u8 *start, const u8 *end)
{
	u64 mask = (1UL << granule()) - 1;

	return address >= ((u64)start & ~mask) && address + size <= (((u64)end + mask) & ~mask);
}

static u64 image_bytes;

static void visit(u64 address, u64 target, u64 size)
{
	if (address != target)
		printf("%#lx is mapped to %#lx\n", address, target);
	else if (within(address, size, _stext, _end))
		image_bytes += size;
	else if (!within(address, size, fdt_memory, fdt_memory + FDT_MEMORY_SIZE))
		printf("%#lx is neither the image nor the FDT\n", address);
}

static void map_kernel(u64 kaslr_offset, u64 va_offset, int root_level)
{
	(void)kaslr_offset;
	(void)va_offset;
	if (granule() != asked || PAGE_SHIFT != asked)
		printf("the granule is %d\n", granule());
	if (root_level != 4 - (VA_BITS - 4) / (asked - 3))
		printf("the root level is %d\n", root_level);
	walk((const u64 *)ttbr0, root_level, granule(), 0, visit);
	if (image_bytes != (u64)(_end - _stext))
		printf("%#lx bytes of the image are mapped\n", image_bytes);
}

/* What the CPU does by the instructions of the kernel, which are there to change the granule. */
#define asm(...)	(void)sctlr, ttbr0 = ttbr, tcr_el1 = tcr
#include "kernel.h"

int main(int argc, char **argv)
{
	asked = argc > 1 ? atoi(argv[1]) : 0;
	fdt_memory = mmap(image + FDT_DISTANCE, FDT_MEMORY_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (fdt_memory == MAP_FAILED)
		abort();
	/* An entry of another granule leads to what is no table: there, all looks like a block. */
	memset(image, 0xa5, BSS);
	memset(fdt_memory, 0xa5, FDT_MEMORY_SIZE);
	init_granule();
	tcr_el1 = arm64_granule.tcr_tg;
	ttbr0 = (u64)init_idmap_pg_dir;
	create_init_idmap(init_idmap_pg_dir, 0);
	/* Not aligned to a page, as a boot loader may have it. */
	early_map_kernel(0, fdt_memory + 0x8048);
	return 0;
}
