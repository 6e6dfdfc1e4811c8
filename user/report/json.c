// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A view as the JSON that scripts rely on: the keys of "rsstrace/1" are never renamed, only added
 * to. */
#include <errno.h>
#include "base/units.h"
#include "model/page_ledger.h"
#include "report/json_frame.h"
#include "report/json_stream.h"
#include "report/json_trend.h"
#include "report/readings.h"
#include "report/report.h"
#include "report/whole_stacks.h"

static void add(struct json_object *object, const char *key, struct json_object *value)
{
	json_object_object_add(object, key, value);
}

/* What a filter made unknown is null. */
static void add_int(struct json_object *object, const char *key, __s64 value)
{
	add(object, key, value == UNKNOWN_BYTES ? NULL : json_object_new_int64(value));
}

static struct json_object *wall_time(__u64 wall_ns)
{
	char text[UNITS_LEN];

	return wall_ns ? json_object_new_string(units__iso8601(text, wall_ns)) : NULL;
}

static struct json_object *target_object(const struct view *view)
{
	struct json_object *target = json_object_new_object();

	add(target, "pid", view->pid ? json_object_new_int64(view->pid) : NULL);
	add(target, "comm", json_text(view->comm));
	add(target, "exe", json_text(view->exe));
	return target;
}

static struct json_object *window_object(const struct view *view)
{
	struct json_object *window = json_object_new_object();

	add_int(window, "from_ns", view->from_ns);
	add_int(window, "to_ns", view->to_ns);
	add(window, "wall_from", wall_time(view->from_wall_ns));
	add(window, "wall_to", wall_time(view->to_wall_ns));
	return window;
}

static struct json_object *members_object(const struct members *members)
{
	struct json_object *object = json_object_new_object();

	add_int(object, "anon", members->anon);
	add_int(object, "file", members->file);
	add_int(object, "shmem", members->shmem);
	add_int(object, "total", members->total);
	return object;
}

static struct json_object *rss_object(const struct view *view)
{
	struct json_object *rss = members_object(&view->rss);

	add_int(rss, "swap", view->rss.swap);
	add_int(rss, "peak_total", view->peak_total);
	add_int(rss, "peak_at_ns", view->peak_ns);
	return rss;
}

static struct json_object *ledger_object(const struct view *view)
{
	struct json_object *ledger = json_object_new_object();

	add_int(ledger, "attributed", view->attributed);
	add_int(ledger, "before_attach", view->before_attach);
	add_int(ledger, "unattributed", view->unattributed);
	add_int(ledger, "error", view->error);
	return ledger;
}

static bool is_measured(const struct view *view)
{
	return view->overhead.budget_ppm;
}

/* Of nothing there is no share. */
static void add_share(struct json_object *object, const char *key, __u64 part, __u64 whole)
{
	double share = whole ? (double)part / whole : 0;
	char text[UNITS_LEN];

	snprintf(text, sizeof(text), "%.6f", share);
	add(object, key, whole ? json_object_new_double_s(share, text) : NULL);
}

/* What tracing cost, and what it left out to cost no more; a trace without --overhead has no such
 * key. */
static struct json_object *overhead_object(const struct view *view)
{
	const struct overhead *cost = &view->overhead;
	struct json_object *object = json_object_new_object();
	__u64 known = view->attributed > 0 ? view->attributed : 0;

	add_share(object, "budget", cost->budget_ppm, 1000000);
	add_share(object, "cost", cost->kernel_ns + cost->tracer_ns, cost->target_ns);
	add_int(object, "target_ns", cost->target_ns);
	add_int(object, "kernel_ns", cost->kernel_ns);
	add_int(object, "tracer_ns", cost->tracer_ns);
	add_int(object, "bytes_a_stack", cost->shift ? LEDGER_PAGE_BYTES << cost->shift : 0);
	add_int(object, "unsampled", view->unsampled);
	add_share(object, "sampled_share", known - view->unsampled, known);
	add_int(object, "error", view->sampling_error);
	return object;
}

