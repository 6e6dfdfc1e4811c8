// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include "base/units.h"
#include "cmd/output.h"
#include "cmd/trace_seek.h"
#include "model/checkpoint.h"
#include "trace/reader.h"

/* A tick: the nth behind the start of a segment. 0: the one its checkpoint stands behind. */
struct place {
	__u32 segment;
	__u64 nth;
	__u64 ns; /* since the start of the stream */
};

struct seek {
	struct trace_input input;
	const struct trace_index *index;
	__u64 start_ts, wall_ns;
	bool knows_tail; /* the next two */
	__u64 last_tick_ns, peak_ns;
	struct session
		*tail; /* at the end of the trace, where all marks are known; NULL: not read */
};

static __u64 behind(__u64 ns, __u64 origin)
{
	return ns > origin ? ns - origin : 0;
}

static int no_memory(struct err *err)
{
	return err__set(err, -ENOMEM, "out of memory");
}

static int next(struct seek *seek, const struct rec **rec, struct err *err)
{
	return trace_input__next(&seek->input, rec, err);
}

/* An index that lies is no reason to give up: everything is still there. */
static int enter(struct seek *seek, __u32 segment, struct err *err)
{
	int code = trace_source__enter(seek->input.source, segment, err);

	return code == -EBADMSG ? SEEK_READ_ALL : code;
}

static int open_index(struct seek *seek, const struct options *options, struct err *err)
{
	const struct rec *rec;
	int code = trace_input__open(&seek->input, options->trace, !options->quiet, err);

	if (code)
		return code;
	code = next(seek, &rec, err);
	if (code < 0)
		return code;
	seek->index = code ? trace_source__index(seek->input.source, NULL) : NULL;
	if (!seek->index || !trace_index__find(seek->index, ~0ULL, CHECKPOINT_MODEL))
		return SEEK_READ_ALL;
	seek->start_ts = rec->ts;
	seek->wall_ns = ((const struct rec_start *)rec)->wall_ns;
	seek->knows_tail = seek->index->closed;
	seek->last_tick_ns = behind(seek->index->last_tick_ts, seek->start_ts);
	seek->peak_ns = seek->index->peak_ts;
	return 0;
}

/* The index said otherwise of this checkpoint. */
static bool is_of_other_rules(const struct rec *rec)
{
	const struct rec_checkpoint *head = (const struct rec_checkpoint *)rec;

	return rec->type == REC_CHECKPOINT && rec->size >= sizeof(*head) &&
	       head->model != CHECKPOINT_MODEL;
}

/* Feed @session until it stands at tick @nth of the segment, or to the end. 0, SEEK_READ_ALL: it
 * does not get there; or -errno. */
static int feed_to(struct seek *seek, struct session *session, const struct place *place,
		   __u64 *ticks, struct err *err)
{
	const struct rec *rec;
	int code;

	while (*ticks < place->nth || (place->segment && !session__nr_restored(session))) {
		code = next(seek, &rec, err);
		if (code <= 0)
			return code ? code : SEEK_READ_ALL;
		if (is_of_other_rules(rec))
			return SEEK_READ_ALL;
		code = session__feed(session, rec, rec->size, NULL);
		if (code == -ENOMEM)
			return no_memory(err);
		if (rec->type == REC_TICK && place->segment && !session__nr_restored(session))
			return SEEK_READ_ALL; /* its checkpoint is damaged */
		*ticks += rec->type == REC_TICK;
	}
	return 0;
}

/* The end of a trace whose index does not tell it, and what no index tells. */
static int read_tail(struct seek *seek, struct err *err)
{
	const struct place end = {
		.segment = trace_index__find(seek->index, ~0ULL, CHECKPOINT_MODEL),
		.nth = ~0ULL,
	};
	__u64 ticks = 0, pages;
	int code;

	if (seek->tail)
		return 0;
	seek->tail = session__new();
	if (!seek->tail)
		return no_memory(err);
	code = enter(seek, end.segment, err);
	if (!code)
		code = feed_to(seek, seek->tail, &end, &ticks, err);
	if (code != SEEK_READ_ALL || !session__nr_restored(seek->tail))
		return code;
	seek->knows_tail = true;
	seek->last_tick_ns = session__now(seek->tail);
	session__peak(seek->tail, &pages, &seek->peak_ns);
	return 0;
}

/* 0 and when that is; SEEK_READ_ALL: there is no such mark, as reading it all will say. */
static int mark_ns(const struct seek *seek, const char *label, __u64 *ns)
{
	struct timeline timeline = { 0 };
	const struct mark *mark;

	timeline.marks = session__marks(seek->tail, &timeline.nr_marks);
	mark = timeline__mark(&timeline, label);
	*ns = mark ? mark->tick_ns : 0;
	return mark ? 0 : SEEK_READ_ALL;
}

/* Not of marks. */
static __u64 ns_of(const struct seek *seek, const struct instant *instant)
{
	switch (instant->kind) {
	case INSTANT_START:
		return 0;
	case INSTANT_END: /* the blocks know best where that is */
		return ~0ULL;
	case INSTANT_PEAK:
		return seek->peak_ns;
	case INSTANT_SINCE:
		return instant->ns;
	case INSTANT_BEFORE:
		return behind(seek->last_tick_ns, instant->ns);
	case INSTANT_WALL:
		return behind(instant->ns, seek->wall_ns);
	case INSTANT_MARK:
		break;
	}
	return 0;
}

