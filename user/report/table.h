/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Columns for people: cells aligned over all rows, and a last column of text that takes what is
 * left of the width. A narrow terminal loses whole columns, then the tail of the text, part by
 * part; never half a number.
 */
#ifndef RSSTRACE_REPORT_TABLE_H
#define RSSTRACE_REPORT_TABLE_H

#include <stdbool.h>
#include <stdio.h>
#include <linux/types.h>

#define TABLE_COLUMNS 5 /* at most, the text not counted */

/*
 * In a row's text these begin a part. When the width asks for it, the last parts are left out, one
 * after the other, and at the very end the first part (the name) is shortened. A PART_KEEP is never
 * left out: the name is shortened for it. A PART_WIDE stands two columns from what is before it,
 * the others one.
 */
#define PART_WIDE "\t"
#define PART_NEAR "\v"
#define PART_KEEP "\f"

struct table_column {
	const char *title; /* "": none; may be longer than the cells */
	__u32 drop;	   /* 0: stays; else columns are dropped from the highest number down */
};

struct table;

/* @columns must outlive the table. @title: of the text. NULL on ENOMEM. */
struct table *table__new(const struct table_column *columns, __u32 nr_columns, const char *title);
void table__free(struct table *table);

/* Begin a row, then fill its cells from the left (copied, right-aligned) and its text. Failures
 * show when printing. */
void table__row(struct table *table, bool strong);
void table__cell(struct table *table, const char *text);
/* Valid UTF-8 without control characters but for the part marks. @indent: columns before it. */
void table__text(struct table *table, __u32 indent, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* 0 or -ENOMEM (a row did not fit into memory: nothing is printed). @color: strong rows are bold.
 */
int table__print(const struct table *table, FILE *out, __u32 width, bool color);

#endif