static struct json_object *cause_object(const struct cause_row *row)
{
	struct json_object *cause = json_object_new_object();

	add(cause, "cause", json_object_new_string(cause_name(row->cause)));
	add(cause, "direction", json_object_new_string(row->out ? "out" : "in"));
	add_int(cause, "anon", row->bytes.anon);
	add_int(cause, "file", row->bytes.file);
	add_int(cause, "shmem", row->bytes.shmem);
	return cause;
}

/* Where the trace is damaged; a whole one has no such key. */
static struct json_object *gaps_object(const struct stream_gaps *gaps)
{
	struct json_object *object = json_object_new_object();

	add_int(object, "blocks", gaps->blocks);
	add_int(object, "bytes", gaps->bytes);
	add_int(object, "ns", gaps->ns);
	add_int(object, "from_ns", gaps->from_ns);
	add_int(object, "to_ns", gaps->to_ns);
	json_object_object_add(object, "open", json_object_new_boolean(gaps->open));
	return object;
}

static struct json_object *events_object(const struct view *view)
{
	struct json_object *events = json_object_new_object();

	add_int(events, "faults", view->faults);
	add_int(events, "lost", view->lost);
	add_int(events, "stacks_truncated", view->stacks_truncated);
	if (view->gaps.nr)
		json_object_object_add(events, "gaps", gaps_object(&view->gaps));
	return events;
}

static struct json_object *tracer_object(const struct view *view)
{
	struct json_object *tracer = json_object_new_object();

	add_int(tracer, "memory", view->tracer_memory);
	add_int(tracer, "kernel_maps", view->tracer_maps);
	return tracer;
}

static struct json_object *region_stack_object(const struct region_stack_row *row)
{
	struct json_object *stack = json_object_new_object();

	add_int(stack, "id", row->stack);
	add_int(stack, "rss", row->rss);
	add_int(stack, "growth", row->growth);
	return stack;
}

static struct json_object *region_object(const struct region_row *row)
{
	struct json_object *region = json_object_new_object();
	struct json_object *stacks = json_object_new_array();

	add_int(region, "pid", row->pid);
	add(region, "start", json_address(row->start));
	add(region, "end", json_address(row->end));
	add(region, "perms", json_object_new_string(row->perms));
	add(region, "kind", json_object_new_string(kind_name(row->kind)));
	add(region, "name", json_text_or_empty(row->name));
	add(region, "unmapped", json_object_new_boolean(row->unmapped));
	add_int(region, "size", row->size);
	add_int(region, "rss", row->rss);
	add_int(region, "growth", row->growth);
	add_int(region, "faulted", row->faulted);
	for (__u32 i = 0; i < row->nr_stacks; i++)
		json_object_array_add(stacks, region_stack_object(row->stacks + i));
	add(region, "stacks", stacks);
	return region;
}

struct json_object *json_frame(const struct frame_row *row)
{
	struct json_object *frame = json_object_new_object();

	add(frame, "symbol", json_text(row->symbol));
	add(frame, "module", json_text(row->module));
	add(frame, "offset", json_address(row->offset));
	add(frame, "file", json_text(row->file));
	add(frame, "line", row->line ? json_object_new_int64(row->line) : NULL);
	add(frame, "inlined", json_object_new_boolean(row->inlined));
	return frame;
}

static struct json_object *stack_object(const struct stack_row *row, bool sampled)
{
	struct json_object *stack = json_object_new_object();
	struct json_object *frames = json_object_new_array();

	add_int(stack, "id", row->id);
	add_int(stack, "rss", row->rss);
	add_int(stack, "growth", row->growth);
	add_int(stack, "faulted", row->faulted);
	add_int(stack, "freed", row->freed);
	if (sampled)
		add_int(stack, "error", row->error);
	add(stack, "complete", json_object_new_boolean(row->complete));
	add(stack, "end", json_object_new_string(stack_end_name(row->end)));
	add(stack, "named_by", row->named_by < 0 ? NULL : json_object_new_int64(row->named_by));
	for (__u32 i = 0; i < row->nr_frames; i++)
		json_object_array_add(frames, json_frame(row->frames + i));
	add(stack, "frames", frames);
	return stack;
}

