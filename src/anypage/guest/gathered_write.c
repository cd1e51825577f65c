// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linked to a test that writes a file byte by byte, with --wrap=write and --wrap=close: the file
 * gets the same bytes by fewer system calls. What is emulated takes half an hour for tens of
 * millions of them.
 */
#include <stdlib.h>
#include <unistd.h>

ssize_t __real_write(int fd, const void *data, size_t size);
int __real_close(int fd);

static unsigned char bytes[1 << 16];
static size_t count;
static int file;

static void write_gathered(void)
{
	if (count && __real_write(file, bytes, count) != (ssize_t)count)
		abort();
	count = 0;
}

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	if (size != 1 || fd != file || count == sizeof(bytes))
		write_gathered();
	if (size != 1)
		return __real_write(fd, data, size);
	file = fd;
	bytes[count++] = *(const unsigned char *)data;
	return 1;
}

int __wrap_close(int fd)
{
	write_gathered();
	return __real_close(fd);
}
