// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Views of the real session: records in, and every sum of a view must agree with every other. */
#include <stdlib.h>
#include "model/story.h"
#include "view/query.h"

#define NR_SLOTS 12
#define NR_WINDOWS 60
#define SECOND 1000000000ULL

static void define_code(struct story *s)
{
	const struct rec_map code =
		RECORD(map, MAP, .space = SPACE, .start = 0x400000, .end = 0x500000, .ino = 9,
		       .dev = 1, .backing = BACKING_FILE, .prot = 5);
	const struct rec_symbol put = RECORD(symbol, SYMBOL, .dev = 1, .ino = 9, .offset = 0x1fff);
	const struct rec_symbol alloc =
		RECORD(symbol, SYMBOL, .dev = 1, .ino = 9, .offset = 0x1000);

	story__feed(s, record_map(&code, "/opt/app"));
	story__feed(s, record_stack(SPACE, 71, STACK_END_ROOT, 2, (__u64[]){ 0x401000, 0x402000 }));
	story__feed(s, record_stack(SPACE, 72, STACK_END_DEPTH, 1, (__u64[]){ 0x409000 }));
	story__feed(s, record_symbol(&alloc, "malloc", "malloc.c", 3));
	story__feed(s, record_symbol(&put, "cache_put", "src/cache.c", 211));
}

static struct snapshot *tick(struct story *s)
{
	struct snapshot *snapshot;

	s->ts = (s->ts / SECOND + 1) * SECOND;
	FEED(s, tick, TICK);
	snapshot = session__freeze(s->session);
	assert_non_null(snapshot);
	return snapshot;
}

static __s64 moved(const struct view *view)
{
	__s64 sum = 0;

	for (__u32 i = 0; i < view->nr_causes; i++) {
		const struct cause_row *row = view->causes + i;

		assert_int_equal(row->bytes.total,
				 row->bytes.anon + row->bytes.file + row->bytes.shmem);
		sum += row->out ? -row->bytes.total : row->bytes.total;
	}
	return sum;
}

static void assert_books(const struct view *view)
{
	__s64 growth = view->other_regions.growth, region_rss = view->other_regions.rss;
	__s64 stack_rss = view->other_stacks.rss, net = view->other_stacks.growth;
	__s64 through = view->other_stacks.faulted - view->other_stacks.freed;

	for (__u32 i = 0; i < view->nr_regions; i++) {
		const struct region_row *row = view->regions + i;
		__s64 of_stacks = 0;

		for (__u32 k = 0; k < row->nr_stacks; k++)
			of_stacks += row->stacks[k].rss;
		assert_true(of_stacks <= row->rss && row->faulted <= row->rss &&
			    row->rss <= row->size);
		growth += row->growth;
		region_rss += row->rss;
	}
	for (__u32 i = 0; i < view->nr_stacks; i++) {
		stack_rss += view->stacks[i].rss;
		net += view->stacks[i].growth;
		through += view->stacks[i].faulted - view->stacks[i].freed;
	}
	assert_int_equal(view->error, 0);
	assert_int_equal(view->unattributed, 0);
	assert_int_equal(region_rss, view->rss.total);
	assert_int_equal(growth, view->growth.total);
	assert_int_equal(moved(view), view->growth.total);
	assert_int_equal(stack_rss, view->attributed);
	assert_int_equal(net, through);
	assert_true(view->peak_total >= (__u64)view->rss.total);
}

struct slot {
	bool mapped;
	__u32 nr_pages;
};

static void use_slot(struct story *s, struct slot *slot, __u64 addr)
{
	if (!slot->mapped) {
		story__mmap(s, addr, TABLE);
		slot->mapped = true;
	} else if (slot->nr_pages < 400) {
		__u32 nr = 1 + rand() % 100;

		story__fault(s, addr + slot->nr_pages * PAGE, nr, RSST_ANON, 71 + rand() % 2);
		slot->nr_pages += nr;
	} else {
		struct story_call call = story__munmap(s, PID, addr, TABLE);

		story__release(s, &call, slot->nr_pages, RSST_ANON);
		story__return(s, &call, 0);
		*slot = (struct slot){ false, 0 };
	}
}

static void every_window_balances(void **state)
{
	struct story s = story__new();
	struct slot slots[NR_SLOTS] = { 0 };
	struct snapshot *first, *last;

	(void)state;
	srand(11);
	define_code(&s);
	first = tick(&s);
	last = tick(&s);
	for (int w = 0; w < NR_WINDOWS; w++) {
		struct view_options options = { .top = w % 3 };
		struct snapshot *now;
		struct view *interval, *since;

		for (int i = 0; i < 40; i++) {
			int slot = rand() % NR_SLOTS;

			use_slot(&s, slots + slot, BASE + 2 * slot * TABLE);
		}
		now = tick(&s);
		interval = view__new(s.session, last, now, &options);
		since = view__new(s.session, first, now, &options);
		assert_books(interval);
		assert_books(since);
		view__free(interval);
		view__free(since);
		snapshot__free(last);
		last = now;
	}
	snapshot__free(first);
	snapshot__free(last);
	story__free(&s);
}

static void stacks_are_named(void **state)
{
	struct story s = story__new();
	struct snapshot *from, *to;
	const struct stack_row *row;
	struct view *view;

	(void)state;
	define_code(&s);
	from = tick(&s);
	story__mmap(&s, BASE, TABLE);
	story__fault(&s, BASE, 30, RSST_ANON, 71);
	story__fault(&s, BASE + 30 * PAGE, 20, RSST_ANON, 72);
	to = tick(&s);
	view = view__new(s.session, from, to, NULL);
	assert_int_equal(view->nr_stacks, 2);
	row = view->stacks;
	assert_int_equal(row->faulted, 30 * PAGE);
	assert_true(row->complete);
	assert_int_equal(row->nr_frames, 2);
	assert_string_equal(row->frames[0].symbol, "malloc");
	assert_int_equal(row->named_by, 1);
	assert_string_equal(row->frames[1].symbol, "cache_put");
	assert_string_equal(row->frames[1].module, "/opt/app");
	assert_int_equal(row->frames[1].line, 211);
	assert_false(view->stacks[1].complete);
	assert_null(view->stacks[1].frames[0].symbol);
	assert_int_equal(view->resident_walks.incomplete, 20 * PAGE);
	assert_int_equal(view->from_ns / SECOND, 1);
	view__free(view);
	snapshot__free(from);
	snapshot__free(to);
	story__free(&s);
}

/* After the last exit the view still tells what was there. */
static void the_last_instant_is_kept(void **state)
{
	struct story s = story__new();
	struct snapshot *from = tick(&s), *to;
	struct view *view;

	(void)state;
	story__mmap(&s, BASE, TABLE);
	story__fault(&s, BASE, 30, RSST_ANON, 71);
	FEED(&s, exit, EXIT, .space = SPACE, .pid = PID, .tid = PID, .group_dead = 1);
	to = tick(&s);
	assert_false(session__roots_alive(s.session));
	view = view__new(s.session, from, to, NULL);
	assert_books(view);
	assert_int_equal(view->rss.total, 30 * PAGE);
	assert_int_equal(view->nr_living, 1);
	view__free(view);
	snapshot__free(from);
	snapshot__free(to);
	story__free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_window_balances),
		cmocka_unit_test(stacks_are_named),
		cmocka_unit_test(the_last_instant_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
