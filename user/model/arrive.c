// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pages that arrive: by a fault, by a call that populates, or nobody knows where. */
#include "model/books.h"

#define STACK_GROWTH_MAX                                                                           \
	((8ULL << 20) + (1ULL << 20)) /* default stack limit, and slack for its gap */

/* A fault just below a stack grows it down to the page. */
static void grow_stack(struct space *space, __u64 addr)
{
	__u32 i = vma_map__at(&space->map, addr);
	struct vma *above;

	if (i >= space->map.nr)
		return;
	above = &space->map.entries[i].vma;
	if (above->start > addr && above->kind == KIND_STACK &&
	    above->start - addr <= STACK_GROWTH_MAX)
		above->start = addr;
}

/* The page a COW replaces: the file's page leaves as the anonymous one comes. */
static void leave_for_copy(struct session *session, struct space *space,
			   const struct rec_fault *fault)
{
	__u32 i = fault->addr >> LEDGER_PAGE_SHIFT & (LEDGER_TABLE_PAGES - 1);
	__u64 key = fault->addr >> LEDGER_TABLE_SHIFT;
	const struct ledger_table *seen = page_ledger__find(&space->ledger, key);
	struct ledger_table *table;

	books__count(session, space, fault->cow_member, -1, fault->cause);
	if (!seen || seen->pages[i].member == MEMBER_NONE) {
		/* the file's page is somewhere else in the books */
		books__dispute(session, space, fault->addr, fault->addr + 1);
		return;
	}
	table = page_ledger__writable(&space->ledger, key);
	if (!table) {
		session->no_memory = true;
		return;
	}
	if (table->pages[i].member != fault->cow_member)
		table->disputed_at = session->events;
	books__drop(session, space, table, i);
}

/* A run counts each of its faults; fault-around and a huge page are one. */
static __u64 nr_faults(const struct rec_fault *fault)
{
	bool huge = fault->nr_pages == LEDGER_TABLE_PAGES &&
		    !(fault->addr & ((1ULL << LEDGER_TABLE_SHIFT) - 1));

	return fault->flags & FAULT_AROUND || huge ? 1 : fault->nr_pages;
}

static void count_thread(struct session *session, const struct space *space, __u32 tid, __u32 owner,
			 __u64 pages)
{
	const struct thread_stack by = { .tid = tid, .space = space->id, .owner = owner };

	if (thread_table__count(&session->threads, &by, pages))
		session->no_memory = true;
}

/* @pages came by a stack that was taken by chance: it stands for those that were not. */
static void note_sample(struct session *session, __u32 owner, __u64 pages, __u8 flags)
{
	__u64 weight = 1ULL << SAMPLE_SHIFT(flags);
	struct stack_pages *of;

	if (owner < OWNER_FIRST_STACK || pages >= weight)
		return;
	of = &session->stacks.pages[owner];
	of->stands_for += weight - pages;
	of->variance += weight * (weight - pages);
}

void session__fault(struct session *session, struct space *space, const struct rec_fault *fault)
{
	struct birth birth = {
		.owner = session__owner(session, space->id, fault->stack),
		.born = fault->gen,
		.member = fault->member,
	};

	if (fault->flags & FAULT_COW)
		leave_for_copy(session, space, fault);
	books__count(session, space, fault->member, fault->nr_pages, fault->cause);
	if (fault->member == RSST_SWAP)
		return;
	note_sample(session, birth.owner, fault->nr_pages, fault->flags);
	session->faults += nr_faults(fault);
	space->history.faults += nr_faults(fault);
	count_thread(session, space, fault->tid, birth.owner, fault->nr_pages);
	grow_stack(space, fault->addr);
	if (fault->flags & FAULT_AROUND)
		session__place_around(session, space, fault->addr, fault->nr_pages,
				      fault->flags & FAULT_WRITE, &birth);
	else
		books__place(session, space, fault->addr, fault->nr_pages, &birth);
}

/* Could a call that fills @vma have brought pages of @member? */
static bool can_be_filled(const struct vma *vma, __u8 member)
{
	return vma__can_hold(vma, member) && (member == RSST_ANON ? vma->prot & 2 : vma->prot);
}

