// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows of a view by what they have in common. */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "model/page_ledger.h"
#include "view/keys.h"
#include "view/rows.h"

/* A group being summed up; @row.key is its key in the hash, "" for rows without one. */
struct group_entry {
	struct group_row row;
	UT_hash_handle hh;
};

struct group_table {
	const struct session *session;
	struct group_entry *first;
	bool no_memory;
};

static struct group_entry *find_entry(struct group_table *table, const char *key)
{
	struct group_entry *entry = NULL;

	HASH_FIND_STR(table->first, key, entry);
	return entry;
}

static struct group_entry *add_entry(struct group_table *table, char *key,
				     const struct group_row *like)
{
	struct group_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->row = *like;
	entry->row.key = key;
	entry->row.nr = 0;
	entry->row.rss = entry->row.growth = entry->row.faulted = entry->row.freed = 0;
	HASH_ADD_KEYPTR(hh, table->first, key, strlen(key), entry);
	return entry;
}

/* Add the figures of @row to the group of @key (taken over; NULL: no memory was left for it). */
static void add_row(struct group_table *table, char *key, const struct group_row *row)
{
	struct group_entry *entry = key ? find_entry(table, key) : NULL;

	if (entry)
		free(key);
	else if (key)
		entry = add_entry(table, key, row);
	if (!entry) {
		table->no_memory = true;
		return;
	}
	entry->row.nr++;
	frame_row__merge(&entry->row.frame, &row->frame);
	bytes__add(&entry->row.rss, row->rss);
	bytes__add(&entry->row.growth, row->growth);
	bytes__add(&entry->row.faulted, row->faulted);
	bytes__add(&entry->row.freed, row->freed);
}

static void add_regions(struct group_table *table, const struct view *view)
{
	for (__u32 i = 0; i < view->nr_regions; i++) {
		const struct region_row *region = view->regions + i;
		struct group_row row = { .rss = region->rss,
					 .growth = region->growth,
					 .faulted = region->faulted,
					 .freed = UNKNOWN_BYTES };

		add_row(table,
			view->by == BY_KIND ? strdup(kind_name(region->kind))
					    : region_key(table->session, region, true),
			&row);
	}
}

static char *stack_row_key(const struct stack_row *stack, enum group_by by)
{
	const struct frame_row *frame;

	if (stack->named_by < 0)
		return strdup("");
	frame = stack->frames + stack->named_by;
	if (by == BY_STACK)
		return stack_key(stack);
	if (by == BY_MODULE)
		return strdup(frame->module ? frame->module : "[no file]");
	return by == BY_FILE_LINE ? place_key(frame) : frame_key(frame);
}

/* Bytes in regions that no stack of a row owns: from before tracing, or unattributed. */
static struct group_row without_stack(const struct view *view)
{
	struct group_row row = { .faulted = UNKNOWN_BYTES, .freed = UNKNOWN_BYTES };

	for (__u32 r = 0; r < view->nr_regions; r++) {
		const struct region_row *region = view->regions + r;

		row.rss += region->rss;
		row.growth += region->growth;
		for (__u32 i = 0; i < region->nr_stacks; i++) {
			row.rss -= region->stacks[i].rss;
			row.growth -= region->stacks[i].growth;
		}
	}
	return row;
}

static void add_stacks(struct group_table *table, const struct view *view)
{
	struct group_row rest = without_stack(view);

	for (__u32 i = 0; i < view->nr_stacks; i++) {
		const struct stack_row *stack = view->stacks + i;
		struct group_row row = { .rss = stack->rss,
					 .growth = stack->growth,
					 .faulted = stack->faulted,
					 .freed = stack->freed,
					 .stack = stack->id };

		if (stack->named_by >= 0)
			row.frame = stack->frames[stack->named_by];
		add_row(table, stack_row_key(stack, view->by), &row);
	}
	if (rest.rss || rest.growth)
		add_row(table, strdup(""), &rest);
}

/* Of the stacks that have a row; without a filter on them, of all. */
static bool *stacks_with_row(const struct view *view, __u32 nr)
{
	bool every = !view->filter || !(view->filter->fields & FILTER_OF_STACKS);
	bool *has = malloc((nr + 1) * sizeof(*has));

	if (!has)
		return NULL;
	memset(has, every, (nr + 1) * sizeof(*has));
	for (__u32 i = 0; i < view->nr_stacks; i++)
		has[view->stacks[i].id] = true;
	return has;
}

