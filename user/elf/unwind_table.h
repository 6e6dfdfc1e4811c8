/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The unwind table of an ELF file: for each byte of its code, how to get from a frame to its
 * caller. x86-64.
 *
 * Made from .eh_frame (found by section header, else by PT_GNU_EH_FRAME), from .debug_frame when
 * there is no other, from Go's .gopclntab, and for .init and .fini, which carry no CFI anywhere,
 * from their instructions.
 *
 * Entries are split by elfutils' dwarf_next_cfi(); the programs in them are run by our own
 * interpreter (cfi_program.h says why). The 24 k rows of libc take 1.1 ms, the 836 k rows of
 * libLLVM-14 29 ms, of which dwarf_next_cfi() 0.3.
 */
#ifndef RSSTRACE_ELF_UNWIND_TABLE_H
#define RSSTRACE_ELF_UNWIND_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/siphash.h"
#include "unwind_abi.h"

struct unwind_row {
	__u64 offset; /* of the file, bytes: the rule holds from here to the next row */
	struct unwind_rule rule;
};

/* Rows ascend strictly in offset; neighbours differ in rule; the last is UNWIND_CFA_NONE. */
struct unwind_table {
	struct unwind_row *rows;
	size_t nr, cap;
	size_t nr_functions;   /* ranges that had a program of their own */
	size_t nr_unsupported; /* rows whose rule cannot be told in an unwind_rule */
	bool has_go;	       /* parts are from Go's table */
};

/*
 * What a table is made of, read once and for all: whatever happens to the file, what is said of it
 * below is said of the same bytes.
 *
 * unwind_source__read() - of the file @fd, the caller's, which must be open as long. @name is for
 * the sentence. unwind_source__read_memory() - the same for an image in memory (the vdso), which is
 * laid out as its file. 0; -ENOEXEC (not an ELF file of this machine), -ENOMEM. Then *@source is
 * NULL.
 */
struct unwind_source;
int unwind_source__read(struct unwind_source **source, int fd, const char *name, struct err *err);
int unwind_source__read_memory(struct unwind_source **source, const void *image, size_t len,
			       const char *name, struct err *err);
void unwind_source__free(struct unwind_source *source);

/*
 * unwind_source__id() - the build-id and all that the table depends on, as a hash: sources with one
 * id have one table. A build-id alone does not say so, a tool that edits a file keeps it; nor does
 * the CFI, which is of addresses where rows are of file offsets. @key: nobody else knows it, else a
 * file could be made that passes for another. 0.5 ms per MiB.
 */
struct siphash_value unwind_source__id(const struct unwind_source *source,
				       const struct siphash_key *key);

/*
 * unwind_table__from() - the table of @source, which is used up: it can but be freed. 0; -ENODATA
 * (no unwind information), -ENOMEM. Survives any input: what cannot be made sense of is left out.
 * Free with unwind_table__fini(). Cost: about 10 ms per MiB of .eh_frame. unwind_table__build(),
 * unwind_table__build_memory() - read it and then that.
 */
int unwind_table__from(struct unwind_table *table, struct unwind_source *source, const char *name,
		       struct err *err);
int unwind_table__build(struct unwind_table *table, int fd, const char *name, struct err *err);
int unwind_table__build_memory(struct unwind_table *table, const void *image, size_t len,
			       const char *name, struct err *err);
void unwind_table__fini(struct unwind_table *table);

/* The row that holds at file @offset; NULL below the first. */
const struct unwind_row *unwind_table__find(const struct unwind_table *table, __u64 offset);

/* Rows the table of @fd will have, from the sizes of its sections alone; too high rather than too
 * low. 0: not ELF. */
size_t unwind_table__estimate(int fd);

#endif
