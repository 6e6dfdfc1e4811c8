// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "report/table.h"
#include "report/utf8.h"

#define MARGIN 2      /* before the first column, and between two */
#define LEAST_TEXT 30 /* columns the text keeps before a column is dropped for it */
#define LEAST_NAME 8  /* columns of the name below which nothing is kept beside it */
#define CELL_LEN 40
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

struct table_row {
	char cells[TABLE_COLUMNS][CELL_LEN];
	__u32 nr_cells, indent;
	bool strong;
	char *text;
};

struct table {
	const struct table_column *columns;
	const char *title;
	__u32 nr_columns, nr_rows, cap_rows;
	struct table_row *rows;
	bool failed;
};

struct table *table__new(const struct table_column *columns, __u32 nr_columns, const char *title)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->columns = columns;
	table->nr_columns = nr_columns;
	table->title = title;
	return table;
}

void table__free(struct table *table)
{
	if (!table)
		return;
	for (__u32 i = 0; i < table->nr_rows; i++)
		free(table->rows[i].text);
	free(table->rows);
	free(table);
}

void table__row(struct table *table, bool strong)
{
	if (table->nr_rows == table->cap_rows) {
		__u32 cap = table->cap_rows ? table->cap_rows * 2 : 32;
		struct table_row *rows = realloc(table->rows, cap * sizeof(*rows));

		table->failed |= !rows;
		if (!rows)
			return;
		table->rows = rows;
		table->cap_rows = cap;
	}
	table->rows[table->nr_rows++] = (struct table_row){ .strong = strong };
}

void table__cell(struct table *table, const char *text)
{
	struct table_row *row = table->rows + table->nr_rows - 1;

	if (!table->failed && row->nr_cells < table->nr_columns)
		snprintf(row->cells[row->nr_cells++], CELL_LEN, "%s", text);
}

void table__text(struct table *table, __u32 indent, const char *format, ...)
{
	struct table_row *row = table->rows + table->nr_rows - 1;
	va_list args;

	if (table->failed)
		return;
	va_start(args, format);
	if (vasprintf(&row->text, format, args) < 0) {
		row->text = NULL;
		table->failed = true;
	}
	va_end(args);
	row->indent = indent;
}

static __u32 column_width(const struct table *table, __u32 c)
{
	__u32 width = utf8__columns(table->columns[c].title);

	for (__u32 i = 0; i < table->nr_rows; i++) {
		__u32 cell = utf8__columns(table->rows[i].cells[c]);

		width = cell > width ? cell : width;
	}
	return width;
}

/* Which columns fit beside LEAST_TEXT; sets widths[], 0 for a dropped one. Returns what they take.
 */
static __u32 fit_columns(const struct table *table, __u32 width, __u32 widths[TABLE_COLUMNS])
{
	__u32 taken = MARGIN, drop = 0;

	for (__u32 c = 0; c < table->nr_columns; c++) {
		widths[c] = column_width(table, c);
		taken += widths[c] ? widths[c] + MARGIN : 0;
		drop = table->columns[c].drop > drop ? table->columns[c].drop : drop;
	}
	for (; width && drop && taken + LEAST_TEXT > width; drop--) {
		for (__u32 c = 0; c < table->nr_columns; c++) {
			if (table->columns[c].drop != drop || !widths[c])
				continue;
			taken -= widths[c] + MARGIN;
			widths[c] = 0;
		}
	}
	return taken;
}

static void print_right(FILE *out, const char *text, __u32 width)
{
	fprintf(out, "%*s%s", (int)(width - utf8__columns(text)), "", text);
}

static __u32 part_columns(const char *part, size_t len)
{
	__u32 columns = 0;

	for (size_t i = 0; i < len; i++)
		columns += ((unsigned char)part[i] & 0xc0) != 0x80;
	return columns;
}

/* The first part alone, shortened to @room: a path keeps its tail, anything else its head. */
static void print_shortened(FILE *out, const char *text, size_t len, __u32 room)
{
	__u32 columns = part_columns(text, len), cut;
	size_t skip;

	if (columns <= room) {
		fwrite(text, 1, len, out);
	} else if (*text == '/' && room > 1) {
		cut = columns - room + 1;
		skip = utf8__prefix(text, cut);
		fprintf(out, "…%.*s", (int)(len - skip), text + skip);
	} else {
		fprintf(out, "%.*s…", (int)utf8__prefix(text, room ? room - 1 : 0), text);
	}
}

static size_t part_len(const char *part)
{
	return strcspn(part, PART_WIDE PART_NEAR PART_KEEP);
}

static int gap_columns(char mark)
{
	return mark == *PART_NEAR ? 1 : 2;
}

/* Columns of the part whose mark is at @mark, its gap included. */
static __u32 marked_columns(const char *mark)
{
	return gap_columns(*mark) + part_columns(mark + 1, part_len(mark + 1));
}

static __u32 kept_columns(const char *text)
{
	__u32 columns = 0;

	for (text += part_len(text); *text; text += 1 + part_len(text + 1))
		columns += *text == *PART_KEEP ? marked_columns(text) : 0;
	return columns;
}

/* @room: 0 is unlimited. */
static void print_text(FILE *out, const char *text, __u32 room)
{
	__u32 kept = room ? kept_columns(text) : 0, left = room ? room : ~0U;
	size_t len = part_len(text);

	kept = left > kept + LEAST_NAME ? kept : 0; /* too narrow for anything but the name */
	left -= kept;
	print_shortened(out, text, len, left);
	left -= part_columns(text, len) < left ? part_columns(text, len) : left;
	for (text += len; *text; text += 1 + len) {
		__u32 columns = marked_columns(text);
		bool keep = room && kept && *text == *PART_KEEP;

		len = part_len(text + 1);
		if (!keep && columns > left)
			left = 0; /* nor any part behind it */
		else
			fprintf(out, "%*s%.*s", gap_columns(*text), "", (int)len, text + 1);
		if (!keep && left)
			left -= columns;
	}
}

static void print_row(const struct table *table, FILE *out, const struct table_row *row,
		      const __u32 *widths, __u32 room, bool color)
{
	bool bold = color && row->strong;

	fprintf(out, "%s%*s", bold ? BOLD : "", MARGIN, "");
	for (__u32 c = 0; c < table->nr_columns; c++) {
		if (!widths[c])
			continue;
		print_right(out, row->cells[c], widths[c]);
		fprintf(out, "%*s", MARGIN, "");
	}
	fprintf(out, "%*s", (int)row->indent, "");
	if (room)
		room = room > row->indent + 1 ? room - row->indent : 1;
	print_text(out, row->text ? row->text : "", room);
	fprintf(out, "%s\n", bold ? PLAIN : "");
}

static void print_titles(const struct table *table, FILE *out, const __u32 *widths)
{
	fprintf(out, "%*s", MARGIN, "");
	for (__u32 c = 0; c < table->nr_columns; c++) {
		if (!widths[c])
			continue;
		print_right(out, table->columns[c].title, widths[c]);
		fprintf(out, "%*s", MARGIN, "");
	}
	fprintf(out, "%s\n", table->title);
}

int table__print(const struct table *table, FILE *out, __u32 width, bool color)
{
	__u32 widths[TABLE_COLUMNS] = { 0 };
	__u32 taken = fit_columns(table, width, widths);
	__u32 room = !width ? 0 : width > taken ? width - taken : 1;

	if (table->failed)
		return -ENOMEM;
	print_titles(table, out, widths);
	for (__u32 i = 0; i < table->nr_rows; i++)
		print_row(table, out, table->rows + i, widths, room, color);
	return 0;
}
