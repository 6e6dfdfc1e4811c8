// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "drive.h"
#include "model/checkpoint.h"
#include "report/diff.h"
#include "report/report.h"

static FILE *nowhere(void)
{
	static FILE *file;

	if (!file)
		file = fopen("/dev/null", "we");
	if (!file)
		abort();
	return file;
}

void drive__begin(struct drive *drive)
{
	*drive = (struct drive){ .session = session__new() };
	if (!drive->session)
		abort();
}

void drive__end(struct drive *drive)
{
	snapshot__free(drive->first);
	session__free(drive->session);
}

void drive__feed(struct drive *drive, const struct rec *rec, size_t len)
{
	int code = session__feed(drive->session, rec, len, NULL);

	if (!code)
		drive->in_checkpoint = rec->type == REC_CHECKPOINT || rec->type == REC_STATE;
	if (!code && rec->type == REC_TICK && !drive->first)
		drive->first = session__freeze(drive->session);
}

static void print(const struct session *session, const struct snapshot *from,
		  const struct snapshot *to, uint64_t reading)
{
	struct filter filter = { 0 };
	struct view_options options = {
		.top = reading % 3 * 5,
		.by = reading % NR_GROUPINGS,
		.tree = reading % 5 % 3,
		.shown = reading & EVERY_FRAME,
		.filter = &filter,
	};
	const struct report_style style = { .width = 80, .top = 10 };
	struct view *view;

	if (!(reading % 4) && options.by != BY_CAUSE)
		filter__add(&filter, "kind=anon", NULL);
	view = view__new(session, from, to, &options);
	if (!view)
		abort();
	report__text(nowhere(), session, view, &style, NULL);
	report__json(nowhere(), view, "report", 10, reading & 2);
	view__free(view);
}

void drive__report(struct drive *drive, uint64_t reading)
{
	struct snapshot *now = session__freeze(drive->session);

	if (!now)
		abort();
	print(drive->session, drive->first ? drive->first : now, now, reading);
	snapshot__free(now);
}

static void print_diff(const struct diff_side *a, const struct diff_side *b)
{
	const struct diff_options options = { .top = 5, .least_bytes = 1 };
	const struct report_style style = { .width = 80 };
	struct diff_report report = { .diff = view_diff__new(a, b, &options),
				      .trace_a = "a",
				      .trace_b = "b",
				      .least_bytes = 1 };

	if (!report.diff)
		abort();
	diff_report__text(nowhere(), &report, &style);
	diff_report__json(nowhere(), &report);
	view_diff__free((struct view_diff *)report.diff);
}

void drive__report_between(struct drive *first, struct drive *last)
{
	struct snapshot *from = session__freeze(first->session);
	struct snapshot *to = session__freeze(last->session);

	if (!from || !to)
		abort();
	print(last->session, from, to, 3);
	print_diff(&(struct diff_side){ first->session, from },
		   &(struct diff_side){ last->session, to });
	snapshot__free(from);
	snapshot__free(to);
}

static int give(void *ctx, const struct rec *rec, struct err *err)
{
	(void)err;
	if (session__feed(ctx, rec, rec->size, NULL) == -ENOMEM)
		abort();
	return 0;
}

static void assert_same(struct session *told, struct session *taken)
{
	struct snapshot *a = session__freeze(told), *b = session__freeze(taken);

	if (!a || !b || a->ts != b->ts || a->nr_spaces != b->nr_spaces ||
	    a->nr_stacks != b->nr_stacks || a->nr_thread_stacks != b->nr_thread_stacks ||
	    memcmp(a->stacks, b->stacks, a->nr_stacks * sizeof(*a->stacks)) ||
	    memcmp(a->causes, b->causes, sizeof(a->causes)) || a->peak_pages != b->peak_pages)
		abort();
	for (__u32 i = 0; i < a->nr_spaces; i++)
		if (a->spaces[i].attributed != b->spaces[i].attributed ||
		    a->spaces[i].nr_vmas != b->spaces[i].nr_vmas ||
		    memcmp(a->spaces[i].placed, b->spaces[i].placed, sizeof(a->spaces[i].placed)))
			abort();
	snapshot__free(a);
	snapshot__free(b);
}

struct session *drive__twin(struct drive *drive)
{
	struct session *taker = drive->in_checkpoint ? NULL : session__new();
	const struct record_sink sink = { .ctx = taker, .take = give };
	const struct rec_start *start = session__start(drive->session);

	if (drive->in_checkpoint)
		return NULL;
	if (!taker || !start)
		abort();
	session__feed(taker, &start->h, sizeof(*start), NULL);
	if (session__tell(drive->session, &sink, NULL)) { /* the stream is over */
		session__free(taker);
		return NULL;
	}
	if (!session__nr_restored(taker))
		abort();
	return taker;
}

void drive__compare(struct drive *drive, struct session *twin)
{
	if (!twin)
		return;
	assert_same(drive->session, twin);
	session__free(twin);
}
