// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "export/bottom_up.h"
#include "export/frame_text.h"

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* "cache_put (cache.c:211)", "cache_put (in libcache.so)"; NULL on ENOMEM. */
static char *describe(const struct frame_row *frame)
{
	char *name = frame_text__name(frame), *text = NULL;
	int len;

	if (!name)
		return NULL;
	if (frame->file && frame->line)
		len = asprintf(&text, "%s (%s:%u)", name, last_part(frame->file), frame->line);
	else if (frame->module)
		len = asprintf(&text, "%s (in %s)", name, last_part(frame->module));
	else
		len = asprintf(&text, "%s", name);
	free(name);
	return len < 0 ? NULL : frame_text__clean_free(text);
}

static struct bottom_up_node *kid_of(struct bottom_up_node *node, struct pool *pool,
				     const char *name, __u64 offset)
{
	struct bottom_up_node *kid;
	bool is_new;
	__u64 number = intern_table__number(&node->names, pool, name, strlen(name), &is_new);

	if (!number)
		return NULL;
	if (!is_new)
		return number <= node->kids.nr ? node->kids.items[number - 1] : NULL;
	kid = pool_list__add(&node->kids, pool, sizeof(*kid));
	if (!kid)
		return NULL;
	kid->name = pool__copy(pool, name);
	kid->offset = offset;
	return kid->name ? kid : NULL;
}

void bottom_up__add_name(struct bottom_up_node *root, struct pool *pool, const char *name,
			 __u64 bytes)
{
	struct bottom_up_node *kid = kid_of(root, pool, name, 0);

	root->bytes += bytes;
	if (kid)
		kid->bytes += bytes;
}

void bottom_up__add(struct bottom_up_node *root, struct pool *pool, const struct stack_row *stack,
		    __u64 bytes)
{
	struct bottom_up_node *node = root;
	__u32 first = stack->named_by > 0 ? stack->named_by : 0;

	root->bytes += bytes;
	for (__u32 i = first; i < stack->nr_frames && i - first < BOTTOM_UP_DEPTH && node; i++) {
		char *name = describe(stack->frames + i);

		pool->failed |= !name;
		node = name ? kid_of(node, pool, name, stack->frames[i].offset) : NULL;
		if (node)
			node->bytes += bytes;
		free(name);
	}
}

static int compare_nodes(const void *pa, const void *pb)
{
	const struct bottom_up_node *a = *(void *const *)pa, *b = *(void *const *)pb;

	return a->bytes != b->bytes ? (a->bytes < b->bytes) - (a->bytes > b->bytes)
				    : strcmp(a->name, b->name);
}

void bottom_up__sort(struct bottom_up_node *root)
{
	if (root->kids.nr)
		qsort(root->kids.items, root->kids.nr, sizeof(*root->kids.items), compare_nodes);
	for (size_t i = 0; i < root->kids.nr; i++)
		bottom_up__sort(root->kids.items[i]);
}

void bottom_up__fini(struct bottom_up_node *root)
{
	for (size_t i = 0; i < root->kids.nr; i++)
		bottom_up__fini(root->kids.items[i]);
	intern_table__fini(&root->names);
}
