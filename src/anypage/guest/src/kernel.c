// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel says of itself: machine and log. Last, so that the log holds everything. */
#define _GNU_SOURCE
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/klog.h>
#include <unistd.h>

#include "check.h"
#include "kernel.h"
#include "util.h"

/* klogctl(2) */
#define READ_ALL 3

static char *kernel_log(void)
{
	static char *text;
	static size_t room = 4 * MB;
	int length;

	if (!text)
		text = calloc(1, room);
	length = klogctl(READ_ALL, text, room - 1);
	if (length < 0 && errno == ENOSYS)
		skip("no kernel log in this kernel");
	must(length);
	return text;
}

/* Without level and time; valid until the next call. */
static const char *message_of(const char *line)
{
	static char message[200];
	const char *end = line + strcspn(line, "\n"), *start = line;

	if (*start == '<')
		start += strcspn(start, ">") + 1;
	if (*start == '[')
		start += strcspn(start, "]") + 2;
	snprintf(message, sizeof(message), "%.*s", start < end ? (int)(end - start) : 0, start);
	return message;
}

const char *find_message(const char *text)
{
	char *log = kernel_log(), *found = strstr(log, text);

	/* "DEBUG: " is no "BUG: ". */
	while (found && found > log && isalnum((unsigned char)found[-1]))
		found = strstr(found + 1, text);
	if (!found)
		return NULL;
	while (found > log && found[-1] != '\n')
		found--;
	return message_of(found);
}

/* Counts a list of ranges: "0-3,7" is 5. */
static uint64_t count_listed(const char *list)
{
	char *next = (char *)list;
	uint64_t count = 0;

	while (*next) {
		long first = strtol(next, &next, 10), last = first;

		if (*next == '-')
			last = strtol(next + 1, &next, 10);
		count += last - first + 1;
		next += *next == ',';
	}
	return count;
}

static void check_cpus(void)
{
	const char *path = "/sys/devices/system/cpu/online";
	uint64_t found = access(path, F_OK) ? 1 : count_listed(read_text(path));

	expect_equal("CPUs online", wanted("cpus"), found);
}

static void check_nodes(void)
{
	const char *path = "/sys/devices/system/node/online";
	uint64_t found = access(path, F_OK) ? 1 : count_listed(read_text(path));

	expect_equal("NUMA nodes online", wanted("nodes"), found);
}

/* The kernel keeps some for itself: more of a small memory, and more with 64K pages. */
static void check_memory(void)
{
	uint64_t given = wanted("memory"), found = meminfo("MemTotal");

	expect_least("MemTotal", given * 3 / 4, found);
	expect_least("memory given", found, given);
}

static void check_kaslr(void)
{
	const char *message = find_message("KASLR ");
	bool asked = wanted("kaslr");

	if (!message && asked)
		skip("the kernel does not say whether KASLR is on");
	expect_text("kernel log", asked ? "KASLR enabled" : "KASLR disabled on command line",
		    message ? message : "KASLR disabled on command line");
}

static void check_exception_level(void)
{
	const char *message = find_message("CPU: All CPU(s) started at EL");

	if (!message)
		skip("the kernel does not say at which level its CPUs started");
	expect_text("kernel log", wanted("el2") ? "CPU: All CPU(s) started at EL2" :
						  "CPU: All CPU(s) started at EL1", message);
}

static void check_firmware(void)
{
	bool asked = wanted("efi"), found = !access("/sys/firmware/efi", F_OK);
	bool acpi = !access("/sys/firmware/acpi/tables", F_OK);

	expect_text("firmware", asked ? "EFI" : "none", found ? "EFI" : "none");
	expect_text("hardware description", wanted("acpi") ? "ACPI" : "device tree",
		    acpi ? "ACPI" : "device tree");
}

/* One line says which page size was asked for, which one was taken and why. */
static void check_policy(void)
{
	const char *message = find_message("page size: ");
	char size[24];

	if (!wanted("policy"))
		skip("the page size was chosen when the kernel was built");
	if (!message)
		fail("kernel log", "a line 'page size: '", "none");
	snprintf(size, sizeof(size), "%luK", page_size / KB);
	if (strncmp(message, "page size: ", 11) || strncmp(message + 11, size, strlen(size)))
		fail("policy in the kernel log", size, "%s", message);
}

/* What has room for the largest page is given back with smaller ones: of the zero page at least. */
static void check_given_back(void)
{
	const char *message = find_message("of static storage given back");
	unsigned long kb;

	if (!wanted("policy"))
		skip("the page size was chosen when the kernel was built");
	if (!message || sscanf(message, "page size: %luK", &kb) != 1)
		fail("kernel log", "a line 'page size: ...K of static storage given back'", "%s",
		     message ? message : "none");
	expect_least("kB of static storage given back", 64 - page_size / KB, kb);
}

/* Each algorithm tests itself as it is registered. */
static void check_crypto(void)
{
	const char *text = read_whole("/proc/crypto", NULL);
	char name[64], result[16];

	if (!text || !strstr(text, "selftest"))
		skip("no cryptography in this kernel");
	for (; (text = strstr(text, "driver ")); text++) {
		if (sscanf(text, "driver : %63s module : %*s priority : %*s refcnt : %*s "
			   "selftest : %15s", name, result) != 2)
			fail("/proc/crypto", "driver, module, ... selftest", "%.60s", text);
		expect_text(name, "passed", result);
	}
}

/* What the test modules say, once they have run. */
static void check_tests(void)
{
	const char *line = find_message("not ok ");
	char *log = kernel_log();

	if (line)
		fail("KUnit", "no test fails", "%s", line);
	if (!strstr(log, "KTAP version") && !strstr(log, "Summary: "))
		skip("no test was loaded");
	for (line = log; (line = strstr(line, "Summary: ")); line++)
		if (!strstr(message_of(line), " failed: 0 "))
			fail("test_vmalloc", "failed: 0", "%s", message_of(line));
}

static void expect_none(const char *const messages[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *message = find_message(messages[i]);

		if (message)
			fail("kernel log", "no trouble", "%s", message);
	}
}

/* What no test provokes: memory that is not as it was left, and a task or a lock that hangs. */
void check_log_for_damage(void)
{
	static const char *const damage[] = {
		"bad page", "Bad page", "Bad rss-counter", "KASAN", "UBSAN",
		"possible circular locking", "INFO: task", "rcu_sched", "rcu: INFO",
	};

	expect_none(damage, ARRAY_SIZE(damage));
}

void check_log(void)
{
	static const char *const trouble[] = {
		"WARNING: ", "BUG: ", "BUG ", "kernel BUG", "Oops", "Unable to handle",
		"Internal error", "Call trace", "page allocation failure", "Kernel panic",
	};

	check_log_for_damage();
	expect_none(trouble, ARRAY_SIZE(trouble));
}

const struct check kernel_checks[] = {
	{ "kernel.cpus", check_cpus },
	{ "kernel.nodes", check_nodes },
	{ "kernel.memory", check_memory },
	{ "kernel.kaslr", check_kaslr },
	{ "kernel.exception_level", check_exception_level },
	{ "kernel.firmware", check_firmware },
	{ "kernel.policy", check_policy },
	{ "kernel.given_back", check_given_back },
	{ "kernel.crypto", check_crypto },
	{ "kernel.tests", check_tests },
	{ "kernel.log", check_log },
	{ }
};
