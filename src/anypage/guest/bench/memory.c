// SPDX-License-Identifier: GPL-2.0-only
/* Address spaces: mappings, faults of each kind, protection, and shared memory of System V. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "bench.h"

#define FAULTS (64 * MB)
#define HUGE_AREA (512 * MB)	/* one huge page of 64K pages */
#define FILE_SIZE (16 * MB)
#define MAPPINGS 1000

static unsigned char *memory;
static int file;

static unsigned char *map(size_t length, int flags, int fd)
{
	return must(mmap(NULL, length, PROT_READ | PROT_WRITE, flags, fd, 0));
}

unsigned char *map_memory(size_t length)
{
	unsigned char *mapped = map(length, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	madvise(mapped, length, MADV_NOHUGEPAGE);	/* fails without THP: as well */
	return mapped;
}

void touch(unsigned char *start, size_t length)
{
	for (size_t i = 0; i < length; i += page_size)
		*(volatile unsigned char *)(start + i) = 1;
}

static void look(unsigned char *start, size_t length)
{
	for (size_t i = 0; i < length; i += page_size)
		(void)*(volatile unsigned char *)(start + i);
}

static void map_and_unmap(void)
{
	for (int i = 0; i < MAPPINGS; i++)
		must(munmap(map(64 * KB, MAP_PRIVATE | MAP_ANONYMOUS, -1), 64 * KB));
}

static void map_faults(void)
{
	memory = map_memory(FAULTS);
}

static void map_touched_faults(void)
{
	map_faults();
	touch(memory, FAULTS);
}

static void touch_faults(void)
{
	touch(memory, FAULTS);
}

static void unmap_faults(void)
{
	must(munmap(memory, FAULTS));
}

static void map_huge(void)
{
	memory = map(2 * HUGE_AREA, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	memory += -(uintptr_t)memory % HUGE_AREA;
	madvise(memory, HUGE_AREA, MADV_HUGEPAGE);
}

static void touch_huge(void)
{
	touch(memory, HUGE_AREA);
}

static void unmap_huge(void)
{
	must(munmap(memory, HUGE_AREA));
}

static void make_file(void)
{
	unsigned char *text;

	file = must(open("/tmp/mapped", O_RDWR | O_CREAT | O_TRUNC, 0600));
	must(ftruncate(file, FILE_SIZE));
	text = map(FILE_SIZE, MAP_SHARED, file);
	touch(text, FILE_SIZE);
	must(munmap(text, FILE_SIZE));
}

static void map_file_shared(void)
{
	make_file();
	memory = map(FILE_SIZE, MAP_SHARED, file);
}

static void map_file_private(void)
{
	make_file();
	memory = map(FILE_SIZE, MAP_PRIVATE, file);
}

static void look_at_file(void)
{
	look(memory, FILE_SIZE);
}

static void touch_file(void)
{
	touch(memory, FILE_SIZE);
}

static void unmap_file(void)
{
	must(munmap(memory, FILE_SIZE));
	close(file);
	unlink("/tmp/mapped");
}

static void protect(void)
{
	must(mprotect(memory, FAULTS, PROT_READ));
	must(mprotect(memory, FAULTS, PROT_READ | PROT_WRITE));
}

static void map_gigabyte(void)
{
	memory = map_memory(GB);
	touch(memory, GB);
}

static void unmap_gigabyte(void)
{
	must(munmap(memory, GB));
}

static void use_shared(void)
{
	int id = must(shmget(IPC_PRIVATE, FILE_SIZE, IPC_CREAT | 0600));
	unsigned char *shared = must(shmat(id, NULL, 0));

	touch(shared, FILE_SIZE);
	must(shmdt(shared));
	must(shmctl(id, IPC_RMID, NULL));
}

const struct workload memory_workloads[] = {
	{ "mmap-munmap", NULL, map_and_unmap, NULL },
	{ "fault-anonymous", map_faults, touch_faults, unmap_faults },
	{ "fault-huge", map_huge, touch_huge, unmap_huge },
	{ "fault-file", map_file_shared, look_at_file, unmap_file },
	{ "fault-copy-on-write", map_file_private, touch_file, unmap_file },
	{ "mprotect", map_touched_faults, protect, unmap_faults },
	{ "munmap-1g", map_gigabyte, unmap_gigabyte, NULL },
	{ "shm-sysv", NULL, use_shared, NULL },
	{ },
};
