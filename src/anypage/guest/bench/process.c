// SPDX-License-Identifier: GPL-2.0-only
/* Processes: fork and exit with little and with much memory, and exec of both kinds of programs. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define FORKS 100
#define EXECS 20

static unsigned char *memory;

static void wait_for(pid_t child)
{
	int status;

	must(waitpid(child, &status, 0));
	if (status)
		give_up("a child ended with status %d", status);
}

static void fork_once(void)
{
	pid_t child = must(fork());

	if (!child)
		_exit(0);
	wait_for(child);
}

static void fork_often(void)
{
	for (int i = 0; i < FORKS; i++)
		fork_once();
}

static void map_gigabyte(void)
{
	memory = map_memory(GB);
	touch(memory, GB);
}

static void unmap_gigabyte(void)
{
	must(munmap(memory, GB));
}

static void execute(const char *path)
{
	char *const arguments[] = { (char *)path, NOTHING, NULL }, *const environment[] = { NULL };

	for (int i = 0; i < EXECS; i++) {
		pid_t child = must(vfork());

		if (!child) {
			execve(path, arguments, environment);
			_exit(1);
		}
		wait_for(child);
	}
}

static void execute_static(void)
{
	execute("/init");
}

static void execute_dynamic(void)
{
	execute("/bin/dynamic");
}

const struct workload process_workloads[] = {
	{ "fork-exit", NULL, fork_often, NULL },
	{ "fork-exit-1g", map_gigabyte, fork_once, unmap_gigabyte },
	{ "exec-static", NULL, execute_static, NULL },
	{ "exec-dynamic", NULL, execute_dynamic, NULL },
	{ },
};
