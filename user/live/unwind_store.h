/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of the unwind maps that only grows: rules, rows and pages of the files seen so far.
 * Plain memory to this code; the caller maps it. See include/unwind_abi.h.
 */
#ifndef RSSTRACE_LIVE_UNWIND_STORE_H
#define RSSTRACE_LIVE_UNWIND_STORE_H

#include <stddef.h>
#include "elf/unwind_table.h"
#include "unwind_abi.h"

#define UNWIND_RULE_BUCKETS 32768 /* a power of two, at least twice UNWIND_MAX_RULES */

/*
 * Nothing below nr_rows, nr_rules and nr_pages ever changes again: walks are reading it. The two
 * rules with fixed ids come first.
 */
struct unwind_store {
	struct unwind_row_block *rows; /* not owned, nor are the next two */
	struct unwind_rule *rules;
	struct unwind_page *pages;
	__u32 nr_rows, max_rows;
	__u32 nr_rules, max_rules;
	__u32 nr_pages, max_pages;
	__u16 *buckets; /* id + 1 of a rule, open addressing by its hash; 0: free */
};

/* The three arrays and their max_* are set by the caller. 0 or -ENOMEM. */
int unwind_store__init(struct unwind_store *store);
void unwind_store__fini(struct unwind_store *store);

/* How many rows and pages the store may have after @table was added. */
__u64 unwind_store__rows_with(const struct unwind_store *store, const struct unwind_table *table);
__u64 unwind_store__pages_with(const struct unwind_store *store, const struct unwind_table *table);

/*
 * unwind_store__add() - append @table, *@object says where. unwind_store__add_again() - the same
 * for another file whose table is the one at @met: the two share their rows, but each has pages of
 * its own, 8 bytes for 64 KiB of code, so that where a table begins says which file it is of.
 * 0; -ENOSPC when it does not fit (nothing is appended but, at most, rules).
 */
int unwind_store__add(struct unwind_store *store, const struct unwind_table *table,
		      struct unwind_object *object);
int unwind_store__add_again(struct unwind_store *store, const struct unwind_object *met,
			    struct unwind_object *object);

/* Id of the rule that holds at byte @low of a page: its last row at or below it. O(log rows). */
__u32 unwind_store__find(const struct unwind_store *store, const struct unwind_page *page,
			 __u32 low);

#endif
