/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The functions of a file and where each one's unwind program is, before the rows are written.
 * Internal to user/elf. */
#ifndef RSSTRACE_ELF_CODE_RANGES_H
#define RSSTRACE_ELF_CODE_RANGES_H

#include "elf/cfi_program.h"

enum code_range_kind {
	CODE_RANGE_CFI = 0,
	CODE_RANGE_GO,
	CODE_RANGE_STARTUP, /* .init, .fini: program is the code itself */
};

struct code_range {
	__u64 start, end;    /* link-time addresses */
	__u64 bias;	     /* of its segment */
	const __u8 *program; /* in the section's bytes */
	__u64 program_field; /* address of its first byte */
	__u32 program_len;
	__u32 common; /* CFI: index of its CIE; Go: of the function */
	enum code_range_kind kind;
};

/* An executable PT_LOAD. */
struct code_segment {
	__u64 start, end; /* link-time addresses, those with bytes in the file */
	__u64 bias; /* address - bias is the file offset; it wraps where that is the larger */
};

#define MAX_CODE_SEGMENTS 16

struct code_ranges {
	struct code_segment segments[MAX_CODE_SEGMENTS];
	size_t nr_segments;
	__u64 entry; /* address of a program's outermost function, 0: none */
	struct code_range *ranges;
	size_t nr, cap;
	struct cfi_common *commons;
	size_t nr_commons, cap_commons;
};

/*
 * code_ranges__add() - clips the range to its segment; one outside any is dropped, as are empty
 * ones. 0 or -ENOMEM. code_ranges__add_common() - index of the new CIE, or -ENOMEM.
 * code_ranges__sort() - by file offset; CFI before what is made up.
 */
int code_ranges__add(struct code_ranges *ranges, const struct code_range *range);
int code_ranges__add_common(struct code_ranges *ranges, const struct cfi_common *common);
void code_ranges__sort(struct code_ranges *ranges);
void code_ranges__fini(struct code_ranges *ranges);

#endif
