/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What kind of growth it was: the shape of RSS over the ticks of a window, for each of the kernel's
 * counters, with the figures the word rests on. A shape is evidence, not a cause: the strongest
 * word is "suspected leak".
 */
#ifndef RSSTRACE_VIEW_TREND_H
#define RSSTRACE_VIEW_TREND_H

#include <stdbool.h>
#include "model/session.h"

#define TREND_LEAST_POINTS 8
#define TREND_LEAST_NS 10000000000ULL /* from shorter windows no shape is told */
#define TREND_LEAK_NS                                                                              \
	600000000000ULL /* nor a leak suspected from shorter ones: programs warm up                \
			 */

enum trend_kind {
	TREND_TOO_SHORT = 0, /* to tell; only growth, low and high are set */
	TREND_FLAT,	     /* does not move, or only jitters */
	TREND_STEADY,	     /* along a line, up or down, since since_ns */
	TREND_PLATEAU,	     /* moved to a new level over some time, flat since since_ns */
	TREND_STEP,	     /* moved to a new level at once, flat since since_ns */
	TREND_SAWTOOTH,	     /* rises and falls, again and again */
	TREND_SPIKE,	     /* rose and fell back, once */
	TREND_IRREGULAR,     /* none of these */
	TREND_FILE_CACHE,    /* only of a whole trend: what grew are pages of mapped files */
	NR_TREND_KINDS,
};

/* One counter over the window. Bytes. */
struct trend_line {
	enum trend_kind kind;
	__u32 nr_points;    /* of the window */
	__s64 growth;	    /* last point minus first */
	__s64 low, high;    /* of all points */
	__u64 since_ns;	    /* start of the last stretch: what the fit is made over */
	__u32 nr_fitted;    /* points from since_ns on; 0: there is no fit */
	double slope;	    /* least squares, bytes an hour */
	double slope_error; /* half width of its 95 % interval; neighbours' likeness is allowed for
			     */
	double r2;	    /* 0 to 1; negative: unknown, as nothing varies */
	bool rises;	    /* the slope is beyond doubt: more than its error above 0 */
	__u64 step_ns;	    /* step and plateau: when half of the way was made */
	__s64 step_bytes;   /* and how far */
	__u32 nr_falls;	    /* sawtooth: falls of a quarter of high - low or more */
	__s64 fall_bytes;   /* their mean */
	double floor_slope; /* bytes an hour of the low points between falls */
	double floor_r2;    /* negative: unknown, less than four low points */
	bool suspected_leak;
};

struct trend {
	enum trend_kind kind; /* of the counter that moved most */
	enum rsst_member of;  /* that counter */
	bool suspected_leak;  /* of anon or shmem */
	__u64 from_ns, to_ns; /* first and last point; 0 without any */
	struct trend_line anon, file, shmem, total;
};

/*
 * From the session's series between @from_ns and @to, or from those of the spaces of process @pid
 * (0: all) alone. O(points), at most a few thousand a space. 0 or -ENOMEM.
 */
int trend__measure(struct trend *trend, const struct session *session, __u64 from_ns,
		   const struct snapshot *to, __u32 pid);

/* The same for one counter: @bytes at @ts, ascending. */
struct trend_line trend_line__measure(const __u64 *ts, const double *bytes, __u32 nr);

const char *trend_kind_name(enum trend_kind kind); /* "steady", "too_short", ...: as in JSON */

#endif
