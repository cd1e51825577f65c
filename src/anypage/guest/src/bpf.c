// SPDX-License-Identifier: GPL-2.0-only
/* BPF: maps that user space maps, and a program that fills them. */
#define _GNU_SOURCE
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define RING_SIZE (256 * KB)	/* a power of two, whole pages at every page size */
#define RECORD_SIZE 1000U
#define RECORD_SPACE 1008U	/* with its header, in units of 8 bytes */
#define RECORD_VALUE 0x5a17c0deU
#define ROUNDS 6
#define RECORDS 100U		/* a round; all rounds together wrap around the ring */

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define MOV_IMM(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOV_REG(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define CALL(function) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define JUMP_NONZERO(r, distance) INSN(BPF_JMP | BPF_JNE | BPF_K, r, 0, distance, 0)
#define STORE_WORD(d, offset, i) INSN(BPF_ST | BPF_MEM | BPF_W, d, 0, offset, i)
#define EXIT() INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define ADD_IMM(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define LOAD_WORD(d, s, offset) INSN(BPF_LDX | BPF_MEM | BPF_W, d, s, offset, 0)
#define LOAD_64(d, value) \
	INSN(BPF_LD | BPF_DW | BPF_IMM, d, 0, 0, (uint32_t)(value)), \
	INSN(0, 0, 0, 0, (uint32_t)((value) >> 32))
#define LOAD_MAP(d, fd) \
	INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)

static char load_log[16 * KB];

static long bpf(int command, union bpf_attr *attributes)
{
	return syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static int create_map(uint32_t type, uint32_t key, uint32_t value, uint32_t entries,
		      uint32_t flags)
{
	union bpf_attr attributes = {
		.map_type = type,
		.key_size = key,
		.value_size = value,
		.max_entries = entries,
		.map_flags = flags,
	};
	int fd = bpf(BPF_MAP_CREATE, &attributes);

	if (fd < 0 && errno == ENOSYS)
		skip("no BPF in this kernel");
	return fd;
}

/* -1, and the verifier's words in load_log, when the kernel does not take it. */
static int load(const struct bpf_insn *program, uint32_t length)
{
	union bpf_attr attributes = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (uintptr_t)program,
		.insn_cnt = length,
		.license = (uintptr_t)"GPL",
		.log_buf = (uintptr_t)load_log,
		.log_size = sizeof(load_log),
		.log_level = 1,
	};

	return bpf(BPF_PROG_LOAD, &attributes);
}

/* Writes one record of RECORD_SIZE bytes, its first and last words set; 0 when there was room. */
static int load_program(int ring)
{
	struct bpf_insn program[] = {
		LOAD_MAP(BPF_REG_1, ring),
		MOV_IMM(BPF_REG_2, RECORD_SIZE),
		MOV_IMM(BPF_REG_3, 0),
		CALL(BPF_FUNC_ringbuf_reserve),
		JUMP_NONZERO(BPF_REG_0, 2),
		MOV_IMM(BPF_REG_0, 1),
		EXIT(),
		STORE_WORD(BPF_REG_0, 0, RECORD_VALUE),
		STORE_WORD(BPF_REG_0, RECORD_SIZE - 4, RECORD_VALUE),
		MOV_REG(BPF_REG_1, BPF_REG_0),
		MOV_IMM(BPF_REG_2, 0),
		CALL(BPF_FUNC_ringbuf_submit),
		MOV_IMM(BPF_REG_0, 0),
		EXIT(),
	};
	int fd = load(program, ARRAY_SIZE(program));

	if (fd < 0)
		fail("load a BPF program", "success", "%s: %s", strerror(errno), load_log);
	return fd;
}

/* What the last run of the program returned. */
static uint32_t run_program(int program, uint32_t times)
{
	static unsigned char packet[64];
	union bpf_attr attributes = {
		.test = {
			.prog_fd = program,
			.data_in = (uintptr_t)packet,
			.data_size_in = sizeof(packet),
			.repeat = times,
		},
	};

	must(bpf(BPF_PROG_TEST_RUN, &attributes));
	return attributes.test.retval;
}

struct ring {
	uint64_t *consumed;		/* a page that we write */
	const uint64_t *produced;	/* a page that the kernel writes */
	const unsigned char *data;	/* twice, one after the other: records never wrap */
};

static struct ring map_ring(int fd)
{
	struct ring ring;
	unsigned char *pages;

	ring.consumed = must(mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	pages = must(mmap(NULL, page_size + 2 * RING_SIZE, PROT_READ, MAP_SHARED, fd, page_size));
	ring.produced = (void *)pages;
	ring.data = pages + page_size;
	return ring;
}

static void consume(struct ring *ring, uint32_t records)
{
	uint64_t position = *ring->consumed;

	expect_equal("bytes produced", position + records * RECORD_SPACE,
		     __atomic_load_n(ring->produced, __ATOMIC_ACQUIRE));
	for (uint32_t i = 0; i < records; i++) {
		const uint32_t *header = (void *)(ring->data + position % RING_SIZE);
		const uint32_t *record = header + 2;

		expect_equal("length in the header", RECORD_SIZE, header[0]);
		expect_equal("first word", RECORD_VALUE, record[0]);
		expect_equal("last word", RECORD_VALUE, record[RECORD_SIZE / 4 - 1]);
		position += RECORD_SPACE;
	}
	__atomic_store_n(ring->consumed, position, __ATOMIC_RELEASE);
}

static void check_ringbuf(void)
{
	int fd = create_map(BPF_MAP_TYPE_RINGBUF, 0, 0, RING_SIZE, 0);
	struct ring ring;
	int program;

	must(fd);
	ring = map_ring(fd);
	expect_equal("first word of the empty ring", 0, *(const uint64_t *)ring.data);
	expect_error("writable mapping of the kernel's page", EPERM,
		     (long)mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				page_size));
	program = load_program(fd);
	for (int i = 0; i < ROUNDS; i++) {
		expect_equal("value of the program", 0, run_program(program, RECORDS));
		consume(&ring, RECORDS);
	}
}

static void check_ringbuf_size(void)
{
	int fd = create_map(BPF_MAP_TYPE_RINGBUF, 0, 0, page_size, 0);

	must(fd);
	expect_error("ring of half a page", EINVAL,
		     create_map(BPF_MAP_TYPE_RINGBUF, 0, 0, page_size / 2, 0));
}

static void check_array(void)
{
	uint32_t entries = 3 * page_size / 8, key = page_size / 8 + 1;
	int fd = create_map(BPF_MAP_TYPE_ARRAY, 4, 8, entries, BPF_F_MMAPABLE);
	uint64_t value = 0, *memory;
	union bpf_attr attributes = {
		.map_fd = fd,
		.key = (uintptr_t)&key,
		.value = (uintptr_t)&value,
	};

	must(fd);
	memory = must(mmap(NULL, 3 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	memory[key] = 0x1234567890;
	must(bpf(BPF_MAP_LOOKUP_ELEM, &attributes));
	expect_equal("element by key", 0x1234567890, value);
}

/* As libbpf finds `extern const void NAME __ksym`. */
static uint64_t kernel_symbol(const char *name)
{
	FILE *symbols = fopen("/proc/kallsyms", "r");
	char found[128];
	uint64_t address;

	expect(symbols);
	while (fscanf(symbols, "%lx %*c %127s%*[^\n]", &address, found) == 2)
		if (!strcmp(found, name))
			return address;
	return 0;
}

/*
 * The type information of the kernel has no enumerator __PAGE_SIZE if the page size is chosen at
 * boot. What a program reads instead is the variable behind PAGE_SHIFT.
 */
static void check_page_size(void)
{
	uint64_t address = kernel_symbol("__page_shift");
	const struct bpf_insn program[] = {
		MOV_REG(BPF_REG_1, BPF_REG_10),
		ADD_IMM(BPF_REG_1, -8),
		MOV_IMM(BPF_REG_2, 4),
		LOAD_64(BPF_REG_3, address),
		CALL(BPF_FUNC_probe_read_kernel),
		LOAD_WORD(BPF_REG_0, BPF_REG_10, -8),
		EXIT(),
	};
	int fd;

	if (!address)
		skip("a constant, or this kernel lists no variables");
	fd = load(program, ARRAY_SIZE(program));
	if (fd < 0 && strstr(load_log, "cannot use helper"))
		skip("programs cannot read the kernel's memory here");
	must(fd);
	expect_equal("page size", page_size, 1UL << run_program(fd, 1));
}

const struct check bpf_checks[] = {
	{ "bpf.ringbuf", check_ringbuf },
	{ "bpf.ringbuf_size", check_ringbuf_size },
	{ "bpf.array", check_array },
	{ "bpf.page_size", check_page_size },
	{ }
};
