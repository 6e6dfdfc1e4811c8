// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include "model/books.h"

static void cause_pages__add(struct cause_pages *moved, __u8 member, __s64 pages)
{
	if (pages > 0)
		moved->in[member] += pages;
	else
		moved->out[member] -= pages;
}

__s64 books__rss(const struct space *space)
{
	return space->counted[RSST_FILE] + space->counted[RSST_ANON] + space->counted[RSST_SHMEM];
}

/* RSS of @space, and so that of all, has grown by @pages. */
static void note_peaks(struct session *session, struct space *space, __s64 pages)
{
	__s64 own = books__rss(space);

	if (own > (__s64)space->history.peak_pages) {
		space->history.peak_pages = own;
		space->history.peak_ts = session->record_ts;
	}
	session->rss_pages += pages;
	if (session->rss_pages > (__s64)session->peak_pages) {
		session->peak_pages = session->rss_pages;
		session->peak_ts = session->record_ts;
	}
}

_Static_assert(STACKS_MAX <= 1U << OWNER_BITS, "a page keeps its owner whole");

/* Do all sums that take @pages in stay what a machine can have? The causes of the space are parts
 * of the session's; of its counters all spaces together hold less than PAGES_SUM_MAX. */
static bool fits(const struct session *session, const struct space *space, __u8 member, __s64 pages,
		 __u8 cause)
{
	const struct cause_pages *moved = session->causes + cause;
	__s64 sum = space->counted[member] + pages;

	return sum <= RECORD_COUNT_MAX && sum >= -RECORD_COUNT_MAX &&
	       moved->in[member] <= PAGES_SUM_MAX && moved->out[member] <= PAGES_SUM_MAX;
}

void books__count(struct session *session, struct space *space, __u8 member, __s64 pages,
		  __u8 cause)
{
	if (!fits(session, space, member, pages, cause)) {
		session->nr_ignored++;
		return;
	}
	space->counted[member] += pages;
	cause_pages__add(session->causes + cause, member, pages);
	cause_pages__add(space->history.causes + cause, member, pages);
	if (member != RSST_SWAP)
		note_peaks(session, space, pages);
}

void books__open(struct session *session, struct space *space, const __s64 *pages)
{
	memcpy(space->counted, pages, sizeof(space->counted));
	note_peaks(session, space, pages[RSST_FILE] + pages[RSST_ANON] + pages[RSST_SHMEM]);
}

/* Look for pages of @member where no table is. */
static void sweep_holes(struct space *space, __u8 member)
{
	struct hole_sweep *sweep = &space->sweep;

	if (sweep->wanted[RSST_FILE] || sweep->wanted[RSST_ANON] || sweep->wanted[RSST_SHMEM])
		sweep->again = true;
	else
		sweep->next = 0;
	sweep->wanted[member] = true;
}

void books__unplaced(struct session *session, struct space *space, __u8 member, __s64 pages)
{
	if (member == RSST_SWAP || !pages)
		return;
	if (pages < 0) {
		space->loss_at[member] = session->events;
		return;
	}
	space->gain_at[member] = session->events;
	sweep_holes(space, member);
}

/* @nr pages of one member and owner are resident from now on (negative: no more). */
static void enter(struct session *session, struct space *space, __u8 member, __u32 owner, __s64 nr)
{
	space->placed[member] += nr;
	if (owner < OWNER_FIRST_STACK) {
		space->by_class[owner == OWNER_BEFORE ? CLASS_BEFORE : CLASS_UNKNOWN] += nr;
		return;
	}
	space->by_class[CLASS_STACK] += nr;
	session->stacks.pages[owner].rss += nr;
}

void books__lift(struct session *session, struct space *space, struct ledger_table *table, __u32 i)
{
	enter(session, space, table->pages[i].member, table->pages[i].owner, -1);
	ledger_table__clear(table, i);
	table->touched = session->events;
}

void books__drop(struct session *session, struct space *space, struct ledger_table *table, __u32 i)
{
	__u32 owner = table->pages[i].owner;

	books__lift(session, space, table, i);
	if (owner >= OWNER_FIRST_STACK)
		session->stacks.pages[owner].freed++;
}

bool books__restore(struct session *session, struct space *space, struct ledger_table *table,
		    __u32 i, __u8 member)
{
	__u32 owner = table->pages[i].owner;
	bool guessed =
		!owner && member != RSST_ANON && i >= table->guess_first && i < table->guess_end;

	if (guessed)
		owner = table->guess_owner;
	if (!owner)
		return false;
	ledger_table__set(table, i, member, owner, session->gen);
	table->touched = session->events;
	enter(session, space, member, owner, 1);
	if (owner < OWNER_FIRST_STACK)
		return true;
	if (guessed)
		session->stacks.pages[owner].faulted++;
	else if (session->stacks.pages[owner].freed)
		session->stacks.pages[owner].freed--;
	return true;
}

static struct ledger_table *writable(struct session *session, struct space *space, __u64 key)
{
	__u32 before = space->ledger.nr_tables;
	struct ledger_table *table;

	if (session->nr_tables >= TABLES_MAX && !page_ledger__find(&space->ledger, key))
		return NULL;
	table = page_ledger__writable(&space->ledger, key);
	if (!table)
		session->no_memory = true;
	session->nr_tables += space->ledger.nr_tables - before;
	return table;
}

static __u32 place_in_table(struct session *session, struct space *space,
			    struct ledger_table *table, __u32 first, __u32 end,
			    const struct birth *birth)
{
	__u32 nr = 0;

	for (__u32 i = first; i < end; i++) {
		if (table->pages[i].member != MEMBER_NONE) {
			if (birth->keep_resident)
				continue;
			books__drop(session, space, table, i);
			table->disputed_at = session->events;
		}
		ledger_table__set(table, i, birth->member, birth->owner, birth->born);
		nr++;
	}
	if (nr)
		table->touched = session->events;
	return nr;
}

