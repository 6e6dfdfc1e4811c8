// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include "elf/go_pclntab.h"

#define MAGIC_1_18 0xfffffff0
#define MAGIC_1_20 0xfffffff1
#define HEADER_BYTES 72
#define FUNCTION_ENTRY_BYTES 8 /* __u32 entry offset, __u32 offset of its struct _func */
#define FUNC_NAME_AT 4	       /* in struct _func */
#define FUNC_PCSP_AT 16

enum go_special {
	GO_PLAIN = 0,
	GO_ROOT,   /* nothing called it, or what did is on another stack that tells nothing */
	GO_SWITCH, /* runs its callee on another stack; its frame pointer leads back */
	GO_SIGNAL,
	GO_FRAMELESS, /* moves the stack pointer, but keeps rbp as it is */
};

static const struct {
	const char *prefix;
	enum go_special special;
} specials[] = {
	{ "runtime.goexit", GO_ROOT },	      { "runtime.mstart", GO_ROOT },
	{ "runtime.rt0_go", GO_ROOT },	      { "_rt0_", GO_ROOT },
	{ "runtime.clone", GO_ROOT }, /* of the new thread; the old one takes no fault in it */
	{ "runtime.mcall", GO_ROOT },	      { "runtime.morestack", GO_ROOT },
	{ "runtime.systemstack", GO_SWITCH }, { "runtime.asmcgocall", GO_SWITCH },
	{ "runtime.sigreturn", GO_SIGNAL },
	/* Go that C calls: on the thread's stack up to cgocallback, and from there on on Go's */
	{ "crosscall2", GO_FRAMELESS },
	{ "runtime.cgocallbackg", GO_PLAIN }, /* and cgocallbackg1 */
	{ "runtime.cgocallback", GO_SWITCH },
	{ "runtime.callCgo", GO_SWITCH }, /* C on the same stack, once that is aligned */
};

#define NR_SPECIALS (sizeof(specials) / sizeof(specials[0]))

/* A cursor at @offset of the table; empty when that is outside. */
static struct byte_cursor at(const struct go_pclntab *table, __u64 offset)
{
	struct byte_cursor cursor = table->whole;

	byte_cursor__skip(&cursor, offset);
	return cursor;
}

static __u32 word_at(const struct go_pclntab *table, __u64 offset)
{
	struct byte_cursor cursor = at(table, offset);

	return (__u32)byte_cursor__fixed(&cursor, 4);
}

size_t go_pclntab__search(const void *bytes, size_t len)
{
	static const __u8 begins[][8] = { { 0xf0, 0xff, 0xff, 0xff, 0, 0, 1, 8 },
					  { 0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8 } };
	const __u8 *at = bytes;

	for (size_t i = 0; i + HEADER_BYTES <= len; i += 8) {
		if (!memcmp(at + i, begins[0], 8) || !memcmp(at + i, begins[1], 8))
			return i;
	}
	return len;
}

int go_pclntab__init(struct go_pclntab *table, const void *bytes, size_t len, __u64 text)
{
	struct byte_cursor header = { .at = bytes, .end = (const __u8 *)bytes + len };
	__u64 magic, own_text;

	*table = (struct go_pclntab){ .whole = header };
	if (len < HEADER_BYTES)
		return -ENODATA;
	magic = byte_cursor__fixed(&header, 4);
	byte_cursor__skip(&header, 2);
	table->quantum = byte_cursor__fixed(&header, 1);
	if ((magic != MAGIC_1_18 && magic != MAGIC_1_20) || byte_cursor__fixed(&header, 1) != 8)
		return -ENODATA;
	table->nr_functions = byte_cursor__fixed(&header, 8);
	byte_cursor__skip(&header, 8); /* files */
	own_text = byte_cursor__fixed(&header, 8);
	table->text = own_text ? own_text : text;
	table->names = byte_cursor__fixed(&header, 8);
	byte_cursor__skip(&header, 16); /* units, file names */
	table->pc_values = byte_cursor__fixed(&header, 8);
	table->functions = byte_cursor__fixed(&header, 8);
	if (table->names >= len || table->pc_values >= len || table->functions >= len ||
	    table->nr_functions >= (len - table->functions) / FUNCTION_ENTRY_BYTES)
		return -ENODATA;
	return 0;
}

