/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The page ledger: for each resident page of one address space, which counter holds it and which stack brought it in.
 *
 * Invariants
 *  - Pages are grouped in tables of LEDGER_TABLE_PAGES, as the kernel's own page tables (2 MiB on x86-64).
 *  - Tables are reference-counted and copied when written while shared, so a snapshot costs one pointer a table and two
 *    snapshots differ only in the tables whose pointers differ.
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

struct ledger_table {
	__u64 key; /* address >> LEDGER_TABLE_SHIFT */
	__u32 refs;
	__u16 counts[RSST_NR_MEMBERS];
	__u64 touched;			    /* events that changed it */
	__u64 resident[LEDGER_TABLE_PAGES / 64]; /* bit set: member != MEMBER_NONE */
	__u8 member[LEDGER_TABLE_PAGES];    /* enum rsst_member or MEMBER_NONE */
	__u32 owner[LEDGER_TABLE_PAGES];    /* enum page_owner or stack index */
	__u32 born[LEDGER_TABLE_PAGES];	    /* low bits of the generation it arrived in */
};

struct page_ledger {
	__u32 nr_tables, cap_tables;
	struct ledger_table **tables; /* sorted by key */
};

/* Table at or after @key: index in [0, nr_tables]. O(log n). */
__u32 page_ledger__lower_bound(const struct page_ledger *ledger, __u64 key);

/* Resident pages in [start, end), page-aligned. O(tables touched). */
__u64 page_ledger__count(const struct page_ledger *ledger, __u64 start, __u64 end);

#endif
