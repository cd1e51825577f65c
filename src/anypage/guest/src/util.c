// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

unsigned long page_size;

double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

char *read_whole(const char *path, size_t *length)
{
	size_t size = 0, room = 64 * KB;
	char *text = malloc(room);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t count;

	if (fd < 0 || !text)
		return NULL;
	while ((count = read(fd, text + size, room - size - 1)) > 0) {
		size += count;
		if (room - size < 4 * KB)
			text = realloc(text, room *= 2);
	}
	close(fd);
	text[size] = 0;
	if (length)
		*length = size;
	return count < 0 ? NULL : text;
}

/* The value behind `key` and blanks or a colon at the start of a line. */
static const char *find_key(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (; text && *text; text = strchr(text, '\n'), text += !!text) {
		if (strncmp(text, key, length) || !strchr(" :\t", text[length]))
			continue;
		return text + length + strspn(text + length, " :\t");
	}
	return NULL;
}

static const char *expectations(void)
{
	static const char *text;

	if (!text)
		text = read_whole("/expect", NULL);
	if (!text)
		fail("read /expect", "success", "%s", strerror(errno));
	return text;
}

bool is_wanted(const char *key)
{
	return find_key(expectations(), key);
}

const char *wanted_text(const char *key)
{
	const char *value = find_key(expectations(), key);

	if (!value)
		fail(key, "a line in /expect", "none");
	return strndup(value, strcspn(value, "\n"));
}

uint64_t wanted(const char *key)
{
	return strtoull(wanted_text(key), NULL, 0);
}

size_t wanted_list(const char *key, uint64_t *values, size_t room)
{
	char *next = (char *)wanted_text(key);
	size_t count = 0;

	while (*next && count < room) {
		values[count++] = strtoull(next, &next, 0);
		next += *next == ',';
	}
	return count;
}

const char *read_text(const char *path)
{
	char *text = read_whole(path, NULL);

	if (!text)
		fail(path, "readable", "%s", strerror(errno));
	text[strcspn(text, "\n")] = 0;
	return text;
}

uint64_t read_number(const char *path)
{
	return strtoull(read_text(path), NULL, 0);
}

void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(path, text, "%s", strerror(errno));
	close(fd);
}

void write_number(const char *path, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	write_text(path, text);
}

uint64_t field(const char *path, const char *key)
{
	char *text = read_whole(path, NULL);
	const char *value = text ? find_key(text, key) : NULL;
	uint64_t number = value ? strtoull(value, NULL, 0) : 0;

	if (!value)
		fail(key, "a field", "not in %s", path);
	free(text);
	return number;
}

uint64_t meminfo(const char *key)
{
	return field("/proc/meminfo", key) * KB;
}

uint64_t smaps(const void *address, const char *key)
{
	char *text = read_whole("/proc/self/smaps", NULL), *line;
	unsigned long start, end, number = 0;
	bool inside = false, found = false;

	for (line = strtok(text, "\n"); line && !found; line = strtok(NULL, "\n")) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start <= (unsigned long)address && (unsigned long)address < end;
		else if (inside && !strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
			found = sscanf(line + strlen(key) + 1, "%lu", &number) == 1;
	}
	free(text);
	if (!found)
		fail(key, "a field of the mapping", "not in smaps");
	return number * KB;
}

static unsigned char *map(size_t length, int flags)
{
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap", "success", "%s (%zu bytes)", strerror(errno), length);
	madvise(memory, length, MADV_NOHUGEPAGE);	/* fails without THP: as well */
	return memory;
}

unsigned char *map_anonymous(size_t length)
{
	return map(length, MAP_PRIVATE);
}

unsigned char *map_shared(size_t length)
{
	return map(length, MAP_SHARED);
}

unsigned char pattern(size_t offset)
{
	return offset * 7 + (offset >> 9) * 31 + (offset >> 16);
}

void fill(unsigned char *memory, size_t length)
{
	for (size_t i = 0; i < length; i++)
		memory[i] = pattern(i);
}

void expect_pattern(const char *what, const unsigned char *memory, size_t length)
{
	char expected[64];

	for (size_t i = 0; i < length; i++) {
		if (memory[i] == pattern(i))
			continue;
		snprintf(expected, sizeof(expected), "byte %#x at offset %zu", pattern(i), i);
		fail(what, expected, "%#x", memory[i]);
	}
}

static sigjmp_buf after_fault;

static void on_fault(int number)
{
	siglongjmp(after_fault, number);
}

static void catch_faults(void (*handler)(int))
{
	signal(SIGSEGV, handler);
	signal(SIGBUS, handler);
}

int fault_on_read(const volatile unsigned char *address)
{
	int number = sigsetjmp(after_fault, 1);

	catch_faults(on_fault);
	if (!number)
		(void)*address;
	catch_faults(SIG_DFL);
	return number;
}

int fault_on_write(volatile unsigned char *address)
{
	int number = sigsetjmp(after_fault, 1);

	catch_faults(on_fault);
	if (!number)
		*address = 1;
	catch_faults(SIG_DFL);
	return number;
}

void expect_exit(pid_t child, int code)
{
	int status;

	must(waitpid(child, &status, 0));
	if (WIFSIGNALED(status))
		fail("child", "exit", "killed by %s", strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) == 1 && code != 1)
		_exit(1);	/* it called fail(): the report is written */
	expect_equal("exit code of the child", code, WEXITSTATUS(status));
}

void in_child(void (*run)(void *), void *argument)
{
	pid_t child = must(fork());

	if (!child) {
		run(argument);
		_exit(0);
	}
	expect_exit(child, 0);
}

const char *disk(const char *serial)
{
	static char path[300];
	struct dirent *entry;
	DIR *directory = opendir("/sys/block");

	while (directory && (entry = readdir(directory))) {
		char *found;

		snprintf(path, sizeof(path), "/sys/block/%s/serial", entry->d_name);
		found = read_whole(path, NULL);
		if (!found || strncmp(found, serial, strlen(serial)))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		closedir(directory);
		return path;
	}
	return NULL;
}

void make_dir(const char *path)
{
	if (mkdir(path, 0755) && errno != EEXIST)
		fail("mkdir", "success", "%s: %s", path, strerror(errno));
}
