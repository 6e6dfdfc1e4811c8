/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The answer of `rsstrace diff`: what is different, by how much, where. */
#ifndef RSSTRACE_REPORT_DIFF_H
#define RSSTRACE_REPORT_DIFF_H

#include "report/report.h"
#include "view/diff.h"

struct diff_report {
	const struct view_diff *diff;
	const char *trace_a, *trace_b; /* as named by the user; may be the same */
	__u64 lost_a, lost_b;	       /* records, up to the moment */
	__s64 least_bytes;
};

/*
 * {"schema":"rsstrace/1","kind":"diff","differs","threshold","a","b","change","regions","stacks",
 * "other"}; a and b of a row are its resident bytes. 0 or -EIO.
 */
int diff_report__json(FILE *out, const struct diff_report *report);

/* 0, -ENOMEM or -EIO. */
int diff_report__text(FILE *out, const struct diff_report *report,
		      const struct report_style *style);

#endif
