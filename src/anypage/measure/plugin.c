// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin for QEMU's TCG that counts executed instructions for each address of the kernel.
 *
 * The guest brackets what is to be counted by two instructions that do nothing (movz xzr, #imm).
 * What runs before the first bracket is a bracket too: the boot. One virtual CPU; the counts are
 * those of the code that ran, so they are the same whenever the same code runs.
 *
 * The file that it writes, in the byte order of the host:
 *	struct bracket, then `details` times struct detail, again and again
 *
 * The declarations are those of the plugin API of QEMU 7.2 (include/qemu/qemu-plugin.h), of which
 * Debian has no header.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_PLUGIN_CB_RW_REGS = 2 };
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
		void (*translated)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id,
		void (*ended)(qemu_plugin_id_t, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op,
		void *counter, uint64_t add);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
		void (*executed)(unsigned int, void *), int flags, void *data);

#define EXPORT	__attribute__((visibility("default")))

EXPORT int qemu_plugin_version = 1;

/* movz xzr, #imm: Arm ARM C6.2, MOVZ with Rd 31. bench.h of the guest has the same numbers. */
#define MARK(imm)	(0xd280001fU | (imm) << 5)
#define MARK_BEGIN	MARK(0xa9e0U)
#define MARK_END	MARK(0xa9e1U)
#define MARK_DETAIL	MARK(0xa9e2U)

struct bracket {
	uint64_t image, other_kernel, user, details;
};

struct detail {
	uint64_t address, count;
	uint32_t instruction, pad;
};

static uint64_t base, size;		/* of the kernel image, in bytes */
static uint64_t *counts;		/* by (address - base) / 4 */
static uint32_t *instructions;
static uint64_t other_kernel, user;	/* modules, and whatever else has a high address; the rest */
static FILE *output;

static void fail(const char *what)
{
	fprintf(stderr, "anypage plugin: %s\n", what);
	exit(1);
}

static void put(const void *data, size_t length)
{
	if (fwrite(data, length, 1, output) != 1)
		fail("cannot write the counts");
}

static void end_bracket(bool with_details)
{
	struct bracket all = { .other_kernel = other_kernel, .user = user };

	for (size_t i = 0; i < size / 4; i++) {
		all.image += counts[i];
		all.details += with_details && counts[i];
	}
	put(&all, sizeof(all));
	for (size_t i = 0; all.details && i < size / 4; i++) {
		struct detail one = { base + 4 * i, counts[i], instructions[i], 0 };

		if (counts[i])
			put(&one, sizeof(one));
	}
	if (fflush(output))
		fail("cannot write the counts");
}

static void begin_bracket(void)
{
	memset(counts, 0, size / 4 * sizeof(*counts));
	other_kernel = user = 0;
}

static void marked(unsigned int cpu, void *data)
{
	uint32_t mark = (uintptr_t)data;

	(void)cpu;
	if (mark == MARK_BEGIN)
		begin_bracket();
	else
		end_bracket(mark == MARK_DETAIL);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t address = qemu_plugin_insn_vaddr(insn), offset = address - base;
		uint64_t *counter = address >> 63 ? &other_kernel : &user;
		uint32_t word;

		memcpy(&word, qemu_plugin_insn_data(insn), sizeof(word));
		if (offset < size) {
			counter = &counts[offset / 4];
			instructions[offset / 4] = word;
		}
		qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
				counter, 1);
		if (word == MARK_BEGIN || word == MARK_END || word == MARK_DETAIL)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, marked,
					QEMU_PLUGIN_CB_RW_REGS, (void *)(uintptr_t)word);
	}
}

static void ended(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	if (fclose(output))
		fail("cannot write the counts");
}

/* Arguments: base=ADDRESS,size=BYTES,out=FILE */
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "base=", 5))
			base = strtoull(argv[i] + 5, NULL, 0);
		else if (!strncmp(argv[i], "size=", 5))
			size = strtoull(argv[i] + 5, NULL, 0);
		else if (!strncmp(argv[i], "out=", 4))
			output = fopen(argv[i] + 4, "wb");
	}
	if (!base || !size || !output)
		fail("base=, size= and out= of a file that can be written are needed");
	counts = calloc(size / 4, sizeof(*counts));
	instructions = calloc(size / 4, sizeof(*instructions));
	if (!counts || !instructions)
		fail("no memory");
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
