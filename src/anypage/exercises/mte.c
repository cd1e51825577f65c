// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory tags: that a wrong one faults, and that tags stay with their page where the kernel copies,
 * moves or swaps it. The argument names the test; exit 0: passed, 77: no such thing here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PROT_MTE
#define PROT_MTE 0x20
#endif
#ifndef HWCAP2_MTE
#define HWCAP2_MTE (1 << 18)
#endif
#ifndef PR_MTE_TCF_SYNC
#define PR_MTE_TCF_SYNC (1UL << 1)
#define PR_MTE_TCF_ASYNC (1UL << 2)
#define PR_MTE_TAG_SHIFT 3
#endif
#ifndef PR_SET_TAGGED_ADDR_CTRL
#define PR_SET_TAGGED_ADDR_CTRL 55
#define PR_TAGGED_ADDR_ENABLE 1UL
#endif
#ifndef PTRACE_PEEKMTETAGS
#define PTRACE_PEEKMTETAGS 33
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#define SEGV_MTEAERR_CODE 8
#define SEGV_MTESERR_CODE 9

#define GRANULE 16
#define PAGES 8

static size_t page_size, length;
/* QEMU 7.2 may keep the tags of two granules for all of a page of 4K: one tag for a page, then. */
static bool same_in_page;

__attribute__((noreturn))
static void fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

/* Tag 1 to 15, another one for each granule and page. */
static unsigned int tag_at(size_t offset)
{
	if (same_in_page)
		return 1 + offset / page_size % 15;
	return 1 + (offset / GRANULE + offset / page_size) % 15;
}

static void *with_tag(void *address, unsigned int tag)
{
	return (void *)((uintptr_t)address | (uintptr_t)tag << 56);
}

static void set_tag(void *address, unsigned int tag)
{
	asm volatile(".arch armv8.5-a+memtag\n\tstg %0, [%0]" :: "r" (with_tag(address, tag)) : "memory");
}

static unsigned int get_tag(void *address)
{
	void *result = address;

	asm volatile(".arch armv8.5-a+memtag\n\tldg %0, [%1]" : "+r" (result) : "r" (address));
	return (uintptr_t)result >> 56 & 15;
}

static void check_mode(unsigned long mode)
{
	if (prctl(PR_SET_TAGGED_ADDR_CTRL, PR_TAGGED_ADDR_ENABLE | mode | 0xfffeUL << PR_MTE_TAG_SHIFT,
		  0, 0, 0))
		fail("prctl");
}

static char *map(int flags, int fd)
{
	char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE | PROT_MTE, flags, fd, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	return memory;
}

static void fill(char *memory)
{
	for (size_t i = 0; i < length; i += GRANULE) {
		set_tag(memory + i, tag_at(i));
		memset(with_tag(memory + i, tag_at(i)), tag_at(i) * 3 + i / page_size, GRANULE);
	}
}

static void compare(char *memory)
{
	for (size_t i = 0; i < length; i += GRANULE) {
		const char *data;

		if (get_tag(memory + i) != tag_at(i)) {
			printf("tag at %zu: %u, not %u\n", i, get_tag(memory + i), tag_at(i));
			exit(1);
		}
		data = with_tag(memory + i, tag_at(i));
		if (data[0] != (char)(tag_at(i) * 3 + i / page_size) || data[15] != data[0]) {
			printf("data at %zu\n", i);
			exit(1);
		}
	}
}

static int expected_code;

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	_exit(info->si_code == expected_code ? 0 : 2);
}

/* The access, in a child, raises SIGSEGV with this code. */
static void must_fault(char *address, int code)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	int status;

	if (!fork()) {
		expected_code = code;
		sigaction(SIGSEGV, &action, NULL);
		*(volatile char *)address = 1;
		getpid();		/* an asynchronous fault is told at the next entry */
		_exit(1);
	}
	wait(&status);
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		printf("access with a wrong tag: status %#x\n", status);
		exit(1);
	}
}

static void test_faults(unsigned long mode, int code)
{
	char *memory;

	check_mode(mode);
	memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	fill(memory);
	compare(memory);
	for (size_t i = 0; i < length; i += page_size - GRANULE)
		must_fault(with_tag(memory + i / GRANULE * GRANULE,
				    tag_at(i / GRANULE * GRANULE) % 15 + 1), code);
	compare(memory);
}

static void test_sync(void)
{
	test_faults(PR_MTE_TCF_SYNC, SEGV_MTESERR_CODE);
}

