// SPDX-License-Identifier: GPL-2.0-only
/* Swap: every page goes out by request, and comes back by a fault. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <unistd.h>

#include "bench.h"
#include "swap_header.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define AMOUNT (16 * MB)
#define SWAP (64 * MB)
#define DEVICE "/dev/loop0"

static unsigned char *memory;

/* A file in memory behind a block device: a disk's answers would come when the host likes. */
static void swap_on(void)
{
	int file = must(open("/tmp/swap", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	int device = must(open(DEVICE, O_RDWR | O_CLOEXEC));

	must(posix_fallocate(file, 0, SWAP) ? -1 : 0);
	must(ioctl(device, LOOP_SET_FD, file));
	must(write_swap_header(device, page_size));
	must(swapon(DEVICE, 0));
	close(device);
	close(file);
}

static void map_and_touch(void)
{
	static int is_on;

	if (!is_on++)
		swap_on();
	memory = map_memory(AMOUNT);
	touch(memory, AMOUNT);
}

static void out_and_in(void)
{
	must(madvise(memory, AMOUNT, MADV_PAGEOUT));
	touch(memory, AMOUNT);
}

static void unmap(void)
{
	must(munmap(memory, AMOUNT));
}

const struct workload swap_workloads[] = {
	{ "swap", map_and_touch, out_and_in, unmap },
	{ },
};
