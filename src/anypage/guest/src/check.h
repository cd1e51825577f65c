/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame of all checks. A check is a function that runs in a process of its own: it returns
 * when all is well, and the first thing that is not as expected ends it. Nothing that it does to
 * its own memory can harm the next one; what it does to the kernel (mounts, swap) it undoes.
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct check {
	const char *name;
	void (*run)(void);
};

/* Of the check that runs: several may share a function. */
extern const char *check_name;

/* Each file exports one array, ended by an empty entry. */
extern const struct check page_checks[], memory_checks[], process_checks[], shm_checks[];
extern const struct check huge_checks[], swap_checks[], file_checks[], ipc_checks[];
extern const struct check clock_checks[], module_checks[], core_checks[], bpf_checks[];
extern const struct check perf_checks[], kernel_checks[];
extern const struct check compat_checks[], page_table_checks[];
/* Of a machine that hibernates, and of one that finds the image of another page size. */
extern const struct check hibernate_checks[], refused_image_checks[];

/* One for each module that the host sent. */
const struct check *load_checks(void);

void run_checks(const struct check *checks);
void report_begin(void);
int report_end(const char *next);

/* For what is no check of this program: the exercises, which are scripts. */
enum status { PASSED, FAILED, SKIPPED, UNFINISHED };
void report_start(const char *name);
void report_result(const char *name, enum status status, const char *reason, double seconds);

/* Ends of a check. The texts are kept for the report. */
__attribute__((noreturn, format(printf, 3, 4)))
void fail(const char *what, const char *expected, const char *found, ...);
__attribute__((noreturn, format(printf, 1, 2)))
void skip(const char *reason, ...);

void expect_equal(const char *what, uint64_t expected, uint64_t found);
void expect_text(const char *what, const char *expected, const char *found);
/* For counts that have a lower bound only. */
void expect_least(const char *what, uint64_t least, uint64_t found);
/* The call must fail with this errno. */
void expect_error(const char *what, int error, long result);

#define expect(condition) \
	((condition) ? (void)0 : fail(#condition, "true", "false"))

/* A system call that must succeed; its value. */
#define must(call) ({							\
	__auto_type value__ = (call);					\
	if ((intptr_t)value__ == -1)					\
		fail(#call, "success", "%s", strerror(errno));		\
	value__;							\
})

#endif