/* Where in [@at, @end) the mapping that holds @at ends, or with @vma NULL the next one begins. */
static __u64 edge_after(struct space *space, const struct vma *vma, __u64 at, __u64 end)
{
	__u64 edge = end;
	__u32 i;

	if (vma)
		edge = vma->end;
	else if ((i = vma_map__at(&space->map, at)) < space->map.nr)
		edge = space->map.entries[i].vma.start;
	return edge < end ? edge : end;
}

/*
 * The next page at or after @at that is not resident, where @member can come; @end: none is. What
 * fills a range leaves out its holes; but with @unmapped, where no mapping is known one may be.
 */
static __u64 next_missing(struct space *space, __u8 member, __u64 at, __u64 end, bool unmapped)
{
	while (at < end) {
		const struct vma *vma = vma_map__find(&space->map, at);
		__u64 stop = edge_after(space, vma, at, end);

		if (vma ? !can_be_filled(vma, member) : !unmapped)
			at = stop;
		while (at < stop && is_resident(space, at))
			at += LEDGER_PAGE_BYTES;
		if (at < stop)
			return at;
	}
	return end;
}

/*
 * Where a huge page came that holds the next missing page at or after @at; it may stand out of the
 * range that was to be filled. @end: nowhere.
 */
static __u64 next_huge(struct space *space, __u64 at, __u64 end, bool unmapped)
{
	const __u64 bytes = 1ULL << LEDGER_TABLE_SHIFT;

	while ((at = next_missing(space, RSST_ANON, at, end, unmapped)) < end) {
		const struct vma *vma = vma_map__find(&space->map, at);
		__u64 base = at & ~(bytes - 1);

		if ((!vma || (vma->start <= base && base + bytes <= vma->end)) &&
		    !page_ledger__count(&space->ledger, base, base + bytes))
			return base;
		at = base + bytes;
	}
	return end;
}

/* Place the pages of one queue entry from *@at on; returns how many found no place below @end. */
static __u64 place_ascending(struct session *session, struct space *space,
			     const struct queued *gain, __u64 *at, __u64 end, bool unmapped)
{
	struct birth birth = { .owner = gain->owner, .born = gain->born, .member = gain->member };
	__u64 left = (__u64)gain->unit * gain->times;

	while (gain->unit == LEDGER_TABLE_PAGES && left >= LEDGER_TABLE_PAGES) {
		__u64 base = next_huge(space, *at, end, unmapped);

		if (base == end || books__place(session, space, base, LEDGER_TABLE_PAGES, &birth) <
					   LEDGER_TABLE_PAGES)
			break;
		*at = base + (1ULL << LEDGER_TABLE_SHIFT);
		left -= LEDGER_TABLE_PAGES;
	}
	for (; left; left--) {
		*at = next_missing(space, gain->member, *at, end, unmapped);
		if (*at == end || !books__place(session, space, *at, 1, &birth))
			break;
		*at += LEDGER_PAGE_BYTES;
	}
	return left;
}

/* Are just @pages missing in [at, end)? Costs what is missing, at most @pages + 1. */
static bool just_missing(struct space *space, __u8 member, __u64 pages, __u64 at, __u64 end)
{
	while (pages && (at = next_missing(space, member, at, end, false)) < end) {
		at += LEDGER_PAGE_BYTES;
		pages--;
	}
	return !pages && next_missing(space, member, at, end, false) == end;
}

/* The pages of a file come as by faults: each brings those around it. */
static void place_faulted(struct session *session, struct space *space, const struct queued *gain,
			  __u64 *at, __u64 end)
{
	struct birth birth = { .owner = gain->owner, .born = gain->born, .member = gain->member };

	for (__u32 i = 0; i < gain->times; i++) {
		__u64 from = *at;

		*at = next_missing(space, gain->member, from, end, false);
		if (*at == end)
			*at = next_missing(space, gain->member, from, end, true);
		if (*at == end)
			books__unplaced(session, space, gain->member, gain->unit);
		else
			session__place_around(session, space, *at, gain->unit, gain->write, &birth);
	}
}

