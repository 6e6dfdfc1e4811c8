/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Running the call-frame programs of .eh_frame and .debug_frame (DWARF 5, 6.4; the System V ABI's
 * x86-64 supplement and the LSB for the GNU additions), for the three registers that matter.
 * Internal to user/elf.
 *
 * elfutils can do it: dwarf_cfi_addrframe() gives the row of an address and dwarf_frame_info()
 * where it ends, so that a function is asked for row by row. For the 836 k rows of libLLVM-14 that
 * takes 180 to 250 ms of CPU where this takes 30 to 45, for the 24 k of libc 6.3 against 1.0 (`make
 * bench-cfi`): enough for an attach within a second. Tables are also built of code that is met at
 * run time, and until one is there each stack through that code is copied and waits, while the
 * program runs on: that is over five times sooner. What rows say is held against elfutils at 20 000
 * addresses of each of a dozen objects (tests/unit/elf/test_unwind_table.c).
 */
#ifndef RSSTRACE_ELF_CFI_PROGRAM_H
#define RSSTRACE_ELF_CFI_PROGRAM_H

#include "elf/byte_cursor.h"
#include "elf/row_writer.h"

enum cfi_saved {
	CFI_SAME = 0,
	CFI_UNDEFINED,
	CFI_AT_CFA,	   /* at cfa + offset */
	CFI_AT_EXPRESSION, /* at the address the expression gives */
	CFI_OTHER,	   /* in a register, or a computed value */
};

struct cfi_register {
	enum cfi_saved saved;
	__s64 offset;
	const __u8 *expression;
	size_t expression_len;
};

struct cfi_state {
	__u64 cfa_register;
	__s64 cfa_offset;
	const __u8 *cfa_expression; /* NULL: register + offset */
	size_t cfa_expression_len;
	struct cfi_register rbp, rbx, ra;
};

/* What the functions that share a CIE have in common. */
struct cfi_common {
	__u64 code_align;
	__s64 data_align;
	__u64 ra_register;
	__u8 pointer_encoding;	 /* DW_EH_PE_* of addresses */
	bool sized_augmentation; /* FDEs begin with augmentation data */
	bool signal;		 /* its functions are signal trampolines */
	struct cfi_state initial;
};

/* An address in one of the DW_EH_PE_* encodings; @field is the address of its first byte. Sets bad
 * for a strange one. */
__u64 cfi_pointer(struct byte_cursor *cursor, __u8 encoding, __u64 field);

/*
 * cfi_program__initial() - run the CIE's program, which sets the state every function begins with.
 * cfi_program__run() - run a function's program from @start on; the rows go to @writer. @field:
 * address of the program's first byte. What follows something unknown is UNWIND_CFA_UNSUPPORTED.
 */
void cfi_program__initial(struct cfi_common *common, const __u8 *program, size_t len);
void cfi_program__run(const struct cfi_common *common, const __u8 *program, size_t len, __u64 field,
		      __u64 start, struct row_writer *writer);

/* The state as a rule; UNWIND_CFA_UNSUPPORTED when it does not fit into one. */
void cfi_state__rule(const struct cfi_state *state, bool signal, struct unwind_rule *rule);

#endif