static void add_thread(struct group_table *table, const struct view *view, __u32 tid, __s64 faulted)
{
	struct group_row row = { .rss = UNKNOWN_BYTES,
				 .growth = UNKNOWN_BYTES,
				 .freed = UNKNOWN_BYTES,
				 .faulted = faulted,
				 .tid = tid };
	const char *comm = session__thread_comm(table->session, tid);
	char *key = NULL;

	if (view->filter && !filter__thread(view->filter, tid, comm))
		return;
	if (asprintf(&key, "%u%s%s", tid, *comm ? " " : "", comm) < 0)
		key = NULL;
	add_row(table, key, &row);
}

static void add_threads(struct group_table *table, const struct view *view,
			const struct window *window)
{
	const struct snapshot *from = window->from, *to = window->to;
	bool *has = stacks_with_row(view, to->nr_stacks);

	for (__u32 i = 0; has && i < to->nr_thread_stacks; i++) {
		const struct thread_stack *pair = session__thread_stack(table->session, i);
		__u64 then = i < from->nr_thread_stacks ? from->thread_pages[i] : 0;
		__s64 bytes = (to->thread_pages[i] - then) * LEDGER_PAGE_BYTES;
		struct group_row full = { .rss = UNKNOWN_BYTES,
					  .growth = UNKNOWN_BYTES,
					  .freed = UNKNOWN_BYTES,
					  .faulted = bytes };

		if (!bytes || pair->owner >= to->nr_stacks || !has[pair->owner] ||
		    (i && !window__has_space(window, pair->space)))
			continue;
		if (i)
			add_thread(table, view, pair->tid, bytes);
		else
			add_row(table, strdup(""), &full);
	}
	table->no_memory |= !has;
	free(has);
}

static void add_causes(struct group_table *table, const struct view *view)
{
	for (__u32 i = 0; i < view->nr_causes; i++) {
		const struct cause_row *cause = view->causes + i;
		__s64 in = cause->out ? 0 : cause->bytes.total;
		__s64 out = cause->out ? cause->bytes.total : 0;
		struct group_row row = {
			.rss = UNKNOWN_BYTES, .growth = in - out, .faulted = in, .freed = out
		};

		add_row(table, strdup(cause_name(cause->cause)), &row);
	}
}

static int compare_rows(const void *pa, const void *pb)
{
	const struct group_row *a = pa, *b = pb;
	int order = DESCENDING(a->key != NULL, b->key != NULL);

	order = order ? order : DESCENDING(a->growth, b->growth);
	order = order ? order : DESCENDING(a->rss, b->rss);
	order = order ? order : DESCENDING(a->faulted, b->faulted);
	return order || !a->key ? order : strcmp(a->key, b->key);
}

/* Takes the key over. */
static void take_row(struct view *view, struct group_row *row)
{
	bool keep = view->groups && says_something(row->rss, row->growth, row->faulted, row->freed);

	if (!keep || !*row->key) {
		free(row->key);
		row->key = NULL;
	}
	if (keep)
		view->groups[view->nr_groups++] = *row;
}

/* The rows go to the view, the table is empty afterwards. */
static int take_rows(struct view *view, struct group_table *table)
{
	struct group_entry *entry, *next;

	view->groups = calloc(HASH_COUNT(table->first) + 1, sizeof(*view->groups));
	HASH_ITER (hh, table->first, entry, next) {
		HASH_DEL(table->first, entry);
		take_row(view, &entry->row);
		free(entry);
	}
	if (!view->groups || table->no_memory)
		return -ENOMEM;
	qsort(view->groups, view->nr_groups, sizeof(*view->groups), compare_rows);
	return 0;
}

int view__add_groups(struct view *view, const struct window *window)
{
	struct group_table table = { .session = window->session };

	if (view->by == BY_REGION || view->by == BY_KIND)
		add_regions(&table, view);
	else if (view->by == BY_THREAD)
		add_threads(&table, view, window);
	else if (view->by == BY_CAUSE)
		add_causes(&table, view);
	else
		add_stacks(&table, view);
	return take_rows(view, &table);
}

const char *group_by_name(enum group_by by)
{
	static const char *const names[NR_GROUPINGS] = {
		[BY_REGION] = "region",	      [BY_STACK] = "stack",	  [BY_MODULE] = "module",
		[BY_FILE_LINE] = "file-line", [BY_THREAD] = "thread",	  [BY_KIND] = "kind",
		[BY_CAUSE] = "cause",	      [BY_FUNCTION] = "function",
	};

	return (unsigned int)by < NR_GROUPINGS ? names[by] : NULL;
}
