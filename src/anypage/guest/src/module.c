// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modules: all that the host sent load, do their work, and unload. /modules/order has a line for
 * each, dependencies first: file, the error with which it may refuse (0: none), parameters.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define DIRECTORY "/modules/"
#define LOAD "module.load."
#define MOUNT_POINT "/mnt"

struct module {
	const char *file, *name, *parameters;
	int error;
	bool stays;
};

static struct module *modules;
static size_t count;

/* The kernel's name of a file a-b.ko is a_b. */
static const char *module_name(const char *file)
{
	char *name = strndup(file, strcspn(file, "."));

	for (char *c = name; *c; c++)
		if (*c == '-')
			*c = '_';
	return name;
}

/* Splits a line at its blanks, the parameters being all that is left. */
static void read_module(char *line, struct module *module)
{
	module->file = strsep(&line, " ");
	module->name = module_name(module->file);
	module->error = atoi(strsep(&line, " "));
	module->stays = atoi(strsep(&line, " "));
	module->parameters = line;
}

static void read_order(void)
{
	char *text = read_whole(DIRECTORY "order", NULL), *line;

	while (text && (line = strsep(&text, "\n")) && *line) {
		modules = realloc(modules, (count + 1) * sizeof(*modules));
		read_module(line, &modules[count++]);
	}
}

static const char *state_of(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", name);
	return access(path, F_OK) ? "absent" : read_text(path);
}

static void check_load(void)
{
	const struct module *module = modules;
	char path[300];
	int fd, error;

	while (strcmp(module->name, check_name + strlen(LOAD)))
		module++;
	snprintf(path, sizeof(path), DIRECTORY "%s", module->file);
	fd = must(open(path, O_RDONLY | O_CLOEXEC));
	error = syscall(SYS_finit_module, fd, module->parameters, 0) ? errno : 0;
	close(fd);
	if (error && error == module->error)
		skip("refuses, as it should here: %s", strerror(error));
	if (error)
		fail(module->file, "loads", "%s", strerror(error));
	expect_text(module->file, "live", state_of(module->name));
}

static void check_none(void)
{
	skip("no modules given");
}

static const char *load_name(const char *module)
{
	char *name = malloc(sizeof(LOAD) + strlen(module));

	strcpy(name, LOAD);
	return strcat(name, module);
}

const struct check *load_checks(void)
{
	static const struct check none[] = { { "module.load", check_none }, { } };
	struct check *checks;

	read_order();
	if (!count)
		return none;
	checks = calloc(count + 1, sizeof(*checks));
	for (size_t i = 0; i < count; i++)
		checks[i] = (struct check){ load_name(modules[i].name), check_load };
	return checks;
}

/* A module that stays uses it. */
static bool is_held(const char *name)
{
	char path[300];
	struct dirent *entry;
	bool held = false;
	DIR *directory;

	snprintf(path, sizeof(path), "/sys/module/%s/holders", name);
	directory = opendir(path);
	while (directory && (entry = readdir(directory)))
		held |= entry->d_name[0] != '.';
	if (directory)
		closedir(directory);
	return held;
}

static void check_unload(void)
{
	if (!count)
		skip("no modules given");
	for (size_t i = count; i--;) {
		const struct module *module = &modules[i];

		if (module->stays || is_held(module->name) ||
		    strcmp(state_of(module->name), "live"))
			continue;
		if (syscall(SYS_delete_module, module->name, O_NONBLOCK))
			fail(module->file, "unloads", "%s", strerror(errno));
		expect_text(module->file, "absent", state_of(module->name));
	}
}

static void need_module(const char *name)
{
	if (strcmp(state_of(name), "live"))
		skip("module %s was not given", name);
}

/* What the host put on the disk is there, and what we write is kept. */
static void check_vfat(void)
{
	const char *path = disk("vfat");
	char text[100] = "";
	int fd;

	need_module("vfat");
	if (!path)
		skip("no disk 'vfat'");
	make_dir(MOUNT_POINT);
	must(mount(path, MOUNT_POINT, "vfat", 0, NULL));
	expect_text("file of the host", "written by the host",
		    read_text(MOUNT_POINT "/hello.txt"));
	fd = must(open(MOUNT_POINT "/a long name.txt", O_WRONLY | O_CREAT, 0600));
	must(write(fd, "written by the guest", 20));
	must(close(fd));
	must(umount(MOUNT_POINT));
	must(mount(path, MOUNT_POINT, "vfat", 0, NULL));
	fd = must(open(MOUNT_POINT "/a long name.txt", O_RDONLY));
	must(read(fd, text, sizeof(text) - 1));
	must(close(fd));
	must(umount(MOUNT_POINT));
	expect_text("file of the guest", "written by the guest", text);
}

/* The network interface that this driver made. */
static const char *interface_of(const char *driver)
{
	static char name[IFNAMSIZ];
	DIR *directory = opendir("/sys/class/net");
	struct dirent *entry;
	char path[300], target[300];

	while (directory && (entry = readdir(directory))) {
		ssize_t length;

		snprintf(path, sizeof(path), "/sys/class/net/%s/device/driver", entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		if (length < 0)
			continue;
		target[length] = 0;
		if (strcmp(strrchr(target, '/') + 1, driver))
			continue;
		snprintf(name, sizeof(name), "%.15s", entry->d_name);
		return name;
	}
	return NULL;
}

static void set_address(int fd, struct ifreq *request, int command, const char *text)
{
	struct sockaddr_in *address = (struct sockaddr_in *)&request->ifr_addr;

	address->sin_family = AF_INET;
	inet_pton(AF_INET, text, &address->sin_addr);
	must(ioctl(fd, command, request));
}

/* The gateway answers when frames travel both ways. */
static void expect_neighbour(int fd, const char *gateway)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9) };
	char line[32];

	inet_pton(AF_INET, gateway, &address.sin_addr);
	for (int i = 0; i < 100; i++) {
		const char *table, *entry;

		sendto(fd, "hello", 5, 0, (struct sockaddr *)&address, sizeof(address));
		usleep(50000);
		table = read_whole("/proc/net/arp", NULL);
		snprintf(line, sizeof(line), "%s ", gateway);
		entry = table ? strstr(table, line) : NULL;
		if (entry && strstr(entry, "0x2"))
			return;
	}
	fail("gateway", "answers", "no entry in /proc/net/arp after 5 s");
}

static void check_e1000e(void)
{
	struct ifreq request = { 0 };
	const char *name;
	int fd;

	need_module("e1000e");
	name = interface_of("e1000e");
	if (!name)
		fail("interface of e1000e", "present", "absent");
	fd = must(socket(AF_INET, SOCK_DGRAM, 0));
	strcpy(request.ifr_name, name);
	set_address(fd, &request, SIOCSIFADDR, "10.0.2.15");
	set_address(fd, &request, SIOCSIFNETMASK, "255.255.255.0");
	must(ioctl(fd, SIOCGIFFLAGS, &request));
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	must(ioctl(fd, SIOCSIFFLAGS, &request));
	expect_neighbour(fd, "10.0.2.2");
	must(ioctl(fd, SIOCGIFFLAGS, &request));
	request.ifr_flags &= ~IFF_UP;
	must(ioctl(fd, SIOCSIFFLAGS, &request));
}

const struct check module_checks[] = {
	{ "module.vfat", check_vfat },
	{ "module.e1000e", check_e1000e },
	{ "module.unload", check_unload },
	{ }
};
