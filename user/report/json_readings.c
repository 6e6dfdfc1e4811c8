// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include "report/readings.h"

/* What the model cannot tell is null. */
static void put_bytes(struct json_stream *json, const char *key, __s64 bytes)
{
	json_stream__put(json, key, bytes == UNKNOWN_BYTES ? NULL : json_object_new_int64(bytes));
}

static void put_filter(struct json_stream *json, const struct view *view)
{
	json_stream__open(json, "filter", '{');
	json_stream__open(json, "terms", '[');
	for (__u32 i = 0; i < view->filter->nr; i++)
		json_stream__put(json, NULL, json_text(view->filter->terms[i].text));
	json_stream__close(json, ']');
	put_bytes(json, "rss", view->filtered.rss);
	put_bytes(json, "growth", view->filtered.growth);
	put_bytes(json, "all_rss", view->filtered.all_rss);
	put_bytes(json, "all_growth", view->filtered.all_growth);
	json_stream__close(json, '}');
}

static void put_figures(struct json_stream *json, __s64 rss, __s64 growth, __s64 faulted)
{
	put_bytes(json, "rss", rss);
	put_bytes(json, "growth", growth);
	put_bytes(json, "faulted", faulted);
}

static void put_group(struct json_stream *json, const struct group_row *row, enum group_by by)
{
	json_stream__open(json, NULL, '{');
	json_stream__put(json, "key", row->key ? json_text_or_empty(row->key) : NULL);
	json_stream__put(json, "count", json_object_new_int64(row->nr));
	put_figures(json, row->rss, row->growth, row->faulted);
	put_bytes(json, "freed", row->freed);
	if (by == BY_STACK)
		json_stream__put(json, "stack",
				 row->stack ? json_object_new_int64(row->stack) : NULL);
	if (by == BY_THREAD)
		json_stream__put(json, "tid", row->key ? json_object_new_int64(row->tid) : NULL);
	json_stream__close(json, '}');
}

static void put_groups(struct json_stream *json, const struct view *view)
{
	const struct other_row *other = &view->other_groups;

	json_stream__put(json, "by", json_text(group_by_name(view->by)));
	json_stream__open(json, "groups", '[');
	for (__u32 i = 0; i < view->nr_groups; i++)
		put_group(json, view->groups + i, view->by);
	json_stream__close(json, ']');
	if (!other->nr)
		return;
	json_stream__open(json, "other_groups", '{');
	json_stream__put(json, "count", json_object_new_int64(other->nr));
	put_figures(json, other->rss, other->growth, other->faulted);
	put_bytes(json, "freed", other->freed);
	json_stream__close(json, '}');
}

static void put_frame(struct json_stream *json, const struct frame_row *frame)
{
	json_stream__put(json, "symbol", json_text(frame->symbol));
	json_stream__put(json, "module", json_text(frame->module));
	json_stream__put(json, "offset", json_address(frame->offset));
	json_stream__put(json, "file", json_text(frame->file));
	json_stream__put(json, "line", frame->line ? json_object_new_int64(frame->line) : NULL);
}

/* Recursion is bounded: a tree is at most PATH_MAX_FRAMES deep. */
static void put_node(struct json_stream *json, const struct view_tree *tree, __u32 index, __u32 top)
{
	const struct tree_node *node = tree->nodes + index;
	__u32 shown = tree_node__shown(tree, node, top), nr = 0, at;

	json_stream__open(json, index ? NULL : "root", '{');
	if (index)
		put_frame(json, &node->frame);
	put_figures(json, node->rss, node->growth, node->faulted);
	json_stream__put(json, "stacks", json_object_new_int64(node->nr_stacks));
	json_stream__open(json, "children", '[');
	for (at = node->first_child; at && nr < shown; at = tree->nodes[at].next, nr++)
		put_node(json, tree, at, top);
	json_stream__close(json, ']');
	for (nr = 0; at; at = tree->nodes[at].next)
		nr++;
	json_stream__put(json, "left_out", json_object_new_int64(nr));
	json_stream__close(json, '}');
}

static void put_tree(struct json_stream *json, const struct view_tree *tree, __u32 top)
{
	static const char *const measures[] = { "growth", "rss", "faulted" };

	json_stream__open(json, "tree", '{');
	json_stream__put(json, "direction",
			 json_text(tree->kind == TREE_TOP_DOWN ? "top_down" : "bottom_up"));
	json_stream__put(json, "measure", json_text(measures[tree->measure]));
	json_stream__put(json, "whole", json_object_new_int64(tree->whole));
	put_node(json, tree, 0, top);
	json_stream__close(json, '}');
}

void json_readings(struct json_stream *json, const struct view *view, __u32 top)
{
	if (view->filter)
		put_filter(json, view);
	if (view->by)
		put_groups(json, view);
	if (view->tree)
		put_tree(json, view->tree, top);
}
