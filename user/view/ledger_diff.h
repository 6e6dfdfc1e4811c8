/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two frozen ledgers of one address space, side by side. A table both share (equal pointers) is
 * unchanged, so only tables that were written in the window are looked into.
 */
#ifndef RSSTRACE_VIEW_LEDGER_DIFF_H
#define RSSTRACE_VIEW_LEDGER_DIFF_H

#include "model/page_ledger.h"

#define LEDGER_ADDRESS_END (1ULL << 63) /* above every user address, below the wrap */

struct ledger_pair {
	const struct page_ledger *then, *now; /* NULL: nothing resident */
};

struct range_pages {
	__u64 then, now; /* resident pages */
	__u64 arrived;	 /* of now: not resident then, or by another owner */
	__u64 first,
		last; /* keys of the first and last table with pages of either; when then | now */
};

/* Per owner: pages of a range, then and now. */
struct owner_tally {
	__u32 nr; /* owners are indices below it; others are left out */
	struct owner_pages {
		__u64 then, now;
		__u64 arrived; /* of now, as in struct range_pages */
	} * pages;
	__u32 nr_seen;
	__u32 *seen; /* room for nr: the owners counted since the last reset, in no order */
};

/* Count [start, end), page-aligned. O(tables of the range + 512 a changed table). */
struct range_pages ledger_pair__count(const struct ledger_pair *pair, __u64 start, __u64 end);

/* 0 or -ENOMEM. */
int owner_tally__init(struct owner_tally *tally, __u32 nr);
void owner_tally__fini(struct owner_tally *tally);
void owner_tally__reset(struct owner_tally *tally);

/* Add the pages of [start, end) to @tally. O(pages of the range's tables). */
void ledger_pair__tally(const struct ledger_pair *pair, __u64 start, __u64 end,
			struct owner_tally *tally);

#endif
