// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <dwarf.h>
#include "elf/cfi_program.h"

#define DWARF_RBX 3
#define DWARF_RBP 6
#define DWARF_RSP 7
#define MAX_REMEMBERED 16 /* compilers nest one or two deep */

static const struct unwind_rule rule_unsupported = { .how = UNWIND_CFA_UNSUPPORTED };

struct machine {
	const struct cfi_common *common;
	struct byte_cursor code;
	struct cfi_state state;
	struct cfi_state remembered[MAX_REMEMBERED];
	unsigned int nr_remembered;
	__u64 location;
	__u64 field; /* address of code_start */
	const __u8 *code_start;
	struct row_writer *writer; /* NULL: a CIE's program */
};

static __u64 pointer_value(struct byte_cursor *cursor, __u8 format)
{
	switch (format) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return byte_cursor__fixed(cursor, 8);
	case DW_EH_PE_udata2:
		return byte_cursor__fixed(cursor, 2);
	case DW_EH_PE_udata4:
		return byte_cursor__fixed(cursor, 4);
	case DW_EH_PE_sdata2:
		return (__u64)(__s64)(__s16)byte_cursor__fixed(cursor, 2);
	case DW_EH_PE_sdata4:
		return (__u64)(__s64)(__s32)byte_cursor__fixed(cursor, 4);
	case DW_EH_PE_uleb128:
		return byte_cursor__uleb(cursor);
	case DW_EH_PE_sleb128:
		return (__u64)byte_cursor__sleb(cursor);
	default:
		cursor->bad = true;
		return 0;
	}
}

__u64 cfi_pointer(struct byte_cursor *cursor, __u8 encoding, __u64 field)
{
	__u64 value = pointer_value(cursor, encoding & 0x0f);

	if (!value) /* null whatever it is relative to */
		return 0;
	switch (encoding & 0xf0) {
	case DW_EH_PE_absptr:
		return value;
	case DW_EH_PE_pcrel:
		return value + field;
	default:
		cursor->bad = true;
		return 0;
	}
}

/* Products and sums of foreign numbers wrap. */
static __s64 scaled(__u64 factor, __s64 align)
{
	return (__s64)(factor * (__u64)align);
}

static struct cfi_register *find_register(struct cfi_state *state, __u64 number, __u64 ra)
{
	if (number == ra)
		return &state->ra;
	if (number == DWARF_RBP)
		return &state->rbp;
	if (number == DWARF_RBX)
		return &state->rbx;
	return NULL;
}

static void set_register(struct machine *m, __u64 number, enum cfi_saved saved, __s64 offset)
{
	struct cfi_register *reg = find_register(&m->state, number, m->common->ra_register);

	if (reg)
		*reg = (struct cfi_register){ .saved = saved, .offset = offset };
}

static void set_expression(struct machine *m, __u64 number, enum cfi_saved saved)
{
	struct cfi_register *reg = find_register(&m->state, number, m->common->ra_register);
	__u64 len = byte_cursor__uleb(&m->code);
	const __u8 *start = m->code.at;

	byte_cursor__skip(&m->code, len);
	if (reg && !m->code.bad)
		*reg = (struct cfi_register){ .saved = saved,
					      .expression = start,
					      .expression_len = (size_t)len };
}

static void restore_register(struct machine *m, __u64 number)
{
	struct cfi_state initial = m->common->initial;
	__u64 ra = m->common->ra_register;
	struct cfi_register *reg = find_register(&m->state, number, ra);

	if (reg)
		*reg = *find_register(&initial, number, ra);
}

static void set_cfa(struct machine *m, __u64 number, __s64 offset)
{
	m->state.cfa_register = number;
	m->state.cfa_offset = offset;
	m->state.cfa_expression = NULL;
}

static void set_cfa_expression(struct machine *m)
{
	__u64 len = byte_cursor__uleb(&m->code);

	m->state.cfa_expression = m->code.at;
	m->state.cfa_expression_len = (size_t)len;
	byte_cursor__skip(&m->code, len);
}

/* The state so far is that of the code up to @to. */
static void advance_to(struct machine *m, __u64 to)
{
	struct unwind_rule rule;

	if (m->writer && to > m->location) {
		cfi_state__rule(&m->state, m->common->signal, &rule);
		row_writer__add(m->writer, m->location, &rule);
	}
	m->location = to;
}

static void advance(struct machine *m, __u64 units)
{
	advance_to(m, m->location + units * m->common->code_align);
}

static void set_location(struct machine *m)
{
	__u64 field = m->field + (__u64)(m->code.at - m->code_start);
	__u64 to = cfi_pointer(&m->code, m->common->pointer_encoding, field);

	if (!m->code.bad)
		advance_to(m, to);
}

static void remember(struct machine *m)
{
	if (m->nr_remembered == MAX_REMEMBERED)
		m->code.bad = true;
	else
		m->remembered[m->nr_remembered++] = m->state;
}

static void recall(struct machine *m)
{
	if (!m->nr_remembered)
		m->code.bad = true;
	else
		m->state = m->remembered[--m->nr_remembered];
}

