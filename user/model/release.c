// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which pages did this release take? The kernel zaps the range of a call in ascending order and
 * tells one number a page table and member. Meanwhile other threads may have filled pages again
 * behind it, so "the n lowest that are left" is wrong. What holds: the zap cannot have passed a
 * table with a page that was there before the call's last release (or before the call, at its first
 * one). So the table it hit is not above the first such table; among those up to it, it is the one
 * that holds just n. If none does, the old one with more than n: a zap that stopped early (it gave
 * up the CPU), and goes on in the same table.
 *
 * Two zaps of different threads that flush the shared counter at the same instant may tell each
 * other's pages: their sum is right. Such releases are `soft`; what one told too much is kept as
 * the space's surplus until another tells too little.
 */
#include <string.h>
#include "model/books.h"

/* uapi/asm-generic/mman-common.h */
#define ADVICE_DONTNEED 4
#define ADVICE_REMOVE 9
#define ADVICE_DONTNEED_LOCKED 24
#define ADVICE_GUARD_INSTALL 102

struct zap {
	struct session *session;
	struct space *space;
	struct call *call;
	__u64 start, end; /* the call's range */
	__u64 from;	  /* where it can be by now */
	__u64 limit;	  /* pages born before this generation cannot have been passed */
	__u64 gen;
	__s64 nr;
	__u8 member;
	bool soft;
	bool guessed;  /* it may be of another call than the last one */
	bool doubtful; /* its pages may be others */
};

/* Indices into the ledger; -1: none. */
struct candidates {
	__s64 best; /* holds nr pages, or more of which one is old */
	__u32 best_pages;
	__s64 stop; /* the table the zap cannot have passed; without one, the fullest */
	__u32 stop_pages;
	bool stop_old;
	bool ambiguous; /* several hold just nr pages */
};

static __u32 count_member(const struct ledger_table *table, __u32 first, __u32 end, __u8 member,
			  __u64 limit, bool *old)
{
	__u32 nr = 0;

	*old = false;
	if (!table->counts[member])
		return 0;
	for (__u32 i = first; i < end; i++) {
		if (table->pages[i].member != member)
			continue;
		nr++;
		*old |= older(table->pages[i].born, limit);
	}
	return nr;
}

static void consider(const struct zap *zap, struct candidates *found, __s64 index, __u32 pages,
		     bool old)
{
	if (found->stop < 0 || old || pages > found->stop_pages) {
		found->stop = index;
		found->stop_pages = pages;
		found->stop_old = old;
	}
	if (pages == zap->nr) {
		bool second = found->best >= 0 && found->best_pages == zap->nr;

		found->ambiguous |= second;
		if (!second || old) {
			found->best = index;
			found->best_pages = pages;
		}
	} else if (pages > zap->nr && (found->best < 0 || (old && found->best_pages != zap->nr))) {
		found->best = index;
		found->best_pages = pages;
	}
}

/* Look at the tables from the cursor up to and including the first with a page the zap cannot have
 * passed. */
static struct candidates search(const struct zap *zap)
{
	const struct page_ledger *ledger = &zap->space->ledger;
	struct candidates found = { .best = -1, .stop = -1 };

