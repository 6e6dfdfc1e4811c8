// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "view/diff.h"
#include "view/keys.h"
#include "view/rows.h"
#include "view/stack_path.h"

#define DELETED " (deleted)" /* how the kernel marks the path of an unlinked file */

struct diff_entry {
	struct diff_row row;
	void *key; /* bytes that are equal on both sides */
	size_t key_len;
	UT_hash_handle hh;
};

struct diff_table {
	struct diff_entry *first;
};

/* @key is taken over. NULL on ENOMEM. */
static struct diff_entry *find_entry(struct diff_table *table, void *key, size_t key_len)
{
	struct diff_entry *entry = NULL;

	if (!key)
		return NULL;
	HASH_FIND(hh, table->first, key, key_len, entry);
	if (entry) {
		free(key);
		return entry;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry) {
		free(key);
		return NULL;
	}
	entry->key = key;
	entry->key_len = key_len;
	HASH_ADD_KEYPTR(hh, table->first, entry->key, key_len, entry);
	return entry;
}

static void count(struct diff_row *row, __s64 bytes, bool is_b)
{
	*(is_b ? &row->b : &row->a) += bytes;
	*(is_b ? &row->nr_b : &row->nr_a) += 1;
}

/* Mappings without a resident page say nothing. */
static int add_regions(struct diff_table *table, const struct view *view,
		       const struct session *session, bool is_b)
{
	for (__u32 i = 0; i < view->nr_regions; i++) {
		const struct region_row *region = view->regions + i;
		struct diff_entry *entry;
		char *key, *end;

		if (!region->rss)
			continue;
		key = region_key(session, region, false);
		end = key ? key + strlen(key) : NULL;
		if (key && end - key > (long)strlen(DELETED) &&
		    !strcmp(end - strlen(DELETED), DELETED))
			end[-strlen(DELETED)] = 0;
		entry = find_entry(table, key, key ? strlen(key) + 1 : 0);
		if (!entry)
			return -ENOMEM;
		entry->row.name = entry->key;
		entry->row.kind = region->kind;
		count(&entry->row, region->rss, is_b);
	}
	return 0;
}

static int add_stack(struct diff_table *table, const struct stack_path *path, __s64 bytes,
		     const struct session *session, __u32 stack, bool is_b)
{
	size_t len = path->nr * sizeof(*path->ids);
	void *key = malloc(len + 1);
	struct diff_entry *entry;

	if (key)
		memcpy(key, path->ids, len);
	entry = find_entry(table, key, len);
	if (!entry)
		return -ENOMEM;
	if (path->nr && entry->row.session != session) {
		entry->row.session = session;
		entry->row.stack = stack;
	}
	count(&entry->row, bytes, is_b);
	return 0;
}

/* What no stack of a row owns: from before tracing, or unattributed. */
static __s64 without_stack(const struct view *view)
{
	__s64 bytes = 0;

	for (__u32 i = 0; i < view->nr_regions; i++)
		bytes += view->regions[i].rss;
	for (__u32 i = 0; i < view->nr_stacks; i++)
		bytes -= view->stacks[i].rss;
	return bytes;
}

static int add_stacks(struct diff_table *table, const struct view *view,
		      const struct session *session, struct frame_ids *ids, __u32 shown, bool is_b)
{
	struct stack_path *path = calloc(1, sizeof(*path));
	__s64 rest = without_stack(view);
	int ret = path ? 0 : -ENOMEM;

	if (!ret && rest)
		ret = add_stack(table, path, rest, session, 0, is_b);
	for (__u32 i = 0; i < view->nr_stacks && !ret; i++) {
		const struct stack_row *row = view->stacks + i;

		if (!row->rss)
			continue;
		ret = stack_path__fill(path, row, ids, shown);
		if (!ret)
			ret = add_stack(table, path, row->rss, session, row->id, is_b);
	}
	free(path);
	return ret;
}

static __s64 row_change(const struct diff_row *row)
{
	return llabs(row->b - row->a);
}

static enum diff_status find_status(const struct diff_row *row, __s64 least_bytes)
{
	if (!row_change(row) || row_change(row) < least_bytes)
		return DIFF_SAME;
	if (!row->a)
		return DIFF_NEW;
	return row->b ? DIFF_CHANGED : DIFF_GONE;
}

