// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32-bit ARM program: what it gets from the kernel by other code than a 64-bit one does. Exits
 * with 0, or prints the first thing that is wrong and exits with 1.
 * With an argument: the least that the monotonic clock must show, in seconds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vdso.h"

#define PAGE 4096UL

/* Documentation/arch/arm/kernel_user_helpers.rst of the kernel */
#define KUSER_VERSION (*(volatile int32_t *)0xffff0ffc)
#define KUSER_GET_TLS ((void *(*)(void))0xffff0fe0)
#define KUSER_CMPXCHG ((int (*)(int, int, volatile int *))0xffff0fc0)

struct time64 {
	int64_t seconds, nanoseconds;
};

typedef int (*clock_function)(clockid_t clock, struct time64 *time);

static void expect(int condition, const char *what)
{
	if (condition)
		return;
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static clock_function vdso_clock(void)
{
	clock_function function = vdso_symbol("__vdso_clock_gettime64");

	expect(getauxval(AT_SYSINFO_EHDR) % PAGE == 0, "place of the vDSO");
	expect(function != NULL, "__vdso_clock_gettime64 in the vDSO");
	return function;
}

static int64_t nanoseconds(struct time64 time)
{
	return time.seconds * 1000000000 + time.nanoseconds;
}

static int64_t by_call(clockid_t clock)
{
	struct time64 time;

	expect(!syscall(SYS_clock_gettime64, clock, &time), "clock_gettime64");
	return nanoseconds(time);
}

static int64_t by_vdso(clockid_t clock)
{
	struct time64 time;

	expect(!vdso_clock()(clock, &time), "the vDSO's clock_gettime64");
	return nanoseconds(time);
}

static void check_clocks(int64_t least)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME };

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		int64_t before = by_call(clocks[i]), time = by_vdso(clocks[i]);

		expect(before <= time && time <= by_call(clocks[i]), "time of the vDSO");
	}
	expect(by_vdso(CLOCK_MONOTONIC) / 1000000000 >= least, "monotonic clock");
}

/* Where the vDSO does not find its data, it makes a system call: a tracer sees it. */
static void check_vdso_alone(void)
{
	struct user_regs registers;
	pid_t child = fork();
	int status, seen = 0;

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		by_vdso(CLOCK_MONOTONIC);
		_exit(0);
	}
	expect(waitpid(child, &status, 0) == child, "waitpid");
	while (WIFSTOPPED(status)) {
		expect(!ptrace(PTRACE_GETREGS, child, 0, &registers), "PTRACE_GETREGS");
		seen |= WSTOPSIG(status) == SIGTRAP && registers.uregs[7] == SYS_clock_gettime64;
		expect(!ptrace(PTRACE_SYSCALL, child, 0, 0), "PTRACE_SYSCALL");
		expect(waitpid(child, &status, 0) == child, "waitpid");
	}
	expect(!WEXITSTATUS(status), "exit code of the child");
	expect(!seen, "no system call by the vDSO");
}

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	signals += number;
}

/* Without SA_RESTORER, which libc always sets, the handler returns to the kernel's own page. */
static void check_sigreturn(void)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action = { .handler = on_signal };

	expect(!syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, sizeof(action.mask)),
	       "rt_sigaction");
	raise(SIGUSR1);
	raise(SIGUSR1);
	expect(signals == 2 * SIGUSR1, "two signals");
}

static void check_helpers(void)
{
	volatile int word = 1;

	expect(KUSER_VERSION >= 3, "version of the helpers");
	expect(KUSER_GET_TLS() == __builtin_thread_pointer(), "thread pointer by the helper");
	expect(!KUSER_CMPXCHG(1, 7, &word) && word == 7, "compare and exchange by the helper");
}

/* Memory in steps of 4K, up to the last page but one that 32 bits address. */
static void check_memory(void)
{
	void *top = (void *)(0UL - 2 * PAGE), *beyond = (void *)(0UL - PAGE);
	char *memory = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	unsigned char resident;

	expect(memory != MAP_FAILED, "mmap");
	memset(memory, 1, 3 * PAGE);
	expect(!munmap(memory + PAGE, PAGE), "munmap of one page");
	expect(mincore(memory + PAGE, PAGE, &resident) == -1 && errno == ENOMEM, "a hole");
	expect(memory[0] == 1 && memory[3 * PAGE - 1] == 1, "memory around it");
	expect(mmap(top, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		    -1, 0) == top, "mmap at the end");
	memset(top, 1, PAGE);
	expect(mmap(beyond, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	       MAP_FAILED, "no mmap beyond the end");
}

int main(int argc, char **argv)
{
	expect(getauxval(AT_PAGESZ) == PAGE, "AT_PAGESZ");
	check_memory();
	check_helpers();
	check_sigreturn();
	check_clocks(argc > 1 ? atoll(argv[1]) : 0);
	check_vdso_alone();
	return 0;
}
