// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mremap moves pages without a release or a birth. The pages are taken up (stashed) when the kernel
 * has chosen the new place: it holds the mmap lock, so no other thread can map there or fault the
 * old place in again. They are put down when the call is told. With MREMAP_FIXED nothing is chosen:
 * both happen then.
 */
#include <errno.h>
#include "model/books.h"

#define MREMAP_FIXED_BIT 2
#define MREMAP_DONTUNMAP_BIT 4

/*
 * Has the page at @addr, born while the call waited for the mmap lock or after it had moved what
 * was there, been moved? Where the call has left nothing mapped no page can have come later, but on
 * a mapping made since.
 */
static bool was_moved(struct space *space, __u64 addr, __u64 since)
{
	__u32 i = vma_map__at(&space->map, addr);
	const struct vma_entry *entry = i < space->map.nr ? &space->map.entries[i] : NULL;

	return !entry || entry->vma.start > addr || entry->born < since;
}

/* The pages to take up. */
struct source {
	__u64 start, end;
	__u64 before; /* those born before this generation were there; 0: all were */
	bool keeps;   /* the mapping stays */
};

/* Returns whether a page was left that may have been moved all the same. */
static bool stash_table(struct session *session, struct space *space, struct call *call,
			const struct source *source, struct ledger_table *table)
{
	__u32 first, last;
	bool doubtful = false;

	ledger_table__clip(table->key, source->start, source->end, &first, &last);
	for (__u32 i = first; i < last; i++) {
		struct stashed page = {
			.offset = (table->key << LEDGER_TABLE_SHIFT) + i * LEDGER_PAGE_BYTES -
				  source->start,
			.owner = table->pages[i].owner,
			.born = table->pages[i].born,
			.member = table->pages[i].member,
		};

		if (page.member == MEMBER_NONE)
			continue;
		if (source->before && !older(page.born, source->before)) {
			if (call->deferred_gen) /* the lock was held from there on */
				continue;
			if (source->keeps ||
			    !was_moved(space, source->start + page.offset, source->before)) {
				doubtful = true;
				table->disputed_at = session->events;
				continue;
			}
		}
		if (call__stash(call, &page))
			books__lift(session, space, table, i);
		else
			session->no_memory = true;
	}
	return doubtful;
}

