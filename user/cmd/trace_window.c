// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cmd/instants.h"
#include "cmd/late_names.h"
#include "cmd/output.h"
#include "cmd/trace_seek.h"
#include "cmd/trace_window.h"
#include "model/checkpoint.h"

/* The window's ends as written, then as ordinals of ticks, or behind one and at the peak. */
struct ends {
	struct instant from, to;
	size_t from_tick, to_tick;
	bool from_peak, to_peak;
	bool open_start, open_end; /* no instant was asked for */
	__u32 pid;		   /* whose peak; 0: of all together */
	struct rss_peak peak;
	bool peak_seen; /* not in a gap, nor before the trace begins */
	bool late;	/* a checkpoint told of it */
};

/* The second pass. */
struct reading {
	struct trace_window *window;
	const struct ends *ends;
	const struct trace_listener *listener;
	size_t tick; /* the next one */
	bool peaked; /* the peak has been told */
	struct late_names names;
};

static int parse_ends(struct ends *ends, const struct options *options, struct err *err)
{
	const char *from = options->from ? options->from : "start";
	const char *to = options->to ? options->to : "end";
	int code;

	if (options->at && (options->from || options->to))
		return err__set(err, -EINVAL, "--at goes without --from and --to");
	ends->pid = (__u32)options->only_pid;
	ends->open_start = !options->from;
	ends->open_end = !options->to && !options->at;
	code = instant__parse(&ends->from, from, err);
	return code ? code : instant__parse(&ends->to, options->at ? options->at : to, err);
}

void trace_window__tell_late(const char *trace)
{
	/* a file of --rotate or --keep goes on where another ended */
	say("'%s' begins after its peak: this is its first moment", trace);
}

/* What the trace, its time and its gaps are told by. */
static bool tells_time(__u16 type)
{
	return type == REC_START || type == REC_TICK || type == REC_END || type == REC_GAP ||
	       type == REC_MARK || is_checkpoint_record(type);
}

static bool asks_for_peak(const struct ends *ends)
{
	return ends->from.kind == INSTANT_PEAK || ends->to.kind == INSTANT_PEAK;
}

/* Whether the record fed last brought it about. */
static void note_peak(struct ends *ends, const struct session *session)
{
	struct rss_peak peak = session__peak(session, ends->pid);

	if (peak.pages == ends->peak.pages && peak.ts == ends->peak.ts)
		return;
	ends->peak = peak;
	ends->peak_seen = session__is_at_peak(session, ends->pid, &peak);
	ends->late = !ends->peak_seen && session__nr_restored(session);
}

/* Feeding only what tells time is enough to find the ticks and the end; the peak needs all. */
static int survey(struct timeline *timeline, struct trace_input *input, struct session *session,
		  struct ends *ends, struct err *err)
{
	bool all = asks_for_peak(ends);
	const struct rec *rec;
	int code;

	while ((code = trace_input__next(input, &rec, err)) > 0) {
		if (!all && !tells_time(rec->type))
			continue;
		code = session__feed(session, rec, rec->size, NULL);
		if (!code && rec->type == REC_TICK)
			code = timeline__add(timeline, session__now(session));
		if (code == -ENOMEM)
			return err__set(err, code, "out of memory");
		if (all)
			note_peak(ends, session);
	}
	if (code)
		return code;
	if (session__start(session))
		timeline->wall_ns = session__start(session)->wall_ns;
	timeline->marks = session__marks(session, &timeline->nr_marks);
	return 0;
}

/* What could have been meant. */
static int no_such_mark(const struct timeline *timeline, const char *label, const char *trace,
			struct err *err)
{
	const struct mark *marks = timeline->marks;
	char known[256] = "";
	size_t len = 0;

	for (__u32 i = 0; i < timeline->nr_marks && len < sizeof(known) - MARK_LABEL_MAX - 8; i++)
		len += snprintf(known + len, sizeof(known) - len, "%s\"%s\"", i ? ", " : "",
				marks[i].label);
	return err__set(err, -ENOENT,
			"no mark \"%s\" in '%s'%s%s%s; other moments: 90s, -10s, an ISO 8601 time, "
			"start, end, peak",
			label, trace, len ? " (there is " : "", known, len ? ")" : "");
}

