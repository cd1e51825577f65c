// SPDX-License-Identifier: GPL-2.0-only
/* The header of a hibernation image, in a buffer of one page. Prints how much of it was cleared. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

typedef unsigned int u32;

#define new_utsname	utsname
#define __aligned(n)	__attribute__((aligned(n)))
#define BUILD_BUG_ON(condition) \
	((void)sizeof(char[1 - 2 * !!(condition)]))

#define PAGE_SHIFT_MIN	12
#define PAGE_SHIFT_MAX	16
#define PAGE_SIZE_MIN	(1UL << PAGE_SHIFT_MIN)
#define PAGE_SIZE_MAX	(1UL << PAGE_SHIFT_MAX)
#define PAGE_SHIFT	page_shift
#define PAGE_SIZE	(1UL << PAGE_SHIFT)

static int page_shift;
static unsigned int nr_copy_pages = 1;

static unsigned long get_num_physpages(void)
{
	return 1;
}

static unsigned long snapshot_get_image_size(void)
{
	return 1;
}

struct swsusp_info;
static int init_header_complete(struct swsusp_info *info)
{
	(void)info;
	return 0;
}

#include "kernel.h"

#define USED	0xa5

static unsigned char buffer[4 * PAGE_SIZE_MAX] __aligned(PAGE_SIZE_MAX);

int main(int argc, char **argv)
{
	size_t cleared = sizeof(buffer);

	page_shift = argc > 1 ? atoi(argv[1]) : 0;
	memset(buffer, USED, sizeof(buffer));
	init_header((struct swsusp_info *)buffer);
	while (cleared && buffer[cleared - 1] == USED)
		cleared--;
	printf("%zu\n", cleared);
	return 0;
}
