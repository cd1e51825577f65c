// SPDX-License-Identifier: GPL-2.0-only
/*
 * The init of the guest: mounts what the checks need, runs them all, reports, powers off.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"
#include "exercise.h"
#include "process.h"
#include "util.h"

#define CONSOLE_LEVEL 8		/* klogctl: the level below which messages reach the console */

static const struct check *const suites[] = {
	page_checks, memory_checks, process_checks, shm_checks, file_checks, ipc_checks,
	clock_checks, core_checks, bpf_checks, perf_checks, huge_checks, swap_checks,
};

static void mount_at(const char *type, const char *path)
{
	mkdir(path, 0755);
	if (mount(type, path, type, 0, NULL) && errno != EBUSY)
		printf("cannot mount %s at %s: %s\n", type, path, strerror(errno));
}

static void mount_all(void)
{
	mount_at("proc", "/proc");
	mount_at("sysfs", "/sys");
	mount_at("devtmpfs", "/dev");
	mount_at("tmpfs", "/tmp");
	mount_at("tmpfs", "/dev/shm");
}

/* Only errors: lines of the kernel would cut lines of the report. */
static void quiet_kernel(void)
{
	klogctl(CONSOLE_LEVEL, NULL, 3);
}

static void run_all_checks(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
		run_checks(suites[i]);
	run_checks(load_checks());
	run_checks(module_checks);
	run_checks(compat_checks);
	run_checks(page_table_checks);
	run_checks(kernel_checks);
}

/* An exercise may have loaded another kernel, as the next one or for a crash. */
static bool is_loaded(const char *path)
{
	return !access(path, F_OK) && read_number(path);
}

/* It has a part of the memory, and one CPU. */
static bool is_crash_kernel(void)
{
	return !access("/proc/vmcore", F_OK);
}

int main(int argc, char **argv)
{
	bool next, crash;

	page_size = getauxval(AT_PAGESZ);
	if (argc > 1 && !strcmp(argv[1], EXEC_CHILD))
		return exec_child(argc, argv);

	mount_all();
	quiet_kernel();
	report_begin();
	if (is_wanted("hibernate"))
		run_checks(hibernate_checks);
	if (is_wanted("saved_page_size")) {
		run_checks(refused_image_checks);	/* the others would overwrite the image */
	} else if (has_exercises()) {
		if (!is_crash_kernel())
			run_checks(kernel_checks);
		run_exercises();
	} else {
		run_all_checks();
	}
	next = is_loaded("/sys/kernel/kexec_loaded");
	crash = is_loaded("/sys/kernel/kexec_crash_loaded");
	report_end(next || crash ? "kexec" : "off");

	tcdrain(STDOUT_FILENO);		/* what the UART has not sent yet would be lost */
	sync();
	if (!crash)
		reboot(next ? RB_KEXEC : RB_POWER_OFF);
	return 1;		/* init must not end: the kernel panics, and the host sees it */
}
