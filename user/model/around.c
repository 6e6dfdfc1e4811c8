// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which pages came with a fault on a file's page? The kernel tells how many, and the one that
 * faulted.
 *
 * A read fault maps what the page cache holds of an aligned window around it (do_fault_around(),
 * mm/memory.c); since Linux 6.18 also the rest of the folios that reach into the window. A write
 * fault on a shared mapping maps one page or the whole folio it lies in (finish_fault()). A folio
 * is mapped as a whole only if it lies inside the VMA and the page table. The size of folios is not
 * told, but few sizes make just the number of pages that came.
 */
#include "model/books.h"

#define AROUND_PAGES 16 /* fault_around_bytes, 64 KiB */

/* Indices of pages in one page table. */
struct span {
	__u32 first, end;
};

struct around {
	__u64 base;			  /* address of the page table */
	__u64 pgoff;			  /* of its first page in the file, pages, modulo 2^64 */
	const struct ledger_table *table; /* NULL: nothing resident */
	struct span limits;		  /* where the VMA lies in the table */
	struct span window;
	__u32 page, pages; /* that faulted; that came */
};

static __u32 missing(const struct around *around, struct span span)
{
	__u32 nr = span.end - span.first;

	for (__u32 i = span.first; around->table && i < span.end; i++)
		nr -= around->table->resident[i / 64] >> (i % 64) & 1;
	return nr;
}

/* do_fault_around(): the window keeps its length when its start is clipped. */
static struct span window_of(const struct around *around, __u32 length)
{
	struct span window = { .first = around->page & ~(length - 1) };

	if (window.first < around->limits.first)
		window.first = around->limits.first;
	window.end = window.first + length;
	if (window.end > around->limits.end)
		window.end = around->limits.end;
	return window;
}

/* The folio of @pages pages that holds page @i; false: it is not wholly inside the limits. */
static bool folio_of(const struct around *around, __u32 i, __u32 pages, struct span *folio)
{
	__u32 offset = (around->pgoff + i) & (pages - 1);

	if (i < around->limits.first + offset || i - offset + pages > around->limits.end)
		return false;
	*folio = (struct span){ i - offset, i - offset + pages };
	return true;
}

/* What a read fault maps if the file's folios are of @folio_pages pages. */
static struct span read_span(const struct around *around, __u32 folio_pages)
{
	struct span span = around->window, folio;

	if (folio_of(around, around->window.first, folio_pages, &folio))
		span.first = folio.first;
	if (folio_of(around, around->window.end - 1, folio_pages, &folio))
		span.end = folio.end;
	return span;
}

static bool same_pages(const struct around *around, struct span a, struct span b)
{
	struct span both = { a.first > b.first ? a.first : b.first, a.end < b.end ? a.end : b.end };

	return both.first < both.end && missing(around, both) == around->pages;
}

/* The spans that miss just as many pages as came. Returns how many there are that differ; *@found:
 * the first. */
static __u32 read_spans(const struct around *around, struct span *found)
{
	__u32 nr = 0;

	for (__u32 folio_pages = 1; folio_pages <= LEDGER_TABLE_PAGES; folio_pages *= 2) {
		struct span span = read_span(around, folio_pages);

		if (missing(around, span) != around->pages ||
		    (nr && same_pages(around, span, *found)))
			continue;
		if (!nr++)
			*found = span;
	}
	return nr;
}

/* A whole folio none of which was mapped. */
static bool write_span(const struct around *around, struct span *found)
{
	return !(around->pages & (around->pages - 1)) &&
	       folio_of(around, around->page, around->pages, found) &&
	       missing(around, *found) == around->pages;
}

static __u32 place_span(struct session *session, struct space *space, const struct around *around,
			struct span span, __u32 left, const struct birth *birth)
{
	__u32 placed = 0;

	for (__u32 i = span.first; i < span.end && placed < left; i++) {
		__u64 addr = around->base + i * LEDGER_PAGE_BYTES;

		if (!is_resident(space, addr))
			placed += books__place(session, space, addr, 1, birth);
	}
	return placed;
}

