// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hibernation. The check that saves the machine ends in another boot, which resumes it. A boot
 * with another page size refuses the image, and leaves it as it is.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/suspend_ioctls.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/swap.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define AMOUNT (16 * MB)
#define LARGEST_PAGE (64 * KB)
#define SNAPSHOT "/dev/snapshot"

static const char *wanted_disk(const char *serial)
{
	const char *path = disk(serial);

	if (!path)
		fail(serial, "a disk", "none");
	return strdup(path);
}

/* For the host, which compares what two boots say. */
static void announce(const char *event, uint64_t value)
{
	printf("\nanypage> {\"%s\": \"%016llx\"}\n", event, (unsigned long long)value);
	fflush(stdout);
}

/* Tells a process that was there from one that was started again: it answers by its value. */
static pid_t start_answering(uint64_t value, int *ask, int *answer)
{
	int question[2], reply[2];
	char byte;
	pid_t child;

	must(pipe(question));
	must(pipe(reply));
	child = must(fork());
	if (!child) {
		if (read(question[0], &byte, 1) == 1)
			_exit(write(reply[1], &value, sizeof(value)) != sizeof(value));
		_exit(2);
	}
	*ask = question[1];
	*answer = reply[0];
	return child;
}

static void check_resume(void)
{
	unsigned char *memory = map_anonymous(AMOUNT);
	const char *path = wanted_disk("resume");
	uint64_t value, answered = 0;
	int ask, answer;
	pid_t child;

	must(getrandom(&value, sizeof(value), 0));
	fill(memory, AMOUNT);
	child = start_answering(value, &ask, &answer);
	make_swap(path, page_size);
	must(swapon(path, 0));
	announce("hibernated", value);
	write_text("/sys/power/disk", "shutdown");
	write_text("/sys/power/state", "disk");
	announce("resumed", value);
	expect_pattern("memory that was saved", memory, AMOUNT);
	must(write(ask, "?", 1));
	must(read(answer, &answered, sizeof(answered)));
	expect_exit(child, 0);
	expect_equal("value of another process", value, answered);
	must(swapoff(path));
}

/* The first page of an image as user space sees it, on a disk of its own for later boots. */
static void check_save_header(void)
{
	static char page[LARGEST_PAGE];
	int saved = must(open(wanted_disk("header"), O_WRONLY | O_CLOEXEC));
	int snapshot = must(open(SNAPSHOT, O_RDONLY | O_CLOEXEC)), suspended = 0;

	must(ioctl(snapshot, SNAPSHOT_FREEZE));
	must(ioctl(snapshot, SNAPSHOT_CREATE_IMAGE, &suspended));
	expect_equal("first page", page_size, must(read(snapshot, page, page_size)));
	must(ioctl(snapshot, SNAPSHOT_UNFREEZE));
	close(snapshot);
	expect_equal("bytes of the page", sizeof(page), must(pwrite(saved, page, sizeof(page), 0)));
	must(fsync(saved));
}

/* The kernel looks at the first page when the second one comes. */
static ssize_t give_header(void)
{
	static char page[LARGEST_PAGE];
	int saved = must(open(wanted_disk("header"), O_RDONLY | O_CLOEXEC));
	int snapshot = must(open(SNAPSHOT, O_WRONLY | O_CLOEXEC));

	expect_equal("bytes of the page", sizeof(page), must(pread(saved, page, sizeof(page), 0)));
	expect_equal("first page", page_size, must(write(snapshot, page, page_size)));
	return write(snapshot, page, page_size);
}

static void check_own_header(void)
{
	ssize_t taken = give_header();

	if (taken < 0 && errno == EPERM)
		fail("the image of this kernel", "taken", "refused");
}

static void expect_message(const char *format)
{
	uint64_t saved = wanted("saved_page_size");
	char text[160];

	snprintf(text, sizeof(text), format, saved / KB, page_size / KB);
	if (!find_message(text))
		fail("kernel log", text, "no such line");
}

static void check_refused(void)
{
	expect_message("PM: Image was saved with %luK pages, not %luK: not resumed, but kept");
	expect_error("swapon over the image", EINVAL, swapon(wanted_disk("resume"), 0));
}

static void check_foreign_header(void)
{
	expect_error("the image of another page size", EPERM, give_header());
	expect_message("hibernate: Hibernate image was saved with %luK pages, not %luK!");
}

const struct check hibernate_checks[] = {
	{ "hibernate.save_header", check_save_header },
	{ "hibernate.own_header", check_own_header },
	{ "hibernate.resume", check_resume },
	{ }
};

const struct check refused_image_checks[] = {
	{ "hibernate.refused", check_refused },
	{ "hibernate.foreign_header", check_foreign_header },
	{ }
};
