// SPDX-License-Identifier: GPL-2.0-only
/* Symbols of the vDSO, in a program of 64 or 32 bits. */
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

#include "vdso.h"

static const ElfW(Dyn) *dynamic_section(const uint8_t *base)
{
	const ElfW(Ehdr) *header = (const void *)base;
	const ElfW(Phdr) *segment = (const void *)(base + header->e_phoff);

	for (int i = 0; i < header->e_phnum; i++)
		if (segment[i].p_type == PT_DYNAMIC)
			return (const void *)(base + segment[i].p_offset);
	return NULL;
}

void *vdso_symbol(const char *name)
{
	const uint8_t *base = (const void *)getauxval(AT_SYSINFO_EHDR);
	const ElfW(Dyn) *entry = base ? dynamic_section(base) : NULL;
	const ElfW(Sym) *symbols = NULL;
	const char *strings = NULL;
	const uint32_t *hash = NULL;

	for (; entry && entry->d_tag; entry++) {
		const void *place = base + entry->d_un.d_ptr;

		if (entry->d_tag == DT_SYMTAB)
			symbols = place;
		else if (entry->d_tag == DT_STRTAB)
			strings = place;
		else if (entry->d_tag == DT_HASH)
			hash = place;
	}
	if (!symbols || !strings || !hash)
		return NULL;
	for (uint32_t i = 0; i < hash[1]; i++)
		if (!strcmp(strings + symbols[i].st_name, name))
			return (void *)(base + symbols[i].st_value);
	return NULL;
}
