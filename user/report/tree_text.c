// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A tree as an outline. Frames that only lead on to one other stand on its line, behind arrows: the
 * indent tells where paths part, and a deep stack stays in a narrow terminal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "report/facts.h"
#include "report/label.h"
#include "report/readings.h"
#include "report/table.h"

#define LEAST_SHARE 0.01 /* of the whole: a smaller node is not shown */
#define INDENT 2
#define MAX_INDENT 24 /* columns; deeper nodes are not indented further */
#define CHAIN_MAX 4   /* frames on one line */

struct tree_text {
	const struct view_tree *tree;
	const struct report_style *style;
	struct table *table;
};

static const struct tree_node *node_at(const struct view_tree *tree, __u32 index)
{
	return index ? tree->nodes + index : NULL;
}

__u32 tree_node__shown(const struct view_tree *tree, const struct tree_node *node, __u32 top)
{
	__u32 nr = 0;

	for (__u32 at = node->first_child; at; at = tree->nodes[at].next) {
		__s64 weight = tree_node__weight(tree, tree->nodes + at);

		if (top && (nr == top || weight < 1 || weight < LEAST_SHARE * tree->whole))
			break;
		nr++;
	}
	return nr;
}

static void add_cells(const struct tree_text *to, __s64 weight)
{
	char text[UNITS_LEN] = "";

	if (weight > 0 && to->tree->whole > 0)
		snprintf(text, sizeof(text),
			 weight * 100.0 < to->tree->whole ? "< 1 %%" : "%.0f %%",
			 weight * 100.0 / to->tree->whole);
	table__cell(to->table, text);
	if (to->tree->measure == MEASURE_GROWTH)
		table__cell(to->table, units__bytes_signed(text, weight));
	else
		table__cell(to->table, units__bytes(text, weight > 0 ? weight : 0));
}

/* Does all of @node lead on to one child? What does not move is no other way, unless all is asked
 * for. */
static bool leads_on(const struct tree_text *to, const struct tree_node *node,
		     const struct tree_node *child)
{
	if (!child || tree_node__shown(to->tree, node, to->style->top) != 1)
		return false;
	if (!to->style->top)
		return !node->nr_ends;
	return tree_node__weight(to->tree, child) == tree_node__weight(to->tree, node);
}

/* The last node of the chain that begins at @node; chain[]: the last CHAIN_MAX of its *@nr nodes.
 */
static const struct tree_node *chain_end(const struct tree_text *to, const struct tree_node *node,
					 const struct tree_node **chain, __u32 *nr)
{
	*nr = 0;
	for (;;) {
		const struct tree_node *child = node_at(to->tree, node->first_child);

		chain[(*nr)++ % CHAIN_MAX] = node;
		if (!leads_on(to, node, child))
			return node;
		node = child;
	}
}

static void put_frame(FILE *out, const struct tree_node *node, bool place)
{
	char *label = label__frame(&node->frame, place);

	fputs(label ? label : "?", out);
	free(label);
}

/*
 * One line: the innermost frame of the chain by name and place, then its callers. From the top that
 * is the chain's last node, from the bottom its first.
 */
static void put_chain(FILE *out, const struct view_tree *tree, const struct tree_node *first,
		      const struct tree_node *const *chain, __u32 nr)
{
	__u32 shown = nr < CHAIN_MAX ? nr : CHAIN_MAX;
	const struct tree_node *at = first;

	if (tree->kind == TREE_TOP_DOWN) {
		put_frame(out, chain[(nr - 1) % CHAIN_MAX], true);
		for (__u32 i = 1; i < shown; i++) {
			fputs(i > 1 ? PART_NEAR "← " : PART_WIDE "← ", out);
			put_frame(out, chain[(nr - 1 - i) % CHAIN_MAX], false);
		}
	} else {
		put_frame(out, at, true);
		for (__u32 i = 1; i < shown; i++) {
			at = node_at(tree, at->first_child);
			fputs(i > 1 ? PART_NEAR "← " : PART_WIDE "← ", out);
			put_frame(out, at, false);
		}
	}
	if (nr > shown)
		fprintf(out, PART_NEAR "← … %u more", nr - shown);
}

/* The node, or the chain it begins. Returns the chain's end. */
static const struct tree_node *add_node(const struct tree_text *to, const struct tree_node *node,
					__u32 indent)
{
	const struct tree_node *chain[CHAIN_MAX], *end;
	char *text = NULL;
	size_t len;
	__u32 nr;
	FILE *out = open_memstream(&text, &len);

	end = chain_end(to, node, chain, &nr);
	if (out) {
		put_chain(out, to->tree, node, chain, nr);
		fclose(out);
	}
	table__row(to->table, false);
	add_cells(to, tree_node__weight(to->tree, node));
	table__text(to->table, indent, "%s", text ? text : "?");
	free(text);
	return end;
}

static void add_rest(const struct tree_text *to, const struct tree_node *node, __u32 shown,
		     __u32 indent)
{
	__u32 nr = 0, left = 0;
	__s64 sum = 0;

	for (__u32 at = node->first_child; at; at = to->tree->nodes[at].next) {
		if (nr++ < shown)
			continue;
		sum += tree_node__weight(to->tree, to->tree->nodes + at);
		left++;
	}
	if (!left || !sum)
		return;
	table__row(to->table, false);
	add_cells(to, sum);
	table__text(to->table, indent, "%u smaller", left);
}

/* At most PATH_MAX_FRAMES deep, as the tree is. */
static void add_children(const struct tree_text *to, const struct tree_node *node, __u32 indent)
{
	__u32 shown = tree_node__shown(to->tree, node, to->style->top), nr = 0;

	for (__u32 at = node->first_child; at && nr < shown; at = to->tree->nodes[at].next, nr++) {
		const struct tree_node *end = add_node(to, to->tree->nodes + at, indent);

		add_children(to, end, indent < MAX_INDENT ? indent + INDENT : indent);
	}
	if (node->first_child)
		add_rest(to, node, shown, indent);
}

int report__tree(FILE *out, const struct view *view, const struct report_style *style)
{
	static const char *const measures[] = { "growth", "resident", "faulted" };
	static const char *const titles[] = {
		[TREE_TOP_DOWN] = "From the outermost function down to the code that brought it in",
		[TREE_BOTTOM_UP] = "From the code that brought it in up to its callers",
	};
	const struct view_tree *tree = view->tree;
	const struct table_column columns[] = { { "", 1 }, { measures[tree->measure], 0 } };
	struct tree_text to = { tree, style, table__new(columns, 2, "function") };
	int ret = 0;

	if (!to.table)
		return -ENOMEM;
	add_children(&to, tree->nodes, 0);
	fprintf(out, "\n%s\n", titles[tree->kind]);
	if (tree->nr > 1)
		ret = table__print(to.table, out, style->width, style->color);
	else
		facts__say(out, style->width, "No stack.");
	table__free(to.table);
	return ret;
}
