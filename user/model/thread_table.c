// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/thread_table.h"

#define NAMES_MAX (1U << 16)

static bool is_same(const struct thread_stack *a, const struct thread_stack *b)
{
	return a->tid == b->tid && a->space == b->space && a->owner == b->owner;
}

static int grow(struct thread_table *table)
{
	__u32 cap = table->cap ? table->cap * 2 : 64;
	struct thread_stack *entries = realloc(table->entries, cap * sizeof(*entries));
	__u64 *pages;

	if (!entries)
		return -ENOMEM;
	table->entries = entries;
	pages = realloc(table->pages, cap * sizeof(*pages));
	if (!pages)
		return -ENOMEM;
	table->pages = pages;
	table->cap = cap;
	if (table->nr)
		return 0;
	table->entries[0] = (struct thread_stack){ 0 };
	table->pages[0] = 0;
	table->nr = 1;
	return 0;
}

static __u64 key_of(const struct thread_stack *by)
{
	return (__u64)by->tid << 32 | by->owner;
}

static __u32 find(const struct thread_table *table, const struct thread_stack *by)
{
	if (table->last && is_same(table->entries + table->last, by))
		return table->last;
	return index_map__find(&table->map, key_of(by), by->space);
}

/* @by, which is not there yet; as thread_table__intern(). */
static int add(struct thread_table *table, const struct thread_stack *by, __u32 *index)
{
	*index = 0;
	if (table->nr >= THREAD_ENTRIES_MAX)
		return 0;
	if (table->nr == table->cap && grow(table))
		return -ENOMEM;
	if (index_map__add(&table->map, key_of(by), by->space, table->nr))
		return -ENOMEM;
	*index = table->nr++;
	table->entries[*index] = *by;
	table->pages[*index] = 0;
	return 0;
}

int thread_table__intern(struct thread_table *table, const struct thread_stack *by, __u32 *index)
{
	*index = find(table, by);
	return *index ? 0 : add(table, by, index);
}

int thread_table__count(struct thread_table *table, const struct thread_stack *by, __u64 pages)
{
	__u32 index = find(table, by);

	if (!index && add(table, by, &index))
		return -ENOMEM;
	table->pages[index] += pages;
	table->last = index;
	return 0;
}

static int new_name(struct thread_table *table, __u32 tid, __u32 *index)
{
	__u32 nr = table->nr_names ? table->nr_names : 1, cap = table->cap_names;

	if (nr >= NAMES_MAX)
		return 0;
	if (nr >= cap) {
		struct thread_name *names;

		cap = cap ? cap * 2 : 64;
		names = realloc(table->names, cap * sizeof(*names));
		if (!names)
			return -ENOMEM;
		table->names = names;
		table->cap_names = cap;
	}
	if (index_map__add(&table->name_map, tid, 0, nr))
		return -ENOMEM;
	table->names[nr].tid = tid;
	table->nr_names = nr + 1;
	*index = nr;
	return 0;
}

static __u32 find_name(const struct thread_table *table, __u32 tid)
{
	return index_map__find(&table->name_map, tid, 0);
}

int thread_table__name(struct thread_table *table, __u32 tid, const char *comm)
{
	__u32 index = find_name(table, tid);

	if (!index && new_name(table, tid, &index))
		return -ENOMEM;
	if (!index)
		return 0;
	memcpy(table->names[index].comm, comm, RSST_COMM_LEN);
	table->names[index].comm[RSST_COMM_LEN - 1] = 0;
	return 0;
}

const char *thread_table__comm(const struct thread_table *table, __u32 tid)
{
	__u32 index = find_name(table, tid);

	return index ? table->names[index].comm : "";
}

void thread_table__fini(struct thread_table *table)
{
	free(table->entries);
	free(table->pages);
	free(table->names);
	index_map__fini(&table->map);
	index_map__fini(&table->name_map);
	memset(table, 0, sizeof(*table));
}
