// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which pages came with a fault on a file: see around.c. */
#include "model/story.h"

/* A file mapped to [first, end), pages from BASE; the file's page 0 would be at page @file_base. */
static struct story mapped(__u32 first, __u32 end, __u32 file_base)
{
	struct story s = story__new();
	struct rec_map map = RECORD(map, MAP, .space = SPACE, .start = BASE + first * PAGE,
				    .end = BASE + end * PAGE, .ino = 9, .backing = BACKING_FILE,
				    .pgoff = (first - file_base) * PAGE);

	story__feed(&s, record_map(&map, "/lib/x"));
	return s;
}

static void fault(struct story *s, __u32 page, __u32 nr, __u8 flags)
{
	FEED(s, fault, FAULT, .space = SPACE, .addr = BASE + page * PAGE, .stack = 1, .gen = s->gen,
	     .nr_pages = nr, .member = RSST_FILE, .cause = CAUSE_FAULT,
	     .flags = flags | (nr > 1 ? FAULT_AROUND : 0));
}

static __u64 resident(struct story *s, __u32 first, __u32 end)
{
	return story__resident(s, BASE + first * PAGE, BASE + end * PAGE);
}

static void a_read_maps_the_folios_that_reach_into_its_window(void **state)
{
	struct story s = mapped(0, 200, 3); /* folios of 16 pages at 3, 19, 35, ... */

	(void)state;
	fault(&s, 65, 32, 0); /* window 64..79, folios 51..66 and 67..82 */
	assert_int_equal(resident(&s, 51, 83), 32);
	assert_int_equal(resident(&s, 0, 200), 32);
	assert_int_equal(story__nr_disputes(&s), 0);
	fault(&s, 100, 23, 0); /* window 96..111: folio 83..98 and, of 99..114, all */
	assert_int_equal(story__nr_disputes(&s), 1); /* makes 32, not 23: some were not there */
	story__check(&s);
	story__free(&s);
}

static void a_folio_across_the_mappings_end_is_cut_at_the_window(void **state)
{
	struct story s =
		mapped(0, 200, 1); /* folios at 1, 17, ..., 193: the last one reaches beyond */

	(void)state;
	fault(&s, 194, 23, 0); /* window 192..199, folio 177..192 whole */
	assert_int_equal(resident(&s, 177, 200), 23);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

static void a_write_maps_a_whole_folio(void **state)
{
	struct story s = mapped(5, 200, 10);

	(void)state;
	fault(&s, 28, 16, FAULT_WRITE); /* folio 26..41; the window would be 16..31 */
	assert_int_equal(resident(&s, 26, 42), 16);
	assert_int_equal(resident(&s, 0, 200), 16);
	fault(&s, 20, 1, FAULT_WRITE);
	assert_int_equal(resident(&s, 20, 21), 1);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

static void what_is_resident_is_left_out(void **state)
{
	struct story s = mapped(0, 64, 8);

	(void)state;
	fault(&s, 33, 1, FAULT_WRITE);
	fault(&s, 23, 1, FAULT_WRITE);
	/* window 16..31 lacks 15; with folios of 16 it is 8..39, which lacks 30 */
	fault(&s, 20, 30, 0);
	assert_int_equal(resident(&s, 8, 40), 32);
	assert_int_equal(story__nr_disputes(&s), 0);
	story__check(&s);
	story__free(&s);
}

static void more_than_any_folio_brings_is_placed_near_and_disputed(void **state)
{
	struct story s = mapped(0, 512, 0);

	(void)state;
	fault(&s, 100, 300, 0);
	assert_int_equal(resident(&s, 0, 512), 300);
	assert_int_equal(resident(&s, 100, 101), 1);
	assert_int_equal(story__nr_disputes(&s), 1);
	story__check(&s);
	story__free(&s);
}

/* Before Linux 6.2 the record of a fault may come after a look that found its pages. */
static void what_a_look_found_before_the_fault_was_told_is_the_faults(void **state)
{
	struct story s = mapped(0, 200, 0);
	__u32 owner;

	(void)state;
	story__look(&s, PAGES_FOUND, BASE + 64 * PAGE, 16, RSST_FILE);
	story__look(&s, PAGES_SEEN, BASE, 512, RSST_FILE);
	assert_int_equal(story__page(&s, BASE + 76 * PAGE, &owner), RSST_FILE);
	assert_int_equal(owner, OWNER_UNKNOWN);
	fault(&s, 76, 16, 0);
	assert_int_equal(story__pages_of(&s, 1).rss, 16);
	assert_int_equal(story__pages_of(&s, 1).faulted, 16);
	assert_int_equal(resident(&s, 64, 80), 16);
	assert_int_equal(resident(&s, 0, 200), 16);
	story__check(&s);
	story__free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_maps_the_folios_that_reach_into_its_window),
		cmocka_unit_test(a_folio_across_the_mappings_end_is_cut_at_the_window),
		cmocka_unit_test(a_write_maps_a_whole_folio),
		cmocka_unit_test(what_is_resident_is_left_out),
		cmocka_unit_test(more_than_any_folio_brings_is_placed_near_and_disputed),
		cmocka_unit_test(what_a_look_found_before_the_fault_was_told_is_the_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
