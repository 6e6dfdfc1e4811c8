/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* struct unwind_source from inside: what unwind_table.h's tables are made of. Internal to user/elf.
 */
#ifndef RSSTRACE_ELF_UNWIND_SOURCE_H
#define RSSTRACE_ELF_UNWIND_SOURCE_H

#include <gelf.h>
#include "elf/code_ranges.h"
#include "elf/unwind_table.h"

/*
 * What a file has to say, its sections not yet parsed. All that a table depends on is here, and in
 * unwind_source__id(): who makes tables of something more adds it there. Data belongs to the Elf.
 */
struct unwind_source {
	Elf *elf;
	Elf_Data *eh_frame, *debug_frame, *init, *fini; /* NULL: none */
	__u64 eh_frame_address, debug_frame_address, init_address, fini_address;
	Elf_Data pclntab;   /* Go's table of functions; d_buf NULL: none */
	__u64 text_address; /* what functions are counted from where that does not say so */
	__u8 build_id[64];
	size_t build_id_len;
	struct code_ranges ranges; /* segments and entry; the ranges come with the table */
};

#define GO_SECTION ".go.buildinfo" /* every Go program has it */

bool unwind_source__is_ours(Elf *elf);

#endif