static int check_mark(const struct timeline *timeline, const struct instant *instant,
		      const char *trace, struct err *err)
{
	if (instant->kind != INSTANT_MARK || timeline__mark(timeline, instant->label))
		return 0;
	return no_such_mark(timeline, instant->label, trace, err);
}

/* Before the first tick the books are not complete. */
static bool is_peak(const struct ends *ends, const struct instant *instant,
		    const struct timeline *timeline)
{
	return instant->kind == INSTANT_PEAK && ends->peak_seen &&
	       ends->peak.ts > timeline->ticks[0];
}

static int place(struct ends *ends, const struct timeline *timeline, const char *trace,
		 struct err *err)
{
	int code;

	if (!timeline->nr)
		return err__set(err, -ENODATA,
				"'%s' ends before its first moment: nothing to report", trace);
	code = check_mark(timeline, &ends->from, trace, err);
	if (!code)
		code = check_mark(timeline, &ends->to, trace, err);
	if (code)
		return code;
	ends->from_tick = timeline__find(timeline, &ends->from);
	ends->to_tick = timeline__find(timeline, &ends->to);
	ends->from_peak = is_peak(ends, &ends->from, timeline);
	ends->to_peak = is_peak(ends, &ends->to, timeline);
	if (ends->from_tick > ends->to_tick ||
	    (ends->from_tick == ends->to_tick && ends->from_peak && !ends->to_peak))
		return err__set(err, -EINVAL, "--from lies behind --to");
	return 0;
}

/* Also tells the health of the trace: this pass reads all of it. */
static int find_ends(struct ends *ends, struct trace_window *window, const struct options *options,
		     struct err *err)
{
	struct session *session = session__new();
	struct timeline timeline = { 0 };
	struct trace_input input;
	int code;

	if (!session)
		return err__set(err, -ENOMEM, "out of memory");
	code = trace_input__open(&input, options->trace, !options->quiet, err);
	if (!code) {
		code = survey(&timeline, &input, session, ends, err);
		if (!code)
			window->health = trace_input__health(&input, session, window->health_buf);
		trace_input__close(&input);
	}
	timeline.peak_ns = ends->peak.ts;
	if (!code)
		code = place(ends, &timeline, options->trace, err);
	if (!code) {
		window->from_ns = ends->from_peak ? ends->peak.ts : timeline.ticks[ends->from_tick];
		window->to_ns = ends->to_peak ? ends->peak.ts : timeline.ticks[ends->to_tick];
	}
	if (!code && ends->late && ends->peak.ts <= timeline.ticks[0] && !options->quiet)
		trace_window__tell_late(options->trace);
	timeline__fini(&timeline);
	session__free(session);
	return code;
}

/* The model stands at an end of the window, at both, or between them. */
static int on_moment(struct reading *reading, bool begins, bool ends, struct err *err)
{
	struct trace_window *window = reading->window;
	struct snapshot *here;

	if (begins || ends) {
		here = session__freeze_between(window->session);
		if (!here)
			return err__set(err, -ENOMEM, "out of memory");
		if (begins)
			window->from = here;
		if (ends) {
			window->to = here;
			if (reading->ends->to_peak)
				late_names__expect(&reading->names, window->session);
		}
	}
	if (!reading->listener->tick || !window->from || (window->to && !ends))
		return 0;
	return reading->listener->tick(reading->listener->ctx, window, ends, err);
}

static int on_tick(struct reading *reading, struct err *err)
{
	const struct ends *ends = reading->ends;
	size_t tick = reading->tick++;

	late_names__ticked(&reading->names, reading->window->session);
	return on_moment(reading, !ends->from_peak && tick == ends->from_tick,
			 !ends->to_peak && tick == ends->to_tick, err);
}

static int on_peak(struct reading *reading, struct err *err)
{
	reading->peaked = true;
	return on_moment(reading, reading->ends->from_peak, reading->ends->to_peak, err);
}

static bool is_at_peak(const struct reading *reading)
{
	const struct ends *ends = reading->ends;

	return (ends->from_peak || ends->to_peak) && !reading->peaked &&
	       session__is_at_peak(reading->window->session, ends->pid, &ends->peak);
}