static int compare_rows(const void *pa, const void *pb)
{
	const struct diff_row *a = pa, *b = pb;
	int order = DESCENDING(row_change(a), row_change(b));

	order = order ? order : DESCENDING(a->a + a->b, b->a + b->b);
	order = order ? order : DESCENDING(b->stack, a->stack);
	return order ? order : strcmp(a->name ? a->name : "", b->name ? b->name : "");
}

static void leave_out(struct diff_list *list, struct diff_row *row)
{
	list->other.nr_a++;
	list->other.a += row->a;
	list->other.b += row->b;
	free(row->name);
}

/* Those that differ, at most @options->top of them; or all. */
static bool shorten(struct diff_list *list, const struct diff_options *options)
{
	__u32 kept = 0;
	bool differs = false;

	for (__u32 i = 0; i < list->nr; i++) {
		struct diff_row *row = list->rows + i;

		differs |= row->status != DIFF_SAME;
		if (options->top && (row->status == DIFF_SAME || kept == options->top))
			leave_out(list, row);
		else
			list->rows[kept++] = *row;
	}
	list->nr = kept;
	return differs;
}

/* The table is empty afterwards. */
static int take_rows(struct diff_list *list, struct diff_table *table,
		     const struct diff_options *options, bool *differs)
{
	struct diff_entry *entry, *next;

	list->rows = calloc(HASH_COUNT(table->first) + 1, sizeof(*list->rows));
	HASH_ITER (hh, table->first, entry, next) {
		HASH_DEL(table->first, entry);
		if (!list->rows || !entry->row.name)
			free(entry->key);
		entry->row.status = find_status(&entry->row, options->least_bytes);
		if (list->rows)
			list->rows[list->nr++] = entry->row;
		free(entry);
	}
	if (!list->rows)
		return -ENOMEM;
	qsort(list->rows, list->nr, sizeof(*list->rows), compare_rows);
	*differs |= shorten(list, options);
	return 0;
}

static int fill_regions(struct view_diff *diff, const struct diff_side *a,
			const struct diff_side *b, const struct diff_options *options)
{
	struct diff_table table = { NULL };
	int ret = add_regions(&table, diff->a, a->session, false);

	if (!ret)
		ret = add_regions(&table, diff->b, b->session, true);
	return take_rows(&diff->regions, &table, options, &diff->differs) || ret ? -ENOMEM : 0;
}

static int fill_stacks(struct view_diff *diff, const struct diff_side *a, const struct diff_side *b,
		       const struct diff_options *options)
{
	struct diff_table table = { NULL };
	struct frame_ids ids = { 0 };
	int ret = add_stacks(&table, diff->a, a->session, &ids, options->shown, false);

	if (!ret)
		ret = add_stacks(&table, diff->b, b->session, &ids, options->shown, true);
	frame_ids__fini(&ids);
	return take_rows(&diff->stacks, &table, options, &diff->differs) || ret ? -ENOMEM : 0;
}

static struct members change_of(const struct members *a, const struct members *b)
{
	return (struct members){
		.anon = b->anon - a->anon,
		.file = b->file - a->file,
		.shmem = b->shmem - a->shmem,
		.total = b->total - a->total,
		.swap = b->swap - a->swap,
	};
}

struct view_diff *view_diff__new(const struct diff_side *a, const struct diff_side *b,
				 const struct diff_options *options)
{
	struct view_diff *diff = calloc(1, sizeof(*diff));

	if (!diff)
		return NULL;
	diff->a = view__new(a->session, a->moment, a->moment, NULL);
	diff->b = view__new(b->session, b->moment, b->moment, NULL);
	if (!diff->a || !diff->b || fill_regions(diff, a, b, options) ||
	    fill_stacks(diff, a, b, options)) {
		view_diff__free(diff);
		return NULL;
	}
	diff->change = change_of(&diff->a->rss, &diff->b->rss);
	return diff;
}

static void free_list(struct diff_list *list)
{
	for (__u32 i = 0; i < list->nr; i++)
		free(list->rows[i].name);
	free(list->rows);
}

void view_diff__free(struct view_diff *diff)
{
	if (!diff)
		return;
	free_list(&diff->regions);
	free_list(&diff->stacks);
	view__free(diff->a);
	view__free(diff->b);
	free(diff);
}

const char *diff_status_name(enum diff_status status)
{
	static const char *const names[] = { "same", "changed", "new", "gone" };

	return names[status];
}
