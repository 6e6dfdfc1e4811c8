/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The body of the report: regions that grew, stayed or shrank, each with the stacks that did it. */
#ifndef RSSTRACE_REPORT_SECTIONS_H
#define RSSTRACE_REPORT_SECTIONS_H

#include "report/groups.h"

/* What every part of a text report is made from. */
struct text_report {
	FILE *out;
	const struct session *session;
	const struct view *view;
	const struct report_style *style;
};

/* Growth first; what only stayed is the answer when nothing moved. 0 or -ENOMEM. */
int sections__print(const struct text_report *report, const struct groups *groups);

#endif
