// SPDX-License-Identifier: GPL-2.0-only
/*
 * The init of a guest that is measured: runs each workload in rounds, says which round came when,
 * and what /proc knows of memory; powers off.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define REPORT "anypage> "
#define CONSOLE_LEVEL 8		/* klogctl: the level below which messages reach the console */
#define WARM_UP 2		/* rounds that are not counted: caches of the kernel fill */
#define ROUNDS 5
#define SETTLE_MS 40		/* by then, what RCU frees later is free */

/* What the plugin knows: movz xzr, #imm (measure/plugin.c). */
#define BEGIN() asm volatile("movz xzr, #0xa9e0" ::: "memory")
#define END() asm volatile("movz xzr, #0xa9e1" ::: "memory")
#define END_WITH_DETAILS() asm volatile("movz xzr, #0xa9e2" ::: "memory")

unsigned long page_size;

static const struct workload *const suites[] = {
	call_workloads, file_workloads, memory_workloads, process_workloads, program_workloads,
	swap_workloads,
};

static void power_off(void)
{
	fflush(stdout);
	reboot(RB_POWER_OFF);
	_exit(1);		/* init must not end: the kernel panics, and the host sees it */
}

static const char *running = "start";

void give_up(const char *format, ...)
{
	char text[200];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (char *c = text; *c; c++)
		if (*c == '"' || *c == '\\' || *c < ' ')
			*c = '\'';
	printf(REPORT "{\"failed\": \"%s\", \"why\": \"%s\"}\n", running, text);
	power_off();
	__builtin_unreachable();
}

/* A file of /proc as lines "file: text" of the report; the host reads them. */
static void show(const char *path)
{
	char line[300];
	FILE *file = fopen(path, "r");

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		for (char *c = line; *c; c++)
			if (*c == '"' || *c == '\\' || *c < ' ')
				*c = ' ';
		printf(REPORT "{\"file\": \"%s\", \"line\": \"%s\"}\n", path, line);
	}
	if (file)
		fclose(file);
}

/* VmPTE of a mapping of 1 GiB, before and after it is touched. */
static void show_page_tables(void)
{
	unsigned char *memory = map_memory(GB);

	show("/proc/self/status");
	touch(memory, GB);
	show("/proc/self/status");
	must(munmap(memory, GB));
}

/* What a round leaves to be freed is freed in that round: here, at its end. */
static void settle(void)
{
	struct timespec time = { .tv_nsec = SETTLE_MS * 1000000L };

	nanosleep(&time, NULL);
}

static void run_rounds(const struct workload *load)
{
	running = load->name;
	for (int round = 0; round < WARM_UP + ROUNDS; round++) {
		if (load->prepare)
			load->prepare();
		settle();
		BEGIN();
		load->run();
		settle();
		if (round == WARM_UP + ROUNDS - 1)
			END_WITH_DETAILS();
		else
			END();
		if (load->finish)
			load->finish();
		printf(REPORT "{\"workload\": \"%s\", \"counted\": %s}\n", load->name,
		       round < WARM_UP ? "false" : "true");
	}
}

static void mount_at(const char *type, const char *path)
{
	mkdir(path, 0755);
	if (mount(type, path, type, 0, NULL) && errno != EBUSY)
		give_up("cannot mount %s: %m", path);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], NOTHING))
		return 0;

	END_WITH_DETAILS();	/* of the boot */
	page_size = getauxval(AT_PAGESZ);
	mount_at("proc", "/proc");
	mount_at("tmpfs", "/tmp");
	mount_at("devtmpfs", "/dev");
	klogctl(CONSOLE_LEVEL, NULL, 1);
	printf(REPORT "{\"workload\": \"boot\", \"counted\": true}\n");
	printf(REPORT "{\"page_size\": %lu}\n", page_size);
	show("/proc/meminfo");
	show_page_tables();
	for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
		for (const struct workload *load = suites[i]; load->name; load++)
			run_rounds(load);
	printf(REPORT "{\"end\": true}\n");
	power_off();
}
