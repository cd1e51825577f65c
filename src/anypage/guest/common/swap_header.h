/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SWAP_HEADER_H
#define SWAP_HEADER_H

#include <stddef.h>

/* Write what mkswap writes for a page size over the start of an open file or disk. 0, or -1. */
int write_swap_header(int fd, size_t page_size);

#endif
