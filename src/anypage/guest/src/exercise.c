// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exercises: scripts that use a subsystem through Debian's programs. /exercises/order names them,
 * with the seconds that each may take. A script reports on descriptor 3, a line each:
 *
 *	start NAME		before a check
 *	passed NAME
 *	failed NAME TEXT
 *	skipped NAME TEXT
 *	noise TEXT		the kernel's log may warn, and why
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "exercise.h"
#include "kernel.h"
#include "util.h"

#define DIRECTORY "/exercises/"
#define REPORT_FD 3
#define LINE_ROOM 2000
#define CLEAR_LOG 5		/* klogctl(2) */

struct script {
	char name[64], noise[200];
	double deadline, check_start;
	unsigned int results;
	bool is_open;		/* a check has started and not ended */
	char line[LINE_ROOM];
	size_t length;
};

bool has_exercises(void)
{
	return !access(DIRECTORY "order", F_OK);
}

static void full_name(char *text, size_t room, const struct script *script, const char *check)
{
	snprintf(text, room, "%s/%s", script->name, check);
}

static void put(struct script *script, const char *check, enum status status, const char *text)
{
	char name[200];

	full_name(name, sizeof(name), script, check);
	report_result(name, status, text, seconds_now() - script->check_start);
	script->results++;
	script->is_open = false;
	script->check_start = seconds_now();
}

static void take_line(struct script *script)
{
	static const char *const words[] = { "passed", "failed", "skipped" };
	char *next = script->line, *word = strsep(&next, " "), *check = strsep(&next, " ");
	char name[200];

	if (!check)
		return;
	if (!strcmp(word, "start")) {
		full_name(name, sizeof(name), script, check);
		report_start(name);
		script->check_start = seconds_now();
		script->is_open = true;
	}
	if (!strcmp(word, "noise"))
		snprintf(script->noise, sizeof(script->noise), "%s %s", check, next ? next : "");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(word, words[i]))
			put(script, check, i, next ? next : "");
}

static void take_bytes(struct script *script, const char *bytes, size_t count)
{
	for (; count--; bytes++) {
		if (*bytes != '\n' && script->length < LINE_ROOM - 1) {
			script->line[script->length++] = *bytes;
			continue;
		}
		if (*bytes != '\n')
			continue;
		script->line[script->length] = 0;
		script->length = 0;
		take_line(script);
	}
}

/* Reads reports until the script and all that it started have closed the pipe; false: too late. */
static bool follow(struct script *script, int fd, pid_t child)
{
	char bytes[512];

	for (;;) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		double left = script->deadline - seconds_now();
		ssize_t count;

		if (left <= 0)
			return false;
		/* Once a second: a server that the script left behind may hold the pipe open. */
		if (!poll(&wait, 1, 1000) && waitpid(child, NULL, WNOHANG | WNOWAIT) > 0)
			return true;
		if (!(wait.revents & (POLLIN | POLLHUP)))
			continue;
		count = read(fd, bytes, sizeof(bytes));
		if (count <= 0)
			return true;
		take_bytes(script, bytes, count);
	}
}

static void exec_script(const struct script *script, int report)
{
	char path[200], size[24];
	sigset_t none;
	int fd;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	dup2(report, REPORT_FD);
	fd = open("/dev/null", O_RDWR);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	snprintf(path, sizeof(path), DIRECTORY "%s", script->name);
	snprintf(size, sizeof(size), "%lu", page_size);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:/applets", 1);
	setenv("PAGE_SIZE", size, 1);
	setenv("NAME", script->name, 1);
	execl("/bin/sh", "sh", path, NULL);
	_exit(127);
}

static const char *noise;

static void check_noisy_log(void)
{
	check_log_for_damage();
	skip("%s", noise);
}

/* What the kernel had to say meanwhile is a check of its own. */
static void run_log_check(const struct script *script)
{
	char name[200];
	struct check checks[] = {
		{ name, script->noise[0] ? check_noisy_log : check_log },
		{ }
	};

	noise = script->noise;
	full_name(name, sizeof(name), script, "kernel_log");
	run_checks(checks);
}

static void run_script(struct script *script)
{
	int ends[2], status = 0;
	bool ended;
	pid_t child;

	must(pipe2(ends, O_CLOEXEC));
	child = must(fork());
	if (!child)
		exec_script(script, ends[1]);
	setpgid(child, child);
	close(ends[1]);
	ended = follow(script, ends[0], child);
	kill(-child, SIGKILL);
	waitpid(child, &status, 0);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	close(ends[0]);
	if (!ended)
		put(script, "end", FAILED, "the script was killed: it took too long");
	else if (script->is_open || !WIFEXITED(status) || WEXITSTATUS(status))
		put(script, "end", FAILED, "the script ended with an error, or in a check");
	else if (!script->results)
		put(script, "end", FAILED, "the script reported nothing");
}

static void exercise(const char *name, double limit)
{
	double now = seconds_now();
	struct script script = { .deadline = now + limit, .check_start = now };

	snprintf(script.name, sizeof(script.name), "%s", name);
	klogctl(CLEAR_LOG, NULL, 0);
	run_script(&script);
	run_log_check(&script);
}

/* Busybox' programs, under their names, behind Debian's. */
static void install_applets(void)
{
	if (!fork()) {
		execl("/bin/busybox", "busybox", "--install", "-s", "/applets", NULL);
		_exit(127);
	}
	wait(NULL);
}

void run_exercises(void)
{
	char *text = read_whole(DIRECTORY "order", NULL), *line;

	mkdir("/applets", 0755);
	install_applets();
	while ((line = strsep(&text, "\n"))) {
		char *name = strsep(&line, " ");

		if (*name && line)
			exercise(name, atof(line));
	}
}
