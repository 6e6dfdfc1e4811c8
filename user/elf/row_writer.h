/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Appending rows to a table, one code range after the other, in ascending order. Internal to
 * user/elf. */
#ifndef RSSTRACE_ELF_ROW_WRITER_H
#define RSSTRACE_ELF_ROW_WRITER_H

#include "elf/unwind_table.h"

/*
 * Link-time addresses come in, file offsets go out. Rows outside the current range [start, end) are
 * clipped to it; a range that begins before the one before it ended is refused, so whatever the
 * input, the table ascends.
 */
struct row_writer {
	struct unwind_table *table;
	__u64 start, end; /* current range, link-time addresses */
	__u64 bias;	  /* address - bias is the file offset */
	__u64 written_to; /* file offset up to which the table is settled */
	int error;	  /* -ENOMEM; sticky */
};

/* Begin the range; false: refused. The hole before it gets UNWIND_CFA_NONE, unless it is just
 * alignment. */
bool row_writer__begin(struct row_writer *writer, __u64 start, __u64 end, __u64 bias);
/* @rule holds from @address on. Addresses must not descend within a range; those that do are
 * ignored. */
void row_writer__add(struct row_writer *writer, __u64 address, const struct unwind_rule *rule);
/* End the table. */
void row_writer__finish(struct row_writer *writer);

#endif
