// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What somebody found by looking: which pages are resident in a range. */
#include <stdlib.h>
#include <string.h>
#include "model/books.h"
#include "model/dispute.h"

#define FOUND_MAX 8192

static void remember_found(struct session *session, const struct rec_pages *pages)
{
	struct found_list *list = &session->found;

	if (list->nr == FOUND_MAX)
		list->nr = 0; /* nobody says what they were found for */
	if (list->nr == list->cap) {
		__u32 cap = list->cap ? list->cap * 2 : 64;
		struct found_range *ranges = realloc(list->ranges, cap * sizeof(*ranges));

		if (!ranges) {
			session->no_memory = true;
			return;
		}
		list->ranges = ranges;
		list->cap = cap;
	}
	list->ranges[list->nr++] =
		(struct found_range){ pages->space, pages->addr,
				      pages->addr + pages->nr_pages * LEDGER_PAGE_BYTES };
}

/* A file's page where an anonymous one was, or the reverse; what backs a file cannot be told from
 * outside. */
static bool is_other_sort(__u8 held, __u8 told)
{
	return (held == RSST_ANON) != (told == RSST_ANON);
}

static bool has_other(const struct ledger_table *table, __u8 member)
{
	for (__u8 m = 0; m < RSST_NR_MEMBERS; m++)
		if (table->counts[m] && (member == MEMBER_NONE || is_other_sort(m, member)))
			return true;
	return false;
}

/* Drop the pages of the range that are of another sort than @member, or all with MEMBER_NONE. */
static void drop_other(struct session *session, struct space *space, __u64 start, __u64 end,
		       __u8 member)
{
	const struct page_ledger *ledger = &space->ledger;

	for (__u32 q = page_ledger__lower_bound(ledger, start >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables && ledger->tables[q]->key << LEDGER_TABLE_SHIFT < end; q++) {
		struct ledger_table *table;
		__u32 first, last;

		if (!has_other(ledger->tables[q], member))
			continue;
		table = page_ledger__own(&space->ledger, q);
		if (!table) {
			session->no_memory = true;
			return;
		}
		ledger_table__clip(table->key, start, end, &first, &last);
		for (__u32 i = first; i < last; i++)
			if (table->pages[i].member != MEMBER_NONE &&
			    (member == MEMBER_NONE ||
			     is_other_sort(table->pages[i].member, member)))
				books__drop(session, space, table, i);
	}
}

/* Pages of the range that have an owner for this case. */
static void restore(struct session *session, struct space *space, __u64 start, __u64 end,
		    __u8 member)
{
	const struct page_ledger *ledger = &space->ledger;

	for (__u32 q = page_ledger__lower_bound(ledger, start >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables && ledger->tables[q]->key << LEDGER_TABLE_SHIFT < end; q++) {
		struct ledger_table *table = ledger->tables[q];
		__u32 first, last;

		if (!table->nr_ghosts && !table->guess_owner)
			continue;
		table = page_ledger__own(&space->ledger, q);
		if (!table) {
			session->no_memory = true;
			return;
		}
		ledger_table__clip(table->key, start, end, &first, &last);
		for (__u32 i = first; i < last; i++)
			if (table->pages[i].member == MEMBER_NONE)
				books__restore(session, space, table, i, member);
	}
}

static void found(struct session *session, struct space *space, const struct rec_pages *pages,
		  __u32 owner)
{
	struct birth birth = {
		.owner = owner,
		.born = session->gen,
		.member = pages->member,
		.keep_resident = true,
	};

	if (pages->member == RSST_SWAP)
		return;
	drop_other(session, space, pages->addr, pages->addr + pages->nr_pages * LEDGER_PAGE_BYTES,
		   pages->member);
	if (owner == OWNER_UNKNOWN)
		restore(session, space, pages->addr,
			pages->addr + pages->nr_pages * LEDGER_PAGE_BYTES, pages->member);
	books__place(session, space, pages->addr, pages->nr_pages, &birth);
}

static int by_start(const void *a, const void *b)
{
	const struct found_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Move the found ranges of [start, end) to the list's end, sorted; the others stay. Returns where
 * they begin. */
static __u32 gather(struct found_list *list, __u32 space, __u64 start, __u64 end)
{
	__u32 split = list->nr;

	for (__u32 i = 0; i < split;) {
		struct found_range range = list->ranges[i];

		if (range.space != space || range.end <= start || range.start >= end) {
			i++;
			continue;
		}
		list->ranges[i] = list->ranges[--split];
		list->ranges[split] = range;
	}
	if (split < list->nr)
		qsort(list->ranges + split, list->nr - split, sizeof(*list->ranges), by_start);
	return split;
}

static void mark_checked(struct session *session, struct space *space, __u64 start, __u64 end)
{
	const struct page_ledger *ledger = &space->ledger;

	for (__u32 q = page_ledger__lower_bound(ledger, start >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables && ledger->tables[q]->key << LEDGER_TABLE_SHIFT < end; q++) {
		struct ledger_table *table;
		__u64 base = ledger->tables[q]->key << LEDGER_TABLE_SHIFT;

		if (base < start || base + (1ULL << LEDGER_TABLE_SHIFT) > end)
			continue;
		table = page_ledger__own(&space->ledger, q);
		if (!table)
			continue;
		table->checked_at = session->events;
		ledger_table__settle(table);
	}
}

/* The range holds what the found records of it said, and nothing else. */
static void seen(struct session *session, struct space *space, __u64 start, __u64 end)
{
	struct found_list *list = &session->found;
	__u32 first = gather(list, space->id, start, end);
	__u64 at = start;

	for (__u32 i = first; i < list->nr; i++) {
		if (list->ranges[i].start > at)
			drop_other(session, space, at, list->ranges[i].start, MEMBER_NONE);
		if (list->ranges[i].end > at)
			at = list->ranges[i].end;
	}
	if (at < end)
		drop_other(session, space, at, end, MEMBER_NONE);
	list->nr = first;
	mark_checked(session, space, start, end);
	holes__seen(space, start >> LEDGER_TABLE_SHIFT, end >> LEDGER_TABLE_SHIFT);
}

void session__pages(struct session *session, struct space *space, const struct rec_pages *pages)
{
	__u64 end = pages->addr + pages->nr_pages * LEDGER_PAGE_BYTES;

	switch (pages->why) {
	case PAGES_ATTACH:
		found(session, space, pages, OWNER_BEFORE);
		break;
	case PAGES_FOUND:
		found(session, space, pages, OWNER_UNKNOWN);
		remember_found(session, pages);
		break;
	case PAGES_GONE:
		drop_other(session, space, pages->addr, end, MEMBER_NONE);
		break;
	case PAGES_SEEN:
		seen(session, space, pages->addr, end);
		books__prune(session, space, pages->addr, end);
		break;
	}
}