static void test_async(void)
{
	test_faults(PR_MTE_TCF_ASYNC, SEGV_MTEAERR_CODE);
}

/* A copy of a page has its tags: both sides write after the fork. */
static void test_fork(void)
{
	char *memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int status;

	fill(memory);
	if (!fork()) {
		compare(memory);
		for (size_t i = 0; i < length; i += page_size)
			*(volatile char *)with_tag(memory + i, tag_at(i)) += 0;
		compare(memory);
		exit(0);
	}
	wait(&status);
	if (status)
		fail("child");
	compare(memory);
}

static void test_swap(void)
{
	char *memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1), line[200];
	FILE *file = fopen("/proc/self/status", "r");
	unsigned long swapped = 0;

	fill(memory);
	if (madvise(memory, length, MADV_PAGEOUT))
		fail("MADV_PAGEOUT");
	while (fgets(line, sizeof(line), file))
		sscanf(line, "VmSwap: %lu", &swapped);
	printf("in swap: %lu kB of %zu\n", swapped, length / 1024);
	if (swapped < length / 1024 / 2)
		exit(1);
	compare(memory);
}

static void test_shared(void)
{
	int fd = memfd_create("tags", 0), status;
	char *memory, *again;

	if (fd < 0 || ftruncate(fd, length))
		fail("memfd");
	memory = map(MAP_SHARED, fd);
	again = map(MAP_SHARED, fd);
	fill(memory);
	compare(again);
	if (!fork()) {
		compare(memory);
		exit(0);
	}
	wait(&status);
	if (status)
		fail("child");
	if (madvise(memory, length, MADV_PAGEOUT))
		fail("MADV_PAGEOUT");
	compare(again);
}

/* Moved to another address, and made to have tags only later: fresh tags are zero. */
static void test_move(void)
{
	char *memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1), *plain;

	fill(memory);
	memory = mremap(memory, length, length * 2, MREMAP_MAYMOVE);
	if (memory == MAP_FAILED)
		fail("mremap");
	compare(memory);
	for (size_t i = length; i < length * 2; i += GRANULE)
		if (get_tag(memory + i))
			fail("tag of fresh memory");
	plain = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(plain, 1, length);
	if (mprotect(plain, length, PROT_READ | PROT_WRITE | PROT_MTE))
		fail("mprotect");
	for (size_t i = 0; i < length; i += GRANULE)
		if (get_tag(plain + i) || plain[i] != 1)
			fail("tag or data after mprotect");
	fill(plain);
	compare(plain);
}

/* A debugger reads the tags of all pages in one call. */
static void test_ptrace(void)
{
	char *memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned char *tags = calloc(1, length / GRANULE);
	struct iovec out = { tags, length / GRANULE };
	pid_t child;
	size_t got = 0;

	fill(memory);
	child = fork();
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	while (got < length / GRANULE) {
		out.iov_base = tags + got;
		out.iov_len = length / GRANULE - got;
		if (ptrace(PTRACE_PEEKMTETAGS, child, memory + got * GRANULE, &out) || !out.iov_len)
			fail("PTRACE_PEEKMTETAGS");
		got += out.iov_len;
	}
	kill(child, SIGKILL);
	for (size_t i = 0; i < length; i += GRANULE)
		if (tags[i / GRANULE] != tag_at(i))
			fail("tag that ptrace reads");
}

/* The kernel has no part in this. */
static bool granules_differ(void)
{
	char *memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);

	set_tag(memory, 1);
	set_tag(memory + 2 * GRANULE, 2);
	return get_tag(memory) == 1;
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "sync", test_sync }, { "async", test_async }, { "fork", test_fork },
	{ "swap", test_swap }, { "shared", test_shared }, { "move", test_move },
	{ "ptrace", test_ptrace },
};

int main(int argc, char **argv)
{
	page_size = getauxval(AT_PAGESZ);
	length = PAGES * page_size;
	if (!(getauxval(AT_HWCAP2) & HWCAP2_MTE))
		return 77;
	check_mode(PR_MTE_TCF_SYNC);
	same_in_page = !granules_differ();
	if (argc > 1 && !strcmp(argv[1], "granules"))
		return same_in_page ? 77 : 0;
	for (size_t i = 0; argc > 1 && i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (strcmp(tests[i].name, argv[1]))
			continue;
		tests[i].run();
		return 0;
	}
	return argc > 1;
}
