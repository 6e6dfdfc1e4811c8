// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Region rows. The address space is cut so that each page counts in one row: the VMAs of the
 * window's end; between them the parts of the VMAs of its start ("unmapped"); and what neither
 * covers but a ledger holds, which is there when a call's record was lost. So the rows' growth adds
 * up to the growth of the placed pages, whatever happened.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "view/ledger_diff.h"
#include "view/rows.h"
#include "view/sampled.h"

struct found_region {
	struct region_row row;
	struct ledger_pair pages;
	__u32 space;
};

struct region_list {
	const struct session *session;
	__u32 nr, cap;
	struct found_region *found;
};

/* The space whose rows are being made, at both ends of the window. */
struct space_pair {
	const struct space_snapshot *then, *now; /* one may be NULL */
	struct ledger_pair pages;
	__u32 then_vma; /* the first VMA of then that ends behind the rows made so far */
};

static struct found_region *add_row(struct region_list *list, const struct space_pair *pair)
{
	struct found_region *found;

	if (list->nr == list->cap) {
		__u32 cap = list->cap ? list->cap * 2 : 64;

		found = realloc(list->found, cap * sizeof(*found));
		if (!found)
			return NULL;
		list->found = found;
		list->cap = cap;
	}
	found = list->found + list->nr++;
	*found = (struct found_region){
		.pages = pair->pages,
		.space = pair->now ? pair->now->space : pair->then->space,
		.row.pid = pair->now ? pair->now->pid : pair->then->pid,
	};
	return found;
}

static void fill_counts(struct region_row *row, const struct range_pages *pages)
{
	row->size = row->end - row->start;
	row->rss = pages->now * LEDGER_PAGE_BYTES;
	row->growth = row->rss - (__s64)(pages->then * LEDGER_PAGE_BYTES);
	row->faulted = pages->arrived * LEDGER_PAGE_BYTES;
}

static const char *vma_name(const struct session *session, const struct vma *vma)
{
	const struct object *object;

	if (vma->name)
		return session__name(session, vma->name);
	object = vma->object ? session__object(session, vma->object) : NULL;
	return object && object->path ? object->path : "";
}

static void fill_vma(struct region_row *row, const struct session *session, const struct vma *vma)
{
	row->perms[0] = vma->prot & 1 ? 'r' : '-';
	row->perms[1] = vma->prot & 2 ? 'w' : '-';
	row->perms[2] = vma->prot & 4 ? 'x' : '-';
	row->perms[3] = vma->shared ? 's' : 'p';
	row->kind = vma->kind;
	row->name = vma_name(session, vma);
	row->mapped_by = vma->stack;
	row->object = vma->object ? session__object(session, vma->object) : NULL;
	row->pgoff = vma->pgoff + (row->start - vma->start);
}

static int add_vma(struct region_list *list, const struct space_pair *pair, const struct vma *vma,
		   __u64 start, __u64 end, bool unmapped)
{
	struct range_pages pages = ledger_pair__count(&pair->pages, start, end);
	struct found_region *found;

	if (unmapped && !(pages.then | pages.now))
		return 0;
	found = add_row(list, pair);
	if (!found)
		return -ENOMEM;
	found->row.start = start;
	found->row.end = end;
	found->row.unmapped = unmapped;
	fill_vma(&found->row, list->session, vma);
	fill_counts(&found->row, &pages);
	return 0;
}

/* Pages in [start, end), where neither end of the window has a VMA. */
static int add_stray(struct region_list *list, const struct space_pair *pair, __u64 start,
		     __u64 end)
{
	struct range_pages pages = ledger_pair__count(&pair->pages, start, end);
	struct found_region *found;
	__u64 low, high;

	if (!(pages.then | pages.now))
		return 0;
	found = add_row(list, pair);
	if (!found)
		return -ENOMEM;
	low = pages.first << LEDGER_TABLE_SHIFT;
	high = (pages.last + 1) << LEDGER_TABLE_SHIFT;
	found->row.start = low > start ? low : start;
	found->row.end = high < end ? high : end;
	found->row.unmapped = !pages.now;
	found->row.kind = KIND_ANON;
	found->row.name = "";
	found->row.mapped_by = OWNER_UNKNOWN;
	memcpy(found->row.perms, "---p", 5);
	fill_counts(&found->row, &pages);
	return 0;
}

/* Rows for [start, end), which no VMA of the window's end covers. Called with ascending ranges. */
static int add_gap(struct region_list *list, struct space_pair *pair, __u64 start, __u64 end)
{
	const struct space_snapshot *then = pair->then;
	int ret = 0;

	while (then && !ret && start < end && pair->then_vma < then->nr_vmas) {
		const struct vma *vma = then->vmas + pair->then_vma;
		__u64 low = vma->start > start ? vma->start : start;
		__u64 high = vma->end < end ? vma->end : end;

		if (vma->end <= start) {
			pair->then_vma++;
			continue;
		}
		if (low >= end)
			break;
		ret = add_stray(list, pair, start, low);
		if (!ret)
			ret = add_vma(list, pair, vma, low, high, true);
		start = high;
	}
	return ret ? ret : add_stray(list, pair, start, end);
}

