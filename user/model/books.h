/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Double entry: every page that is counted, placed, moved or dropped passes through here, so that
 * the counters of a space, the owners of its pages and the causes always say the same.
 */
#ifndef RSSTRACE_MODEL_BOOKS_H
#define RSSTRACE_MODEL_BOOKS_H

#include "model/session_state.h"

#ifndef TABLES_MAX	      /* a fuzzer's is lower */
#define TABLES_MAX (1U << 18) /* page tables in all ledgers: 512 GiB of resident address space */
#endif

/* Counted pages of @space, without what is in swap. */
__s64 books__rss(const struct space *space);

/* The counter of @member moved by @pages (signed), because of @cause. Ignored where no counter
 * (RECORD_COUNT_MAX) and no machine's sum (PAGES_SUM_MAX) can be so large. */
void books__count(struct session *session, struct space *space, __u8 member, __s64 pages,
		  __u8 cause);

/* The counters of @space start at @pages: no cause, they were so before. */
void books__open(struct session *session, struct space *space, const __s64 *pages);

/* The counter of @member moved by @pages, and nothing tells where: every table it can have been is
 * disputed. */
void books__unplaced(struct session *session, struct space *space, __u8 member, __s64 pages);

struct birth {
	__u32 owner;	    /* OWNER_BEFORE, OWNER_UNKNOWN or a stack */
	__u32 born;	    /* low bits of the generation */
	__u8 member;	    /* not RSST_SWAP */
	bool keep_resident; /* a page already resident stays as it is; else it is replaced and its
			       table disputed */
	bool moved;	    /* not new: its stack does not count it as faulted again */
};

/* Place @nr pages from @addr. Returns how many were placed. */
__u64 books__place(struct session *session, struct space *space, __u64 addr, __u64 nr,
		   const struct birth *birth);

/* around.c: place @pages that came with a fault (@write: it may have been nothing but a write) on
 * the file page at @addr. */
void session__place_around(struct session *session, struct space *space, __u64 addr, __u32 pages,
			   bool write, const struct birth *birth);

/* punch.c: a release of MADV_REMOVE on [@start, @end). */
void session__punch(struct session *session, struct space *space, const struct rec_release *release,
		    __u64 start, __u64 end);

/*
 * books__drop() - page @i of @table, writable and resident, is gone.
 * books__lift() - the same, but only to be placed elsewhere with `moved`: its stack does not count
 * it as freed.
 */
void books__drop(struct session *session, struct space *space, struct ledger_table *table, __u32 i);
void books__lift(struct session *session, struct space *space, struct ledger_table *table, __u32 i);

/*
 * books__restore() - page @i of @table, writable and not resident, turns out to be resident as
 * @member. Its owner is the one it had when a doubtful release took it, or whose faults brought
 * pages nearby; false: there is none.
 */
bool books__restore(struct session *session, struct space *space, struct ledger_table *table,
		    __u32 i, __u8 member);

/* Enter every page of a ledger that was copied from another space: resident, but not faulted. */
void books__inherit(struct session *session, struct space *space);

/* All pages of @space go, and its counters become 0, with @cause. */
void books__close(struct session *session, struct space *space, __u8 cause);

/* Dispute the existing tables in [start, end). */
void books__dispute(struct session *session, struct space *space, __u64 start, __u64 end);

/* The same, and pages may be where no table is. */
void books__doubt(struct session *session, struct space *space, __u64 start, __u64 end);

/* The same for tables with pages in the range born before @gen: what a call that is over must have
 * taken away. */
void books__dispute_older(struct session *session, struct space *space, __u64 start, __u64 end,
			  __u64 gen);

/* The same, and drop these pages: others come where they are, on new memory. */
void books__expire(struct session *session, struct space *space, __u64 start, __u64 end, __u64 gen);

/* Drop empty tables in [start, end). */
void books__prune(struct session *session, struct space *space, __u64 start, __u64 end);

/* Was a page born before @gen? Generations are compared modulo 2^32. */
static inline bool older(__u32 born, __u64 gen)
{
	return (__s32)(born - (__u32)gen) < 0;
}

#define ADVICE_POPULATE_WRITE 23 /* uapi/asm-generic/mman-common.h */

/* Is it madvise(MADV_POPULATE_WRITE)? */
static inline bool is_populate_write(__u8 op, const __u64 *args)
{
	return op == VM_OP_MADVISE && (__u32)args[2] == ADVICE_POPULATE_WRITE;
}

static inline bool is_resident(const struct space *space, __u64 addr)
{
	const struct ledger_table *table =
		page_ledger__find(&space->ledger, addr >> LEDGER_TABLE_SHIFT);

	return table && table->pages[addr >> LEDGER_PAGE_SHIFT & (LEDGER_TABLE_PAGES - 1)].member !=
				MEMBER_NONE;
}

#endif
