// SPDX-License-Identifier: GPL-2.0-only
/* Huge pages: transparent ones, and each size that hugetlbfs offers. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define THP "/sys/kernel/mm/transparent_hugepage/"

/* What else lives in memory; and huge pages are aligned, so some of it is unusable. */
#define RESERVE (64 * MB)

static void need_memory(uint64_t bytes)
{
	uint64_t free = meminfo("MemFree");

	if (free < bytes + RESERVE)
		skip("needs %llu MB, %llu MB are free", (unsigned long long)((bytes + RESERVE) / MB),
		     (unsigned long long)(free / MB));
}

/* Memory may be plenty and no range of this size free of other use; not a fault of the kernel. */
static bool ample(uint64_t bytes)
{
	return meminfo("MemFree") >= 5 * bytes;
}

/* An aligned range of two huge pages, never touched. */
static unsigned char *aligned_range(size_t size)
{
	unsigned char *memory = map_anonymous(3 * size);

	return (unsigned char *)(((uintptr_t)memory + size - 1) & -size);
}

static unsigned char *thp_range(size_t *size)
{
	unsigned char *memory;

	if (access(THP "enabled", F_OK))
		skip("no transparent huge pages in this kernel");
	*size = wanted("thp_size");
	need_memory(2 * *size);
	write_text(THP "enabled", "always");
	write_text(THP "defrag", "always");
	memory = aligned_range(*size);
	must(madvise(memory, *size, MADV_HUGEPAGE));
	return memory;
}

/* A huge page at `memory`, or the end of the check. */
static void take_huge_page(unsigned char *memory, size_t size)
{
	bool expected = ample(size);

	memory[0] = 1;
	if (smaps(memory, "AnonHugePages") == 0 && !expected)
		skip("memory is too fragmented for a huge page of %zu MB", size / MB);
	expect_equal("AnonHugePages", size, smaps(memory, "AnonHugePages"));
}

/* One word of each page tells its place. */
static void mark_pages(unsigned char *memory, size_t size)
{
	for (size_t i = 0; i < size; i += page_size)
		*(size_t *)(memory + i) = i + 1;
}

static void expect_marks(const char *what, const unsigned char *memory, size_t from, size_t to)
{
	for (size_t i = from; i < to; i += page_size)
		expect_equal(what, i + 1, *(size_t *)(memory + i));
}

static void check_thp(void)
{
	size_t size;
	unsigned char *memory = thp_range(&size);

	take_huge_page(memory, size);
	expect_equal("Rss", size, smaps(memory, "Rss"));
	mark_pages(memory, size);
	expect_marks("word of a page", memory, 0, size);
}

/* Another protection for one page in the middle splits the mapping, not the data. */
static void check_thp_split(void)
{
	size_t size;
	unsigned char *memory = thp_range(&size);

	take_huge_page(memory, size);
	mark_pages(memory, size);
	must(mprotect(memory + size / 2, page_size, PROT_READ));
	expect_marks("word after the split", memory, 0, size);
	must(madvise(memory + page_size, page_size, MADV_DONTNEED));
	expect_equal("word of the dropped page", 0, memory[page_size]);
	expect_marks("word after the drop", memory, 2 * page_size, size);
}

struct range {
	unsigned char *memory;
	size_t size;
};

static void overwrite(void *argument)
{
	struct range *range = argument;

	expect_marks("inherited word", range->memory, 0, range->size);
	*(size_t *)(range->memory + page_size) = 0;
}

static void check_thp_fork(void)
{
	struct range range;

	range.memory = thp_range(&range.size);
	take_huge_page(range.memory, range.size);
	mark_pages(range.memory, range.size);
	in_child(overwrite, &range);
	expect_marks("word of the parent", range.memory, 0, range.size);
}

static void pool_path(char *path, size_t room, size_t size, const char *file)
{
	snprintf(path, room, "/sys/kernel/mm/hugepages/hugepages-%zukB/%s", size / KB, file);
}

/* Without CONTIG_ALLOC, only the command line can ask for what the buddy allocator has not. */
static void ask_for_one(const char *path, size_t size)
{
	int file = must(open(path, O_WRONLY));

	if (write(file, "1", 1) != 1) {
		if (errno == EINVAL)
			skip("this kernel allocates no pages of %zu MB at run time", size / MB);
		fail(path, "takes 1", "%s", strerror(errno));
	}
	must(close(file));
}

static void fill_pool(size_t size)
{
	bool expected = ample(size);
	char path[100];

	pool_path(path, sizeof(path), size, "nr_hugepages");
	if (access(path, F_OK))
		fail(path, "exists", "%s", strerror(errno));
	need_memory(size);
	ask_for_one(path, size);
	if (read_number(path) == 0 && !expected)
		skip("memory is too fragmented for a huge page of %zu MB", size / MB);
	expect_equal("nr_hugepages", 1, read_number(path));
}

static void empty_pool(size_t size)
{
	char path[100];

	pool_path(path, sizeof(path), size, "nr_hugepages");
	write_number(path, 0);
	expect_equal("nr_hugepages when given back", 0, read_number(path));
}

static void use_hugetlb(size_t size)
{
	int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB |
		    __builtin_ctzl(size) << MAP_HUGE_SHIFT;
	struct range range = { .size = size };

	range.memory = must(mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0));
	expect_equal("address within a huge page", 0, (uintptr_t)range.memory % size);
	mark_pages(range.memory, size);
	expect_equal("KernelPageSize", size, smaps(range.memory, "KernelPageSize"));
	in_child(overwrite, &range);
	expect_equal("word written by the child", 0, *(size_t *)(range.memory + page_size));
	expect_marks("word of a page", range.memory, 2 * page_size, size);
	must(munmap(range.memory, size));
}

/* The n-th size that the host expects, from the smallest. */
static void check_hugetlb(size_t n)
{
	uint64_t sizes[8];

	if (access("/sys/kernel/mm/hugepages", F_OK))
		skip("no hugetlbfs in this kernel");
	if (n >= wanted_list("hugetlb_sizes", sizes, ARRAY_SIZE(sizes)))
		skip("this page size has fewer huge page sizes");
	fill_pool(sizes[n]);
	use_hugetlb(sizes[n]);
	empty_pool(sizes[n]);
}

static void check_hugetlb_1(void)
{
	check_hugetlb(0);
}

static void check_hugetlb_2(void)
{
	check_hugetlb(1);
}

static void check_hugetlb_3(void)
{
	check_hugetlb(2);
}

static void check_hugetlb_4(void)
{
	check_hugetlb(3);
}

const struct check huge_checks[] = {
	{ "thp.fault", check_thp },
	{ "thp.split", check_thp_split },
	{ "thp.fork", check_thp_fork },
	{ "hugetlb.size_1", check_hugetlb_1 },
	{ "hugetlb.size_2", check_hugetlb_2 },
	{ "hugetlb.size_3", check_hugetlb_3 },
	{ "hugetlb.size_4", check_hugetlb_4 },
	{ }
};
