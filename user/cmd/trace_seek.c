// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include "base/units.h"
#include "cmd/late_names.h"
#include "cmd/output.h"
#include "cmd/trace_seek.h"
#include "model/checkpoint.h"
#include "trace/reader.h"

#define PEAK_BEFORE 2 /* beside SEEK_READ_ALL */

/* A tick: the nth behind the start of a segment. 0: the one its checkpoint stands behind. Or the
 * peak, somewhere behind that tick. */
struct place {
	__u32 segment;
	__u64 nth;
	bool at_peak;
	__u64 ns; /* since the start of the stream */
};

struct seek {
	struct trace_input input;
	const struct trace_index *index;
	__u64 start_ts, wall_ns;
	__u32 pid; /* whose peak; 0: of all together */
	const char *trace;
	bool late;	      /* the trace begins after its peak */
	struct session *tail; /* at the end of the trace; NULL: not read. The next two are of it. */
	__u64 last_tick_ns;
	struct rss_peak peak;
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
	seek->pid = (__u32)options->only_pid;
	seek->trace = options->trace;
	return 0;
}

/* The index said otherwise of this checkpoint. */
static bool is_of_other_rules(const struct rec *rec)
{
	const struct rec_checkpoint *head = (const struct rec_checkpoint *)rec;

	return rec->type == REC_CHECKPOINT && rec->size >= sizeof(*head) &&
	       head->model != CHECKPOINT_MODEL;
}

static bool stands_at(const struct seek *seek, const struct session *session,
		      const struct place *place, __u64 ticks)
{
	return place->at_peak
		       ? ticks >= place->nth && session__is_at_peak(session, seek->pid, &seek->peak)
		       : ticks >= place->nth;
}

/* Feed @session until it stands at @place, or to the end. 0, SEEK_READ_ALL: it does not get there;
 * or -errno. @ticks: of the segment, fed so far. */