/* Returns as stash_table(). */
static bool stash(struct session *session, struct space *space, struct call *call,
		  const struct source *source)
{
	const struct page_ledger *ledger = &space->ledger;
	bool doubtful = false;

	call->stash_taken = true;
	for (__u32 q = page_ledger__lower_bound(ledger, source->start >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables && ledger->tables[q]->key << LEDGER_TABLE_SHIFT < source->end;
	     q++) {
		struct ledger_table *table;

		if (ledger_table__empty(ledger->tables[q]))
			continue;
		table = page_ledger__own(&space->ledger, q);
		if (!table) {
			session->no_memory = true;
			break;
		}
		doubtful |= stash_table(session, space, call, source, table);
	}
	return doubtful;
}

static void unstash(struct session *session, struct space *space, struct call *call, __u64 to)
{
	for (__u32 i = 0; i < call->nr_stash; i++) {
		const struct stashed *page = &call->stash[i];
		struct birth birth = {
			.owner = page->owner,
			.born = page->born,
			.member = page->member,
			.moved = true,
		};

		books__place(session, space, to + page->offset, 1, &birth);
	}
	call->nr_stash = 0;
}

void session__mremap_lost(struct session *session, struct call *call)
{
	struct space *space = session__space(session, call->space);

	for (__u32 i = 0; i < call->nr_stash; i++) {
		const struct stashed *page = &call->stash[i];

		if (page->owner >= OWNER_FIRST_STACK)
			session->stacks.pages[page->owner].freed++;
		if (space)
			books__unplaced(session, space, page->member, 1);
	}
	call->nr_stash = 0;
}

struct move {
	__u64 old, old_len, new, new_len, flags;
};

static bool read_move(const __u64 *args, struct move *move)
{
	move->old = page_down(args[0]);
	move->old_len = page_up(args[1]);
	move->new_len = page_up(args[2]);
	move->flags = args[3];
	return move->old < ADDRESS_END && move->old_len <= ADDRESS_END - move->old && move->new_len;
}

static __u64 shorter(const struct move *move)
{
	return move->old_len < move->new_len ? move->old_len : move->new_len;
}

static void keep_template(struct space *space, struct call *call, __u64 old)
{
	const struct vma *vma = call->has_vma ? NULL : vma_map__find(&space->map, old);

	if (!vma)
		return;
	call->vma = *vma;
	call->has_vma = true;
}

void session__mremap_chosen(struct session *session, struct space *space,
			    const struct rec_area *area)
{
	struct call *call = calls__get(session, space, area->tid, area->call);
	struct source source;
	struct move move;

	if (!call || call->stash_taken || !read_move(area->args, &move))
		return;
	keep_template(space, call, move.old);
	source = (struct source){ .start = move.old, .end = move.old + shorter(&move) };
	stash(session, space, call, &source);
}

/* The destination's old pages went before the moved ones came: they are the releases that had no
 * place. */
static void release_destination(struct session *session, struct space *space, struct call *call,
				__u64 start, __u64 end, __u64 before)
{
	const struct page_ledger *ledger = &space->ledger;

	for (__u32 q = page_ledger__lower_bound(ledger, start >> LEDGER_TABLE_SHIFT);
	     q < ledger->nr_tables && ledger->tables[q]->key << LEDGER_TABLE_SHIFT < end; q++) {
		struct ledger_table *table = page_ledger__own(&space->ledger, q);
		__u32 first, last;

		if (!table) {
			session->no_memory = true;
			return;
		}
		ledger_table__clip(table->key, start, end, &first, &last);
		for (__u32 i = first; i < last; i++) {
			__u8 member = table->pages[i].member;

			if (member == MEMBER_NONE || !call->deferred[member] ||
			    !older(table->pages[i].born, before))
				continue;
			books__drop(session, space, table, i);
			call->deferred[member]--;
		}
	}
}

/* The first mapping in [@start, @end), cut to it; false: none is known there. */
static bool next_piece(struct space *space, __u64 start, __u64 end, struct vma *piece)
{
	__u32 i = vma_map__at(&space->map, start);

	if (start >= end || i >= space->map.nr || space->map.entries[i].vma.start >= end)
		return false;
	*piece = space->map.entries[i].vma;
	if (piece->start < start) {
		piece->pgoff += piece->object ? start - piece->start : 0;
		piece->start = start;
	}
	if (piece->end > end)
		piece->end = end;
	return true;
}

/*
 * Since Linux 6.17 a move to a fixed place may be of several mappings, with gaps
 * between them. What lies in the gaps' destination stays.
 */
static void release_destinations(struct session *session, struct space *space, struct call *call,
				 const struct move *move, __u64 before)
{
	__u64 at = move->old, end = move->old + move->old_len;
	struct vma piece;

	if (move->old_len != move->new_len || !next_piece(space, at, end, &piece)) {
		release_destination(session, space, call, move->new, move->new + move->new_len,
				    before);
		release_destination(session, space, call, move->old + shorter(move), end, before);
		return;
	}
	for (; next_piece(space, at, end, &piece); at = piece.end)
		release_destination(session, space, call, move->new + (piece.start - move->old),
				    move->new + (piece.end - move->old), before);
}

static void insert_moved(struct session *session, struct space *space, const struct rec_call *rec,
			 const struct call *call, const struct move *move, __u64 start)
{
	struct vma vma = call->vma;

	if (!call->has_vma)
		return;
	if (vma.object)
		vma.pgoff += move->old + (start - move->new) - vma.start;
	vma.start = start;
	vma.end = page_up(move->new + move->new_len);
	session__map_result(session, vma_map__insert(&space->map, &vma, rec->gen));
}

/* [@start, @end) was unmapped by @rec. */
static void unmap(struct session *session, struct space *space, const struct rec_call *rec,
		  __u64 start, __u64 end)
{
	session__map_result(session, vma_map__remove(&space->map, start, end, rec->call_gen));
	books__dispute_older(session, space, start, end, rec->call_gen);
	books__prune(session, space, start, end);
}

static void resize_in_place(struct session *session, struct space *space,
			    const struct rec_call *rec, const struct call *call,
			    const struct move *move)
{
	__u64 old_end = move->old + move->old_len, new_end = page_up(move->old + move->new_len);

	if (new_end > old_end) {
		insert_moved(session, space, rec, call, move, old_end);
		return;
	}
	if (new_end == old_end)
		return;
	unmap(session, space, rec, new_end, old_end);
}

static void move_piece(struct session *session, struct space *space, const struct rec_call *rec,
		       const struct move *move, struct vma piece, bool keep)
{
	if (!keep)
		session__map_result(session, vma_map__remove(&space->map, piece.start, piece.end,
							     rec->call_gen));
	piece.end = move->new + (piece.end - move->old);
	piece.start = move->new + (piece.start - move->old);
	session__map_result(session, vma_map__insert(&space->map, &piece, rec->gen));
}

static void move_regions(struct session *session, struct space *space, const struct rec_call *rec,
			 const struct call *call, const struct move *move)
{
	bool keep = move->flags & MREMAP_DONTUNMAP_BIT || !move->old_len;
	__u64 at = move->old, end = move->old + move->old_len;
	struct vma piece;

	if (move->flags & MREMAP_FIXED_BIT && move->old_len == move->new_len) {
		for (; next_piece(space, at, end, &piece); at = piece.end)
			move_piece(session, space, rec, move, piece, keep);
	} else {
		if (!keep)
			session__map_result(session, vma_map__remove(&space->map, move->old, end,
								     rec->call_gen));
		insert_moved(session, space, rec, call, move, move->new);
	}
	books__dispute_older(session, space, move->old, end, rec->call_gen);
	books__prune(session, space, move->old, end);
}

/* The number at *@text, and *@text moved behind it; 0: there is none. */
static unsigned int take_number(const char **text)
{
	unsigned int number = 0;

	for (; **text >= '0' && **text <= '9' && number < 1000; ++*text)
		number = number * 10 + (**text - '0');
	return number;
}

/* Was the stream told by Linux older than @major.@minor? No, if it does not say. */
static bool is_kernel_before(const struct session *session, unsigned int major, unsigned int minor)
{
	const char *release = session->start.kernel;
	unsigned int its_major = take_number(&release);

	if (!its_major || *release++ != '.')
		return false;
	return its_major < major || (its_major == major && take_number(&release) < minor);
}

/*
 * Before Linux 6.17 the destination, and what the source has too much, are unmapped before the
 * source is looked at (mremap_to(), mm/mremap.c); since then all that can be wrong with a single
 * mapping is found first. One thing is looked at before: that there is something at the source.
 */
static bool has_unmapped(const struct session *session, struct space *space,
			 const struct rec_call *rec, const struct call *call,
			 const struct move *move)
{
	if (!is_kernel_before(session, 6, 17))
		return false;
	return call->deferred_gen || (rec->ret == -EFAULT && vma_map__find(&space->map, move->old));
}

/* It may have done a part before it failed: unmapped something, or moved some of several mappings.
 */
static void failed(struct session *session, struct space *space, const struct rec_call *rec,
		   struct call *call, const struct move *move)
{
	__u64 to = page_down(rec->args[4]), end = move->old + move->old_len;
	__u64 before = call->deferred_gen ? call->deferred_gen : rec->call_gen;

	unstash(session, space, call, move->old);
	if (!(move->flags & MREMAP_FIXED_BIT))
		return;
	books__dispute(session, space, move->old, end);
	if (to >= ADDRESS_END || move->new_len > ADDRESS_END - to)
		return;
	books__dispute(session, space, to, to + move->new_len);
	if (!has_unmapped(session, space, rec, call, move))
		return;
	release_destination(session, space, call, to, to + move->new_len, before);
	unmap(session, space, rec, to, to + move->new_len);
	if (move->old_len <= move->new_len)
		return;
	release_destination(session, space, call, move->old + move->new_len, end, before);
	unmap(session, space, rec, move->old + move->new_len, end);
}

static bool stash_before(struct session *session, struct space *space, struct call *call,
			 const struct move *move, __u64 before)
{
	const struct source source = {
		.start = move->old,
		.end = move->old + shorter(move),
		.before = before,
		.keeps = move->flags & MREMAP_DONTUNMAP_BIT || !move->old_len,
	};

	return stash(session, space, call, &source);
}

void session__mremap(struct session *session, struct space *space, const struct rec_call *rec,
		     struct call *call)
{
	struct move move;
	__u64 before;
	bool moved, doubtful = false;

	if (!read_move(rec->args, &move))
		return;
	move.new = rec->ret;
	if (rec->ret <= 0 || move.new & 4095 || move.new >= ADDRESS_END ||
	    move.new_len > ADDRESS_END - move.new) {
		failed(session, space, rec, call, &move);
		return;
	}
	keep_template(space, call, move.old);
	moved = move.new != move.old;
	/* what the destination held went under the mmap lock: whatever was there then was moved or
	 * went */
	before = call->deferred_gen > rec->call_gen ? call->deferred_gen : rec->call_gen;
	/* pages may come until the mapping itself is locked */
	if (moved && (!call->stash_taken || rec->call_gen == rec->gen))
		doubtful = stash_before(session, space, call, &move, before);
	if (move.flags & MREMAP_FIXED_BIT)
		release_destinations(session, space, call, &move, before);
	unstash(session, space, call, move.new);
	if (doubtful)
		books__doubt(session, space, move.new, move.new + move.new_len);
	if (moved)
		move_regions(session, space, rec, call, &move);
	else
		resize_in_place(session, space, rec, call, &move);
	if (move.new_len > move.old_len)
		session__place_fresh(session, space, call, move.new + move.old_len,
				     move.new + move.new_len, rec->call_gen);
}