/* The opcodes that say where a register is saved. */
static bool run_register_op(struct machine *m, __u8 op)
{
	__u64 number = byte_cursor__uleb(&m->code);
	__s64 align = m->common->data_align;

	switch (op) {
	case DW_CFA_offset_extended:
		set_register(m, number, CFI_AT_CFA, scaled(byte_cursor__uleb(&m->code), align));
		return true;
	case DW_CFA_offset_extended_sf:
		set_register(m, number, CFI_AT_CFA,
			     scaled((__u64)byte_cursor__sleb(&m->code), align));
		return true;
	case DW_CFA_GNU_negative_offset_extended:
		set_register(m, number, CFI_AT_CFA, scaled(0 - byte_cursor__uleb(&m->code), align));
		return true;
	case DW_CFA_restore_extended:
		restore_register(m, number);
		return true;
	case DW_CFA_undefined:
		set_register(m, number, CFI_UNDEFINED, 0);
		return true;
	case DW_CFA_same_value:
		set_register(m, number, CFI_SAME, 0);
		return true;
	case DW_CFA_register:
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
		byte_cursor__uleb(&m->code); /* the operand's sign does not matter here */
		set_register(m, number, CFI_OTHER, 0);
		return true;
	case DW_CFA_expression:
		set_expression(m, number, CFI_AT_EXPRESSION);
		return true;
	case DW_CFA_val_expression:
		set_expression(m, number, CFI_OTHER);
		return true;
	default:
		return false;
	}
}

/* The opcodes that say how the CFA is had. */
static bool run_cfa_op(struct machine *m, __u8 op)
{
	__s64 align = m->common->data_align;
	__u64 number;

	switch (op) {
	case DW_CFA_def_cfa:
		number = byte_cursor__uleb(&m->code);
		set_cfa(m, number, (__s64)byte_cursor__uleb(&m->code));
		return true;
	case DW_CFA_def_cfa_sf:
		number = byte_cursor__uleb(&m->code);
		set_cfa(m, number, scaled((__u64)byte_cursor__sleb(&m->code), align));
		return true;
	case DW_CFA_def_cfa_register:
		set_cfa(m, byte_cursor__uleb(&m->code), m->state.cfa_offset);
		return true;
	case DW_CFA_def_cfa_offset:
		m->state.cfa_offset = (__s64)byte_cursor__uleb(&m->code);
		return true;
	case DW_CFA_def_cfa_offset_sf:
		m->state.cfa_offset = scaled((__u64)byte_cursor__sleb(&m->code), align);
		return true;
	case DW_CFA_def_cfa_expression:
		set_cfa_expression(m);
		return true;
	default:
		return false;
	}
}

/* The opcodes that move on, and those without a register. */
static bool run_location_op(struct machine *m, __u8 op)
{
	switch (op) {
	case DW_CFA_nop:
		return true;
	case DW_CFA_set_loc:
		set_location(m);
		return true;
	case DW_CFA_advance_loc1:
		advance(m, byte_cursor__fixed(&m->code, 1));
		return true;
	case DW_CFA_advance_loc2:
		advance(m, byte_cursor__fixed(&m->code, 2));
		return true;
	case DW_CFA_advance_loc4:
		advance(m, byte_cursor__fixed(&m->code, 4));
		return true;
	case DW_CFA_remember_state:
		remember(m);
		return true;
	case DW_CFA_restore_state:
		recall(m);
		return true;
	case DW_CFA_GNU_args_size:
		byte_cursor__uleb(&m->code);
		return true;
	default:
		return false;
	}
}

/* One instruction; false: unknown. The two high bits hold the three commonest, with an operand in
 * the low six. */
static bool run_op(struct machine *m)
{
	__u8 op = (__u8)byte_cursor__fixed(&m->code, 1), low = op & 0x3f;

	switch (op & 0xc0) {
	case DW_CFA_advance_loc:
		advance(m, low);
		return true;
	case DW_CFA_offset:
		set_register(m, low, CFI_AT_CFA,
			     scaled(byte_cursor__uleb(&m->code), m->common->data_align));
		return true;
	case DW_CFA_restore:
		restore_register(m, low);
		return true;
	default:
		return run_location_op(m, op) || run_cfa_op(m, op) || run_register_op(m, op);
	}
}

/* false: something unknown or cut off; the state is not to be trusted from m->location on. */
static bool run(struct machine *m)
{
	while (byte_cursor__left(&m->code)) {
		if (!run_op(m) || m->code.bad)
			return false;
	}
	return true;
}

void cfi_program__initial(struct cfi_common *common, const __u8 *program, size_t len)
{
	struct machine m = { .common = common, .code_start = program };

	m.code = (struct byte_cursor){ .at = program, .end = program + len };
	m.state.cfa_register = DWARF_RSP;
	m.state.cfa_offset = 8;
	m.state.ra = (struct cfi_register){ .saved = CFI_AT_CFA, .offset = -8 };
	run(&m);
	common->initial = m.state;
}

void cfi_program__run(const struct cfi_common *common, const __u8 *program, size_t len, __u64 field,
		      __u64 start, struct row_writer *writer)
{
	struct machine m;

	/* not initialised as a whole: the remembered states are 2 KiB, and there are 100 000
	 * programs */
	m.common = common;
	m.code = (struct byte_cursor){ .at = program, .end = program + len };
	m.state = common->initial;
	m.nr_remembered = 0;
	m.location = start;
	m.field = field;
	m.code_start = program;
	m.writer = writer;
	if (run(&m))
		advance_to(&m, writer->end);
	else
		row_writer__add(writer, m.location, &rule_unsupported);
}
