/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The page ledger: for each resident page of one address space, which counter holds it and which
 * stack brought it in.
 *
 * Invariants
 *  - Pages are grouped in tables of LEDGER_TABLE_PAGES, as the kernel's own page tables (2 MiB on
 * x86-64).
 *  - Tables are reference-counted and copied when written while shared, so a snapshot costs one
 * pointer a table and two snapshots differ only in the tables whose pointers differ.
 *  - counts[member] of a table is the number of its pages with that member.
 */
#ifndef RSSTRACE_MODEL_PAGE_LEDGER_H
#define RSSTRACE_MODEL_PAGE_LEDGER_H

#include <stdbool.h>
#include <linux/types.h>
#include "record_abi.h"

#define LEDGER_PAGE_SHIFT 12
#define LEDGER_PAGE_BYTES (1ULL << LEDGER_PAGE_SHIFT)
#define LEDGER_TABLE_PAGES 512
#define LEDGER_TABLE_SHIFT 21
#define MEMBER_NONE 0xff
#define OWNER_BITS 24

/* One page. Side by side: a record that touches one page touches one line of the cache for it. */
struct ledger_page {
	__u32 owner : OWNER_BITS; /* enum page_owner or stack index; of ghosts, too */
	__u32 member : 8;	  /* enum rsst_member or MEMBER_NONE */
	__u32 born;		  /* low bits of the generation it arrived in */
};

struct ledger_table {
	__u64 key; /* address >> LEDGER_TABLE_SHIFT */
	__u32 refs;
	__u16 counts[RSST_NR_MEMBERS];
	__u16 guess_first,
		guess_end; /* pages near faults that brought some of them, nobody knows which */
	__u32 guess_owner; /* whose faults; OWNER_NONE: there were none since the last check */
	__u32 nr_ghosts; /* pages not resident whose owner is kept: a doubtful release took them */
	__u64 touched;	 /* events that changed it */
	__u64 disputed_at; /* event that last made its pages doubtful; 0: none did */
	__u64 checked_at;  /* event that last told its pages for sure */
	__u64 resident[LEDGER_TABLE_PAGES / 64]; /* bit set: member != MEMBER_NONE */
	struct ledger_page pages[LEDGER_TABLE_PAGES];
};

struct page_ledger {
	__u32 nr_tables, cap_tables;
	struct ledger_table **tables; /* sorted by key */
	__u64 *keys; /* theirs, side by side: a search looks at no table but the one it finds */
	__u32 last;  /* index of the table used last: a hint */
};

/* Table at or after @key: index in [0, nr_tables]. O(log n). */
__u32 page_ledger__lower_bound(const struct page_ledger *ledger, __u64 key);

/* Resident pages in [start, end), page-aligned. O(tables touched). */
__u64 page_ledger__count(const struct page_ledger *ledger, __u64 start, __u64 end);

/* The table of @key, or NULL. The pointer is for reading only: a snapshot may share it. */
const struct ledger_table *page_ledger__find(const struct page_ledger *ledger, __u64 key);

/*
 * page_ledger__writable() - the table of @key, made if missing and copied if shared. NULL on
 * ENOMEM. page_ledger__own() - the same for the existing table at @index.
 */
struct ledger_table *page_ledger__writable(struct page_ledger *ledger, __u64 key);
struct ledger_table *page_ledger__own(struct page_ledger *ledger, __u32 index);

/* Make @copy (uninitialised) hold the same pages as @ledger; O(tables), no page is copied. 0 or
 * -ENOMEM. */
int page_ledger__share(struct page_ledger *copy, const struct page_ledger *ledger);
void page_ledger__fini(struct page_ledger *ledger);

/* Forget empty tables wholly or partly in [start, end) that no dispute needs. Returns how many.
 * O(tables). */
__u32 page_ledger__prune(struct page_ledger *ledger, __u64 start, __u64 end);

/* Pages [*first, *end) of table @key that lie in the addresses [start, stop). */
static inline void ledger_table__clip(__u64 key, __u64 start, __u64 stop, __u32 *first, __u32 *end)
{
	__u64 base = key << LEDGER_TABLE_SHIFT, limit = (key + 1) << LEDGER_TABLE_SHIFT;

	*first = start > base ? (start - base) >> LEDGER_PAGE_SHIFT : 0;
	*end = stop < limit ? (stop - base) >> LEDGER_PAGE_SHIFT : LEDGER_TABLE_PAGES;
}

static inline bool ledger_table__empty(const struct ledger_table *table)
{
	return !(table->counts[0] | table->counts[1] | table->counts[2] | table->counts[3]);
}

/* Page @i, not resident so far, is resident from now on. */
static inline void ledger_table__set(struct ledger_table *table, __u32 i, __u8 member, __u32 owner,
				     __u32 born)
{
	if (table->pages[i].owner)
		table->nr_ghosts--;
	table->pages[i] = (struct ledger_page){ owner, member, born };
	table->resident[i / 64] |= 1ULL << (i % 64);
	table->counts[member]++;
}

/* Page @i is not resident; should it be found to be after all, it is @owner's. */
static inline void ledger_table__haunt(struct ledger_table *table, __u32 i, __u32 owner)
{
	table->pages[i].owner = owner;
	table->nr_ghosts++;
}

/* Its pages are known for sure: what was kept for the case of doubt goes. */
static inline void ledger_table__settle(struct ledger_table *table)
{
	for (__u32 i = 0; table->nr_ghosts && i < LEDGER_TABLE_PAGES; i++) {
		if (table->pages[i].member != MEMBER_NONE || !table->pages[i].owner)
			continue;
		table->pages[i].owner = 0;
		table->nr_ghosts--;
	}
	table->guess_owner = 0;
}

/* Page @i, resident so far, is gone. */
static inline void ledger_table__clear(struct ledger_table *table, __u32 i)
{
	table->counts[table->pages[i].member]--;
	table->pages[i].member = MEMBER_NONE;
	table->pages[i].owner = 0;
	table->resident[i / 64] &= ~(1ULL << (i % 64));
}

#endif