static int feed_to(struct seek *seek, struct session *session, const struct place *place,
		   __u64 *ticks, struct err *err)
{
	const struct rec *rec;
	int code;

	while ((place->segment && !session__nr_restored(session)) ||
	       !stands_at(seek, session, place, *ticks)) {
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

/* What the index tells of the end, too. Behind damage both may be right. */
static void compare_tail(const struct seek *seek)
{
	const struct trace_index *index = seek->index;

	if (!index->closed || session__gaps(seek->tail).nr)
		return;
	if (index->peak_ts == session__peak(seek->tail, 0).ts &&
	    behind(index->last_tick_ts, seek->start_ts) == seek->last_tick_ns)
		return;
	say("the index of '%s' is wrong about its peak or its end: not used for these",
	    seek->trace);
}

/* An index may say anything of the peak and the end: what stands there counts. */
static int read_tail(struct seek *seek, struct err *err)
{
	const struct place end = {
		.segment = trace_index__find(seek->index, ~0ULL, CHECKPOINT_MODEL),
		.nth = ~0ULL,
	};
	__u64 ticks = 0;
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
	seek->last_tick_ns = session__now(seek->tail);
	seek->peak = session__peak(seek->tail, seek->pid);
	compare_tail(seek);
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

/* Not of marks and the peak. */
static __u64 ns_of(const struct seek *seek, const struct instant *instant)
{
	switch (instant->kind) {
	case INSTANT_START:
		return 0;
	case INSTANT_END: /* the blocks know best where that is */
		return ~0ULL;
	case INSTANT_SINCE:
		return instant->ns;
	case INSTANT_BEFORE:
		return behind(seek->last_tick_ns, instant->ns);
	case INSTANT_WALL:
		return behind(instant->ns, seek->wall_ns);
	case INSTANT_PEAK:
	case INSTANT_MARK:
		break;
	}
	return 0;
}

static bool needs_tail(const struct instant *instant)
{
	return instant->kind == INSTANT_MARK || instant->kind == INSTANT_PEAK ||
	       instant->kind == INSTANT_BEFORE;
}

static __u32 segment_at(const struct seek *seek, __u64 ns)
{
	__u64 ts = ns <= ~0ULL - seek->start_ts ? seek->start_ts + ns : ~0ULL;

	return trace_index__find(seek->index, ts, CHECKPOINT_MODEL);
}

/* The last tick at or before @ns; the first one if there is none. */
static int find_tick(struct seek *seek, __u64 ns, struct place *place, struct err *err)
{
	const struct index_segment *segment;
	const struct rec *rec;
	int code;

	*place = (struct place){ 0 };
	place->segment = segment_at(seek, ns);
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

/* Feed @session to the peak. 0; PEAK_BEFORE: it came before what is fed; SEEK_READ_ALL: it does
 * not come; -errno. */
static int feed_to_peak(struct seek *seek, struct session *session, struct place *place,
			struct err *err)
{
	/* the books are complete from the first tick on */
	const struct place first = { .segment = place->segment, .nth = !place->segment };
	struct rss_peak so_far;
	int code = enter(seek, place->segment, err);

	if (!code)
		code = feed_to(seek, session, &first, &place->nth, err);
	if (code)
		return code;
	so_far = session__peak(session, seek->pid);
	if (so_far.pages >= seek->peak.pages)
		return so_far.ts == seek->peak.ts ? PEAK_BEFORE : SEEK_READ_ALL;
	place->at_peak = true;
	return feed_to(seek, session, place, &place->nth, err);
}

/* Records may be a little older than the tick before them: then a segment before is tried. */
static int find_peak(struct seek *seek, struct place *place, struct err *err)
{
	__u32 segment = segment_at(seek, seek->peak.ts);
	int code;

	for (;;) {
		struct session *session = session__new();

		*place = (struct place){ .segment = segment, .ns = seek->peak.ts };
		code = session ? feed_to_peak(seek, session, place, err) : no_memory(err);
		seek->late = code == PEAK_BEFORE && session__nr_restored(session);
		session__free(session);
		if (code != PEAK_BEFORE || !segment || !seek->index->segments[segment].ts)
			break;
		segment = trace_index__find(seek->index, seek->index->segments[segment].ts - 1,
					    CHECKPOINT_MODEL);
	}
	return code == PEAK_BEFORE ? find_tick(seek, 0, place, err) : code;
}

static int find_instant(struct seek *seek, const struct instant *instant, struct place *place,
			struct err *err)
{
	int code = needs_tail(instant) ? read_tail(seek, err) : 0;
	__u64 ns = ns_of(seek, instant);

	if (!code && instant->kind == INSTANT_PEAK)
		return find_peak(seek, place, err);
	if (!code && instant->kind == INSTANT_MARK)
		code = mark_ns(seek, instant->label, &ns);
	return code ? code : find_tick(seek, ns, place, err);
}

/* Feed @session, which stands at @place, until what it knows has names, too. */
static int feed_names(struct seek *seek, struct session *session, const struct place *place,
		      __u64 *ticks, struct err *err)
{
	struct place next = { .segment = place->segment, .nth = place->nth };
	struct late_names names;
	int code = 0;

	late_names__expect(&names, session);
	while (!code && names.expected) {
		next.nth++;
		code = feed_to(seek, session, &next, ticks, err);
		late_names__ticked(&names, session);
	}
	return code == SEEK_READ_ALL ? 0 : code; /* the trace ends here */
}

/* The state @session stands at. */
static int freeze(struct seek *seek, struct session *session, const struct place *place,
		  __u64 *ticks, bool names, struct snapshot **snapshot, struct err *err)
{
	*snapshot = session__freeze_between(session);
	if (!*snapshot)
		return no_memory(err);
	return names && place->at_peak ? feed_names(seek, session, place, ticks, err) : 0;
}

/* The state at @place, in a session of its own. */
static int freeze_at(struct seek *seek, const struct place *place, struct session **session,
		     __u64 *ticks, bool names, struct snapshot **snapshot, struct err *err)
{
	int code;

	*session = session__new();
	*ticks = 0;
	if (!*session)
		return no_memory(err);
	code = enter(seek, place->segment, err);
	if (!code)
		code = feed_to(seek, *session, place, ticks, err);
	return code ? code : freeze(seek, *session, place, ticks, names, snapshot, err);
}

/*
 * One session for each moment, unless they lie in one segment. Both number their tables as the
 * recorder did, unless something was missing on the way to the first.
 */
static int freeze_both(struct seek *seek, struct trace_window *window, const struct place *from,
		       const struct place *to, struct err *err)
{
	__u64 ticks;
	bool alone = to->segment == from->segment && to->nth == from->nth &&
		     to->at_peak == from->at_peak;
	int code = freeze_at(seek, from, &window->session, &ticks, alone, &window->from, err);

	if (code)
		return code;
	if (window->from->gaps.nr)
		return SEEK_READ_ALL;
	if (alone) {
		window->to = window->from;
		return 0;
	}
	if (to->segment != from->segment) {
		window->from_session = window->session;
		window->session = NULL;
		return freeze_at(seek, to, &window->session, &ticks, true, &window->to, err);
	}
	code = feed_to(seek, window->session, to, &ticks, err);
	return code ? code : freeze(seek, window->session, to, &ticks, true, &window->to, err);
}

static bool is_ordered(const struct place *from, const struct place *to)
{
	if (from->segment != to->segment)
		return from->segment < to->segment;
	return from->nth != to->nth ? from->nth < to->nth : from->at_peak <= to->at_peak;
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
		if (seek.late && !options->quiet)
			trace_window__tell_late(options->trace);
	}
	session__free(seek.tail);
	trace_input__close(&seek.input);
	if (code == SEEK_READ_ALL)
		trace_window__close(window);
	return code;
}
