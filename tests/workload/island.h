/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Functions on pages of their own, which run wherever their pages of the program's file are mapped.
 */
#ifndef TESTS_WORKLOAD_ISLAND_H
#define TESTS_WORKLOAD_ISLAND_H

#include <link.h>
#include "workload.h"

#define ISLAND_BYTES 4096
/* Nothing in them may depend on where they are. */
#define ISLAND SITE __attribute__((aligned(ISLAND_BYTES), section(".text.island")))

typedef void (*fill_fn)(char *at, unsigned long bytes);

struct island__search {
	unsigned long addr;
	off_t offset; /* in the program's file; -1: not found */
};

static int island__look(struct dl_phdr_info *info, size_t size, void *context)
{
	struct island__search *search = context;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		unsigned long start = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type == PT_LOAD && search->addr >= start &&
		    search->addr < start + segment->p_filesz)
			search->offset = (off_t)(search->addr - start + segment->p_offset);
	}
	return 1; /* the program itself comes first */
}

/* Where in the program's file function @at is. */
__attribute__((unused)) static off_t island__offset(const char *at)
{
	struct island__search search = { .addr = (unsigned long)at, .offset = -1 };

	dl_iterate_phdr(island__look, &search);
	if (search.offset % ISLAND_BYTES)
		workload__die("the island");
	return search.offset;
}

__attribute__((unused)) static char *island__map(int fd, char *at, off_t offset, int prot)
{
	char *map = mmap(at, ISLAND_BYTES, prot, MAP_PRIVATE | (at ? MAP_FIXED : 0), fd, offset);

	if (map == MAP_FAILED)
		workload__die("mmap of code");
	return map;
}

#endif
