/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* .eh_frame and .debug_frame, split into their functions. Internal to user/elf. */
#ifndef RSSTRACE_ELF_FRAME_SECTION_H
#define RSSTRACE_ELF_FRAME_SECTION_H

#include <libelf.h>
#include "elf/code_ranges.h"

struct frame_section {
	const unsigned char *ident; /* of the ELF header */
	Elf_Data *data;		    /* must outlive the ranges */
	__u64 address;		    /* link-time */
	bool eh;		    /* .eh_frame */
};

/* Add its functions to @ranges. Entries that make no sense are passed over. 0 or -ENOMEM. */
int frame_section__ranges(const struct frame_section *section, struct code_ranges *ranges);

#endif
