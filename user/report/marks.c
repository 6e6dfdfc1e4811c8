// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "report/sentences.h"
#include "report/utf8.h"

/* Signals, triggers and the OOM killer say it in their label; a label of the user's does not. */
static void print_mark(FILE *out, const struct view *view, const struct mark *mark)
{
	char *label = utf8__clean(mark->label, true);
	char clock[UNITS_LEN], in[UNITS_LEN], pid[UNITS_LEN] = "";

	units__clock(clock, view->from_wall_ns - view->from_ns + mark->ts);
	if (mark->pid)
		snprintf(pid, sizeof(pid), ", pid %u", mark->pid);
	fprintf(out, "  %s  %s  (%s in, %s%s)\n", clock, label ? label : "?",
		units__duration(in, mark->ts), mark_from_name(mark->from), pid);
	free(label);
}

void report__marks(FILE *out, const struct view *view, __u32 top)
{
	__u32 first = top && view->nr_marks > top ? view->nr_marks - top : 0;

	if (!view->nr_marks)
		return;
	fputs(first ? "Marks (the last ones; --all lists them all)\n" : "Marks\n", out);
	for (__u32 i = first; i < view->nr_marks; i++)
		print_mark(out, view, view->marks + i);
}
