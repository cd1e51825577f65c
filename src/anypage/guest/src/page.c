// SPDX-License-Identifier: GPL-2.0-only
/* The page size and what the page tables look like, against what the host computed. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define MAX_LEVELS 5

static void check_auxv(void)
{
	expect_equal("AT_PAGESZ", wanted("page_size"), getauxval(AT_PAGESZ));
}

static void check_sysconf(void)
{
	expect_equal("_SC_PAGESIZE", wanted("page_size"), sysconf(_SC_PAGESIZE));
	expect_equal("getpagesize()", wanted("page_size"), getpagesize());
}

static void check_smaps(void)
{
	unsigned char *memory = map_anonymous(4 * page_size);

	memory[0] = 1;
	expect_equal("KernelPageSize", wanted("page_size"), smaps(memory, "KernelPageSize"));
	expect_equal("MMUPageSize", wanted("page_size"), smaps(memory, "MMUPageSize"));
	expect_equal("Rss of one page", wanted("page_size"), smaps(memory, "Rss"));
}

static uint64_t table_bytes(void)
{
	return field("/proc/self/status", "VmPTE") * KB;
}

/* Page tables, in bytes, that one new page at this address takes. */
static uint64_t tables_for(uint64_t address)
{
	uint64_t before = table_bytes();
	unsigned char *page = must(mmap((void *)address, page_size, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));

	expect_equal("address of the mapping", address, (uint64_t)page);
	page[0] = 1;
	return table_bytes() - before;
}

/* Far from all else: this program is position independent and lives in the upper half. */
static uint64_t lonely_address(void)
{
	return 1UL << (wanted("va_bits") - 2);
}

/* The root table is there before; a lonely page needs one table of each other level. */
static void check_levels(void)
{
	table_bytes();		/* its own memory is in place then */
	expect_equal("levels", wanted("levels"), 1 + tables_for(lonely_address()) / page_size);
}

/*
 * An entry of level n spans 1 << shift bytes: the last page below that distance shares the table
 * that the entry points to, the first page at that distance does not.
 */
static void check_spans(void)
{
	uint64_t shifts[MAX_LEVELS], base = lonely_address();
	size_t levels = wanted_list("level_shifts", shifts, MAX_LEVELS);

	table_bytes();
	tables_for(base);
	for (size_t i = 1; i < levels; i++) {
		uint64_t span = 1UL << shifts[i];

		if (base % span || base / span < 2)
			break;		/* the root entry may be as large as this half */
		expect_equal("tables below the span", i - 1,
			     tables_for(base + span - page_size) / page_size);
		expect_equal("tables at the span", i, tables_for(base + span) / page_size);
	}
}

static void check_address_size(void)
{
	uint64_t end = 1UL << wanted("va_bits");
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

	expect_error("mapping at the end of the address space", ENOMEM,
		     (long)mmap((void *)end, page_size, PROT_READ, flags, -1, 0));
	expect_least("address of the stack", end / 2, (uint64_t)__builtin_frame_address(0));
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void check_hugetlb_sizes(void)
{
	uint64_t expected[8], found[16];
	size_t count = wanted_list("hugetlb_sizes", expected, ARRAY_SIZE(expected)), n = 0;
	DIR *directory = opendir("/sys/kernel/mm/hugepages");
	struct dirent *entry;
	unsigned long kb;

	if (!directory)
		skip("no hugetlbfs in this kernel");
	while ((entry = readdir(directory)) && n < ARRAY_SIZE(found))
		if (sscanf(entry->d_name, "hugepages-%lukB", &kb) == 1)
			found[n++] = kb * KB;
	qsort(found, n, sizeof(found[0]), by_number);
	expect_equal("number of huge page sizes", count, n);
	for (size_t i = 0; i < n; i++)
		expect_equal("huge page size", expected[i], found[i]);
	expect_equal("Hugepagesize (default: PMD)", wanted("pmd_size"), meminfo("Hugepagesize"));
}

static void check_thp_size(void)
{
	const char *path = "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size";

	if (access(path, F_OK))
		skip("no transparent huge pages in this kernel");
	expect_equal("hpage_pmd_size", wanted("thp_size"), read_number(path));
}

const struct check page_checks[] = {
	{ "page.auxv", check_auxv },
	{ "page.sysconf", check_sysconf },
	{ "page.smaps", check_smaps },
	{ "geometry.levels", check_levels },
	{ "geometry.spans", check_spans },
	{ "geometry.address_size", check_address_size },
	{ "geometry.hugetlb_sizes", check_hugetlb_sizes },
	{ "geometry.thp_size", check_thp_size },
	{ }
};