static struct json_object *mark_object(const struct mark *mark, __u64 start_wall_ns)
{
	struct json_object *object = json_object_new_object();

	add(object, "label", json_text(mark->label));
	add_int(object, "at_ns", mark->tick_ns);
	add(object, "wall", wall_time(start_wall_ns + mark->ts));
	add(object, "by", json_object_new_string(mark_from_name(mark->from)));
	add(object, "pid", mark->pid ? json_object_new_int64(mark->pid) : NULL);
	add(object, "tid", mark->tid ? json_object_new_int64(mark->tid) : NULL);
	return object;
}

static struct json_object *other_object(const struct other_row *row)
{
	struct json_object *other = json_object_new_object();

	add_int(other, "count", row->nr);
	add_int(other, "rss", row->rss);
	add_int(other, "growth", row->growth);
	add_int(other, "faulted", row->faulted);
	return other;
}

static struct json_object *other_stacks_object(const struct other_row *row)
{
	struct json_object *other = other_object(row);

	add_int(other, "freed", row->freed);
	return other;
}

static void put_sums(struct json_stream *json, const struct view *view, const char *kind)
{
	json_stream__put(json, "schema", json_object_new_string("rsstrace/1"));
	json_stream__put(json, "kind", json_object_new_string(kind));
	json_stream__put(json, "target", target_object(view));
	json_stream__put(json, "window", window_object(view));
	json_stream__put(json, "rss", rss_object(view));
	json_stream__put(json, "growth", members_object(&view->growth));
	json_stream__put(json, "trend", json_trend(&view->trend));
	json_stream__put(json, "ledger", ledger_object(view));
	json_stream__put(json, "walks", json_walks(view));
	if (is_measured(view))
		json_stream__put(json, "overhead", overhead_object(view));
}

static void put_lists(struct json_stream *json, const struct view *view)
{
	json_stream__open(json, "causes", '[');
	for (__u32 i = 0; i < view->nr_causes; i++)
		json_stream__put(json, NULL, cause_object(view->causes + i));
	json_stream__close(json, ']');
	json_stream__put(json, "events", events_object(view));
	if (view->tracer_memory) /* early traces do not tell */
		json_stream__put(json, "tracer", tracer_object(view));
	json_stream__open(json, "marks", '[');
	for (__u32 i = 0; i < view->nr_marks; i++)
		json_stream__put(json, NULL,
				 mark_object(view->marks + i, view->from_wall_ns - view->from_ns));
	json_stream__close(json, ']');
	json_stream__open(json, "regions", '[');
	for (__u32 i = 0; i < view->nr_regions; i++)
		json_stream__put(json, NULL, region_object(view->regions + i));
	json_stream__close(json, ']');
	json_stream__open(json, "stacks", '[');
	for (__u32 i = 0; i < view->nr_stacks; i++)
		json_stream__put(json, NULL, stack_object(view->stacks + i, is_measured(view)));
	json_stream__close(json, ']');
}

static void put_other(struct json_stream *json, const struct view *view)
{
	if (!view->other_regions.nr && !view->other_stacks.nr)
		return;
	json_stream__open(json, "other", '{');
	json_stream__put(json, "regions", other_object(&view->other_regions));
	json_stream__put(json, "stacks", other_stacks_object(&view->other_stacks));
	json_stream__close(json, '}');
}

int report__json(FILE *out, const struct view *view, const char *kind, __u32 top, bool one_line)
{
	struct json_stream json = { .out = out, .one_line = one_line };

	json_stream__open(&json, NULL, '{');
	put_sums(&json, view, kind);
	put_lists(&json, view);
	put_other(&json, view);
	json_readings(&json, view, top);
	json_stream__close(&json, '}');
	return fflush(out) || ferror(out) ? -EIO : 0;
}
