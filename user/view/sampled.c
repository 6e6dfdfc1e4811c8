// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "view/sampled.h"

/* An amount, handed out piece by piece: what is left by rounding goes to those that follow. */
struct shares {
	double total, passed; /* weights */
	__s64 amount, given;
};

static __s64 shares__next(struct shares *shares, double weight)
{
	__s64 upto, next;

	shares->passed += weight;
	upto = shares->passed < shares->total
		       ? (__s64)(shares->amount * (shares->passed / shares->total))
		       : shares->amount;
	next = upto - shares->given;
	shares->given = upto;
	return next;
}

bool sampled__is_none(const struct session *session, __u32 owner)
{
	const struct stack *stack = session__stack(session, owner);

	return stack && stack->end == STACK_END_UNSAMPLED;
}

/* @part of the pages that stack @id ever brought in, as a part of a quantity about all of them. */
static double part_of(const struct window *window, __u32 id, __u64 quantity, __s64 part)
{
	const struct stack_pages *pages = window->to->stacks + id;

	return part > 0 && pages->faulted ? (double)quantity * part / pages->faulted : 0;
}

static double weight(const struct window *window, __u32 id, __s64 pages)
{
	return part_of(window, id, window->to->stacks[id].stands_for, pages);
}

double sampled__variance(const struct window *window, __u32 id, __u64 rss)
{
	return part_of(window, id, window->to->stacks[id].variance, rss);
}

/* The pages of one column that have no stack of their own: every item has such a column. */
typedef __s64 *column_fn(void *items, __u32 i);

struct column {
	const struct window *window;
	void *items;
	__u32 nr;
	__u32 (*id)(const void *items, __u32 i);
	column_fn *at;
};

/* Returns what there was to share out. */
static __s64 share_column(const struct column *column)
{
	const struct window *window = column->window;
	struct shares shares = { 0 };

	for (__u32 i = 0; i < column->nr; i++) {
		__u32 id = column->id(column->items, i);
		__s64 pages = *column->at(column->items, i);

		if (sampled__is_none(window->session, id))
			shares.amount += pages;
		else
			shares.total += weight(window, id, pages);
	}
	if (shares.amount <= 0 || shares.total <= 0)
		return shares.amount;
	for (__u32 i = 0; i < column->nr; i++) {
		__u32 id = column->id(column->items, i);
		__s64 *pages = column->at(column->items, i);

		if (sampled__is_none(window->session, id))
			*pages = 0;
		else
			*pages += shares__next(&shares, weight(window, id, *pages));
	}
	return shares.amount;
}

static __u32 seen_id(const void *items, __u32 i)
{
	return ((const struct owner_tally *)items)->seen[i];
}

static __s64 *seen_then(void *items, __u32 i)
{
	struct owner_tally *tally = items;

	return (__s64 *)&tally->pages[tally->seen[i]].then;
}

static __s64 *seen_now(void *items, __u32 i)
{
	struct owner_tally *tally = items;

	return (__s64 *)&tally->pages[tally->seen[i]].now;
}

static __s64 *seen_arrived(void *items, __u32 i)
{
	struct owner_tally *tally = items;

	return (__s64 *)&tally->pages[tally->seen[i]].arrived;
}

__u64 sampled__share_tally(const struct window *window, struct owner_tally *tally)
{
	struct column column = { window, tally, tally->nr_seen, seen_id, seen_then };

	share_column(&column);
	column.at = seen_arrived;
	share_column(&column);
	column.at = seen_now;
	return share_column(&column);
}

static __u32 row_id(const void *items, __u32 i)
{
	return ((const struct stack_row *)items)[i].id;
}

static __s64 *row_rss(void *items, __u32 i)
{
	return &((struct stack_row *)items)[i].rss;
}

static __s64 *row_growth(void *items, __u32 i)
{
	return &((struct stack_row *)items)[i].growth;
}

static __s64 *row_faulted(void *items, __u32 i)
{
	return &((struct stack_row *)items)[i].faulted;
}

static __s64 *row_freed(void *items, __u32 i)
{
	return &((struct stack_row *)items)[i].freed;
}

/* From bytes to pages, and rss at the window's start instead of growth; or back. */
static void turn_rows(struct stack_row *rows, __u32 nr, bool back)
{
	const __s64 page = LEDGER_PAGE_BYTES;

	for (__u32 i = 0; i < nr; i++) {
		struct stack_row *row = rows + i;

		row->growth = row->rss - row->growth;
		row->rss = back ? row->rss * page : row->rss / page;
		row->growth = back ? row->growth * page : row->growth / page;
		row->faulted = back ? row->faulted * page : row->faulted / page;
		row->freed = back ? row->freed * page : row->freed / page;
	}
}

__s64 sampled__share_rows(const struct window *window, struct stack_row *rows, __u32 nr)
{
	struct column column = { window, rows, nr, row_id, row_growth };
	__s64 none;

	turn_rows(rows, nr, false);
	share_column(&column);
	column.at = row_faulted;
	share_column(&column);
	column.at = row_freed;
	share_column(&column);
	column.at = row_rss;
	none = share_column(&column);
	turn_rows(rows, nr, true);
	return none * LEDGER_PAGE_BYTES;
}