static int add_space(struct region_list *list, struct space_pair *pair)
{
	__u32 nr_vmas = pair->now ? pair->now->nr_vmas : 0;
	__u64 done = 0;
	int ret;

	for (__u32 i = 0; i < nr_vmas; i++) {
		const struct vma *vma = pair->now->vmas + i;

		ret = add_gap(list, pair, done, vma->start);
		if (!ret)
			ret = add_vma(list, pair, vma, vma->start, vma->end, false);
		if (ret)
			return ret;
		done = vma->end;
	}
	return done < LEDGER_ADDRESS_END ? add_gap(list, pair, done, LEDGER_ADDRESS_END) : 0;
}

/* Spaces are sorted by id in both snapshots; a dead one counts nothing. */
static int add_spaces(struct region_list *list, const struct window *window)
{
	const struct snapshot *from = window->from, *to = window->to;
	__u32 i = 0, j = 0;
	int ret = 0;

	while (!ret && (i < from->nr_spaces || j < to->nr_spaces)) {
		const struct space_snapshot *then = from->spaces + i, *now = to->spaces + j;
		struct space_pair pair = { 0 };

		if (j == to->nr_spaces || (i < from->nr_spaces && then->space < now->space))
			now = NULL;
		else if (i == from->nr_spaces || now->space < then->space)
			then = NULL;
		i += then != NULL;
		j += now != NULL;
		pair.then = then && then->alive && window__has(window, then) ? then : NULL;
		pair.now = now && now->alive && window__has(window, now) ? now : NULL;
		pair.pages.then = pair.then ? pair.then->ledger : NULL;
		pair.pages.now = pair.now ? pair.now->ledger : NULL;
		if (pair.then || pair.now)
			ret = add_space(list, &pair);
	}
	return ret;
}

static int compare_found(const void *pa, const void *pb)
{
	const struct found_region *a = pa, *b = pb;
	int order = DESCENDING(a->row.growth, b->row.growth);

	order = order ? order : DESCENDING(a->row.rss, b->row.rss);
	order = order ? order : DESCENDING(b->row.start, a->row.start);
	return order ? order : DESCENDING(b->space, a->space);
}

static int compare_region_stacks(const void *pa, const void *pb)
{
	const struct region_stack_row *a = pa, *b = pb;
	int order = DESCENDING(a->growth, b->growth);

	order = order ? order : DESCENDING(a->rss, b->rss);
	return order ? order : DESCENDING(b->stack, a->stack);
}

/* The stacks that own, or owned at the window's start, pages of the region. */
static int fill_stacks(struct region_row *row, const struct window *window,
		       const struct ledger_pair *pages, struct owner_tally *tally)
{
	owner_tally__reset(tally);
	ledger_pair__tally(pages, row->start, row->end, tally);
	sampled__share_tally(window, tally);
	if (!tally->nr_seen)
		return 0;
	row->stacks = calloc(tally->nr_seen, sizeof(*row->stacks));
	if (!row->stacks)
		return -ENOMEM;
	for (__u32 i = 0; i < tally->nr_seen; i++) {
		__u32 owner = tally->seen[i];
		__s64 then = tally->pages[owner].then * LEDGER_PAGE_BYTES;
		__s64 now = tally->pages[owner].now * LEDGER_PAGE_BYTES;
		struct region_stack_row by = {
			.stack = owner,
			.rss = now,
			.growth = now - then,
			.faulted = tally->pages[owner].arrived * LEDGER_PAGE_BYTES,
		};

		if (owner == OWNER_BEFORE)
			row->before = by;
		else if (owner < OWNER_FIRST_STACK)
			row->unknown = by;
		else if (now || then || !sampled__is_none(window->session, owner))
			row->stacks[row->nr_stacks++] = by;
	}
	qsort(row->stacks, row->nr_stacks, sizeof(*row->stacks), compare_region_stacks);
	return 0;
}

static void sum_region(struct view *view, const struct region_row *row, bool shown)
{
	struct other_row *other = &view->other_regions;

	if (row->growth > 0)
		view->grown += row->growth;
	else
		view->shrunk += row->growth;
	if (shown)
		return;
	other->nr++;
	other->rss += row->rss;
	other->growth += row->growth;
	other->faulted += row->faulted;
}

int region_row__compare(const void *pa, const void *pb)
{
	const struct region_row *a = pa, *b = pb;
	int order = DESCENDING(a->growth, b->growth);

	order = order ? order : DESCENDING(a->rss, b->rss);
	order = order ? order : DESCENDING(b->start, a->start);
	return order ? order : DESCENDING(b->pid, a->pid);
}

static int show_rows(struct view *view, const struct window *window, const struct region_list *list)
{
	__u32 shown = window__shown(window, list->nr);
	struct owner_tally tally;
	int ret;

	view->regions = calloc(shown + 1, sizeof(*view->regions));
	if (!view->regions)
		return -ENOMEM;
	ret = owner_tally__init(&tally, window->to->nr_stacks);
	if (ret)
		return ret;
	for (__u32 i = 0; i < list->nr; i++)
		sum_region(view, &list->found[i].row, i < shown);
	for (__u32 i = 0; i < shown && !ret; i++) {
		view->regions[view->nr_regions++] = list->found[i].row;
		ret = fill_stacks(view->regions + i, window, &list->found[i].pages, &tally);
	}
	owner_tally__fini(&tally);
	return ret;
}

int view__add_regions(struct view *view, const struct window *window)
{
	struct region_list list = { .session = window->session };
	int ret = add_spaces(&list, window);

	if (!ret) {
		if (list.nr)
			qsort(list.found, list.nr, sizeof(*list.found), compare_found);
		ret = show_rows(view, window, &list);
	}
	free(list.found);
	return ret;
}
