/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Views as JSON and as the text people read. Data to the given stream, nothing else. */
#ifndef RSSTRACE_REPORT_REPORT_H
#define RSSTRACE_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>
#include "view/query.h"

struct report_style {
	bool color;
	__u32 width;	    /* columns of the terminal; 0: unlimited */
	__u32 top;	    /* regions (grouped); 0: all the view has */
	__u32 stacks;	    /* of each region; 0: 3 in a report, 2 in a live table */
	__u32 shown; /* classes of frames that a row's chain has beside the program's own */
	bool why_incomplete; /* say why stacks are: a line more where there are any */
};

/*
 * One object in the form of the contract ("schema": "rsstrace/1"). @kind: "report" or "live". @top:
 * of each node of a tree; 0: all. @one_line: JSON Lines.
 */
int report__json(FILE *out, const struct view *view, const char *kind, __u32 top, bool one_line);

/* The post-mortem report. @health: a sentence about the trace ("cut after ..."), NULL when it is
 * whole. */
int report__text(FILE *out, const struct session *session, const struct view *view,
		 const struct report_style *style, const char *health);

/*
 * One screen of the live table: @interval is the last interval, @since the window since attach.
 */
int report__live(FILE *out, const struct session *session, const struct view *interval,
		 const struct view *since, const struct report_style *style);

#endif
