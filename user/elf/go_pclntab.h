/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Go's function table (.gopclntab, since Go 1.18; src/runtime/symtab.go, type pcHeader and _func):
 * stripped or not, it says for each pc how far the function has moved the stack pointer. Internal
 * to user/elf.
 */
#ifndef RSSTRACE_ELF_GO_PCLNTAB_H
#define RSSTRACE_ELF_GO_PCLNTAB_H

#include "elf/code_ranges.h"

#define GO_PCLNTAB_TEXT_AT                                                                         \
	24 /* byte of the header: where the code begins, 0 if that is relocated */

struct go_pclntab {
	struct byte_cursor whole;
	__u64 text;    /* address function offsets are relative to */
	__u64 quantum; /* bytes pc deltas are counted in */
	__u64 nr_functions;
	__u64 names, pc_values, functions; /* offsets of its parts */
};

/* Where in these bytes such a table may begin; @len: nowhere. */
size_t go_pclntab__search(const void *bytes, size_t len);
/* 0; -ENODATA: not such a table, or of another version. @text: where the code begins, for tables
 * that leave it out. */
int go_pclntab__init(struct go_pclntab *table, const void *bytes, size_t len, __u64 text);
/* Add its functions to @ranges; range.common is the function's index. 0 or -ENOMEM. */
int go_pclntab__ranges(const struct go_pclntab *table, struct code_ranges *ranges);
/* The rows of a range of ours. */
void go_pclntab__rows(const struct go_pclntab *table, const struct code_range *range,
		      struct row_writer *writer);

#endif
