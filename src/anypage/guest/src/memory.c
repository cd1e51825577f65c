// SPDX-License-Identifier: GPL-2.0-only
/* Mappings: what mmap() and its relatives promise for each single page. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define PAGES 64

static unsigned char *page_at(unsigned char *memory, size_t page)
{
	return memory + page * page_size;
}

static void check_mmap(void)
{
	unsigned char *memory = map_anonymous(PAGES * page_size);

	for (size_t i = 0; i < PAGES * page_size; i += page_size / 4)
		expect_equal("new memory", 0, memory[i]);
	fill(memory, PAGES * page_size);
	expect_pattern("memory", memory, PAGES * page_size);
	expect_equal("Rss", PAGES * page_size, smaps(memory, "Rss"));
}

static void check_alignment(void)
{
	unsigned char *memory = map_anonymous(2 * page_size);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	size_t half = page_size / 2;

	expect_error("mmap at half a page", EINVAL,
		     (long)mmap(memory + half, page_size, PROT_READ, flags, -1, 0));
	expect_error("munmap at half a page", EINVAL, munmap(memory + half, half));
	expect_error("mprotect at half a page", EINVAL, mprotect(memory + half, half, PROT_READ));
	expect_equal("address within its page", 0, (uintptr_t)memory % page_size);
}

static void check_munmap(void)
{
	unsigned char *memory = map_anonymous(PAGES * page_size);

	fill(memory, PAGES * page_size);
	must(munmap(page_at(memory, 10), 1));	/* a length is rounded up */
	expect_equal("fault in the hole", SIGSEGV, fault_on_read(page_at(memory, 10)));
	expect_equal("fault at its end", SIGSEGV, fault_on_read(page_at(memory, 11) - 1));
	expect_equal("fault before it", 0, fault_on_read(page_at(memory, 10) - 1));
	expect_equal("fault after it", 0, fault_on_read(page_at(memory, 11)));
	expect_pattern("memory before the hole", memory, 10 * page_size);
}

static void check_mprotect(void)
{
	unsigned char *memory = map_anonymous(PAGES * page_size);

	fill(memory, PAGES * page_size);
	must(mprotect(page_at(memory, 3), page_size, PROT_READ));
	expect_equal("write before", 0, fault_on_write(page_at(memory, 3) - 1));
	expect_equal("write", SIGSEGV, fault_on_write(page_at(memory, 3)));
	expect_equal("write at the end", SIGSEGV, fault_on_write(page_at(memory, 4) - 1));
	expect_equal("write after", 0, fault_on_write(page_at(memory, 4)));
	expect_equal("read", 0, fault_on_read(page_at(memory, 3)));
	must(mprotect(page_at(memory, 3), page_size, PROT_NONE));
	expect_equal("read of PROT_NONE", SIGSEGV, fault_on_read(page_at(memory, 3)));
	must(mprotect(page_at(memory, 3), page_size, PROT_READ | PROT_WRITE));
	expect_equal("data", pattern(3 * page_size + 5), page_at(memory, 3)[5]);
}

/* Code in the last words of a page and the first of the next. */
static void check_execute(void)
{
	static const uint32_t code[] = {
		0x52800540,	/* mov w0, #42 */
		0xd65f03c0,	/* ret */
	};
	unsigned char *memory = map_anonymous(2 * page_size);
	unsigned char *start = page_at(memory, 1) - 4;
	int (*function)(void) = (int (*)(void))start;

	memcpy(start, code, sizeof(code));
	must(mprotect(memory, 2 * page_size, PROT_READ | PROT_EXEC));
	__builtin___clear_cache((char *)start, (char *)start + sizeof(code));
	expect_equal("value of the code", 42, function());
}

static void check_mremap(void)
{
	unsigned char *memory = map_anonymous(PAGES * page_size), *moved, *target;

	fill(memory, PAGES * page_size);
	moved = must(mremap(memory, PAGES * page_size, 2 * PAGES * page_size, MREMAP_MAYMOVE));
	expect_pattern("grown", moved, PAGES * page_size);
	expect_equal("new part", 0, page_at(moved, 2 * PAGES)[-1]);
	target = map_anonymous(PAGES * page_size);
	must(mremap(moved, PAGES * page_size, PAGES * page_size, MREMAP_MAYMOVE | MREMAP_FIXED,
		    target));
	expect_pattern("moved", target, PAGES * page_size);
	expect_equal("read of the old place", SIGSEGV, fault_on_read(moved));
	must(mremap(target, PAGES * page_size, page_size, 0));
	expect_equal("read beyond the shrunk", SIGSEGV, fault_on_read(page_at(target, 1)));
	expect_pattern("shrunk", target, page_size);
}

static void check_madvise(void)
{
	unsigned char *memory = map_anonymous(PAGES * page_size);

	fill(memory, PAGES * page_size);
	must(madvise(page_at(memory, 30), 4 * page_size, MADV_DONTNEED));
	for (size_t i = 30; i < 34; i++) {
		expect_equal("start of a dropped page", 0, page_at(memory, i)[0]);
		expect_equal("end of a dropped page", 0, page_at(memory, i + 1)[-1]);
	}
	expect_pattern("pages before", memory, 30 * page_size);
	expect_equal("page after", pattern(34 * page_size), page_at(memory, 34)[0]);
	must(madvise(memory, PAGES * page_size, MADV_FREE));
	expect_error("madvise at half a page", EINVAL,
		     madvise(memory + page_size / 2, page_size, MADV_DONTNEED));
}

static void check_mincore(void)
{
	unsigned char *memory = map_anonymous(PAGES * page_size), core[PAGES];

	for (size_t i = 0; i < PAGES; i += 3)
		page_at(memory, i)[7] = 1;
	must(mincore(memory, PAGES * page_size, core));
	for (size_t i = 0; i < PAGES; i++)
		expect_equal("residence of a page", i % 3 == 0, core[i] & 1);
}

static void check_mlock(void)
{
	unsigned char *memory = map_anonymous(PAGES * page_size), core[PAGES];
	const char *status = "/proc/self/status";

	must(mlock(page_at(memory, 4) + 1, 3 * page_size));	/* touches four pages */
	expect_equal("VmLck", 4 * page_size, field(status, "VmLck") * KB);
	must(mincore(memory, PAGES * page_size, core));
	for (size_t i = 0; i < PAGES; i++)
		expect_equal("residence of a page", i >= 4 && i < 8, core[i] & 1);
	must(munlock(memory, PAGES * page_size));
	expect_equal("VmLck after munlock", 0, field(status, "VmLck"));
}

/* Faults of many pages, more than one last-level table holds at 4K, forth and back. */
static void check_many_pages(void)
{
	size_t length = 12 * MB;
	unsigned char *memory = map_anonymous(length);

	for (size_t i = 0; i < length; i += page_size)
		*(size_t *)(memory + i) = i;
	for (size_t i = length; i; i -= page_size)
		expect_equal("word of a page", i - page_size, *(size_t *)(memory + i - page_size));
	must(munmap(memory, length));
}

const struct check memory_checks[] = {
	{ "mm.mmap", check_mmap },
	{ "mm.alignment", check_alignment },
	{ "mm.munmap", check_munmap },
	{ "mm.mprotect", check_mprotect },
	{ "mm.execute", check_execute },
	{ "mm.mremap", check_mremap },
	{ "mm.madvise", check_madvise },
	{ "mm.mincore", check_mincore },
	{ "mm.mlock", check_mlock },
	{ "mm.many_pages", check_many_pages },
	{ }
};
