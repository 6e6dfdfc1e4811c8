/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the report and the live table say in the same words: totals, doubts, causes, the state of
 * the target. */
#ifndef RSSTRACE_REPORT_SENTENCES_H
#define RSSTRACE_REPORT_SENTENCES_H

#include "report/facts.h"
#include "report/groups.h"
#include "report/report.h"
#include "report/table.h"

/* "books exact" or "books off by +4.00 KiB"; lost records; which share of the bytes has a whole stack
 * (whole_stacks.h). */
void facts__add_doubts(struct facts *facts, const struct view *view);

/* Growth of RSS a second or a minute over the window; nothing for an empty one. */
void facts__add_rate(struct facts *facts, const struct view *view);

/* Two facts, "in ..." and "out ...", largest first. Prints nothing when nothing moved. */
void report__causes(FILE *out, __u32 width, const struct view *view);

/* Where RSS fell in the window, who made the most pages leave: the program, reclaim or others. A sentence, else nothing. */
void report__fall(FILE *out, __u32 width, const struct view *view);

/* The target has exited, or its whole memory is gone: a sentence. Nothing while it lives. */
void report__target_state(FILE *out, __u32 width, const struct session *session,
			  const struct view *view);

/* What tracing cost and which share of the stacks was sampled for it, with --overhead; else nothing. */
void report__overhead(FILE *out, __u32 width, const struct view *view);

/*
 * What kind of growth it was, a sentence a counter that moved (trend.c). Nothing for an instant; one
 * short fact when the window is too short to tell.
 */
void report__trend(FILE *out, __u32 width, const struct view *view);

/* "[heap]  3 regions  unmapped  mapped file ..." as the row's text. */
void table__group_text(struct table *table, const struct group *group);

/* How many of @nr stacks to show when @most are asked for: "1 more" is no shorter than that one. */
static inline __u32 stacks_to_show(__u32 nr, __u32 most)
{
	return nr && nr - 1 > most ? most : nr;
}

/* "1 203 441"; @buf holds UNITS_LEN. */
char *count_text(char *buf, __u64 count);

/* A line a mark of @view. At most @top, the last ones; 0: all. Nothing without one. */
void report__marks(FILE *out, const struct view *view, __u32 top);

#endif
