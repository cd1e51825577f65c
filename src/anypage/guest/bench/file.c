// SPDX-License-Identifier: GPL-2.0-only
/* Reads and writes of a file that is in the page cache. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "bench.h"

#define FILE_SIZE (8 * MB)

static char buffer[64 * KB];
static int file;

static void open_file(void)
{
	file = must(open("/tmp/file", O_RDWR | O_CREAT | O_TRUNC, 0600));
	for (size_t at = 0; at < FILE_SIZE; at += sizeof(buffer))
		must(pwrite(file, buffer, sizeof(buffer), at));
}

static void close_file(void)
{
	close(file);
	unlink("/tmp/file");
}

static void read_parts(size_t size)
{
	for (size_t at = 0; at < FILE_SIZE; at += size)
		must(pread(file, buffer, size, at));
}

static void write_parts(size_t size)
{
	for (size_t at = 0; at < FILE_SIZE; at += size)
		must(pwrite(file, buffer, size, at));
}

static void read_small(void)
{
	read_parts(4 * KB);
}

static void read_large(void)
{
	read_parts(64 * KB);
}

static void write_small(void)
{
	write_parts(4 * KB);
}

static void write_large(void)
{
	write_parts(64 * KB);
}

const struct workload file_workloads[] = {
	{ "pread-4k", open_file, read_small, close_file },
	{ "pread-64k", open_file, read_large, close_file },
	{ "pwrite-4k", open_file, write_small, close_file },
	{ "pwrite-64k", open_file, write_large, close_file },
	{ },
};
