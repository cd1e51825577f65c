// SPDX-License-Identifier: GPL-2.0-only
/* Files: what is read, written and mapped agrees, on tmpfs and on a real disk. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define MOUNT_POINT "/mnt"
/* Ends within a page and within a block at every page size. */
#define LENGTH 300001UL

static unsigned char data[LENGTH], copy[LENGTH];

static unsigned char *map_file(int fd, size_t length, int flags, off_t offset)
{
	return must(mmap(NULL, length, PROT_READ | PROT_WRITE, flags, fd, offset));
}

static int new_file(const char *path)
{
	int fd = must(open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));

	fill(data, LENGTH);
	expect_equal("bytes written", LENGTH, must(write(fd, data, LENGTH)));
	return fd;
}

static void expect_file(const char *what, int fd)
{
	memset(copy, 0, LENGTH);
	expect_equal("bytes read", LENGTH, must(pread(fd, copy, LENGTH, 0)));
	expect_equal(what, 0, memcmp(copy, data, LENGTH));
}

/* A write through the mapping, of the bytes around the boundary, is seen by read() and back. */
static void cross_boundary(int fd, unsigned char *memory)
{
	size_t start = 2 * page_size - 100;

	if (start + 200 > LENGTH)
		start = page_size - 100;
	for (size_t i = start; i < start + 200; i++)
		data[i] = ~data[i];
	memcpy(memory + start, data + start, 200);
	must(msync(memory, LENGTH, MS_SYNC));
	expect_file("file after a write to the mapping", fd);
	for (size_t i = start; i < start + 200; i++)
		data[i] = ~data[i];
	expect_equal("bytes written", 200, must(pwrite(fd, data + start, 200, start)));
	expect_equal("mapping after a write to the file", 0, memcmp(memory, data, LENGTH));
}

static void check_tail(int fd, unsigned char *memory)
{
	size_t mapped = (LENGTH + page_size - 1) & -page_size;

	for (size_t i = LENGTH; i < mapped; i++)
		expect_equal("byte after the end of the file", 0, memory[i]);
	expect_equal("access after the last page", SIGBUS, fault_on_read(memory + mapped));
	/* What a shrunk file had must not come back. */
	must(ftruncate(fd, page_size + 10));
	must(ftruncate(fd, LENGTH));
	expect_equal("byte kept", data[page_size + 9], memory[page_size + 9]);
	expect_equal("byte cut off", 0, memory[page_size + 10]);
	expect_equal("byte of the next page", 0, memory[2 * page_size]);
}

static void map_and_compare(int fd)
{
	unsigned char *memory = map_file(fd, LENGTH + 2 * page_size, MAP_SHARED, 0);
	unsigned char *private = map_file(fd, LENGTH, MAP_PRIVATE, 0);
	unsigned char *second = map_file(fd, page_size, MAP_SHARED, page_size);

	expect_equal("shared mapping", 0, memcmp(memory, data, LENGTH));
	expect_equal("mapping at an offset", 0, memcmp(second, data + page_size, page_size));
	expect_error("mapping at half a page", EINVAL,
		     (long)mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd, page_size / 2));
	private[page_size] ^= 0xff;
	expect_file("file after a private write", fd);
	cross_boundary(fd, memory);
	check_tail(fd, memory);
	must(munmap(memory, LENGTH + 2 * page_size));
	must(munmap(private, LENGTH));
	must(munmap(second, page_size));
}

static void use_files(const char *directory)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/file", directory);
	fd = new_file(path);
	expect_file("file", fd);
	map_and_compare(fd);
	must(close(fd));
	must(unlink(path));
}

