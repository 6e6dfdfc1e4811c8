/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Source lines and inlined functions from DWARF. Nothing is read before the first lookup. */
#ifndef RSSTRACE_ELF_LINES_H
#define RSSTRACE_ELF_LINES_H

#include "elf/elf_image.h"

struct line_frame {
	const char
		*function; /* linkage name where there is one, else the plain name; NULL: unknown */
	const char *file;  /* NULL: unknown */
	__u32 line;	   /* 0: unknown */
};

/* A compiler stops inlining long before. */
#define LINES_MAX_FRAMES 64

/*
 * lines__new() - reader of the DWARF in @image, which stays the caller's and must live longer.
 * NULL: no DWARF there, or no memory. Image awake; may rest later.
 */
struct lines *lines__new(const struct elf_image *image);
void lines__free(struct lines *lines);

/*
 * lines__lookup() - @frames[0] is the innermost inlined function at link-time @vaddr, the last one
 * the function proper; each with the line it is at. Number of frames, 0 when DWARF has nothing
 * there.
 * @start: address where the function proper begins, 0 when unknown. Strings live until the next
 * lookup. The first lookup in a file and in a compilation unit read that; later ones take a few us.
 */
size_t lines__lookup(struct lines *lines, __u64 vaddr, struct line_frame frames[LINES_MAX_FRAMES],
		     __u64 *start);

/* Give back what the last lookups read; the next one reads it again. Strings die here. */
void lines__rest(struct lines *lines);

/* Of a file that is mapped, leave the pages that lookups touched to the page cache. Everything said
 * stays valid. */
void lines__drop_pages(const struct lines *lines);

/* Heap held; of libdw's share only the sections count, units that it has decoded are not known. */
size_t lines__memory_bytes(const struct lines *lines);

#endif
