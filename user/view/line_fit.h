/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A straight line through points, and how far it can be believed. */
#ifndef RSSTRACE_VIEW_LINE_FIT_H
#define RSSTRACE_VIEW_LINE_FIT_H

#include <linux/types.h>

struct line_fit {
	__u32 nr;
	double slope;	    /* per hour */
	double slope_error; /* half width of the 95 % interval */
	double r2;	    /* negative: nothing varies */
};

/*
 * line_fit__make() - least squares over @nr points; @ts in ns, ascending. The error is that of
 * ordinary least squares, widened for residuals that resemble their neighbours (memory does not
 * jump about at random): by sqrt((1 + rho) / (1 - rho)), rho their correlation at lag 1. With fewer
 * than 3 points, or all at one instant, everything is 0.
 */
struct line_fit line_fit__make(const __u64 *ts, const double *y, __u32 nr);

#endif
