// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "view/ledger_diff.h"

/* One table of a range in either ledger, and the pages of it that lie in the range. */
struct table_step {
	const struct ledger_table *then, *now; /* one of them may be NULL */
	__u64 key;
	__u32 first, end;
};

/* Where a walk over the tables of both ledgers stands. */
struct table_walk {
	const struct ledger_pair *pair;
	__u64 start, end;
	__u32 then_at, now_at;
};

static __u32 lower_bound(const struct page_ledger *ledger, __u64 addr)
{
	return ledger ? page_ledger__lower_bound(ledger, addr >> LEDGER_TABLE_SHIFT) : 0;
}

static struct table_walk walk_start(const struct ledger_pair *pair, __u64 start, __u64 end)
{
	return (struct table_walk){
		.pair = pair,
		.start = start,
		.end = end,
		.then_at = lower_bound(pair->then, start),
		.now_at = lower_bound(pair->now, start),
	};
}

static const struct ledger_table *table_at(const struct page_ledger *ledger, __u32 i)
{
	return ledger && i < ledger->nr_tables ? ledger->tables[i] : NULL;
}

static bool walk_next(struct table_walk *walk, struct table_step *step)
{
	const struct ledger_table *then = table_at(walk->pair->then, walk->then_at);
	const struct ledger_table *now = table_at(walk->pair->now, walk->now_at);

	if (!then && !now)
		return false;
	step->key = !now || (then && then->key < now->key) ? then->key : now->key;
	if (step->key > (walk->end - 1) >> LEDGER_TABLE_SHIFT)
		return false;
	step->then = then && then->key == step->key ? then : NULL;
	step->now = now && now->key == step->key ? now : NULL;
	walk->then_at += step->then != NULL;
	walk->now_at += step->now != NULL;
	ledger_table__clip(step->key, walk->start, walk->end, &step->first, &step->end);
	return true;
}

/* The bits of word @w that stand for pages in [first, end). */
static __u64 word_mask(__u32 w, __u32 first, __u32 end)
{
	__u32 low = w * 64, high = low + 64;
	__u64 mask = ~0ULL;

	if (first >= high || end <= low)
		return 0;
	if (first > low)
		mask &= ~0ULL << (first - low);
	if (end < high)
		mask &= ~0ULL >> (high - end);
	return mask;
}

static __u32 count_pages(const struct ledger_table *table, __u32 first, __u32 end)
{
	__u32 nr = 0;

	if (!table)
		return 0;
	for (__u32 w = first / 64; w * 64 < end; w++)
		nr += __builtin_popcountll(table->resident[w] & word_mask(w, first, end));
	return nr;
}

static bool is_resident(const struct ledger_table *table, __u32 i)
{
	return table && table->resident[i / 64] >> (i % 64) & 1;
}

static __u32 count_arrived(const struct table_step *step)
{
	__u32 nr = 0;

	for (__u32 i = step->first; i < step->end; i++) {
		if (!is_resident(step->now, i))
			continue;
		nr += !is_resident(step->then, i) ||
		      step->then->pages[i].owner != step->now->pages[i].owner;
	}
	return nr;
}

struct range_pages ledger_pair__count(const struct ledger_pair *pair, __u64 start, __u64 end)
{
	struct range_pages sum = { 0 };
	struct table_walk walk;
	struct table_step step;

	if (start >= end)
		return sum;
	walk = walk_start(pair, start, end);
	while (walk_next(&walk, &step)) {
		__u32 now = count_pages(step.now, step.first, step.end), then = now;

		if (step.then != step.now) {
			then = count_pages(step.then, step.first, step.end);
			sum.arrived += now ? count_arrived(&step) : 0;
		}
		if (!(then | now))
			continue;
		sum.first = sum.then | sum.now ? sum.first : step.key;
		sum.last = step.key;
		sum.then += then;
		sum.now += now;
	}
	return sum;
}

int owner_tally__init(struct owner_tally *tally, __u32 nr)
{
	*tally = (struct owner_tally){
		.nr = nr,
		.pages = calloc(nr + 1, sizeof(*tally->pages)),
		.seen = calloc(nr + 1, sizeof(*tally->seen)),
	};
	if (tally->pages && tally->seen)
		return 0;
	owner_tally__fini(tally);
	return -ENOMEM;
}

void owner_tally__fini(struct owner_tally *tally)
{
	free(tally->pages);
	free(tally->seen);
	memset(tally, 0, sizeof(*tally));
}

void owner_tally__reset(struct owner_tally *tally)
{
	for (__u32 i = 0; i < tally->nr_seen; i++)
		tally->pages[tally->seen[i]] = (struct owner_pages){ 0 };
	tally->nr_seen = 0;
}

static struct owner_pages *tally_owner(struct owner_tally *tally, __u32 owner)
{
	struct owner_pages *pages = tally->pages + owner;

	if (!(pages->then | pages->now))
		tally->seen[tally->nr_seen++] = owner;
	return pages;
}

static void tally_now(struct owner_tally *tally, const struct table_step *step, __u32 i)
{
	__u32 owner = step->now->pages[i].owner;
	struct owner_pages *pages = tally_owner(tally, owner);

	pages->now++;
	pages->arrived += !is_resident(step->then, i) || step->then->pages[i].owner != owner;
}

static void tally_step(struct owner_tally *tally, const struct table_step *step)
{
	for (__u32 i = step->first; i < step->end; i++) {
		if (is_resident(step->then, i) && step->then->pages[i].owner < tally->nr)
			tally_owner(tally, step->then->pages[i].owner)->then++;
		if (is_resident(step->now, i) && step->now->pages[i].owner < tally->nr)
			tally_now(tally, step, i);
	}
}

void ledger_pair__tally(const struct ledger_pair *pair, __u64 start, __u64 end,
			struct owner_tally *tally)
{
	struct table_walk walk;
	struct table_step step;

	if (start >= end)
		return;
	walk = walk_start(pair, start, end);
	while (walk_next(&walk, &step))
		tally_step(tally, &step);
}
