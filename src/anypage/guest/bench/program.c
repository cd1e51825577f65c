// SPDX-License-Identifier: GPL-2.0-only
/* Programs that nobody here wrote: Debian's gzip and sqlite3, with their libraries. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define TEXT "/tmp/text"
#define TEXT_SIZE (4 * MB)
#define SCRIPT "/tmp/script"
#define DATABASE "/tmp/database"
#define ROWS 3000

/* Words that repeat now and then: something to compress. */
static void make_text(void)
{
	FILE *file = fopen(TEXT, "w");
	uint32_t state = 1;

	if (!file)
		give_up(TEXT ": %m");
	for (size_t i = 0; i < TEXT_SIZE / 8; i++) {
		state = state * 1664525 + 1013904223;
		fprintf(file, "%07x ", state >> 20);
	}
	if (fclose(file))
		give_up(TEXT ": %m");
}

static void make_script(void)
{
	FILE *file = fopen(SCRIPT, "w");

	if (!file)
		give_up(SCRIPT ": %m");
	fprintf(file, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);\nBEGIN;\n");
	for (int i = 0; i < ROWS; i++)
		fprintf(file, "INSERT INTO t (name) VALUES ('row %d');\n", i * 7919 % ROWS);
	fprintf(file, "COMMIT;\nCREATE INDEX i ON t (name);\n");
	fprintf(file, "SELECT count(*), max(name) FROM t WHERE name < 'row 5';\nVACUUM;\n");
	if (fclose(file))
		give_up(SCRIPT ": %m");
	unlink(DATABASE);
}

static void run_program(char *const arguments[], const char *input)
{
	char *const environment[] = { NULL };
	int status, null = must(open("/dev/null", O_RDWR | O_CLOEXEC));
	int from = must(open(input, O_RDONLY | O_CLOEXEC));
	pid_t child = must(vfork());

	if (!child) {
		dup2(from, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		execve(arguments[0], arguments, environment);
		_exit(127);
	}
	must(waitpid(child, &status, 0));
	if (status)
		give_up("%s ended with status %#x", arguments[0], status);
	close(from);
	close(null);
}

static void compress(void)
{
	run_program((char *[]){ "/bin/gzip", "-c", NULL }, TEXT);
}

static void query(void)
{
	run_program((char *[]){ "/bin/sqlite3", "-batch", DATABASE, NULL }, SCRIPT);
}

static void remove_text(void)
{
	unlink(TEXT);
}

const struct workload program_workloads[] = {
	{ "gzip", make_text, compress, remove_text },
	{ "sqlite3", make_script, query, NULL },
	{ },
};