__u64 books__place(struct session *session, struct space *space, __u64 addr, __u64 nr,
		   const struct birth *birth)
{
	__u64 placed = 0, page = addr >> LEDGER_PAGE_SHIFT, left = nr;

	while (left) {
		__u32 first = page % LEDGER_TABLE_PAGES, room = LEDGER_TABLE_PAGES - first;
		__u32 here = left < room ? left : room;
		struct ledger_table *table = writable(session, space, page / LEDGER_TABLE_PAGES);

		if (!table)
			break;
		placed += place_in_table(session, space, table, first, first + here, birth);
		page += here;
		left -= here;
	}
	enter(session, space, birth->member, birth->owner, placed);
	if (birth->owner >= OWNER_FIRST_STACK && !birth->moved)
		session->stacks.pages[birth->owner].faulted += placed;
	return placed;
}

void books__inherit(struct session *session, struct space *space)
{
	for (__u32 q = 0; q < space->ledger.nr_tables; q++) {
		const struct ledger_table *table = space->ledger.tables[q];

		for (__u32 i = 0; i < LEDGER_TABLE_PAGES; i++)
			if (table->pages[i].member != MEMBER_NONE)
				enter(session, space, table->pages[i].member, table->pages[i].owner,
				      1);
	}
}

static void close_table(struct session *session, struct space *space,
			const struct ledger_table *table)
{
	for (__u32 i = 0; i < LEDGER_TABLE_PAGES; i++) {
		if (table->pages[i].member == MEMBER_NONE)
			continue;
		enter(session, space, table->pages[i].member, table->pages[i].owner, -1);
		if (table->pages[i].owner >= OWNER_FIRST_STACK)
			session->stacks.pages[table->pages[i].owner].freed++;
	}
}

void books__close(struct session *session, struct space *space, __u8 cause)
{
	for (__u32 q = 0; q < space->ledger.nr_tables; q++)
		close_table(session, space, space->ledger.tables[q]);
	session->nr_tables -= space->ledger.nr_tables;
	page_ledger__fini(&space->ledger);
	for (__u8 m = 0; m < RSST_NR_MEMBERS; m++)
		books__count(session, space, m, -space->counted[m], cause);
	/* where the sums of a broken stream were full, it is gone all the same */
	session->rss_pages -= books__rss(space);
	memset(space->counted, 0, sizeof(space->counted));
}

static void dispute_at(struct session *session, struct space *space, __u32 index)
{
	struct ledger_table *table = page_ledger__own(&space->ledger, index);

	/* also when it is disputed already: a scan that began before this is of no use */
	if (table)
		table->disputed_at = session->events;
	else
		session->no_memory = true;
}

void books__dispute(struct session *session, struct space *space, __u64 start, __u64 end)
{
	const struct page_ledger *ledger = &space->ledger;

	for (__u32 q = page_ledger__lower_bound(ledger, start >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables && ledger->tables[q]->key << LEDGER_TABLE_SHIFT < end; q++)
		dispute_at(session, space, q);
}

void books__doubt(struct session *session, struct space *space, __u64 start, __u64 end)
{
	books__dispute(session, space, start, end);
	sweep_holes(space, RSST_FILE);
	sweep_holes(space, RSST_ANON);
	sweep_holes(space, RSST_SHMEM);
}

static bool has_older(const struct ledger_table *table, __u32 first, __u32 last, __u64 gen)
{
	for (__u32 i = first; i < last; i++)
		if (table->pages[i].member != MEMBER_NONE && older(table->pages[i].born, gen))
			return true;
	return false;
}

/* The first and last page, exclusive, of table @index in the range if it has any born before @gen.
 */
static bool clip_older(const struct page_ledger *ledger, __u32 index, __u64 start, __u64 end,
		       __u64 gen, __u32 *first, __u32 *last)
{
	const struct ledger_table *table = ledger->tables[index];

	if (ledger_table__empty(table))
		return false;
	ledger_table__clip(table->key, start, end, first, last);
	return has_older(table, *first, *last, gen);
}

void books__dispute_older(struct session *session, struct space *space, __u64 start, __u64 end,
			  __u64 gen)
{
	const struct page_ledger *ledger = &space->ledger;
	__u32 first, last;

	for (__u32 q = page_ledger__lower_bound(ledger, start >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables && ledger->tables[q]->key << LEDGER_TABLE_SHIFT < end; q++)
		if (clip_older(ledger, q, start, end, gen, &first, &last))
			dispute_at(session, space, q);
}

void books__expire(struct session *session, struct space *space, __u64 start, __u64 end, __u64 gen)
{
	const struct page_ledger *ledger = &space->ledger;
	__u32 first, last;

	for (__u32 q = page_ledger__lower_bound(ledger, start >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables && ledger->tables[q]->key << LEDGER_TABLE_SHIFT < end; q++) {
		struct ledger_table *table;

		if (!clip_older(ledger, q, start, end, gen, &first, &last))
			continue;
		dispute_at(session, space, q);
		table = page_ledger__own(&space->ledger, q);
		for (__u32 i = first; table && i < last; i++)
			if (table->pages[i].member != MEMBER_NONE &&
			    older(table->pages[i].born, gen))
				books__drop(session, space, table, i);
	}
}

void books__prune(struct session *session, struct space *space, __u64 start, __u64 end)
{
	__u32 nr = page_ledger__prune(&space->ledger, start, end);

	session->nr_tables -= nr;
	if (nr)
		space->removed_at = session->events;
}
