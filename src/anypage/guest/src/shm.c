// SPDX-License-Identifier: GPL-2.0-only
/* Memory shared by name, key or file descriptor. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define PAGES 5

static void fill_shared(void *memory)
{
	fill(memory, PAGES * page_size);
}

static void check_sysv(void)
{
	size_t length = (PAGES - 1) * page_size + 1;
	int id = shmget(IPC_PRIVATE, length, IPC_CREAT | 0600);
	unsigned char *memory;
	struct shmid_ds state;

	if (id < 0 && errno == ENOSYS)
		skip("no SysV IPC in this kernel");
	must(id);
	memory = must(shmat(id, NULL, 0));
	in_child(fill_shared, memory);
	expect_pattern("what the child wrote", memory, PAGES * page_size);
	expect_equal("fault after the last page", 0, fault_on_read(memory + length - 1));
	must(shmctl(id, IPC_STAT, &state));
	expect_equal("shm_segsz", length, state.shm_segsz);
	must(shmdt(memory));
	expect_equal("fault after shmdt", SIGSEGV, fault_on_read(memory));
	must(shmctl(id, IPC_RMID, NULL));
}

/* SHMLBA is the page size on arm64. */
static void check_sysv_address(void)
{
	int id = shmget(IPC_PRIVATE, page_size, IPC_CREAT | 0600);
	unsigned char *room = map_anonymous(4 * page_size);

	if (id < 0 && errno == ENOSYS)
		skip("no SysV IPC in this kernel");
	must(id);
	must(munmap(room, 4 * page_size));
	expect_error("shmat at half a page", EINVAL,
		     (long)shmat(id, room + page_size + page_size / 2, 0));
	expect_equal("rounded address", (uintptr_t)room + page_size,
		     (uintptr_t)must(shmat(id, room + page_size + page_size / 2, SHM_RND)));
	must(shmctl(id, IPC_RMID, NULL));
}

static void share_file(int fd)
{
	unsigned char *memory, *other;

	must(ftruncate(fd, PAGES * page_size));
	memory = must(mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	other = must(mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd, 2 * page_size));
	in_child(fill_shared, memory);
	expect_pattern("what the child wrote", memory, PAGES * page_size);
	expect_equal("second mapping", pattern(3 * page_size - 1), other[page_size - 1]);
	must(close(fd));
}

static void check_posix(void)
{
	share_file(must(shm_open("/anypage", O_RDWR | O_CREAT | O_EXCL, 0600)));
	must(shm_unlink("/anypage"));
}

static void check_memfd(void)
{
	share_file(must(memfd_create("anypage", MFD_CLOEXEC)));
}

static void check_mqueue(void)
{
	struct mq_attr attributes = { .mq_maxmsg = 4, .mq_msgsize = 6000 };
	static char message[6000], received[6000];
	mqd_t queue = mq_open("/anypage", O_RDWR | O_CREAT, 0600, &attributes);

	if (queue < 0 && errno == ENOSYS)
		skip("no POSIX message queues in this kernel");
	must(queue);
	fill((unsigned char *)message, sizeof(message));
	for (int i = 0; i < 4; i++)
		must(mq_send(queue, message, sizeof(message), i));
	for (int i = 0; i < 4; i++) {
		expect_equal("length", sizeof(message),
			     must(mq_receive(queue, received, sizeof(received), NULL)));
		expect_pattern("message", (unsigned char *)received, sizeof(received));
	}
	must(mq_unlink("/anypage"));
}

const struct check shm_checks[] = {
	{ "shm.sysv", check_sysv },
	{ "shm.sysv_address", check_sysv_address },
	{ "shm.posix", check_posix },
	{ "shm.memfd", check_memfd },
	{ "shm.mqueue", check_mqueue },
	{ }
};
