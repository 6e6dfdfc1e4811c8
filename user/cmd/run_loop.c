// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdint.h>
#include "cmd/run_loop.h"

static void drop(struct run_loop *loop, struct snapshot *snapshot)
{
	if (snapshot && snapshot != loop->first)
		snapshot__free(snapshot);
	else if (snapshot && !loop->keeps_first)
		snapshot__drop_pages(snapshot);
}

/* The current moment becomes the start of the next interval. */
static int close_interval(struct run_loop *loop, struct err *err)
{
	int code = 0;

	loop->current = session__freeze(loop->session);
	if (!loop->current)
		return err__set(err, -ENOMEM, "out of memory");
	if (loop->sums_only)
		snapshot__drop_pages(loop->current);
	if (!loop->first)
		loop->first = loop->current;
	else
		code = loop->interval(loop, loop->previous, loop->current, err);
	drop(loop, loop->previous);
	loop->previous = loop->current;
	loop->current = NULL;
	return code;
}

/* Boundaries stand at whole intervals after the first tick, whatever ticks were late. */
static int on_tick(struct run_loop *loop, struct err *err)
{
	__u64 now_ns = session__now(loop->session);

	if (!loop->first) {
		loop->next_ns = loop->interval_ns ? now_ns + loop->interval_ns : UINT64_MAX;
		return close_interval(loop, err);
	}
	if (!loop->interval_ns || now_ns < loop->next_ns)
		return 0;
	loop->next_ns += (now_ns - loop->next_ns) / loop->interval_ns * loop->interval_ns +
			 loop->interval_ns;
	return close_interval(loop, err);
}

/* What is left behind the last boundary, up to the last tick. */
static int on_end(struct run_loop *loop, struct err *err)
{
	if (!loop->first || session__now(loop->session) <= loop->previous->ts)
		return 0;
	return close_interval(loop, err);
}

static bool time_is_up(const struct run_loop *loop)
{
	return loop->duration_ns && loop->first &&
	       session__now(loop->session) - loop->first->ts >= loop->duration_ns;
}

static bool is_full(struct run_loop *loop, const struct rec *rec)
{
	if (loop->output && rec->type == REC_TICK && trace_output__is_full(loop->output))
		loop->full = true;
	return loop->full;
}

static int take(struct run_loop *loop, const struct rec *rec, struct err *err)
{
	int code = loop->output ? trace_output__append(loop->output, rec, err) : 0;

	/* a refused record is counted by the session and tells its story there */
	if (session__feed(loop->session, rec, rec->size, NULL) == -ENOMEM)
		return err__set(err, -ENOMEM, "out of memory");
	if (loop->output && !code)
		code = trace_output__fed(loop->output, rec, loop->session, err);
	if (code)
		loop->output = NULL; /* it refuses further records; the caller closes it */
	if (loop->watch)
		loop->watch(loop, rec);
	return code;
}

/* Something failed, or time is up: let the source close the stream in order. True when there is
 * nothing to wait for. */
static bool wind_down(struct run_loop *loop)
{
	if (!loop->stop)
		return true;
	loop->stop(loop->source);
	return false;
}

int run_loop__run(struct run_loop *loop, struct err *err)
{
	const struct rec *rec;
	bool stopping = false;
	int code = 0, now;

	for (;;) {
		now = loop->source->next(loop->source, &rec, code ? NULL : err);
		if (now < 0 && !code)
			return now;
		if (now <= 0)
			break;
		now = take(loop, rec, code ? NULL : err);
		if (!now && !code && rec->type == REC_TICK)
			now = on_tick(loop, err);
		if (now && !code)
			code = now;
		if (stopping || (!code && !time_is_up(loop) && !is_full(loop, rec)))
			continue;
		stopping = true;
		if (wind_down(loop))
			break;
	}
	return code ? code : on_end(loop, err);
}

void run_loop__fini(struct run_loop *loop)
{
	drop(loop, loop->previous);
	if (loop->first)
		snapshot__free(loop->first);
	loop->first = loop->previous = NULL;
}
