// SPDX-License-Identifier: GPL-2.0-only
/* The page tables of the kernel, and whether user space runs without them (KPTI). */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define DEBUGFS "/sys/kernel/debug"
#define DUMP DEBUGFS "/kernel_page_tables"

static bool is_isolated(void)
{
	return find_message("detected: Kernel page table isolation (KPTI)");
}

/* KASLR hides addresses by isolation, where the CPU has no E0PD for that. */
static void check_isolation(void)
{
	bool asked = strstr(read_text("/proc/cmdline"), "kpti=on");

	if (find_message("page table isolation disabled by kernel configuration"))
		skip("no page table isolation in this kernel");
	if (!asked && (!wanted("kaslr") || find_message("detected: E0PD")))
		skip("isolation is up to the CPU");
	expect_text("page tables of the kernel and of user space", "isolated",
		    is_isolated() ? "isolated" : "shared");
}

/* Whether a line of the dump, "0xSTART-0xEND SIZE LEVEL FLAGS...", is a mapping. */
static bool is_mapping(const char *line)
{
	return !strncmp(line, "0x", 2) && strstr(line, " AF ");
}

/*
 * Where user space has tables of its own, the kernel's entries are not global: all but those of
 * the trampoline in the fixmap, through which exceptions enter.
 */
static void check_not_global(void)
{
	unsigned int mappings = 0;
	bool fixmap = false;
	char *text, *line;

	if (!is_isolated())
		skip("page tables are not isolated");
	if (mount("debugfs", DEBUGFS, "debugfs", 0, NULL) && errno != EBUSY)
		skip("no debugfs in this kernel");
	if (access(DUMP, R_OK))
		skip("no dump of page tables in this kernel");
	text = read_whole(DUMP, NULL);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (strstr(line, "---["))
			fixmap = strstr(line, "Fixmap start");
		if (fixmap || !is_mapping(line))
			continue;
		mappings++;
		if (!strstr(line, " NG "))
			fail("mapping of the kernel", "NG", "%s", line);
	}
	expect_least("mappings", 20, mappings);
}

const struct check page_table_checks[] = {
	{ "page_table.isolation", check_isolation },
	{ "page_table.not_global", check_not_global },
	{ }
};
