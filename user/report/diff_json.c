// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include "base/units.h"
#include "report/diff.h"
#include "report/json_frame.h"
#include "report/json_stream.h"
#include "report/whole_stacks.h"

static void put_int(struct json_stream *json, const char *key, __s64 value)
{
	json_stream__put(json, key, json_object_new_int64(value));
}

static void put_members(struct json_stream *json, const char *key, const struct members *members)
{
	json_stream__open(json, key, '{');
	put_int(json, "anon", members->anon);
	put_int(json, "file", members->file);
	put_int(json, "shmem", members->shmem);
	put_int(json, "total", members->total);
	put_int(json, "swap", members->swap);
	json_stream__close(json, '}');
}

static void put_side(struct json_stream *json, const char *key, const struct view *view,
		     const char *trace, __u64 lost)
{
	char wall[UNITS_LEN];

	json_stream__open(json, key, '{');
	json_stream__put(json, "trace", json_text(trace));
	json_stream__put(json, "pid", view->pid ? json_object_new_int64(view->pid) : NULL);
	json_stream__put(json, "comm", json_text(view->comm));
	put_int(json, "at_ns", view->to_ns);
	json_stream__put(json, "wall_at", json_text(units__iso8601(wall, view->to_wall_ns)));
	put_members(json, "rss", &view->rss);
	put_int(json, "attributed", view->attributed);
	put_int(json, "before_attach", view->before_attach);
	put_int(json, "unattributed", view->unattributed);
	put_int(json, "error", view->error);
	put_int(json, "lost", lost);
	json_stream__put(json, "walks", json_walks(view));
	json_stream__close(json, '}');
}

static void put_figures(struct json_stream *json, const struct diff_row *row)
{
	put_int(json, "a", row->a);
	put_int(json, "b", row->b);
	put_int(json, "change", row->b - row->a);
}

static void put_region(struct json_stream *json, const struct diff_row *row)
{
	json_stream__open(json, NULL, '{');
	json_stream__put(json, "status", json_text(diff_status_name(row->status)));
	put_figures(json, row);
	json_stream__put(json, "kind", json_text(kind_name(row->kind)));
	json_stream__put(json, "name", json_text_or_empty(row->name));
	put_int(json, "count_a", row->nr_a);
	put_int(json, "count_b", row->nr_b);
	json_stream__close(json, '}');
}

/* All null where no stack is known. Of the stacks a row sums up it is that of one, and so is its
 * end. */
static void put_named(struct json_stream *json, const struct stack_row *named)
{
	json_stream__put(json, "complete", named ? json_object_new_boolean(named->complete) : NULL);
	json_stream__put(json, "end", named ? json_text(stack_end_name(named->end)) : NULL);
	if (named) {
		json_stream__open(json, "frames", '[');
		for (__u32 i = 0; i < named->nr_frames; i++)
			json_stream__put(json, NULL, json_frame(named->frames + i));
		json_stream__close(json, ']');
	} else {
		json_stream__put(json, "frames", NULL);
	}
	json_stream__put(json, "named_by",
			 named && named->named_by >= 0 ? json_object_new_int64(named->named_by)
						       : NULL);
}

static int put_stack(struct json_stream *json, const struct diff_row *row)
{
	struct stack_row named = { .id = row->stack };

	if (row->stack && stack_row__name(&named, row->session))
		return -ENOMEM;
	json_stream__open(json, NULL, '{');
	json_stream__put(json, "status", json_text(diff_status_name(row->status)));
	put_figures(json, row);
	put_named(json, row->stack ? &named : NULL);
	json_stream__close(json, '}');
	stack_row__fini(&named);
	return 0;
}

static void put_other(struct json_stream *json, const char *key, const struct diff_row *other)
{
	json_stream__open(json, key, '{');
	put_int(json, "count", other->nr_a);
	put_figures(json, other);
	json_stream__close(json, '}');
}

static int put_lists(struct json_stream *json, const struct view_diff *diff)
{
	int ret = 0;

	json_stream__open(json, "regions", '[');
	for (__u32 i = 0; i < diff->regions.nr; i++)
		put_region(json, diff->regions.rows + i);
	json_stream__close(json, ']');
	json_stream__open(json, "stacks", '[');
	for (__u32 i = 0; i < diff->stacks.nr && !ret; i++)
		ret = put_stack(json, diff->stacks.rows + i);
	json_stream__close(json, ']');
	json_stream__open(json, "other", '{');
	put_other(json, "regions", &diff->regions.other);
	put_other(json, "stacks", &diff->stacks.other);
	json_stream__close(json, '}');
	return ret;
}

int diff_report__json(FILE *out, const struct diff_report *report)
{
	const struct view_diff *diff = report->diff;
	struct json_stream json = { .out = out };
	int ret;

	json_stream__open(&json, NULL, '{');
	json_stream__put(&json, "schema", json_text("rsstrace/1"));
	json_stream__put(&json, "kind", json_text("diff"));
	json_stream__put(&json, "differs", json_object_new_boolean(diff->differs));
	put_int(&json, "threshold", report->least_bytes);
	put_side(&json, "a", diff->a, report->trace_a, report->lost_a);
	put_side(&json, "b", diff->b, report->trace_b, report->lost_b);
	put_members(&json, "change", &diff->change);
	ret = put_lists(&json, diff);
	json_stream__close(&json, '}');
	if (ret)
		return ret;
	return fflush(out) || ferror(out) ? -EIO : 0;
}
