// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/dispute.h"
#include "model/session_state.h"

static bool sweeping(const struct space *space)
{
	const struct hole_sweep *sweep = &space->sweep;

	return sweep->wanted[RSST_FILE] || sweep->wanted[RSST_ANON] || sweep->wanted[RSST_SHMEM];
}

static bool may_hold_hole(const struct space *space, const struct vma *vma)
{
	if (vma->end - vma->start > HOLE_VMA_MAX || !vma->prot)
		return false;
	for (__u8 m = 0; m < RSST_NR_MEMBERS; m++)
		if (space->sweep.wanted[m] && vma__can_hold(vma, m) &&
		    (m != RSST_ANON || vma->prot & 2))
			return true;
	return false;
}

/* First table key at or after @from that lies in swept memory and has no table; ~0: none. */
static __u64 next_hole(const struct space *space, __u64 from)
{
	const struct vma_map *map = &space->map;
	const struct page_ledger *ledger = &space->ledger;
	__u64 key = from > space->sweep.next ? from : space->sweep.next;

	for (__u32 i = 0; sweeping(space) && i < map->nr; i++) {
		const struct vma *vma = &map->entries[i].vma;
		__u64 last = (vma->end - 1) >> LEDGER_TABLE_SHIFT;
		__u32 q;

		if (last < key || !may_hold_hole(space, vma))
			continue;
		if (vma->start >> LEDGER_TABLE_SHIFT > key)
			key = vma->start >> LEDGER_TABLE_SHIFT;
		q = page_ledger__lower_bound(ledger, key);
		while (key <= last && q < ledger->nr_tables && ledger->tables[q]->key == key) {
			key++;
			q++;
		}
		if (key <= last)
			return key;
	}
	return ~0ULL;
}

void holes__seen(struct space *space, __u64 first, __u64 end)
{
	struct hole_sweep *sweep = &space->sweep;
	__u64 next;

	if (!sweeping(space))
		return;
	/* a range further on, where disputes led to, says nothing of the holes before it */
	next = next_hole(space, 0);
	if (next >= first && next < end) {
		sweep->next = end;
		next = next_hole(space, 0);
	}
	if (next != ~0ULL)
		return;
	if (!sweep->again)
		*sweep = (struct hole_sweep){ 0 };
	sweep->again = false;
	sweep->next = 0;
}

/* Could pages of @member have arrived in the table without a trace? */
static bool can_gain(const struct space *space, const struct ledger_table *table, __u8 member)
{
	__u64 start = table->key << LEDGER_TABLE_SHIFT, end = start + (1ULL << LEDGER_TABLE_SHIFT);
	const struct vma_map *map = &space->map;
	__u32 low = 0, high = map->nr;

	while (low < high) {
		__u32 mid = low + (high - low) / 2;

		if (map->entries[mid].vma.end <= start)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < map->nr && map->entries[low].vma.start < end; low++)
		if (vma__can_hold(&map->entries[low].vma, member))
			return true;
	return false;
}

static bool is_disputed(const struct space *space, const struct ledger_table *table)
{
	if (table->disputed_at > table->checked_at)
		return true;
	for (__u8 m = 0; m < RSST_NR_MEMBERS; m++) {
		if (table->counts[m] && space->loss_at[m] > table->checked_at)
			return true;
		if (space->gain_at[m] > table->checked_at && can_gain(space, table, m))
			return true;
	}
	return false;
}

static __u64 next_disputed_table(const struct space *space, __u64 from)
{
	const struct page_ledger *ledger = &space->ledger;

	for (__u32 q = page_ledger__lower_bound(ledger, from); q < ledger->nr_tables; q++)
		if (is_disputed(space, ledger->tables[q]))
			return ledger->tables[q]->key;
	return ~0ULL;
}

bool session__next_dispute(const struct session *session, __u32 *space, __u64 *start, __u64 *end,
			   __u64 *touched)
{
	__u64 from = (*start >> LEDGER_TABLE_SHIFT) + 1, key, hole;

	for (__u32 id = *space; id < session->nr_spaces; id++, from = 0) {
		const struct space *candidate = session__space(session, id);

		if (!candidate)
			continue;
		key = next_disputed_table(candidate, from);
		hole = next_hole(candidate, from);
		if (hole < key)
			key = hole;
		if (key == ~0ULL)
			continue;
		*space = id;
		*start = key << LEDGER_TABLE_SHIFT;
		*end = *start + (1ULL << LEDGER_TABLE_SHIFT);
		*touched = session__touched(session, id, *start);
		return true;
	}
	return false;
}

__u64 session__touched(const struct session *session, __u32 space, __u64 addr)
{
	const struct space *holder = session__space(session, space);
	const struct ledger_table *table;
	__u64 touched;

	if (!holder)
		return 0;
	table = page_ledger__find(&holder->ledger, addr >> LEDGER_TABLE_SHIFT);
	touched = table ? table->touched + table->disputed_at : holder->removed_at;
	/* event numbers only grow: their sum stays the same only if each does */
	for (__u8 m = 0; m < RSST_NR_MEMBERS; m++) {
		touched += holder->gain_at[m];
		if (table && table->counts[m])
			touched += holder->loss_at[m];
	}
	return touched;
}
