// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Stacks are sorted by their paths first: then each shares a prefix with the one before it, and the
 * tree grows at its right edge only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "view/rows.h"
#include "view/stack_path.h"
#include "view/tree.h"

/* A stack's path from the root of the tree. */
struct branch {
	const struct stack_row *row;
	__u32 nr;
	__u32 *ids, *frames;
};

struct builder {
	struct view_tree *tree;
	__u32 cap;
	struct branch *branches;
	__u32 nr_branches;
	__u32 edge[PATH_MAX_FRAMES + 1];       /* nodes of the right edge, the root first */
	__u32 last_child[PATH_MAX_FRAMES + 1]; /* of the nodes of the edge; 0: none */
};

__s64 tree_node__weight(const struct view_tree *tree, const struct tree_node *node)
{
	if (tree->measure == MEASURE_FAULTED)
		return node->faulted;
	return tree->measure == MEASURE_RSS ? node->rss : node->growth;
}

static int branch__init(struct branch *branch, const struct stack_row *row,
			const struct stack_path *path, enum tree_kind kind)
{
	branch->row = row;
	branch->nr = path->nr;
	branch->ids = malloc((2 * (size_t)path->nr + 1) * sizeof(*branch->ids));
	if (!branch->ids)
		return -ENOMEM;
	branch->frames = branch->ids + path->nr;
	for (__u32 i = 0; i < path->nr; i++) {
		__u32 from = kind == TREE_TOP_DOWN ? path->nr - 1 - i : i;

		branch->ids[i] = path->ids[from];
		branch->frames[i] = path->frames[from];
	}
	return 0;
}

static int add_branches(struct builder *builder, const struct view *view, __u32 shown)
{
	struct stack_path *path = malloc(sizeof(*path));
	struct frame_ids ids = { 0 };
	int ret = path ? 0 : -ENOMEM;

	for (__u32 i = 0; i < view->nr_stacks && !ret; i++) {
		const struct stack_row *row = view->stacks + i;

		ret = stack_path__fill(path, row, &ids, shown);
		if (!ret)
			ret = branch__init(builder->branches + builder->nr_branches++, row, path,
					   builder->tree->kind);
	}
	frame_ids__fini(&ids);
	free(path);
	return ret;
}

static int compare_branches(const void *pa, const void *pb)
{
	const struct branch *a = pa, *b = pb;
	__u32 nr = a->nr < b->nr ? a->nr : b->nr;

	for (__u32 i = 0; i < nr; i++) {
		if (a->ids[i] != b->ids[i])
			return a->ids[i] < b->ids[i] ? -1 : 1;
	}
	if (a->nr != b->nr)
		return a->nr < b->nr ? -1 : 1;
	return DESCENDING(b->row->id, a->row->id);
}

/* Index of a new node, a child of the edge's node at @depth; 0: ENOMEM. */
static __u32 add_node(struct builder *builder, __u32 depth, const struct frame_row *frame)
{
	struct view_tree *tree = builder->tree;
	__u32 index = tree->nr, *last = builder->last_child + depth;

	if (index == builder->cap) {
		__u32 cap = builder->cap * 2;
		struct tree_node *nodes = realloc(tree->nodes, cap * sizeof(*nodes));

		if (!nodes)
			return 0;
		tree->nodes = nodes;
		builder->cap = cap;
	}
	tree->nodes[index] = (struct tree_node){ .frame = *frame };
	if (*last)
		tree->nodes[*last].next = index;
	else
		tree->nodes[builder->edge[depth]].first_child = index;
	*last = index;
	tree->nr++;
	return index;
}

static void count(struct tree_node *node, const struct stack_row *row)
{
	node->nr_stacks++;
	bytes__add(&node->rss, row->rss);
	bytes__add(&node->growth, row->growth);
	bytes__add(&node->faulted, row->faulted);
}

/* @shared: length of the prefix shared with the branch before. */
static int grow(struct builder *builder, const struct branch *branch, __u32 shared)
{
	struct tree_node *nodes;

	for (__u32 depth = shared; depth < branch->nr; depth++) {
		__u32 node = add_node(builder, depth, branch->row->frames + branch->frames[depth]);

		if (!node)
			return -ENOMEM;
		builder->edge[depth + 1] = node;
		builder->last_child[depth + 1] = 0;
	}
	nodes = builder->tree->nodes;
	for (__u32 depth = 0; depth <= branch->nr; depth++)
		count(nodes + builder->edge[depth], branch->row);
	for (__u32 depth = 0; depth < branch->nr; depth++)
		frame_row__merge(&nodes[builder->edge[depth + 1]].frame,
				 branch->row->frames + branch->frames[depth]);
	nodes[builder->edge[branch->nr]].nr_ends++;
	return 0;
}