/*
 * The next of @call's gains that has pages left, of anonymous memory or else of files, at or after
 * entry *@at. Whichever of its pages was found, the others come one by one.
 */
static struct queued *next_gain(struct call *call, bool anon, __u32 *at)
{
	for (; *at < call->nr_queue; ++*at) {
		struct queued *gain = &call->queue[*at];

		if ((gain->member == RSST_ANON) != anon || !gain->times)
			continue;
		gain->times *= gain->unit;
		gain->unit = 1;
		return gain;
	}
	return NULL;
}

/*
 * Of pages [@first, @end) those older than the memory itself went without a trace; those a scan
 * found meanwhile come in place of queued ones. It cannot tell shmem from other files.
 */
static void adopt(struct session *session, struct space *space, struct call *call,
		  struct ledger_table *table, __u32 first, __u32 end, __u64 since, __u32 *next)
{
	for (__u32 i = first; i < end; i++) {
		bool anon = table->pages[i].member == RSST_ANON;
		struct queued *gain;
		struct birth birth;

		if (table->pages[i].member == MEMBER_NONE)
			continue;
		if (older(table->pages[i].born, since)) {
			books__drop(session, space, table, i);
			continue;
		}
		gain = table->pages[i].owner == OWNER_UNKNOWN ? next_gain(call, anon, &next[anon])
							      : NULL;
		if (!gain)
			continue;
		gain->times--;
		birth = (struct birth){ .owner = gain->owner,
					.born = gain->born,
					.member = gain->member };
		books__lift(session, space, table, i);
		books__place(session, space,
			     (table->key << LEDGER_TABLE_SHIFT) + i * LEDGER_PAGE_BYTES, 1, &birth);
	}
}

void session__place_fresh(struct session *session, struct space *space, struct call *call,
			  __u64 base, __u64 end, __u64 since)
{
	const struct page_ledger *ledger = &space->ledger;
	__u32 next[2] = { 0 };

	for (__u32 q = page_ledger__lower_bound(ledger, base >> LEDGER_TABLE_SHIFT);
	     call->nr_queue && q < ledger->nr_tables &&
	     ledger->tables[q]->key << LEDGER_TABLE_SHIFT < end;
	     q++) {
		struct ledger_table *table;
		__u32 first, last;

		if (ledger_table__empty(ledger->tables[q]))
			continue;
		table = page_ledger__own(&space->ledger, q);
		if (!table) {
			session->no_memory = true;
			return;
		}
		ledger_table__clip(table->key, base, end, &first, &last);
		adopt(session, space, call, table, first, last, since, next);
	}
	session__place_queue(session, space, call, base, end);
}

/* The call fills the range from @base on, in ascending order; it may have begun that already. */
static void begin_range(struct call *call, __u64 base)
{
	if (call->populate_base != base) {
		call->populate_base = base;
		call->populate_at = base;
	}
}

static bool is_copied_on_write(struct space *space, __u64 addr)
{
	const struct vma *vma = vma_map__find(&space->map, addr);

	return !vma || (!vma->shared && vma->prot & 2);
}

