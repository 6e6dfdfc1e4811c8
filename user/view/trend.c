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

int trend__measure(struct trend *trend, const struct session *session, __u64 from_ns, __u64 to_ns)
{
	__u32 nr, first = 0, kept = 0;
	const struct series_point *points = session__series(session, &nr);
	double *bytes = malloc((nr + 1) * sizeof(*bytes));
	__u64 *ts = malloc((nr + 1) * sizeof(*ts));

	memset(trend, 0, sizeof(*trend));
	while (first < nr && points[first].ts < from_ns)
		first++;
	while (first + kept < nr && points[first + kept].ts <= to_ns)
		kept++;
	for (int m = 0; bytes && ts && m <= RSST_NR_MEMBERS; m++) {
		for (__u32 i = 0; i < kept; i++) {
			ts[i] = points[first + i].ts;
			bytes[i] = point_bytes(points + first + i, m);
		}
		if (m == RSST_SWAP)
			continue;
		*(m < RSST_NR_MEMBERS ? line_of(trend, m) : &trend->total) =
			trend_line__measure(ts, bytes, kept);
	}
	if (kept) {
		trend->from_ns = points[first].ts;
		trend->to_ns = points[first + kept - 1].ts;
	}
	set_verdict(trend);
	free(bytes);
	free(ts);
	return bytes && ts ? 0 : -ENOMEM;
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
