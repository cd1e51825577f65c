// SPDX-License-Identifier: GPL-2.0-only
/* System calls: the cheapest one, those that allocate from slabs, and switches between processes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define CALLS 20000
#define ALLOCATIONS 1000
#define SWITCHES 2000

static void get_pid(void)
{
	for (int i = 0; i < CALLS; i++)
		must(syscall(SYS_getpid));
}

static void open_and_close(void)
{
	for (int i = 0; i < ALLOCATIONS; i++)
		close(must(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)));
}

static void make_pipes(void)
{
	int ends[2];

	for (int i = 0; i < ALLOCATIONS; i++) {
		must(pipe(ends));
		close(ends[0]);
		close(ends[1]);
	}
}

static void make_pollers(void)
{
	for (int i = 0; i < ALLOCATIONS; i++)
		close(must(epoll_create1(0)));
}

/* Each message is a buffer of kmalloc, of a size of its own. */
static void send_messages(void)
{
	static char message[32 * KB];
	int ends[2];

	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	for (int i = 0; i < ALLOCATIONS; i++) {
		size_t size = 1 + i * sizeof(message) / ALLOCATIONS;

		must(write(ends[0], message, size));
		must(read(ends[1], message, sizeof(message)));
	}
	close(ends[0]);
	close(ends[1]);
}

static int ping[2], pong[2];
static pid_t partner;

static void start_partner(void)
{
	char byte;

	must(pipe(ping));
	must(pipe(pong));
	partner = must(fork());
	if (partner)
		return;
	close(ping[1]);
	while (read(ping[0], &byte, 1) == 1)
		must(write(pong[1], &byte, 1));
	_exit(0);
}

static void play(void)
{
	char byte = 1;

	for (int i = 0; i < SWITCHES; i++) {
		must(write(ping[1], &byte, 1));
		must(read(pong[0], &byte, 1));
	}
}

static void end_partner(void)
{
	close(ping[1]);
	must(waitpid(partner, NULL, 0));
	close(ping[0]);
	close(pong[0]);
	close(pong[1]);
}

const struct workload call_workloads[] = {
	{ "getpid", NULL, get_pid, NULL },
	{ "open-close", NULL, open_and_close, NULL },
	{ "pipe-close", NULL, make_pipes, NULL },
	{ "epoll-close", NULL, make_pollers, NULL },
	{ "socket-messages", NULL, send_messages, NULL },
	{ "pipe-ping-pong", start_partner, play, end_partner },
	{ },
};