	for (__u32 q = page_ledger__lower_bound(ledger, zap->from >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables; q++) {
		const struct ledger_table *table = ledger->tables[q];
		__u32 first, end, pages;
		bool old;

		if (table->key << LEDGER_TABLE_SHIFT >= zap->end)
			break;
		ledger_table__clip(table->key, zap->from, zap->end, &first, &end);
		pages = count_member(table, first, end, zap->member, zap->limit, &old);
		if (!pages)
			continue;
		consider(zap, &found, q, pages, old);
		if (old)
			break;
	}
	if (found.stop_old && found.best == found.stop)
		found.ambiguous = false;
	return found;
}

/*
 * A zap looks whether it is to give up the CPU before each page, the first one, too (need_resched()
 * in zap_pte_range(), mm/memory.c): it has told nothing then, and what comes behind it meanwhile
 * stays. So if the first page it cannot have passed is followed by what makes just its amount, it
 * had stopped there. Returns where the pages it took begin.
 */
static __u64 resumed_at(const struct zap *zap, const struct candidates *found)
{
	const struct ledger_table *table;
	__u32 first, end, tail = 0;

	if (!found->stop_old || found->best != found->stop || found->best_pages <= zap->nr)
		return zap->from;
	table = zap->space->ledger.tables[found->stop];
	ledger_table__clip(table->key, zap->from, zap->end, &first, &end);
	while (first < end && (table->pages[first].member != zap->member ||
			       !older(table->pages[first].born, zap->limit)))
		first++;
	for (__u32 i = first; i < end; i++)
		tail += table->pages[i].member == zap->member;
	return tail == zap->nr ? (table->key << LEDGER_TABLE_SHIFT) + first * LEDGER_PAGE_BYTES
			       : zap->from;
}

/* Take the lowest @nr pages of the zap's member in table @index. Returns how many; *@last: the last
 * one's address. */
static __u32 take(const struct zap *zap, __u32 index, __u64 from, __s64 nr, __u64 *last)
{
	struct ledger_table *table = page_ledger__own(&zap->space->ledger, index);
	__u32 first, end, owner, taken = 0;

	if (!table) {
		zap->session->no_memory = true;
		return 0;
	}
	ledger_table__clip(table->key, from, zap->end, &first, &end);
	for (__u32 i = first; i < end && taken < nr; i++) {
		if (table->pages[i].member != zap->member)
			continue;
		owner = table->pages[i].owner;
		books__drop(zap->session, zap->space, table, i);
		if (zap->doubtful)
			ledger_table__haunt(table, i, owner);
		*last = (table->key << LEDGER_TABLE_SHIFT) + i * LEDGER_PAGE_BYTES;
		taken++;
	}
	return taken;
}

/* Nothing in the rest of the range fits: take the lowest of the whole range, and trust none of it.
 */
static void take_anywhere(struct zap *zap)
{
	const struct page_ledger *ledger = &zap->space->ledger;
	__u64 last;

	if (zap->soft)
		zap->space->surplus[zap->member] += zap->nr;
	books__dispute(zap->session, zap->space, zap->start, zap->end);
	zap->doubtful = true;
	for (__u32 q = page_ledger__lower_bound(ledger, zap->start >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables && zap->nr > 0 &&
	     ledger->tables[q]->key << LEDGER_TABLE_SHIFT < zap->end;
	     q++)
		zap->nr -= take(zap, q, zap->start, zap->nr, &last);
}

/* One soft record may stand for the table and the next one: take the first, go on with the second.
 */
static bool two_tables(struct zap *zap, struct candidates *found)
{
	const struct page_ledger *ledger = &zap->space->ledger;
	__u32 next = found->stop + 1, first, end, pages;
	__u64 last;
	bool old;

	if (next >= ledger->nr_tables ||
	    ledger->tables[next]->key << LEDGER_TABLE_SHIFT >= zap->end)
		return false;
	ledger_table__clip(ledger->tables[next]->key, zap->from, zap->end, &first, &end);
	pages = count_member(ledger->tables[next], first, end, zap->member, 0, &old);
	if (!pages || zap->nr != (__s64)found->stop_pages + pages)
		return false;
	take(zap, found->stop, zap->from, found->stop_pages, &last);
	found->best = found->stop = next;
	found->best_pages = found->stop_pages = pages;
	zap->from = ledger->tables[next]->key << LEDGER_TABLE_SHIFT;
	zap->nr = pages;
	return true;
}

/* A soft amount that fits no table: it is the table the zap cannot have passed, and the amount is
 * off. */
static void repair(struct zap *zap, struct candidates *found)
{
	__s64 *surplus = &zap->space->surplus[zap->member];
	__s64 missing = (__s64)found->stop_pages - zap->nr;

	if (found->stop < 0 || (found->best >= 0 && found->best_pages == zap->nr))
		return;
	if (missing < 0 && two_tables(zap, found))
		return;
	if (missing < 0 || missing == *surplus) {
		*surplus -= missing;
		zap->nr = found->stop_pages;
	}
	found->best = found->stop;
	found->best_pages = found->stop_pages;
}

static void remember(struct zap *zap, __u64 key, bool whole, __u64 last)
{
	struct call *call = zap->call;

	call->released = true;
	call->last_key = key;
	call->last_gen = zap->gen;
	call->cursor[zap->member] =
		whole ? (key + 1) << LEDGER_TABLE_SHIFT : last + LEDGER_PAGE_BYTES;
}

/*
 * Nothing from the cursor on fits: it is the next call with the same arguments. That began after
 * the last release: what was there by then it cannot have passed.
 */
static void begins_anew(struct zap *zap, struct candidates *found)
{
	if (!zap->guessed || !zap->call->released || found->best >= 0)
		return;
	zap->call->released = false;
	memset(zap->call->cursor, 0, sizeof(zap->call->cursor));
	zap->from = zap->start;
	*found = search(zap);
}

static void apply(struct zap *zap)
{
	struct candidates found = search(zap);
	__u64 last, key, at;

	begins_anew(zap, &found);
	at = resumed_at(zap, &found);
	last = zap->from;

	if (at > zap->from) {
		zap->from = at;
		found.best_pages = zap->nr;
	} else if (zap->soft) {
		repair(zap, &found);
	}
	if (zap->nr <= 0)
		return;
	if (found.best < 0) {
		take_anywhere(zap);
		return;
	}
	zap->doubtful = found.ambiguous;
	if (found.ambiguous)
		books__dispute(zap->session, zap->space, zap->start, zap->end);
	key = zap->space->ledger.tables[found.best]->key;
	take(zap, found.best, zap->from, zap->nr, &last);
	remember(zap, key, found.best_pages == zap->nr, last);
}

static __u64 heap_end(struct space *space, __u64 addr)
{
	const struct vma *vma = vma_map__find(&space->map, addr);
	__u64 end = space->brk_end;

	if (vma && vma->kind == KIND_HEAP && vma->end > end)
		end = vma->end;
	return end;
}

/* The addresses the call was given; false: its arguments do not tell. */
static bool range_of(struct space *space, const struct rec_release *release, __u64 *start,
		     __u64 *end)
{
	const __u64 *args = release->args;
	const struct vma *vma;

	switch (release->op) {
	case VM_OP_MUNMAP:
	case VM_OP_MADVISE:
	case VM_OP_MMAP:
		*start = page_down(args[0]);
		*end = *start + page_up(args[1]);
		break;
	case VM_OP_MREMAP:
		*start = page_down(args[0]) + page_up(args[2]);
		*end = page_down(args[0]) + page_up(args[1]);
		break;
	case VM_OP_BRK:
		*start = page_up(args[0]);
		*end = heap_end(space, *start);
		break;
	case VM_OP_SHMDT:
		vma = vma_map__find(&space->map, args[0]);
		if (!vma)
			return false;
		*start = vma->start;
		*end = vma->end;
		break;
	default:
		return false;
	}
	return *start < *end && *end <= ADDRESS_END;
}

/*
 * Other advice takes nothing of its range, but may split a huge page of which the range is a part;
 * the zeroed small pages of that are given back (Linux 6.12), wherever mremap has taken them since.
 */
static bool takes_its_range(__u64 advice)
{
	return advice == ADVICE_DONTNEED || advice == ADVICE_DONTNEED_LOCKED ||
	       advice == ADVICE_GUARD_INSTALL;
}

static bool fills_its_range(const struct rec_release *release)
{
	return release->op == VM_OP_MLOCK || is_populate_write(release->op, release->args);
}

static __u64 later(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

/* If the amounts of soft releases do not balance in the end, some of them took the wrong pages. */
void session__settle(struct session *session, struct space *space, __u8 member)
{
	__s64 surplus = space->surplus[member];

	space->surplus[member] = 0;
	books__unplaced(session, space, member, -surplus);
}

void session__release(struct session *session, struct space *space,
		      const struct rec_release *release)
{
	struct zap zap = {
		.session = session,
		.space = space,
		.gen = release->gen,
		.nr = release->nr_pages,
		.member = release->member,
		.soft = release->flags & RELEASE_SOFT,
		.guessed = release->flags & RELEASE_GUESSED,
	};
	struct call *call;

	books__count(session, space, zap.member, -zap.nr, release->cause);
	if (zap.member == RSST_SWAP || (!zap.nr && !zap.soft))
		return;
	if (release->op ==
	    VM_OP_NONE) { /* what soft ones, and faults at the same time, told wrong */
		space->surplus[zap.member] += zap.nr;
		session__settle(session, space, zap.member);
		return;
	}
	call = calls__get(session, space, release->tid, release->call);
	if (!call)
		return;
	if (release->op == VM_OP_MREMAP && release->args[3] & 2) { /* MREMAP_FIXED */
		call->deferred[zap.member] += zap.nr;
		call->deferred_gen = release->gen;
		return;
	}
	if (fills_its_range(release)) {
		session__copy_filled(session, space, call, release);
		return;
	}
	if (!range_of(space, release, &zap.start, &zap.end)) {
		books__unplaced(session, space, zap.member, -zap.nr);
		return;
	}
	if (release->op == VM_OP_MADVISE && !takes_its_range(release->args[2])) {
		if (release->args[2] == ADVICE_REMOVE)
			session__punch(session, space, release, zap.start, zap.end);
		else
			books__unplaced(session, space, zap.member, -zap.nr);
		return;
	}
	zap.call = call;
	zap.from = later(call->cursor[zap.member], zap.start);
	if (call->released)
		zap.from = later(zap.from, call->last_key << LEDGER_TABLE_SHIFT);
	zap.limit = call->released ? call->last_gen : release->call_gen;
	apply(&zap);
}
