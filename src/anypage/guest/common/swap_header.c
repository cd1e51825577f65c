// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "swap_header.h"

#define LARGEST_PAGE (64UL * 1024)
#define SIGNATURE "SWAPSPACE2"

/* Start of include/linux/swap.h, union swap_header; the signature ends the first page. */
struct swap_info {
	char bootbits[1024];
	uint32_t version, last_page, nr_badpages;
};

int write_swap_header(int fd, size_t page_size)
{
	static union {
		struct swap_info info;
		char bytes[LARGEST_PAGE];
	} page;
	off_t length = lseek(fd, 0, SEEK_END);

	if (length < 0)
		return -1;
	memset(&page, 0, sizeof(page));
	page.info.version = 1;
	page.info.last_page = length / page_size - 1;
	memcpy(page.bytes + page_size - strlen(SIGNATURE), SIGNATURE, strlen(SIGNATURE));
	/* All of it: a header for smaller pages may be there. */
	if (pwrite(fd, &page, sizeof(page), 0) != (ssize_t)sizeof(page))
		return -1;
	return fsync(fd);
}
