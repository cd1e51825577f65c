// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vDSO: code of the kernel in user space, with its data some pages away. Called by its own
 * symbols, so that a libc without it does not hide a failure.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "util.h"
#include "vdso.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define MONOTONIC_OFFSET 1000000
#define BOOTTIME_OFFSET 2000000
#define NANOSECONDS 1000000000LL
#define NEARLY (2 * NANOSECONDS)

typedef int (*clock_function)(clockid_t clock, struct timespec *time);

struct random_parameters {		/* struct vgetrandom_opaque_params of the kernel */
	uint32_t state_size, protection, flags, reserved[13];
};

typedef ssize_t (*random_function)(void *buffer, size_t length, unsigned int flags, void *state,
				   size_t state_length);

static clock_function vdso_clock(void)
{
	clock_function function = vdso_symbol("__kernel_clock_gettime");

	expect_equal("offset of the vDSO in its page", 0, getauxval(AT_SYSINFO_EHDR) % page_size);
	if (!function)
		fail("__kernel_clock_gettime", "in the vDSO", "absent");
	return function;
}

static int64_t nanoseconds(struct timespec time)
{
	return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

static int64_t by_call(clockid_t clock)
{
	struct timespec time;

	must(syscall(SYS_clock_gettime, clock, &time));
	return nanoseconds(time);
}

static int64_t by_vdso(clockid_t clock)
{
	struct timespec time;

	expect_equal("value of the vDSO's function", 0, vdso_clock()(clock, &time));
	return nanoseconds(time);
}

static const clockid_t clocks[] = {
	CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME, CLOCK_MONOTONIC_COARSE,
	CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_RAW,
};

/* The vDSO's time lies between two system calls; coarse clocks stand still for a tick. */
static void expect_clocks_agree(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		int64_t before = by_call(clocks[i]), time = by_vdso(clocks[i]);
		int64_t after = by_call(clocks[i]);

		if (time < before || time > after)
			fail("vDSO's time between two system calls", "true", "clock %d: %lld %lld %lld",
			     clocks[i], (long long)before, (long long)time, (long long)after);
	}
}

static void check_vdso(void)
{
	struct timespec resolution;
	clock_function function = vdso_symbol("__kernel_clock_getres");

	expect_clocks_agree();
	if (function)
		expect_equal("clock_getres", 0, function(CLOCK_MONOTONIC, &resolution));
}

/*
 * Data pages that are not where the code looks would read as zeros, and zeros mean "make a system
 * call": right answers, from the wrong place. A tracer sees such a call.
 */
static void check_vdso_alone(void)
{
	struct iovec range;
	struct user_regs_struct registers;
	bool seen = false;
	pid_t child = must(fork());
	int status;

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		by_vdso(CLOCK_MONOTONIC);
		_exit(0);
	}
	must(waitpid(child, &status, 0));
	while (WIFSTOPPED(status)) {
		range = (struct iovec){ &registers, sizeof(registers) };
		must(ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &range));
		seen |= WSTOPSIG(status) == SIGTRAP && registers.regs[8] == SYS_clock_gettime;
		must(ptrace(PTRACE_SYSCALL, child, 0, 0));
		must(waitpid(child, &status, 0));
	}
	expect_equal("exit code", 0, WEXITSTATUS(status));
	expect_text("clock_gettime", "no system call", seen ? "system call" : "no system call");
}

static void expect_near(const char *what, int64_t expected, int64_t found)
{
	char text[40];

	if (found >= expected && found - expected < NEARLY)
		return;
	snprintf(text, sizeof(text), "%lld ns", (long long)expected);
	fail(what, text, "%lld ns", (long long)found);
}

static int64_t outside_monotonic, outside_boottime, outside_realtime;

static void in_namespace(void *unused)
{
	(void)unused;
	expect_clocks_agree();
	expect_near("monotonic clock in the namespace",
		    outside_monotonic + MONOTONIC_OFFSET * NANOSECONDS, by_vdso(CLOCK_MONOTONIC));
	expect_near("boot clock in the namespace",
		    outside_boottime + BOOTTIME_OFFSET * NANOSECONDS, by_vdso(CLOCK_BOOTTIME));
	expect_near("real-time clock", outside_realtime, by_vdso(CLOCK_REALTIME));
}

/* The process that makes the namespace stays outside; its children are within. */
static void check_namespace(void)
{
	char offsets[80];

	if (access("/proc/self/timens_offsets", F_OK))
		skip("no time namespaces in this kernel");
	must(unshare(CLONE_NEWTIME));
	snprintf(offsets, sizeof(offsets), "monotonic %d 0\nboottime %d 0\n", MONOTONIC_OFFSET,
		 BOOTTIME_OFFSET);
	write_text("/proc/self/timens_offsets", offsets);
	outside_monotonic = by_vdso(CLOCK_MONOTONIC);
	outside_boottime = by_vdso(CLOCK_BOOTTIME);
	outside_realtime = by_vdso(CLOCK_REALTIME);
	in_child(in_namespace, NULL);
	expect_near("monotonic clock outside", outside_monotonic, by_vdso(CLOCK_MONOTONIC));
	expect_clocks_agree();
}

/* Generates user space's random numbers from a key on the data pages (since 6.12). */
static void check_random(void)
{
	random_function function = vdso_symbol("__kernel_getrandom");
	struct random_parameters parameters;
	unsigned char first[256] = { 0 }, second[256] = { 0 };
	void *state;

	if (!function)
		skip("no getrandom in this kernel's vDSO");
	expect_equal("parameters", 0, function(NULL, 0, 0, &parameters, ~0UL));
	state = must(mmap(NULL, page_size, parameters.protection, parameters.flags, -1, 0));
	expect_equal("length", 256, function(first, 256, 0, state, parameters.state_size));
	expect_equal("length", 256, function(second, 256, 0, state, parameters.state_size));
	expect(memcmp(first, second, sizeof(first)));
}

const struct check clock_checks[] = {
	{ "vdso.clocks", check_vdso },
	{ "vdso.no_system_call", check_vdso_alone },
	{ "vdso.time_namespace", check_namespace },
	{ "vdso.getrandom", check_random },
	{ }
};
