/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame of all workloads. What run() does is counted, each round for itself; prepare() and
 * finish() are not. Everything is done by one process at a time, or by two that wait for each
 * other, so that the same kernel executes the same instructions.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define KB (1024UL)
#define MB (1024UL * KB)
#define GB (1024UL * MB)

struct workload {
	const char *name;
	void (*prepare)(void);
	void (*run)(void);
	void (*finish)(void);
};

/* Each file exports one array, ended by an empty entry. */
extern const struct workload memory_workloads[], process_workloads[], call_workloads[];
extern const struct workload file_workloads[], program_workloads[], swap_workloads[];

extern unsigned long page_size;

/* The workload failed: says so to the host, and the guest is off. */
__attribute__((noreturn, format(printf, 1, 2)))
void give_up(const char *format, ...);

/* A system call that must succeed; its value. */
#define must(call) ({							\
	__auto_type value__ = (call);					\
	if ((intptr_t)value__ == -1)					\
		give_up("%s: %m", #call);				\
	value__;							\
})

/* Anonymous private memory, never huge pages; one write for each page. */
unsigned char *map_memory(size_t length);
void touch(unsigned char *memory, size_t length);

/* First argument of our own program when a workload executes it, which then ends at once. */
#define NOTHING "nothing"

#endif