static __u32 shared_prefix(const struct branch *a, const struct branch *b)
{
	__u32 nr = 0;

	while (nr < a->nr && nr < b->nr && a->ids[nr] == b->ids[nr])
		nr++;
	return nr;
}

static int build(struct builder *builder)
{
	int ret = 0;

	qsort(builder->branches, builder->nr_branches, sizeof(*builder->branches),
	      compare_branches);
	for (__u32 i = 0; i < builder->nr_branches && !ret; i++) {
		const struct branch *branch = builder->branches + i;

		ret = grow(builder, branch, i ? shared_prefix(branch - 1, branch) : 0);
	}
	return ret;
}

struct sibling {
	__u32 node;
	__s64 weight;
};

static int compare_siblings(const void *pa, const void *pb)
{
	const struct sibling *a = pa, *b = pb;
	int order = DESCENDING(a->weight, b->weight);

	return order ? order : DESCENDING(b->node, a->node);
}

/* Children of @parent, the largest first. @siblings: room for all nodes. */
static void sort_children(struct view_tree *tree, __u32 parent, struct sibling *siblings)
{
	__u32 nr = 0, *link = &tree->nodes[parent].first_child;

	for (__u32 at = *link; at; at = tree->nodes[at].next)
		siblings[nr++] = (struct sibling){ at, tree_node__weight(tree, tree->nodes + at) };
	qsort(siblings, nr, sizeof(*siblings), compare_siblings);
	for (__u32 i = 0; i < nr; i++) {
		*link = siblings[i].node;
		link = &tree->nodes[*link].next;
	}
	*link = 0;
}

static int sort_nodes(struct view_tree *tree)
{
	struct sibling *siblings = malloc(tree->nr * sizeof(*siblings));

	if (!siblings)
		return -ENOMEM;
	for (__u32 i = 0; i < tree->nr; i++)
		sort_children(tree, i, siblings);
	free(siblings);
	return 0;
}

static enum tree_measure pick_measure(const struct view *view)
{
	if (view->filter && view->filter->fields & FILTER_THREAD)
		return MEASURE_FAULTED;
	for (__u32 i = 0; i < view->nr_stacks && view->to_ns > view->from_ns; i++) {
		if (view->stacks[i].growth > 0)
			return MEASURE_GROWTH;
	}
	return MEASURE_RSS;
}

static __s64 sum_of_stacks(const struct view *view, const struct view_tree *tree)
{
	__s64 sum = 0;

	for (__u32 i = 0; i < view->nr_stacks; i++) {
		const struct stack_row *row = view->stacks + i;
		const struct tree_node node = { .rss = row->rss,
						.growth = row->growth,
						.faulted = row->faulted };
		__s64 weight = tree_node__weight(tree, &node);

		sum += weight > 0 ? weight : 0;
	}
	return sum;
}

static int fill(struct view_tree *tree, const struct view *view, __u32 shown)
{
	struct builder *builder = calloc(1, sizeof(*builder));
	int ret = -ENOMEM;

	if (!builder)
		return ret;
	builder->tree = tree;
	builder->cap = 64;
	builder->branches = calloc(view->nr_stacks + 1, sizeof(*builder->branches));
	tree->nodes = calloc(builder->cap, sizeof(*tree->nodes));
	tree->nr = 1;
	if (builder->branches && tree->nodes)
		ret = add_branches(builder, view, shown);
	if (!ret)
		ret = build(builder);
	for (__u32 i = 0; i < builder->nr_branches; i++)
		free(builder->branches[i].ids);
	free(builder->branches);
	free(builder);
	return ret ? ret : sort_nodes(tree);
}

struct view_tree *view_tree__new(const struct view *view, enum tree_kind kind, __u32 shown)
{
	struct view_tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	tree->kind = kind;
	tree->measure = pick_measure(view);
	tree->whole = sum_of_stacks(view, tree);
	if (!fill(tree, view, shown))
		return tree;
	view_tree__free(tree);
	return NULL;
}

void view_tree__free(struct view_tree *tree)
{
	if (!tree)
		return;
	free(tree->nodes);
	free(tree);
}