/* Should pages near be found resident, they are this fault's. */
static void guess(struct session *session, struct space *space, const struct around *around,
		  __u32 owner)
{
	__u64 key = around->base >> LEDGER_TABLE_SHIFT;
	struct span near = window_of(around, LEDGER_TABLE_PAGES);
	struct ledger_table *table;

	if (!page_ledger__find(&space->ledger, key)) /* no room for one more */
		return;
	table = page_ledger__writable(&space->ledger, key);
	if (!table) {
		session->no_memory = true;
		return;
	}
	if (around->page > around->pages + AROUND_PAGES + near.first)
		near.first = around->page - around->pages - AROUND_PAGES;
	if (near.end > around->page + around->pages + AROUND_PAGES)
		near.end = around->page + around->pages + AROUND_PAGES;
	if (table->guess_owner == owner) { /* the same loop, a little further */
		near.first = near.first < table->guess_first ? near.first : table->guess_first;
		near.end = near.end > table->guess_end ? near.end : table->guess_end;
	}
	table->guess_owner = owner;
	table->guess_first = near.first;
	table->guess_end = near.end;
}

/* A window that has room for all that came. */
static struct span window_for(const struct around *around)
{
	__u32 length = AROUND_PAGES;

	while (length < around->pages && length < LEDGER_TABLE_PAGES)
		length *= 2;
	return window_of(around, length);
}

/*
 * Before Linux 6.2 a fault is told when it ends, not where it counts: a look at the pages may have
 * found what it brought, and nobody's then. Returns how many of those are the fault's now.
 */
static __u32 take_found(struct session *session, struct space *space, const struct around *around,
			const struct birth *birth)
{
	struct span near = window_for(around);
	struct ledger_table *table;
	__u32 taken = 0;

	if (!around->table || around->table->pages[around->page].owner != OWNER_UNKNOWN ||
	    around->table->pages[around->page].member != birth->member)
		return 0;
	table = page_ledger__writable(&space->ledger, around->base >> LEDGER_TABLE_SHIFT);
	if (!table) {
		session->no_memory = true;
		return 0;
	}
	for (__u32 i = near.first; i < near.end && taken < around->pages; i++) {
		if (table->pages[i].owner != OWNER_UNKNOWN ||
		    table->pages[i].member != birth->member)
			continue;
		books__lift(session, space, table, i);
		taken += books__place(session, space, around->base + i * LEDGER_PAGE_BYTES, 1,
				      birth);
	}
	return taken;
}

/* Nothing fits: some pages of the window were not in the page cache. The one that faulted came,
 * others near it. */
static void place_near(struct session *session, struct space *space, const struct around *around,
		       const struct birth *birth)
{
	struct span near = window_for(around), above, below;
	__u32 left = around->pages;

	above = (struct span){ around->page, near.end };
	below = (struct span){ near.first, around->page };
	left -= place_span(session, space, around, above, left, birth);
	place_span(session, space, around, below, left, birth);
	books__dispute(session, space, around->base, around->base + 1);
	guess(session, space, around, birth->owner);
}

static struct around look_around(struct space *space, __u64 addr, __u32 pages)
{
	const struct vma *vma = vma_map__find(&space->map, addr);
	struct around around = {
		.base = addr >> LEDGER_TABLE_SHIFT << LEDGER_TABLE_SHIFT,
		.table = page_ledger__find(&space->ledger, addr >> LEDGER_TABLE_SHIFT),
		.limits = { 0, LEDGER_TABLE_PAGES },
		.page = addr >> LEDGER_PAGE_SHIFT & (LEDGER_TABLE_PAGES - 1),
		.pages = pages,
	};

	if (vma) {
		__u64 end = around.base + (1ULL << LEDGER_TABLE_SHIFT);

		ledger_table__clip(addr >> LEDGER_TABLE_SHIFT, vma->start,
				   vma->end < end ? vma->end : end, &around.limits.first,
				   &around.limits.end);
		around.pgoff = (vma->pgoff + around.base - vma->start) >> LEDGER_PAGE_SHIFT;
	}
	around.window = window_of(&around, AROUND_PAGES);
	return around;
}

void session__place_around(struct session *session, struct space *space, __u64 addr, __u32 pages,
			   bool write, const struct birth *birth)
{
	struct around around = look_around(space, addr, pages);
	struct span span;
	__u32 nr = 0;

	around.pages -= take_found(session, space, &around, birth);
	if (!around.pages)
		return;
	if (!write)
		nr = read_spans(&around, &span);
	if (!nr)
		nr = write_span(&around, &span);
	if (!nr) {
		place_near(session, space, &around, birth);
		return;
	}
	place_span(session, space, &around, span, around.pages, birth);
	if (nr > 1)
		books__dispute(session, space, addr, addr + 1);
}
