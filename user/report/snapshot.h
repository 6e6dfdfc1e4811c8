/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `rsstrace snapshot` prints: one look at a process, by kind, by name and by region. */
#ifndef RSSTRACE_REPORT_SNAPSHOT_H
#define RSSTRACE_REPORT_SNAPSHOT_H

#include <stdio.h>
#include "report/report.h"
#include "view/breakdown.h"

struct snapshot_report {
	const struct proc_status *status;
	const char *exe; /* "" unknown */
	const struct breakdown *breakdown;
	__u64 wall_ns; /* when it was taken */
	__u32 top;     /* rows of each list; 0: all */
};

/* The keys of the other reports; what a single look cannot know is null. 0 or -EIO. */
int snapshot_report__json(FILE *out, const struct snapshot_report *report);
int snapshot_report__text(FILE *out, const struct snapshot_report *report,
			  const struct report_style *style);

#endif
