/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a reader asked for with --by, --top-down, --bottom-up and --filter, as text and as JSON. */
#ifndef RSSTRACE_REPORT_READINGS_H
#define RSSTRACE_REPORT_READINGS_H

#include "report/json_stream.h"
#include "report/report.h"
#include "view/tree.h"

/* A sentence on what the filter leaves of the view. Nothing without a filter. */
void report__filter(FILE *out, __u32 width, const struct view *view);

/* The groups as a table. 0 or -ENOMEM. */
int report__groups(FILE *out, const struct session *session, const struct view *view,
		   const struct report_style *style);

/* The tree, pruned (tree_node__shown()). 0 or -ENOMEM. */
int report__tree(FILE *out, const struct view *view, const struct report_style *style);

/*
 * How many of @node's children are shown: those of at least 1 % of the whole, at most @top of
 * them; with @top 0 all.
 */
__u32 tree_node__shown(const struct view_tree *tree, const struct tree_node *node, __u32 top);

/* "filter", "groups" with "other_groups", "tree": each only when asked for. */
void json_readings(struct json_stream *json, const struct view *view, __u32 top);

#endif
