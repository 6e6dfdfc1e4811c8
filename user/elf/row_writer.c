// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include "elf/row_writer.h"

/* Functions are aligned to 16: the bytes between two are never executed, a row for them would be
 * one in ten. */
#define ALIGNMENT_BYTES 16
#define FIRST_ROWS 4096

static const struct unwind_rule rule_none = { .how = UNWIND_CFA_NONE };

static bool same(const struct unwind_rule *a, const struct unwind_rule *b)
{
	return a->how == b->how && a->rbx_words == b->rbx_words && a->rbp_off == b->rbp_off &&
	       a->cfa_off == b->cfa_off;
}

static bool make_room(struct row_writer *writer)
{
	struct unwind_table *table = writer->table;
	size_t cap = table->cap ? 2 * table->cap : FIRST_ROWS;
	struct unwind_row *rows;

	if (table->nr < table->cap)
		return true;
	rows = realloc(table->rows, cap * sizeof(*rows));
	if (!rows) {
		writer->error = -ENOMEM;
		return false;
	}
	table->rows = rows;
	table->cap = cap;
	return true;
}

static void append(struct row_writer *writer, __u64 offset, const struct unwind_rule *rule)
{
	struct unwind_table *table = writer->table;

	if (table->nr && table->rows[table->nr - 1].offset == offset)
		table->nr--; /* an empty row */
	if (table->nr && same(&table->rows[table->nr - 1].rule, rule))
		return;
	if (!make_room(writer))
		return;
	if ((rule->how & 15) == UNWIND_CFA_UNSUPPORTED)
		table->nr_unsupported++;
	table->rows[table->nr++] = (struct unwind_row){ .offset = offset, .rule = *rule };
}

bool row_writer__begin(struct row_writer *writer, __u64 start, __u64 end, __u64 bias)
{
	__u64 offset = start - bias;

	if (start >= end || offset < writer->written_to)
		return false;
	if (!writer->table->nr || offset - writer->written_to >= ALIGNMENT_BYTES)
		append(writer, writer->written_to, &rule_none);
	writer->start = start;
	writer->end = end;
	writer->bias = bias;
	writer->written_to = end - bias;
	return true;
}

void row_writer__add(struct row_writer *writer, __u64 address, const struct unwind_rule *rule)
{
	const struct unwind_table *table = writer->table;
	__u64 offset;

	if (address < writer->start || address >= writer->end || writer->error)
		return;
	offset = address - writer->bias;
	if (table->nr && offset < table->rows[table->nr - 1].offset)
		return;
	append(writer, offset, rule);
}

void row_writer__finish(struct row_writer *writer)
{
	if (writer->table->nr)
		append(writer, writer->written_to, &rule_none);
}