static void copy_by_sendfile(const char *directory)
{
	char from[100], to[100];
	off_t offset = 0;
	int in, out;

	snprintf(from, sizeof(from), "%s/from", directory);
	snprintf(to, sizeof(to), "%s/to", directory);
	in = new_file(from);
	out = must(open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	while (offset < (off_t)LENGTH)
		expect_least("bytes sent", 1, must(sendfile(out, in, &offset, LENGTH - offset)));
	expect_file("copy", out);
	must(close(in));
	must(close(out));
	must(unlink(from));
	must(unlink(to));
}

static void check_tmpfs(void)
{
	use_files("/tmp");
	copy_by_sendfile("/tmp");
}

/* A file system of one MB holds one MB, in pages. */
static void check_tmpfs_size(void)
{
	unsigned char *page = map_anonymous(page_size);
	size_t pages = 0;
	int fd;

	make_dir(MOUNT_POINT);
	must(mount("tmpfs", MOUNT_POINT, "tmpfs", 0, "size=1m"));
	fd = must(open(MOUNT_POINT "/file", O_WRONLY | O_CREAT, 0600));
	while (write(fd, page, page_size) == (ssize_t)page_size)
		pages++;
	close(fd);
	must(umount(MOUNT_POINT));
	expect_equal("bytes that fit", MB, pages * page_size);
}

static void mount_disk(const char *serial)
{
	const char *path = disk(serial);

	if (!path)
		skip("no disk '%s'", serial);
	make_dir(MOUNT_POINT);
	must(mount(path, MOUNT_POINT, "ext4", 0, NULL));
}

static void check_many_files(void)
{
	char path[100], text[100];

	for (int i = 0; i < 200; i++) {
		int fd;

		snprintf(path, sizeof(path), MOUNT_POINT "/many%d", i);
		fd = must(open(path, O_WRONLY | O_CREAT, 0600));
		must(write(fd, path, strlen(path) + 1));
		must(close(fd));
	}
	must(umount(MOUNT_POINT));
	mount_disk("ext4");
	for (int i = 0; i < 200; i++) {
		int fd;

		snprintf(path, sizeof(path), MOUNT_POINT "/many%d", i);
		fd = must(open(path, O_RDONLY));
		expect_equal("length", strlen(path) + 1, must(read(fd, text, sizeof(text))));
		expect_text("file after mounting again", path, text);
		must(close(fd));
		must(unlink(path));
	}
}

/* Data must survive: written, synced, forgotten, read from the disk. */
static void check_persistence(void)
{
	int fd = new_file(MOUNT_POINT "/kept");

	must(fsync(fd));
	must(close(fd));
	must(umount(MOUNT_POINT));
	mount_disk("ext4");
	write_text("/proc/sys/vm/drop_caches", "3");
	fd = must(open(MOUNT_POINT "/kept", O_RDONLY));
	expect_file("file after mounting again", fd);
	must(close(fd));
	must(unlink(MOUNT_POINT "/kept"));
}

static void check_direct_io(void)
{
	size_t length = 4 * 64 * KB;
	unsigned char *memory = map_anonymous(length), *back = map_anonymous(length);
	int fd = open(MOUNT_POINT "/direct", O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600);

	must(fd);
	fill(memory, length);
	expect_equal("bytes written", length, must(write(fd, memory, length)));
	expect_equal("bytes read", length - 4 * KB, must(pread(fd, back, length, 4 * KB)));
	expect_equal("data", 0, memcmp(back, memory + 4 * KB, length - 4 * KB));
	must(close(fd));
	must(unlink(MOUNT_POINT "/direct"));
}

static void check_ext4(void)
{
	mount_disk("ext4");
	use_files(MOUNT_POINT);
	copy_by_sendfile(MOUNT_POINT);
	must(umount(MOUNT_POINT));
}

static void on_ext4(void (*run)(void))
{
	mount_disk("ext4");
	run();
	must(umount(MOUNT_POINT));
}

static void check_ext4_persistence(void)
{
	on_ext4(check_persistence);
}

static void check_ext4_many_files(void)
{
	on_ext4(check_many_files);
}

static void check_ext4_direct_io(void)
{
	on_ext4(check_direct_io);
}

const struct check file_checks[] = {
	{ "tmpfs.files", check_tmpfs },
	{ "tmpfs.size", check_tmpfs_size },
	{ "ext4.files", check_ext4 },
	{ "ext4.persistence", check_ext4_persistence },
	{ "ext4.many_files", check_ext4_many_files },
	{ "ext4.direct_io", check_ext4_direct_io },
	{ }
};
