// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/page_ledger.h"
#include "view/trend.h"

/* Of the counters in the order of their weight when they moved alike. */
static const enum rsst_member members[] = { RSST_ANON, RSST_FILE, RSST_SHMEM };

static struct trend_line *line_of(struct trend *trend, enum rsst_member member)
{
	return member == RSST_ANON   ? &trend->anon
	       : member == RSST_FILE ? &trend->file
				     : &trend->shmem;
}

/* @member RSST_NR_MEMBERS: all that count as RSS. */
static double point_bytes(const struct series_point *point, int member)
{
	__s64 pages = member < RSST_NR_MEMBERS ? point->pages[member]
					       : point->pages[RSST_ANON] + point->pages[RSST_FILE] +
							 point->pages[RSST_SHMEM];

	return (double)pages * LEDGER_PAGE_BYTES;
}

static void set_verdict(struct trend *trend)
{
	const struct trend_line *line;

	trend->of = RSST_ANON;
	for (size_t i = 1; i < sizeof(members) / sizeof(*members); i++) {
		if (llabs(line_of(trend, members[i])->growth) >
		    llabs(line_of(trend, trend->of)->growth))
			trend->of = members[i];
	}
	line = line_of(trend, trend->of);
	trend->kind = line->kind;
	if (trend->of == RSST_FILE && line->growth > 0 && line->kind != TREND_FLAT &&
	    line->kind != TREND_TOO_SHORT)
		trend->kind = TREND_FILE_CACHE;
	trend->suspected_leak = trend->anon.suspected_leak || trend->shmem.suspected_leak;
}

/* The points a trend is measured over; each array has room for them. */
struct trend_points {
	__u32 nr;
	struct series_point *points;
	__u64 *ts;
	double *bytes;
};

static void add_points(struct trend_points *to, const struct series_point *points, __u32 nr,
		       __u64 from_ns, __u64 to_ns)
{
	__u64 last_ns = to->nr ? to->points[to->nr - 1].ts : 0;

	for (__u32 i = 0; i < nr && points[i].ts <= to_ns; i++) {
		if (points[i].ts >= from_ns && (!to->nr || points[i].ts > last_ns))
			to->points[to->nr++] = points[i];
	}
}

/* A process that called exec has had several spaces, one after the other. */
static void gather(struct trend_points *to, const struct session *session, __u64 from_ns,
		   const struct snapshot *until, __u32 pid)
{
	const struct series_point *points = session__series(session, &to->nr);
	__u32 nr = to->nr;

	to->nr = 0;
	if (!pid)
		add_points(to, points, nr, from_ns, until->ts);
	for (__u32 i = 0; pid && i < until->nr_spaces; i++) {
		if (until->spaces[i].pid != pid)
			continue;
		points = session__space_series(session, until->spaces[i].space, &nr);
		add_points(to, points, nr, from_ns, until->ts);
	}
}

static int trend_points__init(struct trend_points *points, const struct session *session, __u32 pid,
			      const struct snapshot *to)
{
	__u32 room, nr;

	session__series(session, &room);
	for (__u32 i = 0; pid && i < to->nr_spaces; i++) {
		session__space_series(session, to->spaces[i].space, &nr);
		room += to->spaces[i].pid == pid ? nr : 0;
	}
	*points = (struct trend_points){
		.points = calloc(room + 1, sizeof(*points->points)),
		.ts = calloc(room + 1, sizeof(*points->ts)),
		.bytes = calloc(room + 1, sizeof(*points->bytes)),
	};
	return points->points && points->ts && points->bytes ? 0 : -ENOMEM;
}

static void trend_points__fini(struct trend_points *points)
{
	free(points->points);
	free(points->ts);
	free(points->bytes);
}

/* @member as in point_bytes(). */
static struct trend_line measure_line(struct trend_points *points, int member)
{
	for (__u32 i = 0; i < points->nr; i++) {
		points->ts[i] = points->points[i].ts;
		points->bytes[i] = point_bytes(points->points + i, member);
	}
	return trend_line__measure(points->ts, points->bytes, points->nr);
}

int trend__measure(struct trend *trend, const struct session *session, __u64 from_ns,
		   const struct snapshot *to, __u32 pid)
{
	struct trend_points points;
	int ret = trend_points__init(&points, session, pid, to);

	memset(trend, 0, sizeof(*trend));
	if (!ret) {
		gather(&points, session, from_ns, to, pid);
		trend->anon = measure_line(&points, RSST_ANON);
		trend->file = measure_line(&points, RSST_FILE);
		trend->shmem = measure_line(&points, RSST_SHMEM);
		trend->total = measure_line(&points, RSST_NR_MEMBERS);
	}
	if (!ret && points.nr) {
		trend->from_ns = points.points[0].ts;
		trend->to_ns = points.points[points.nr - 1].ts;
	}
	set_verdict(trend);
	trend_points__fini(&points);
	return ret;
}

const char *trend_kind_name(enum trend_kind kind)
{
	static const char *const names[NR_TREND_KINDS] = {
		[TREND_TOO_SHORT] = "too_short",
		[TREND_FLAT] = "flat",
		[TREND_STEADY] = "steady",
		[TREND_PLATEAU] = "plateau",
		[TREND_STEP] = "step",
		[TREND_SAWTOOTH] = "sawtooth",
		[TREND_SPIKE] = "spike",
		[TREND_IRREGULAR] = "irregular",
		[TREND_FILE_CACHE] = "file_cache",
	};

	return (unsigned int)kind < NR_TREND_KINDS ? names[kind] : "irregular";
}