/* The next page of @member at or after @at where a write copies it; @end: none. */
static __u64 next_copied(struct space *space, __u8 member, __u64 at, __u64 end)
{
	const struct page_ledger *ledger = &space->ledger;

	for (__u32 q = page_ledger__lower_bound(ledger, at >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables && ledger->tables[q]->key << LEDGER_TABLE_SHIFT < end; q++) {
		const struct ledger_table *table = ledger->tables[q];
		__u32 first, last;

		if (!table->counts[member])
			continue;
		ledger_table__clip(table->key, at, end, &first, &last);
		for (__u32 i = first; i < last; i++) {
			__u64 addr = (table->key << LEDGER_TABLE_SHIFT) + i * LEDGER_PAGE_BYTES;

			if (table->pages[i].member == member && is_copied_on_write(space, addr))
				return addr;
		}
	}
	return end;
}

void session__copy_filled(struct session *session, struct space *space, struct call *call,
			  const struct rec_release *release)
{
	__u64 base = page_down(release->args[0]), end = page_up(base + page_up(release->args[1]));
	__s64 left = release->nr_pages;

	if (left <= 0 || !base || base >= ADDRESS_END || end > ADDRESS_END) {
		books__unplaced(session, space, release->member, -left);
		return;
	}
	begin_range(call, base);
	for (; left; left--) {
		__u64 at = next_copied(space, release->member, call->populate_at, end);
		struct ledger_table *table;

		call->populate_at = at; /* nothing: it is not looked for again */
		if (at == end)
			break;
		table = page_ledger__writable(&space->ledger, at >> LEDGER_TABLE_SHIFT);
		if (!table) {
			session->no_memory = true;
			break;
		}
		books__drop(session, space, table,
			    at >> LEDGER_PAGE_SHIFT & (LEDGER_TABLE_PAGES - 1));
	}
	books__unplaced(session, space, release->member, -left);
}

void session__place_queue(struct session *session, struct space *space, struct call *call,
			  __u64 base, __u64 end)
{
	begin_range(call, base);
	for (__u32 i = 0; i < call->nr_queue; i++) {
		struct queued *gain = &call->queue[i];
		__u64 left, again = base, from = call->populate_at;

		/* before Linux 6.2 those of a whole call may come as one: no single fault's */
		if (gain->member != RSST_ANON &&
		    !just_missing(space, gain->member, (__u64)gain->unit * gain->times,
				  call->populate_at, end)) {
			place_faulted(session, space, gain, &call->populate_at, end);
			continue;
		}
		left = place_ascending(session, space, gain, &call->populate_at, end, false);
		/*
		 * Before Linux 6.2 huge pages are told as they come, small ones at the end of the
		 * call: those belong into the holes.
		 */
		gain->times = left;
		gain->unit = 1;
		left = place_ascending(session, space, gain, &again, end, false);
		if (!left)
			continue;
		gain->times = left;
		call->populate_at = from;
		left = place_ascending(session, space, gain, &call->populate_at, end, true);
		books__unplaced(session, space, gain->member, left);
	}
	call->nr_queue = 0;
}

void session__populate(struct session *session, struct space *space,
		       const struct rec_populate *populate)
{
	struct queued gain = {
		.owner = session__owner(session, space->id, populate->stack),
		.born = populate->gen,
		.unit = populate->nr_pages,
		.times = 1,
		.member = populate->member,
		.write = is_populate_write(populate->op, populate->args),
	};
	__u64 base = page_down(populate->args[0]);
	struct call *call;

	books__count(session, space, populate->member, populate->nr_pages, populate->cause);
	if (populate->member == RSST_SWAP || !populate->nr_pages)
		return;
	note_sample(session, gain.owner, populate->nr_pages, populate->flags);
	count_thread(session, space, populate->tid, gain.owner, populate->nr_pages);
	call = calls__get(session, space, populate->tid, populate->call);
	if (!call)
		return;
	switch (populate->flags & POPULATE_PLACED ? VM_OP_MADVISE : populate->op) {
	case VM_OP_MMAP:
	case VM_OP_MREMAP: /* of locked memory that grows */
		if (!call__queue(call, &gain))
			books__unplaced(session, space, gain.member, gain.unit);
		return;
	case VM_OP_MADVISE:
	case VM_OP_MLOCK: /* mlockall has no address: its flags are all below the first page */
		if (base && base < ADDRESS_END && call__queue(call, &gain)) {
			session__place_queue(session, space, call, base,
					     page_up(base + page_up(populate->args[1])));
			return;
		}
		break;
	case VM_OP_BRK:
		if (space->brk_end && call__queue(call, &gain)) {
			session__place_queue(session, space, call, space->brk_end,
					     page_up(populate->args[0]));
			return;
		}
		break;
	}
	books__unplaced(session, space, gain.member, gain.unit);
}

void session__delta(struct session *session, struct space *space, const struct rec_delta *delta)
{
	books__count(session, space, delta->member, delta->delta, delta->cause);
	books__unplaced(session, space, delta->member, delta->delta);
}
