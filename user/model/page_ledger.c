// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/page_ledger.h"

__u32 page_ledger__lower_bound(const struct page_ledger *ledger, __u64 key)
{
	__u32 low = 0, nr = ledger->nr_tables;

	while (nr) { /* without a jump on what was found: no predictor knows it */
		__u32 half = nr - nr / 2;

		low += ledger->keys[low + half - 1] < key ? half : 0;
		nr /= 2;
	}
	return low;
}

static bool is_at(const struct page_ledger *ledger, __u32 i, __u64 key)
{
	return i < ledger->nr_tables && ledger->keys[i] == key;
}

/* Index of the first table at or after @key; the last one used and its neighbour are tried before
 * searching. */
static __u32 locate(const struct page_ledger *ledger, __u64 key)
{
	__u32 i = ledger->last;

	if (is_at(ledger, i, key))
		return i;
	if (is_at(ledger, i + 1, key))
		return i + 1;
	return page_ledger__lower_bound(ledger, key);
}

const struct ledger_table *page_ledger__find(const struct page_ledger *ledger, __u64 key)
{
	__u32 i = locate(ledger, key);

	return is_at(ledger, i, key) ? ledger->tables[i] : NULL;
}

static struct ledger_table *table__new(__u64 key)
{
	struct ledger_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->key = key;
	table->refs = 1;
	for (__u32 i = 0; i < LEDGER_TABLE_PAGES; i++)
		table->pages[i].member = MEMBER_NONE;
	return table;
}

static void table__put(struct ledger_table *table)
{
	if (!--table->refs)
		free(table);
}

/* Make room for @cap tables. */
static int reserve(struct page_ledger *ledger, __u32 cap)
{
	struct ledger_table **tables = realloc(ledger->tables, cap * sizeof(*tables));
	__u64 *keys;

	if (!tables)
		return -ENOMEM;
	ledger->tables = tables;
	keys = realloc(ledger->keys, cap * sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	ledger->keys = keys;
	ledger->cap_tables = cap;
	return 0;
}

/* Let what stands at [from, end) stand at @to. */
static void shift(struct page_ledger *ledger, __u32 to, __u32 from, __u32 end)
{
	memmove(ledger->tables + to, ledger->tables + from, (end - from) * sizeof(*ledger->tables));
	memmove(ledger->keys + to, ledger->keys + from, (end - from) * sizeof(*ledger->keys));
}

static int insert_at(struct page_ledger *ledger, __u32 i, struct ledger_table *table)
{
	if (ledger->nr_tables == ledger->cap_tables &&
	    reserve(ledger, ledger->cap_tables ? ledger->cap_tables * 2 : 64))
		return -ENOMEM;
	shift(ledger, i + 1, i, ledger->nr_tables);
	ledger->tables[i] = table;
	ledger->keys[i] = table->key;
	ledger->nr_tables++;
	return 0;
}

struct ledger_table *page_ledger__own(struct page_ledger *ledger, __u32 index)
{
	struct ledger_table *table = ledger->tables[index], *copy;

	ledger->last = index;
	if (table->refs == 1)
		return table;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return NULL;
	memcpy(copy, table, sizeof(*copy));
	copy->refs = 1;
	table->refs--;
	ledger->tables[index] = copy;
	return copy;
}

struct ledger_table *page_ledger__writable(struct page_ledger *ledger, __u64 key)
{
	__u32 i = locate(ledger, key);
	struct ledger_table *table;

	if (is_at(ledger, i, key))
		return page_ledger__own(ledger, i);
	table = table__new(key);
	if (!table)
		return NULL;
	if (insert_at(ledger, i, table)) {
		free(table);
		return NULL;
	}
	ledger->last = i;
	return table;
}

static __u32 count_table(const struct ledger_table *table, __u32 first, __u32 end)
{
	__u32 nr = 0;

	if (!first && end == LEDGER_TABLE_PAGES)
		return table->counts[0] + table->counts[1] + table->counts[2] + table->counts[3];
	for (__u32 i = first; i < end; i++)
		nr += table->pages[i].member != MEMBER_NONE;
	return nr;
}

__u64 page_ledger__count(const struct page_ledger *ledger, __u64 start, __u64 end)
{
	__u64 nr = 0;

	if (start >= end)
		return 0;
	for (__u32 q = page_ledger__lower_bound(ledger, start >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables; q++) {
		const struct ledger_table *table = ledger->tables[q];
		__u32 first, last;

		if (table->key << LEDGER_TABLE_SHIFT >= end)
			break;
		ledger_table__clip(table->key, start, end, &first, &last);
		nr += count_table(table, first, last);
	}
	return nr;
}

int page_ledger__share(struct page_ledger *copy, const struct page_ledger *ledger)
{
	memset(copy, 0, sizeof(*copy));
	if (!ledger->nr_tables)
		return 0;
	if (reserve(copy, ledger->nr_tables)) {
		page_ledger__fini(copy);
		return -ENOMEM;
	}
	copy->nr_tables = ledger->nr_tables;
	memcpy(copy->keys, ledger->keys, ledger->nr_tables * sizeof(*copy->keys));
	for (__u32 i = 0; i < ledger->nr_tables; i++) {
		copy->tables[i] = ledger->tables[i];
		copy->tables[i]->refs++;
	}
	return 0;
}

void page_ledger__fini(struct page_ledger *ledger)
{
	for (__u32 i = 0; i < ledger->nr_tables; i++)
		table__put(ledger->tables[i]);
	free(ledger->tables);
	free(ledger->keys);
	memset(ledger, 0, sizeof(*ledger));
}

__u32 page_ledger__prune(struct page_ledger *ledger, __u64 start, __u64 end)
{
	__u32 i = page_ledger__lower_bound(ledger, start >> LEDGER_TABLE_SHIFT), kept = i, nr = 0;

	for (; i < ledger->nr_tables && ledger->keys[i] << LEDGER_TABLE_SHIFT < end; i++) {
		struct ledger_table *table = ledger->tables[i];

		if (!ledger_table__empty(table) || table->disputed_at > table->checked_at) {
			ledger->keys[kept] = table->key;
			ledger->tables[kept++] = table;
			continue;
		}
		table__put(table);
		nr++;
	}
	if (!nr)
		return 0;
	shift(ledger, kept, i, ledger->nr_tables);
	ledger->nr_tables -= nr;
	return nr;
}
