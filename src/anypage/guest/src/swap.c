// SPDX-License-Identifier: GPL-2.0-only
/* Swap: data that went to the disk comes back, and it did go there. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "check.h"
#include "swap_header.h"
#include "util.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define CGROUPS "/sys/fs/cgroup"
#define GROUP CGROUPS "/anypage"
#define GROUP_LIMIT (16 * MB)
#define AMOUNT (8 * MB)

void make_swap(const char *path, size_t size)
{
	int fd = must(open(path, O_RDWR | O_CLOEXEC));

	must(write_swap_header(fd, size));
	close(fd);
}

static const char *swap_disk(void)
{
	const char *path = disk("swap");

	if (access("/proc/swaps", F_OK))
		skip("no swap in this kernel");
	if (!path)
		skip("no disk 'swap'");
	return path;
}

static uint64_t swapped_out(void)
{
	return field("/proc/vmstat", "pswpout") * page_size;
}

static bool has_counters(void)
{
	return strstr(read_whole("/proc/vmstat", NULL), "pswpout");
}

static void swap_on(const char *path)
{
	must(swapon(path, 0));
	/* The first page is the header. */
	expect_equal("SwapTotal", (64 * MB) - page_size, meminfo("SwapTotal"));
}

/* Every page goes out by request, and comes back by a fault. */
static void check_pageout(void)
{
	const char *path = swap_disk();
	unsigned char *memory = map_anonymous(AMOUNT);
	uint64_t before;

	make_swap(path, page_size);
	swap_on(path);
	fill(memory, AMOUNT);
	before = has_counters() ? swapped_out() : 0;
	must(madvise(memory, AMOUNT, MADV_PAGEOUT));
	expect_least("memory in swap", AMOUNT * 3 / 4, smaps(memory, "Swap"));
	if (has_counters())
		expect_least("bytes written to swap", AMOUNT * 3 / 4, swapped_out() - before);
	expect_pattern("memory from swap", memory, AMOUNT);
	must(swapoff(path));
}

/* Switched off, swap gives all data back first. */
static void check_swapoff(void)
{
	const char *path = swap_disk();
	unsigned char *memory = map_anonymous(AMOUNT);

	make_swap(path, page_size);
	swap_on(path);
	fill(memory, AMOUNT);
	must(madvise(memory, AMOUNT, MADV_PAGEOUT));
	expect_least("memory in swap", AMOUNT * 3 / 4, smaps(memory, "Swap"));
	must(swapoff(path));
	expect_equal("memory in swap after swapoff", 0, smaps(memory, "Swap"));
	expect_equal("SwapTotal after swapoff", 0, meminfo("SwapTotal"));
	expect_pattern("memory after swapoff", memory, AMOUNT);
}

/* A kernel for one page size does not look for headers of others. */
static void expect_named(size_t size)
{
	char text[100];

	if (!wanted("policy"))
		return;
	snprintf(text, sizeof(text),
		 "Swap area was made for %luK pages, this kernel runs with %luK pages",
		 size / KB, page_size / KB);
	if (!find_message(text))
		fail("kernel log", text, "no such line");
}

/* A header for another page size is refused: its pages would be at other places. */
static void check_foreign(void)
{
	static const size_t sizes[] = { 4 * KB, 16 * KB, 64 * KB };
	const char *path = swap_disk();

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (sizes[i] == page_size)
			continue;
		make_swap(path, sizes[i]);
		expect_error("swapon with the header of another page size", EINVAL,
			     swapon(path, 0));
		expect_named(sizes[i]);
	}
}

static void use_beyond_limit(void *unused)
{
	size_t length = GROUP_LIMIT + AMOUNT;
	unsigned char *memory;

	(void)unused;
	write_number(GROUP "/cgroup.procs", getpid());
	memory = map_anonymous(length);
	for (size_t i = 0; i < length; i += KB)
		*(size_t *)(memory + i) = ~i;
	expect_least("memory of the group in swap", AMOUNT / 2,
		     read_number(GROUP "/memory.swap.current"));
	for (size_t i = 0; i < length; i += KB)
		expect_equal("word from swap", ~i, *(size_t *)(memory + i));
	write_number(CGROUPS "/cgroup.procs", getpid());
}

/* A control group that needs more than its limit lives on, by swap. */
static void check_limit(void)
{
	const char *path = swap_disk();

	make_dir(CGROUPS);
	if (mount("cgroup2", CGROUPS, "cgroup2", 0, NULL) && errno != EBUSY)
		skip("no control groups in this kernel");
	write_text(CGROUPS "/cgroup.subtree_control", "+memory");
	make_dir(GROUP);
	write_number(GROUP "/memory.max", GROUP_LIMIT);
	make_swap(path, page_size);
	swap_on(path);
	in_child(use_beyond_limit, NULL);
	must(swapoff(path));
	must(rmdir(GROUP));
}

const struct check swap_checks[] = {
	{ "swap.pageout", check_pageout },
	{ "swap.off", check_swapoff },
	{ "swap.foreign_header", check_foreign },
	{ "swap.memory_limit", check_limit },
	{ }
};
