// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cmd/trace_output.h"
#include "trace/writer.h"

/* What the end of a recording may still take: the last names, counters, the index. */
#define END_BYTES (256ULL << 10)

/* A file being written. writer NULL: there is none. */
struct part {
	struct trace_writer *writer;
	__u64 from_ns;	   /* since the start of the stream */
	__u64 start_bytes; /* what it took to begin it */
};

struct trace_output {
	struct trace_plan plan;
	char path[PATH_MAX], next_path[PATH_MAX + 8];
	struct part main, next;
	__u32 nr_parts, nr_kept;
	__u64 parts_bytes; /* of those that are finished */
	bool keep_asked;
};

static int failed(int code, const char *path, struct err *err)
{
	return err__set(err, code, "cannot keep the parts of '%s': %s", path, strerror(-code));
}

static bool is_set(const struct trace_length *length)
{
	return length->ns || length->bytes;
}

/* Long enough, and not all beginning: a state larger than the length must not be written each tick.
 */
static bool is_long(const struct part *part, const struct trace_length *length, __u64 now_ns)
{
	__u64 bytes = trace_writer__bytes(part->writer);

	if (bytes < 2 * part->start_bytes)
		return false;
	return (length->ns && now_ns - part->from_ns >= length->ns) ||
	       (length->bytes && bytes >= length->bytes);
}

/* What a reader needs to go on from here: who, the state, and a moment to stand on. */
static int write_start(struct part *part, const struct session *session, struct err *err)
{
	const struct rec_start *start = session__start(session);
	struct rec_tick tick = {
		.h = { REC_TICK, 0, sizeof(tick), start->h.ts + session__now(session) },
	};
	int code = trace_writer__append(part->writer, &start->h, err);

	if (!code)
		code = trace_writer__checkpoint(part->writer, session, err);
	if (!code)
		code = trace_writer__append(part->writer, &tick.h, err);
	part->from_ns = session__now(session);
	part->start_bytes = trace_writer__bytes(part->writer);
	return code;
}

static int begin_part(struct part *part, const char *path, const struct session *session,
		      struct err *err)
{
	/* a link somebody left there is not followed */
	if (unlink(path) && errno != ENOENT)
		return failed(-errno, path, err);
	part->writer = trace_writer__open(path, false, err);
	return part->writer ? write_start(part, session, err) : -EIO;
}

/* The stream goes on, but not here. */
static int end_part(struct trace_output *output, const struct session *session, struct err *err)
{
	struct part *part = &output->main;
	struct rec_end end = {
		.h = { REC_END, 0, sizeof(end),
		       session__start(session)->h.ts + session__now(session) },
		.why = END_PART,
	};
	char path[PATH_MAX + 16];
	__u64 bytes;
	int code;

	trace_writer__note(part->writer, session);
	code = trace_writer__append(part->writer, &end.h, err);
	bytes = trace_writer__bytes(part->writer);
	if (trace_writer__finish(part->writer, code ? NULL : err) && !code)
		code = -EIO;
	part->writer = NULL;
	snprintf(path, sizeof(path), "%s.%u", output->path, output->nr_parts + 1);
	if (!code && rename(output->path, path))
		return failed(-errno, output->path, err);
	output->nr_parts += !code;
	output->parts_bytes += bytes;
	return code;
}

static void drop_next(struct trace_output *output)
{
	if (!output->next.writer)
		return;
	trace_writer__drop(output->next.writer);
	output->next.writer = NULL;
	unlink(output->next_path);
}

/* The younger file takes the place of the older one. */
static int promote(struct trace_output *output, struct err *err)
{
	if (output->main.writer)
		trace_writer__drop(output->main.writer);
	output->main = output->next;
	output->next.writer = NULL;
	return rename(output->next_path, output->path) ? failed(-errno, output->path, err) : 0;
}

/* A part without a beginning tells nothing: the one before it is the last. */
static void take_back(struct trace_output *output)
{
	char path[PATH_MAX + 16];

	if (output->main.writer)
		trace_writer__drop(output->main.writer);
	output->main.writer = NULL;
	snprintf(path, sizeof(path), "%s.%u", output->path, output->nr_parts);
	if (!rename(path, output->path))
		output->nr_parts--;
}

static int cut_off(struct trace_output *output, const struct session *session, struct err *err)
{
	int code = end_part(output, session, err);

	if (code)
		return code;
	if (output->next.writer)
		return promote(output, err);
	code = begin_part(&output->main, output->path, session, err);
	if (code)
		take_back(output);
	return code;
}