/* Between the ends, or behind the one that is open. */
static bool is_inside(const struct reading *reading)
{
	return (reading->ends->open_start || reading->window->from) &&
	       (reading->ends->open_end || !reading->window->to);
}

/* Refused records are counted by the session and told with the report. */
static int feed(struct reading *reading, const struct rec *rec, struct err *err)
{
	const struct trace_listener *listener = reading->listener;
	int code = session__feed(reading->window->session, rec, rec->size, NULL);

	if (code == -ENOMEM)
		return err__set(err, code, "out of memory");
	if (code)
		return 0;
	if (listener->record && !is_checkpoint_record(rec->type) && rec->type != REC_GAP) {
		code = listener->record(listener->ctx, rec, is_inside(reading), err);
		if (code)
			return code;
	}
	if (rec->type == REC_TICK)
		return on_tick(reading, err);
	return is_at_peak(reading) ? on_peak(reading, err) : 0;
}

/* Is there more to read for? */
static bool goes_on(const struct reading *reading)
{
	return !reading->window->to || reading->names.expected ||
	       (reading->listener->record && reading->ends->open_end);
}

static int read_trace(struct reading *reading, const struct options *options, struct err *err)
{
	struct trace_input input;
	const struct rec *rec;
	int code = trace_input__open(&input, options->trace, !options->quiet, err);

	if (code)
		return code;
	while (goes_on(reading) && (code = trace_input__next(&input, &rec, err)) > 0) {
		code = feed(reading, rec, err);
		if (code)
			break;
	}
	if (!code && (!reading->window->to || !reading->window->from))
		code = err__set(err, -EIO, "'%s' changed while it was read", options->trace);
	trace_input__close(&input);
	return code;
}

/* Who there is, for those who ask for somebody else. */
static int no_such_process(const struct snapshot *to, const struct options *options,
			   struct err *err)
{
	char pids[256] = "";
	size_t len = 0;

	for (__u32 i = 0; i < to->nr_spaces && len < sizeof(pids) - 16; i++)
		len += snprintf(pids + len, sizeof(pids) - len, "%s%u", i ? ", " : "",
				to->spaces[i].pid);
	return err__set(err, -ESRCH, "no process %d in '%s' up to this moment; there are %s",
			options->only_pid, options->trace, pids);
}

static int check_pid(const struct snapshot *to, const struct options *options, struct err *err)
{
	if (!options->only_pid)
		return 0;
	for (__u32 i = 0; i < to->nr_spaces; i++)
		if (to->spaces[i].pid == (__u32)options->only_pid)
			return 0;
	return no_such_process(to, options, err);
}

/* Two passes over all of it. */
static int read_all(struct reading *reading, struct ends *ends, const struct options *options,
		    struct err *err)
{
	struct trace_window *window = reading->window;
	const struct trace_listener *listener = reading->listener;
	int code = find_ends(ends, window, options, err);

	if (code)
		return code;
	window->session = session__new();
	if (!window->session)
		return err__set(err, -ENOMEM, "out of memory");
	if (listener->begin)
		code = listener->begin(listener->ctx, window, err);
	return code ? code : read_trace(reading, options, err);
}

/* A report of the whole trace is one of its health, too: it reads everything. */
static bool can_seek(const struct options *options, const struct trace_listener *listener)
{
	return !listener && (options->at || options->from || options->to);
}

int trace_window__open(struct trace_window *window, const struct options *options,
		       const struct trace_listener *listener, struct err *err)
{
	static const struct trace_listener nobody;
	struct ends ends = { 0 };
	struct reading reading = {
		.window = window,
		.ends = &ends,
		.listener = listener ? listener : &nobody,
	};
	int code;

	memset(window, 0, sizeof(*window));
	code = parse_ends(&ends, options, err);
	if (code)
		return code;
	code = can_seek(options, listener)
		       ? trace_seek__window(window, &ends.from, &ends.to, options, err)
		       : SEEK_READ_ALL;
	if (code == SEEK_READ_ALL)
		code = read_all(&reading, &ends, options, err);
	return code ? code : check_pid(window->to, options, err);
}

void trace_window__close(struct trace_window *window)
{
	if (window->to != window->from)
		snapshot__free(window->to);
	snapshot__free(window->from);
	session__free(window->session);
	session__free(window->from_session);
	memset(window, 0, sizeof(*window));
}
