/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The stacks of a view laid over each other: from main() down to what brought pages in, or from
 * there up to its callers.
 */
#ifndef RSSTRACE_VIEW_TREE_H
#define RSSTRACE_VIEW_TREE_H

#include "view/query.h"

/* What the nodes are sorted by and shares are of. */
enum tree_measure { MEASURE_GROWTH, MEASURE_RSS, MEASURE_FAULTED };

struct tree_node {
	struct frame_row frame;	    /* of its stacks; line 0: several; root: all zero */
	__u32 first_child, next;    /* nodes; 0: none. Siblings: the largest first */
	__u32 nr_stacks;	    /* that run through it */
	__u32 nr_ends;		    /* of them, that end here */
	__s64 rss, growth, faulted; /* bytes, of all of them; UNKNOWN_BYTES as in the rows */
};

struct view_tree {
	enum tree_kind kind;
	enum tree_measure measure;
	__s64 whole; /* 100 %: of all stacks with more than 0 */
	__u32 nr;
	struct tree_node *nodes; /* nodes[0] is the root; at most PATH_MAX_FRAMES deep */
};

/* What the node is worth: the figure of the measure. */
__s64 tree_node__weight(const struct view_tree *tree, const struct tree_node *node);

/*
 * From all stack rows of @view. Measured by growth; by what is resident when the window is an
 * instant or nothing grew; by what was brought in when only that is known. @shown: frames of these
 * classes, too. NULL on ENOMEM.
 */
struct view_tree *view_tree__new(const struct view *view, enum tree_kind kind, __u32 shown);
void view_tree__free(struct view_tree *tree);

#endif