/* The entry after the last holds just the end of the text. */
static __u64 function_start(const struct go_pclntab *table, __u64 index)
{
	return table->text + word_at(table, table->functions + index * FUNCTION_ENTRY_BYTES);
}

/* Offset of the function's struct _func. */
static __u64 function_at(const struct go_pclntab *table, __u64 index)
{
	return table->functions +
	       word_at(table, table->functions + index * FUNCTION_ENTRY_BYTES + 4);
}

int go_pclntab__ranges(const struct go_pclntab *table, struct code_ranges *ranges)
{
	struct code_range range = { .kind = CODE_RANGE_GO };
	int code = 0;

	for (__u64 i = 0; i < table->nr_functions && !code; i++) {
		range.start = function_start(table, i);
		range.end = function_start(table, i + 1);
		range.common = (__u32)i;
		code = code_ranges__add(ranges, &range);
	}
	return code;
}

static enum go_special special_of(const struct go_pclntab *table, __u64 function)
{
	struct byte_cursor name = at(table, table->names);

	byte_cursor__skip(&name, word_at(table, function + FUNC_NAME_AT));
	for (size_t i = 0; i < NR_SPECIALS; i++) {
		size_t len = strlen(specials[i].prefix);

		if (byte_cursor__left(&name) > len && !memcmp(name.at, specials[i].prefix, len))
			return specials[i].special;
	}
	return GO_PLAIN;
}

/* Pairs of deltas: of the value (zigzag, from -1 on) and of the pc up to which it holds. */
static void plain_rows(const struct go_pclntab *table, __u32 pc_sp, const struct code_range *range,
		       bool has_frame, struct row_writer *writer)
{
	struct byte_cursor pairs = at(table, table->pc_values);
	__u64 pc = range->start, zigzag;
	__s64 depth = -1;

	byte_cursor__skip(&pairs, pc_sp);
	while (pc < range->end && byte_cursor__left(&pairs)) {
		struct unwind_rule rule = { .how = UNWIND_CFA_RSP };

		zigzag = byte_cursor__uleb(&pairs);
		if (!zigzag && pc != range->start)
			break;
		depth = (__s64)((__u64)depth + (zigzag & 1 ? ~(zigzag >> 1) : zigzag >> 1));
		rule.cfa_off = (__s32)(__u32)(__u64)(depth + 8);
		if (depth > 0 && has_frame) { /* it keeps its caller's rbp on top of it */
			rule.how |= UNWIND_RBP_CFA << 4;
			rule.rbp_off = -16;
		}
		row_writer__add(writer, pc, &rule);
		pc += byte_cursor__uleb(&pairs) * table->quantum;
	}
}

void go_pclntab__rows(const struct go_pclntab *table, const struct code_range *range,
		      struct row_writer *writer)
{
	__u64 function = function_at(table, range->common);
	__u32 pc_sp = word_at(table, function + FUNC_PCSP_AT);
	enum go_special special = special_of(table, function);
	struct unwind_rule rule = { .how = UNWIND_CFA_FP };

	switch (special) {
	case GO_ROOT:
		rule.how = UNWIND_CFA_STOP;
		break;
	case GO_SIGNAL:
		rule.how = UNWIND_CFA_SIGNAL;
		break;
	case GO_SWITCH:
		rule.how = UNWIND_CFA_SWITCH;
		break;
	case GO_FRAMELESS:
	case GO_PLAIN:
		if (pc_sp) {
			plain_rows(table, pc_sp, range, special == GO_PLAIN, writer);
			return;
		}
		break;
	}
	row_writer__add(writer, range->start, &rule);
}
