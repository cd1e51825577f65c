// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports are JSON, one object a line, each behind a mark: a console also carries what the kernel
 * and the firmware say. The name of a check is written before it starts, so that a hang tells
 * where it is.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define MARK "anypage> "
#define LIMIT_SECONDS 60

struct outcome {
	enum status status;
	char what[160], expected[160], found[240];
};

static struct outcome *outcome;		/* shared with the process of the check */
static unsigned int total, failed;

static void vrecord(int status, const char *what, const char *expected, const char *format,
		    va_list arguments)
{
	outcome->status = status;
	snprintf(outcome->what, sizeof(outcome->what), "%s", what);
	snprintf(outcome->expected, sizeof(outcome->expected), "%s", expected);
	vsnprintf(outcome->found, sizeof(outcome->found), format, arguments);
}

void fail(const char *what, const char *expected, const char *found, ...)
{
	va_list arguments;

	va_start(arguments, found);
	vrecord(FAILED, what, expected, found, arguments);
	va_end(arguments);
	_exit(1);
}

void skip(const char *reason, ...)
{
	va_list arguments;

	va_start(arguments, reason);
	vrecord(SKIPPED, "", "", reason, arguments);
	va_end(arguments);
	_exit(0);
}

void expect_equal(const char *what, uint64_t expected, uint64_t found)
{
	char text[24];

	if (expected == found)
		return;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)expected);
	fail(what, text, "%llu", (unsigned long long)found);
}

void expect_least(const char *what, uint64_t least, uint64_t found)
{
	char text[40];

	if (found >= least)
		return;
	snprintf(text, sizeof(text), "at least %llu", (unsigned long long)least);
	fail(what, text, "%llu", (unsigned long long)found);
}

void expect_text(const char *what, const char *expected, const char *found)
{
	if (strcmp(expected, found))
		fail(what, expected, "%s", found);
}

void expect_error(const char *what, int error, long result)
{
	int found = errno;

	if (result != -1)
		fail(what, strerror(error), "success");
	if (found != error)
		fail(what, strerror(error), "%s", strerror(found));
}

static void put_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void put_field(const char *name, const char *value)
{
	printf(", \"%s\": ", name);
	put_string(value);
}

static void put_result(const char *name, enum status status)
{
	static const char *const words[] = { "passed", "failed", "skipped", "failed" };

	total++;
	failed += status == FAILED || status == UNFINISHED;
	printf(MARK "{\"check\": ");
	put_string(name);
	put_field("status", words[status]);
}

void report_start(const char *name)
{
	printf(MARK "{\"start\": ");
	put_string(name);
	puts("}");
	fflush(stdout);
}

void report_result(const char *name, enum status status, const char *reason, double seconds)
{
	put_result(name, status);
	if (status != PASSED)
		put_field("reason", reason);
	printf(", \"seconds\": %.3f}\n", seconds);
	fflush(stdout);
}

static void report(const char *name, double seconds)
{
	put_result(name, outcome->status);
	if (outcome->status == SKIPPED)
		put_field("reason", outcome->found);
	if (outcome->status == FAILED || outcome->status == UNFINISHED) {
		put_field("what", outcome->what);
		put_field("expected", outcome->expected);
		put_field("found", outcome->found);
	}
	printf(", \"seconds\": %.3f}\n", seconds);
}

/* Waits for the check; false when it took too long and was killed. */
static bool wait_limited(pid_t child, int *status)
{
	sigset_t set;
	struct timespec limit = { .tv_sec = LIMIT_SECONDS };
	bool ended;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	ended = waitpid(child, status, WNOHANG) == child;
	while (!ended) {
		if (sigtimedwait(&set, NULL, &limit) < 0)
			break;
		/* The signal may also be that of an orphan of an earlier check. */
		ended = waitpid(child, status, WNOHANG) == child;
	}
	kill(-child, SIGKILL);		/* whatever it left behind, too */
	if (!ended)
		waitpid(child, status, 0);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return ended;
}

static void run_check(const struct check *check)
{
	double start = seconds_now();
	pid_t child;
	int status;

	memset(outcome, 0, sizeof(*outcome));
	outcome->status = UNFINISHED;
	report_start(check->name);
	child = fork();
	if (!child) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setpgid(0, 0);
		check->run();
		outcome->status = PASSED;
		_exit(0);
	}
	setpgid(child, child);
	if (!wait_limited(child, &status))
		snprintf(outcome->found, sizeof(outcome->found), "nothing after %d s",
			 LIMIT_SECONDS);
	else if (WIFSIGNALED(status))
		snprintf(outcome->found, sizeof(outcome->found), "killed by %s",
			 strsignal(WTERMSIG(status)));
	else if (outcome->status == UNFINISHED)
		snprintf(outcome->found, sizeof(outcome->found), "exit %d", WEXITSTATUS(status));
	if (outcome->status == UNFINISHED) {
		strcpy(outcome->what, "run");
		strcpy(outcome->expected, "the check ends");
	}
	report(check->name, seconds_now() - start);
}

void run_checks(const struct check *checks)
{
	for (; checks->name; checks++)
		run_check(checks);
}

void report_begin(void)
{
	sigset_t set;

	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (outcome == MAP_FAILED) {
		printf("no memory for reports: %s\n", strerror(errno));
		exit(1);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	printf(MARK "{\"page_size\": %lu, \"uptime\": %.3f}\n", page_size, seconds_now());
}

/*
 * The number of checks lets the reader tell a complete report from a garbled one. next: what the
 * guest does now, "off" or "kexec"; after the latter the reader waits for another report.
 */
int report_end(const char *next)
{
	printf(MARK "{\"end\": true, \"page_size\": %lu, \"total\": %u, \"failed\": %u, "
	       "\"uptime\": %.3f, \"next\": \"%s\"}\n", page_size, total, failed, seconds_now(),
	       next);
	fflush(stdout);
	return failed;
}
