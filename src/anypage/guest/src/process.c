// SPDX-License-Identifier: GPL-2.0-only
/* Processes: fork, copy on write, exec, the heap and the stack. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "process.h"
#include "util.h"

#define PAGES 16
#define EXEC_CODE 42
#define LONG_ARGUMENT 100000UL

static void check_fork(void)
{
	for (int i = 0; i < 20; i++) {
		pid_t child = must(fork());

		if (!child)
			_exit(i + 10);
		expect_exit(child, i + 10);
	}
}

static void check_vfork(void)
{
	pid_t child = must(vfork());

	if (!child)
		_exit(7);
	expect_exit(child, 7);
}

struct cow {
	unsigned char *private, *shared;
};

static void write_both(void *argument)
{
	struct cow *cow = argument;

	expect_pattern("inherited memory", cow->private, PAGES * page_size);
	memset(cow->private, 0xaa, PAGES * page_size);
	memset(cow->shared, 0xbb, PAGES * page_size);
	expect_equal("own copy", 0xaa, cow->private[5 * page_size]);
}

static void check_cow(void)
{
	struct cow cow = { map_anonymous(PAGES * page_size), map_shared(PAGES * page_size) };

	fill(cow.private, PAGES * page_size);
	in_child(write_both, &cow);
	expect_pattern("memory of the parent", cow.private, PAGES * page_size);
	for (size_t i = 0; i < PAGES * page_size; i++)
		expect_equal("shared memory", 0xbb, cow.shared[i]);
}

/* A new program sees the arguments, also one that spans pages, and the page size. */
int exec_child(int argc, char **argv)
{
	if (argc != 4 || strtoul(argv[2], NULL, 0) != page_size)
		return 2;
	return strlen(argv[3]) == LONG_ARGUMENT ? EXEC_CODE : 3;
}

static void check_exec(void)
{
	char *argument = calloc(1, LONG_ARGUMENT + 1), size[24];
	pid_t child = must(fork());

	if (!child) {
		memset(argument, 'a', LONG_ARGUMENT);
		snprintf(size, sizeof(size), "%lu", page_size);
		execl("/init", "init", EXEC_CHILD, size, argument, NULL);
		_exit(9);
	}
	expect_exit(child, EXEC_CODE);
}

static void check_brk(void)
{
	size_t length = 5 * page_size + 123;
	unsigned char *start = sbrk(0), *end;

	expect((intptr_t)sbrk(length) != -1);
	end = sbrk(0);
	expect_equal("growth", length, end - start);
	fill(start, length);
	expect_pattern("heap", start, length);
	/* The rest of the last page belongs to the heap, the next page does not. */
	end = (unsigned char *)(((uintptr_t)end + page_size - 1) & -page_size);
	expect_equal("fault in the last page", 0, fault_on_write(end - 1));
	expect_equal("fault after it", SIGSEGV, fault_on_write(end));
	expect((intptr_t)sbrk(-(intptr_t)length) != -1);
	expect_equal("fault after shrinking", SIGSEGV, fault_on_write(end - 1));
}

static size_t use_stack(size_t bytes)
{
	volatile unsigned char block[8 * KB];

	for (size_t i = 0; i < sizeof(block); i += KB)
		block[i] = i;
	if (bytes < sizeof(block))
		return block[KB];
	return use_stack(bytes - sizeof(block)) + block[0];
}

static void check_stack(void)
{
	use_stack(4 * MB);
	expect_least("VmStk", 4 * MB, field("/proc/self/status", "VmStk") * KB);
}

/* Beyond the limit there is a signal, not memory. */
static void check_stack_limit(void)
{
	struct rlimit limit = { .rlim_cur = MB, .rlim_max = MB };
	pid_t child = must(fork());
	int status;

	if (!child) {
		setrlimit(RLIMIT_STACK, &limit);
		use_stack(2 * MB);
		_exit(0);
	}
	must(waitpid(child, &status, 0));
	expect_equal("signal", SIGSEGV, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void *work(void *argument)
{
	unsigned char *memory = map_anonymous(PAGES * page_size);

	fill(memory, PAGES * page_size);
	for (int i = 0; i < 20; i++) {
		madvise(memory, PAGES / 2 * page_size, MADV_DONTNEED);
		fill(memory, PAGES / 2 * page_size);
	}
	expect_pattern("memory of a thread", memory, PAGES * page_size);
	munmap(memory, PAGES * page_size);
	return argument;
}

static void check_threads(void)
{
	pthread_t threads[8];

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		expect_equal("pthread_create", 0, pthread_create(&threads[i], NULL, work, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
}

const struct check process_checks[] = {
	{ "process.fork", check_fork },
	{ "process.vfork", check_vfork },
	{ "process.cow", check_cow },
	{ "process.exec", check_exec },
	{ "process.brk", check_brk },
	{ "process.stack", check_stack },
	{ "process.stack_limit", check_stack_limit },
	{ "process.threads", check_threads },
	{ }
};