static bool no_room(const struct trace_output *output)
{
	return output->plan.max_bytes && trace_output__bytes(output) >= output->plan.max_bytes;
}

static int roll_on(struct trace_output *output, const struct session *session, struct err *err)
{
	const struct trace_length *keep = &output->plan.keep;
	__u64 now_ns = session__now(session);
	const struct part *next = &output->next;

	if (next->writer && (is_long(next, keep, now_ns) || no_room(output)))
		return promote(output, err);
	if (!next->writer && (is_long(&output->main, keep, now_ns) || no_room(output)))
		return begin_part(&output->next, output->next_path, session, err);
	return 0;
}

static int on_tick(struct trace_output *output, const struct session *session, struct err *err)
{
	const struct trace_plan *plan = &output->plan;
	int code = trace_writer__ticked(output->main.writer, session, err);

	if (!code && output->next.writer &&
	    trace_writer__ticked(output->next.writer, session, NULL))
		drop_next(output);
	if (code)
		return code;
	if (output->keep_asked) {
		output->keep_asked = false;
		return cut_off(output, session, err);
	}
	if (is_set(&plan->rotate) && is_long(&output->main, &plan->rotate, session__now(session)))
		return cut_off(output, session, err);
	return is_set(&plan->keep) ? roll_on(output, session, err) : 0;
}

int trace_output__append(struct trace_output *output, const struct rec *rec, struct err *err)
{
	if (!output->main.writer) /* a change of files failed: it was told */
		return failed(-EIO, output->path, err);
	if (output->next.writer && trace_writer__append(output->next.writer, rec, NULL))
		drop_next(output); /* no room for two: the one there is comes first */
	return trace_writer__append(output->main.writer, rec, err);
}

int trace_output__fed(struct trace_output *output, const struct rec *rec,
		      const struct session *session, struct err *err)
{
	/* a stream that has ended has no state to begin a file with */
	if (rec->type != REC_TICK || !session__start(session) || session__end(session))
		return 0;
	return on_tick(output, session, err);
}

bool trace_output__keep(struct trace_output *output)
{
	if (!is_set(&output->plan.keep) || output->nr_kept == KEPT_MAX)
		return false;
	output->nr_kept += !output->keep_asked;
	output->keep_asked = true;
	return true;
}

bool trace_output__is_full(const struct trace_output *output)
{
	__u64 max = output->plan.max_bytes, room = max / 4 < END_BYTES ? max / 4 : END_BYTES;

	if (!max || is_set(&output->plan.keep) || !output->main.writer)
		return false;
	return trace_output__bytes(output) + trace_writer__buffered(output->main.writer) + room >=
	       max;
}

__u64 trace_output__bytes(const struct trace_output *output)
{
	__u64 bytes = output->parts_bytes;

	if (output->main.writer)
		bytes += trace_writer__bytes(output->main.writer);
	if (output->next.writer)
		bytes += trace_writer__bytes(output->next.writer);
	return bytes;
}

__u32 trace_output__nr_parts(const struct trace_output *output)
{
	return output->nr_parts;
}

/* 0 or -errno with a sentence: PATH.1 is there and may not be replaced. */
static int clear_parts(const struct trace_output *output, struct err *err)
{
	char path[PATH_MAX + 16];

	for (__u32 part = 1;; part++) {
		snprintf(path, sizeof(path), "%s.%u", output->path, part);
		if (access(path, F_OK))
			return 0;
		if (!output->plan.overwrite)
			return err__set(err, -EEXIST,
					"'%s' exists already: use -f to replace it and those that "
					"follow it",
					path);
		if (unlink(path))
			return failed(-errno, path, err);
	}
}

struct trace_output *trace_output__open(const char *path, const struct trace_plan *plan,
					struct err *err)
{
	struct trace_output *output = calloc(1, sizeof(*output));

	if (!output) {
		err__set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	output->plan = *plan;
	snprintf(output->path, sizeof(output->path), "%s", path);
	snprintf(output->next_path, sizeof(output->next_path), "%s.next", path);
	if ((!is_set(&plan->rotate) && !is_set(&plan->keep)) || !clear_parts(output, err))
		output->main.writer = trace_writer__open(path, plan->overwrite, err);
	if (output->main.writer)
		return output;
	free(output);
	return NULL;
}

int trace_output__close(struct trace_output *output, const struct session *session, struct err *err)
{
	int code = 0;

	if (!output)
		return 0;
	if (output->main.writer) {
		trace_writer__note(output->main.writer, session);
		code = trace_writer__close(output->main.writer, err);
	}
	drop_next(output);
	free(output);
	return code;
}
