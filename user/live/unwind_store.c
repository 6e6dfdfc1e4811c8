// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "live/unwind_store.h"

#define PAGE_SHIFT 16
#define PAGE_MASK 0xffff

_Static_assert(UNWIND_RULE_BUCKETS >= 2 * UNWIND_MAX_RULES, "half of the buckets stay free");

static __u32 bucket_of(const struct unwind_rule *rule)
{
	__u64 bits;

	memcpy(&bits, rule, sizeof(bits));
	return (__u32)(bits * 0x9e3779b97f4a7c15ULL >> 40) & (UNWIND_RULE_BUCKETS - 1);
}

/* The rule's id, a new one if need be; -ENOSPC. */
static int rule_id(struct unwind_store *store, const struct unwind_rule *rule)
{
	__u32 at = bucket_of(rule);

	for (; store->buckets[at]; at = (at + 1) & (UNWIND_RULE_BUCKETS - 1)) {
		if (!memcmp(&store->rules[store->buckets[at] - 1], rule, sizeof(*rule)))
			return store->buckets[at] - 1;
	}
	if (store->nr_rules == store->max_rules)
		return -ENOSPC;
	store->rules[store->nr_rules++] = *rule;
	store->buckets[at] = (__u16)store->nr_rules;
	return (int)store->nr_rules - 1;
}

int unwind_store__init(struct unwind_store *store)
{
	static const struct unwind_rule none = { .how = UNWIND_CFA_NONE };
	static const struct unwind_rule fp = { .how = UNWIND_CFA_FP };

	store->nr_rows = store->nr_rules = store->nr_pages = 0;
	store->buckets = calloc(UNWIND_RULE_BUCKETS, sizeof(*store->buckets));
	if (!store->buckets)
		return -ENOMEM;
	if (rule_id(store, &none) != UNWIND_RULE_ID_NONE ||
	    rule_id(store, &fp) != UNWIND_RULE_ID_FP)
		return -ENOSPC;
	return 0;
}

void unwind_store__fini(struct unwind_store *store)
{
	free(store->buckets);
	store->buckets = NULL;
}

static void put_row(struct unwind_store *store, __u32 low, __u32 id)
{
	__u32 at = store->nr_rows++;

	store->rows[at / UNWIND_ROWS_PER_BLOCK].rows[at % UNWIND_ROWS_PER_BLOCK] = low | id << 16;
}

/* Rows of one page, from *@next of the table on. @carried: rule at the page's beginning. */
static int put_page(struct unwind_store *store, const struct unwind_table *table, __u64 page,
		    size_t *next, __u32 *carried)
{
	struct unwind_page *put = &store->pages[store->nr_pages++];
	int id;

	put->first_row = store->nr_rows;
	if (*next == table->nr || table->rows[*next].offset != page << PAGE_SHIFT)
		put_row(store, 0, *carried);
	for (; *next < table->nr && table->rows[*next].offset >> PAGE_SHIFT == page; (*next)++) {
		id = rule_id(store, &table->rows[*next].rule);
		if (id < 0)
			return id;
		*carried = (__u32)id;
		put_row(store, table->rows[*next].offset & PAGE_MASK, *carried);
	}
	put->nr_rows = store->nr_rows - put->first_row;
	return 0;
}

static __u64 pages_of(const struct unwind_table *table)
{
	return table->nr ? (table->rows[table->nr - 1].offset >> PAGE_SHIFT) + 1 : 0;
}

__u64 unwind_store__rows_with(const struct unwind_store *store, const struct unwind_table *table)
{
	/* at most one row more a page, for the rule that comes over from the page before */
	return store->nr_rows + table->nr + pages_of(table);
}

__u64 unwind_store__pages_with(const struct unwind_store *store, const struct unwind_table *table)
{
	return store->nr_pages + pages_of(table);
}

int unwind_store__add(struct unwind_store *store, const struct unwind_table *table,
		      struct unwind_object *object)
{
	__u32 first_row = store->nr_rows, carried = UNWIND_RULE_ID_NONE;
	__u64 nr_pages = pages_of(table);
	size_t next = 0;
	int code;

	*object = (struct unwind_object){ .first_page = store->nr_pages };
	if (nr_pages > store->max_pages - store->nr_pages ||
	    unwind_store__rows_with(store, table) > store->max_rows)
		return -ENOSPC;
	for (__u64 page = 0; page < nr_pages; page++) {
		code = put_page(store, table, page, &next, &carried);
		if (code) {
			store->nr_pages = object->first_page;
			store->nr_rows = first_row;
			return code;
		}
	}
	object->nr_pages = (__u32)nr_pages;
	return 0;
}

int unwind_store__add_again(struct unwind_store *store, const struct unwind_object *met,
			    struct unwind_object *object)
{
	*object = (struct unwind_object){ .first_page = store->nr_pages };
	if (met->nr_pages > store->max_pages - store->nr_pages)
		return -ENOSPC;
	memcpy(store->pages + store->nr_pages, store->pages + met->first_page,
	       met->nr_pages * sizeof(*store->pages));
	store->nr_pages += met->nr_pages;
	object->nr_pages = met->nr_pages;
	return 0;
}

__u32 unwind_store__find(const struct unwind_store *store, const struct unwind_page *page,
			 __u32 low)
{
	__u32 first = 0, end = page->nr_rows, row = UNWIND_RULE_ID_NONE << 16;

	while (first < end) {
		__u32 mid = first + (end - first) / 2, at = page->first_row + mid;
		__u32 met =
			store->rows[at / UNWIND_ROWS_PER_BLOCK].rows[at % UNWIND_ROWS_PER_BLOCK];

		if ((met & 0xffff) <= low) {
			row = met;
			first = mid + 1;
		} else {
			end = mid;
		}
	}
	return row >> 16;
}
