// SPDX-License-Identifier: GPL-2.0-only
/* A crash leaves a core file whose segments are pages of the running size. */
#define _GNU_SOURCE
#include <elf.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define PAGES 3
#define CORE_FILE "/tmp/core"

static void crash(const unsigned char *memory)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &limit);
	prctl(PR_SET_DUMPABLE, 1);
	if (memory[0] == pattern(0))
		abort();
}

static void check_segment(const char *core, size_t length, const Elf64_Phdr *segment)
{
	expect_equal("p_align", page_size, segment->p_align);
	expect_equal("p_vaddr within its page", 0, segment->p_vaddr % page_size);
	expect_equal("p_offset within its page", 0, segment->p_offset % page_size);
	expect_equal("p_memsz within its page", 0, segment->p_memsz % page_size);
	expect_equal("p_filesz within its page", 0, segment->p_filesz % page_size);
	expect_least("length of the file", segment->p_offset + segment->p_filesz, length);
	(void)core;
}

/* The AT_PAGESZ that the notes recorded. */
static uint64_t noted_page_size(const char *note, size_t length)
{
	const char *end = note + length;

	while (note < end) {
		const Elf64_Nhdr *header = (const void *)note;
		const Elf64_auxv_t *entry;

		note += sizeof(*header) + ((header->n_namesz + 3) & -4);
		entry = (const void *)note;
		note += (header->n_descsz + 3) & -4;
		if (header->n_type != NT_AUXV)
			continue;
		for (; entry->a_type != AT_NULL; entry++)
			if (entry->a_type == AT_PAGESZ)
				return entry->a_un.a_val;
	}
	return 0;
}

static void check_core(const char *core, size_t length, const unsigned char *memory)
{
	const Elf64_Ehdr *header = (const void *)core;
	const Elf64_Phdr *segment = (const void *)(core + header->e_phoff);
	bool found = false;
	size_t loads = 0;

	expect_equal("e_type", ET_CORE, header->e_type);
	for (int i = 0; i < header->e_phnum; i++, segment++) {
		if (segment->p_type == PT_NOTE)
			expect_equal("AT_PAGESZ in the notes", page_size,
				     noted_page_size(core + segment->p_offset, segment->p_filesz));
		if (segment->p_type != PT_LOAD)
			continue;
		loads++;
		check_segment(core, length, segment);
		if (segment->p_vaddr > (uintptr_t)memory ||
		    segment->p_vaddr + segment->p_filesz < (uintptr_t)memory + PAGES * page_size)
			continue;
		found = true;
		expect_pattern("memory in the core file", (const unsigned char *)core +
			       segment->p_offset + ((uintptr_t)memory - segment->p_vaddr),
			       PAGES * page_size);
	}
	expect_least("segments", 3, loads);
	expect_text("our memory", "in the core file", found ? "in the core file" : "absent");
}

static void check_coredump(void)
{
	unsigned char *memory = map_anonymous(PAGES * page_size);
	size_t length;
	int status;
	pid_t child;
	char *core;

	if (access("/proc/sys/kernel/core_pattern", F_OK))
		skip("no core dumps in this kernel");
	write_text("/proc/sys/kernel/core_pattern", CORE_FILE);
	write_text("/proc/sys/kernel/core_uses_pid", "0");
	fill(memory, PAGES * page_size);
	child = must(fork());
	if (!child) {
		crash(memory);
		_exit(0);
	}
	must(waitpid(child, &status, 0));
	expect_equal("signal", SIGABRT, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	expect_equal("core dumped", 1, WCOREDUMP(status) != 0);
	core = read_whole(CORE_FILE, &length);
	if (!core)
		fail("read " CORE_FILE, "success", "%s", strerror(errno));
	check_core(core, length, memory);
	must(unlink(CORE_FILE));
}

const struct check core_checks[] = {
	{ "coredump.file", check_coredump },
	{ }
};
