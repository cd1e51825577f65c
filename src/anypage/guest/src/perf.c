// SPDX-License-Identifier: GPL-2.0-only
/* perf events: a ring of pages that the kernel fills and user space maps. */
#define _GNU_SOURCE
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define DATA_PAGES 8
#define FAULTS 10

struct sample {
	struct perf_event_header header;
	uint64_t address;
};

static int open_event(void)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_PAGE_FAULTS,
		.size = sizeof(attributes),
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_ADDR,
		.disabled = 1,
		.exclude_kernel = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 && errno == ENOSYS)
		skip("no perf events in this kernel");
	return must(fd);
}

/* Every page that we touch must be a sample, in order; other faults may lie between. */
static void expect_samples(const struct perf_event_mmap_page *page, const unsigned char *memory)
{
	const unsigned char *data = (const unsigned char *)page + page->data_offset;
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE), position = 0;
	unsigned int found = 0;

	while (position < head) {
		const struct sample *sample = (void *)(data + position % page->data_size);

		if (sample->header.type == PERF_RECORD_SAMPLE && found < FAULTS &&
		    sample->address == (uintptr_t)memory + found * page_size)
			found++;
		expect_least("size of a record", sizeof(sample->header), sample->header.size);
		position += sample->header.size;
	}
	expect_equal("samples of our faults", FAULTS, found);
}

static void check_ring(void)
{
	unsigned char *memory = map_anonymous(FAULTS * page_size);
	size_t length = (1 + DATA_PAGES) * page_size;
	struct perf_event_mmap_page *page;
	int fd = open_event();

	expect_error("ring of three pages", EINVAL,
		     (long)mmap(NULL, 4 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	page = must(mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	expect_equal("data_offset", page_size, page->data_offset);
	expect_equal("data_size", DATA_PAGES * page_size, page->data_size);
	must(ioctl(fd, PERF_EVENT_IOC_ENABLE, 0));
	for (int i = 0; i < FAULTS; i++)
		memory[i * page_size] = 1;
	must(ioctl(fd, PERF_EVENT_IOC_DISABLE, 0));
	expect_samples(page, memory);
}

const struct check perf_checks[] = {
	{ "perf.ring", check_ring },
	{ }
};