static bool needs_tail(const struct seek *seek, const struct instant *instant)
{
	return instant->kind == INSTANT_MARK ||
	       (!seek->knows_tail &&
		(instant->kind == INSTANT_PEAK || instant->kind == INSTANT_BEFORE));
}

/* The last tick at or before @ns; the first one if there is none. */
static int find_tick(struct seek *seek, __u64 ns, struct place *place, struct err *err)
{
	const struct index_segment *segment;
	const struct rec *rec;
	int code;

	*place = (struct place){ 0 };
	if (ns <= ~0ULL - seek->start_ts)
		place->segment =
			trace_index__find(seek->index, seek->start_ts + ns, CHECKPOINT_MODEL);
	else
		place->segment = trace_index__find(seek->index, ~0ULL, CHECKPOINT_MODEL);
	segment = &seek->index->segments[place->segment];
	place->ns = behind(segment->ts, seek->start_ts);
	code = enter(seek, place->segment, err);
	while (!code && (code = next(seek, &rec, err)) > 0) {
		__u64 at = behind(rec->ts, seek->start_ts);

		code = 0;
		if (rec->type != REC_TICK)
			continue;
		if (at > ns && (place->segment || place->nth))
			break;
		place->nth++;
		if (at > place->ns)
			place->ns = at;
	}
	if (!code && !place->segment && !place->nth)
		return SEEK_READ_ALL;
	return code;
}

static int find_instant(struct seek *seek, const struct instant *instant, struct place *place,
			struct err *err)
{
	int code = needs_tail(seek, instant) ? read_tail(seek, err) : 0;
	__u64 ns = ns_of(seek, instant);

	if (!code && instant->kind == INSTANT_MARK)
		code = mark_ns(seek, instant->label, &ns);
	return code ? code : find_tick(seek, ns, place, err);
}

/* The state at @place, in a session of its own. */
static int freeze_at(struct seek *seek, const struct place *place, struct session **session,
		     __u64 *ticks, struct snapshot **snapshot, struct err *err)
{
	int code;

	*session = session__new();
	*ticks = 0;
	if (!*session)
		return no_memory(err);
	code = enter(seek, place->segment, err);
	if (!code)
		code = feed_to(seek, *session, place, ticks, err);
	if (code)
		return code;
	*snapshot = session__freeze(*session);
	return *snapshot ? 0 : no_memory(err);
}

/*
 * One session for each moment, unless they lie in one segment. Both number their tables as the
 * recorder did, unless something was missing on the way to the first.
 */
static int freeze_both(struct seek *seek, struct trace_window *window, const struct place *from,
		       const struct place *to, struct err *err)
{
	__u64 ticks;
	int code = freeze_at(seek, from, &window->session, &ticks, &window->from, err);

	if (code)
		return code;
	if (window->from->gaps.nr)
		return SEEK_READ_ALL;
	if (to->segment == from->segment && to->nth == from->nth) {
		window->to = window->from;
		return 0;
	}
	if (to->segment != from->segment) {
		window->from_session = window->session;
		window->session = NULL;
		return freeze_at(seek, to, &window->session, &ticks, &window->to, err);
	}
	code = feed_to(seek, window->session, to, &ticks, err);
	if (code)
		return code;
	window->to = session__freeze(window->session);
	return window->to ? 0 : no_memory(err);
}

static bool is_ordered(const struct place *from, const struct place *to)
{
	return from->segment < to->segment ||
	       (from->segment == to->segment && from->nth <= to->nth);
}

static int find_both(struct seek *seek, struct trace_window *window, const struct instant *from,
		     const struct instant *to, struct err *err)
{
	struct place first, last;
	int code = find_instant(seek, from, &first, err);

	if (!code)
		code = find_instant(seek, to, &last, err);
	if (code)
		return code;
	if (!is_ordered(&first, &last))
		return err__set(err, -EINVAL, "--from lies behind --to");
	window->from_ns = first.ns;
	window->to_ns = last.ns;
	return freeze_both(seek, window, &first, &last, err);
}

static void tell_effort(const struct seek *seek, const struct options *options)
{
	const struct trace_health *health = trace_source__health(seek->input.source);
	char taken[UNITS_LEN], all[UNITS_LEN];

	if (options->verbose)
		say("read %s of %s, %llu blocks", units__bytes(taken, health->taken_bytes),
		    units__bytes(all, health->file_bytes), (unsigned long long)health->nr_unpacked);
}

int trace_seek__window(struct trace_window *window, const struct instant *from,
		       const struct instant *to, const struct options *options, struct err *err)
{
	struct seek seek = { 0 };
	int code = open_index(&seek, options, err);

	if (!code)
		code = find_both(&seek, window, from, to, err);
	if (!code) {
		window->health = trace_input__health_so_far(&seek.input, seek.index->closed,
							    window->health_buf);
		tell_effort(&seek, options);
	}
	session__free(seek.tail);
	trace_input__close(&seek.input);
	if (code == SEEK_READ_ALL)
		trace_window__close(window);
	return code;
}
