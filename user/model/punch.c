// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * MADV_REMOVE takes a part of a file away, and with it its pages in every mapping of that part,
 * wherever it is; private copies stay. A release tells how many went of one mapping in one page
 * table: all there were. Which mapping comes first is the kernel's secret, but two with as many
 * pages are told by two releases.
 */
#include "model/books.h"

#define LOOKS_MAX (1U << 14) /* at mappings and page tables for one release; then it is anywhere   \
			      */

struct punch {
	struct session *session;
	struct space *space;
	const struct rec_release *release;
	bool done;
	__u32 looks; /* left */
};

/* Addresses of one mapping. */
struct part {
	__u64 start, end;
};

static __u32 count_in(const struct ledger_table *table, const struct part *part, __u8 member,
		      __u32 *first, __u32 *end)
{
	__u32 nr = 0;

	ledger_table__clip(table->key, part->start, part->end, first, end);
	for (__u32 i = *first; table->counts[member] && i < *end; i++)
		nr += table->pages[i].member == member;
	return nr;
}

static void take(struct punch *punch, __u32 index, __u32 first, __u32 end)
{
	struct ledger_table *table = page_ledger__own(&punch->space->ledger, index);

	if (!table) {
		punch->session->no_memory = true;
		return;
	}
	for (__u32 i = first; i < end; i++)
		if (table->pages[i].member == punch->release->member)
			books__drop(punch->session, punch->space, table, i);
	punch->done = true;
}

/* Take the first page table's part that holds just what was released. */
static void try_part(struct punch *punch, const struct part *part)
{
	const struct page_ledger *ledger = &punch->space->ledger;
	__u32 q = page_ledger__lower_bound(ledger, part->start >> LEDGER_TABLE_SHIFT), first, end;

	for (; !punch->done && punch->looks && q < ledger->nr_tables &&
	       ledger->tables[q]->key << LEDGER_TABLE_SHIFT < part->end;
	     q++, punch->looks--)
		if (count_in(ledger->tables[q], part, punch->release->member, &first, &end) ==
		    (__u32)punch->release->nr_pages)
			take(punch, q, first, end);
}

static void dispute_part(struct punch *punch, const struct part *part)
{
	books__dispute(punch->session, punch->space, part->start, part->end);
}

/* Calls @fn for what @vma maps of the part of a file that [@start, @end) of @from maps. */
static void visit(struct punch *punch, const struct vma *from, __u64 start, __u64 end,
		  const struct vma *vma, void (*fn)(struct punch *, const struct part *))
{
	__u64 first = start - from->start + from->pgoff, last = first + (end - start);
	__u64 low = first > vma->pgoff ? first : vma->pgoff;
	__u64 high = vma->pgoff + (vma->end - vma->start);
	struct part part;

	if (high > last)
		high = last;
	if (vma->object != from->object || low >= high)
		return;
	part.start = vma->start + (low - vma->pgoff);
	part.end = vma->start + (high - vma->pgoff);
	fn(punch, &part);
}

static void visit_all(struct punch *punch, __u64 start, __u64 end,
		      void (*fn)(struct punch *, const struct part *))
{
	struct vma_map *map = &punch->space->map;

	for (__u32 i = vma_map__at(map, start); i < map->nr && punch->looks; i++) {
		const struct vma *from = &map->entries[i].vma;
		__u64 low = from->start > start ? from->start : start;
		__u64 high = from->end < end ? from->end : end;

		if (low >= end || punch->done)
			break;
		punch->looks--;
		if (!from->object || !from->shared)
			continue;
		for (__u32 k = 0; k < map->nr && !punch->done && punch->looks; k++) {
			punch->looks--;
			visit(punch, from, low, high, &map->entries[k].vma, fn);
		}
	}
}

void session__punch(struct session *session, struct space *space, const struct rec_release *release,
		    __u64 start, __u64 end)
{
	struct punch punch = {
		.session = session,
		.space = space,
		.release = release,
		.looks = LOOKS_MAX,
	};

	if (release->nr_pages > 0)
		visit_all(&punch, start, end, try_part);
	if (punch.done)
		return;
	if (release->flags & RELEASE_SOFT)
		space->surplus[release->member] += release->nr_pages;
	if (!punch.looks) {
		books__unplaced(session, space, release->member, -release->nr_pages);
		return;
	}
	visit_all(&punch, start, end, dispute_part);
	books__dispute(session, space, start, end);
}
