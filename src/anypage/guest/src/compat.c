// SPDX-License-Identifier: GPL-2.0-only
/* 32-bit programs: with 4K pages they run, with larger ones none is started. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define PROGRAM "/compat"
#define OFFSET "1000000"

static void need_compat(void)
{
	/* This file is there in kernels with COMPAT alone. */
	if (access("/proc/sys/vm/mmap_rnd_compat_bits", F_OK))
		skip("no 32-bit programs in this kernel");
	if (access(PROGRAM, X_OK))
		skip("no 32-bit program here");
	if (!find_message("detected: 32-bit EL0 Support"))
		skip("no 32-bit programs on this CPU");
}

/* What the program says goes into the report. */
static void run_program(const char *argument)
{
	char text[200] = "";
	int ends[2], status;
	pid_t child;

	must(pipe(ends));
	child = must(fork());
	if (!child) {
		dup2(ends[1], STDOUT_FILENO);
		execl(PROGRAM, PROGRAM, argument, NULL);
		dprintf(ends[1], "cannot be executed: %s", strerror(errno));
		_exit(1);
	}
	close(ends[1]);
	must(read(ends[0], text, sizeof(text) - 1));
	must(waitpid(child, &status, 0));
	expect_text("32-bit program", "", text);
	expect_equal("its status", 0, status);
}

static void check_run(void)
{
	need_compat();
	if (page_size != 4 * KB)
		skip("not with these pages");
	run_program(NULL);
}

static void check_namespace(void)
{
	need_compat();
	if (page_size != 4 * KB)
		skip("not with these pages");
	if (access("/proc/self/timens_offsets", F_OK))
		skip("no time namespaces in this kernel");
	must(unshare(CLONE_NEWTIME));
	write_text("/proc/self/timens_offsets", "monotonic " OFFSET " 0\n");
	run_program(OFFSET);
}

static void check_refused(void)
{
	need_compat();
	if (page_size == 4 * KB)
		skip("they run with these pages");
	if (!wanted("policy"))
		skip("the page size was chosen when the kernel was built");
	expect_error("exec of a 32-bit program", ENOEXEC, execl(PROGRAM, PROGRAM, NULL));
	if (!find_message("32-bit programs need 4K pages"))
		fail("kernel log", "32-bit programs need 4K pages", "no such line");
}

const struct check compat_checks[] = {
	{ "compat.run", check_run },
	{ "compat.time_namespace", check_namespace },
	{ "compat.refused", check_refused },
	{ }
};
