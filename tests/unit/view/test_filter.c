// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a filter leaves: terms one by one, and the sums over what they leave. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "report/orders_scene.h"

static struct filter filter_of(const char *first, const char *second)
{
	struct filter filter = { 0 };
	struct err err = { "" };

	if (filter__add(&filter, first, &err) || (second && filter__add(&filter, second, &err)))
		fail_msg("%s", err.text);
	return filter;
}

static bool region_passes(const char *term, const char *name, enum region_kind kind)
{
	struct filter filter = filter_of(term, NULL);
	struct region_row row = { .name = name, .kind = kind };

	return filter__region(&filter, &row);
}

static void terms_on_regions(void **state)
{
	(void)state;
	assert_true(region_passes("region=[heap]", "[heap]", KIND_HEAP));
	assert_false(region_passes("region=heap", "[heap]", KIND_HEAP));
	assert_true(region_passes("region~heap", "[heap]", KIND_HEAP));
	assert_true(region_passes("region=libc.so.6", "/usr/lib/libc.so.6", KIND_FILE));
	assert_true(region_passes("region=/usr/lib/libc.so.6", "/usr/lib/libc.so.6", KIND_FILE));
	assert_false(region_passes("region=libc", "/usr/lib/libc.so.6", KIND_FILE));
	assert_true(region_passes("region!=libc.so.6", "/usr/lib/libm.so.6", KIND_FILE));
	assert_true(region_passes("region=[anon]", "", KIND_ANON));
	assert_true(region_passes("kind=anon", "", KIND_ANON));
	assert_false(region_passes("kind!=anon", "", KIND_ANON));
	assert_true(region_passes("kind~a", "", KIND_HEAP));
	assert_true(region_passes("symbol=main", "", KIND_HEAP)); /* not its business */
	assert_false(region_passes("region~a=b", "", KIND_HEAP));
	assert_true(region_passes("region~=", "x=y", KIND_FILE));
}

static bool stack_passes(const char *first, const char *second)
{
	struct filter filter = filter_of(first, second);
	struct frame_row frames[] = {
		{ .symbol = "operator new(unsigned long)", .module = "/usr/lib/libstdc++.so.6" },
		{ .symbol = "json::parse(json::reader&, int)", .module = "/usr/bin/app" },
		{ .module = "/usr/bin/app", .offset = 0x10 },
	};
	struct stack_row row = { .nr_frames = 3, .frames = frames };

	return filter__stack(&filter, &row);
}

static void terms_on_stacks(void **state)
{
	struct filter negated = filter_of("symbol!~x", NULL);
	struct stack_row lost = { .named_by = -1 };

	(void)state;
	assert_true(stack_passes("symbol~parse", NULL));
	assert_true(stack_passes("symbol=json::parse", NULL));
	assert_true(stack_passes("symbol=json::parse(json::reader&, int)", NULL));
	assert_false(stack_passes("symbol=parse", NULL));
	assert_true(stack_passes("module=app", NULL));
	assert_true(stack_passes("module~stdc", "symbol~new"));
	assert_false(stack_passes("module~stdc", "symbol~old"));
	assert_false(stack_passes("symbol!~new", NULL));
	assert_true(stack_passes("symbol!~old", NULL));
	assert_true(stack_passes("region=x", "kind=anon")); /* not its business */
	assert_false(filter__stack(&negated, &lost));
}

static void terms_on_threads(void **state)
{
	struct filter number = filter_of("thread=12", NULL), name = filter_of("thread~work", NULL);
	struct filter not = filter_of("thread!=12", NULL);

	(void)state;
	assert_true(filter__thread(&number, 12, ""));
	assert_false(filter__thread(&number, 123, "12345"));
	assert_true(filter__thread(&name, 5, "my-worker"));
	assert_false(filter__thread(&name, 5, ""));
	assert_false(filter__thread(&not, 12, "x"));
	assert_true(filter__thread(&not, 13, "x"));
}

static void junk_is_refused(void **state)
{
	static const char *const junk[] = { "",		  "region",	 "=x",	     "region=",
					    "region~",	  "region!x",	 "region!",  "colour=red",
					    "kind=annon", "Region=heap", "region x", "kind==heap" };
	struct filter filter = { 0 };
	struct err err = { "" };

	(void)state;
	for (size_t i = 0; i < sizeof(junk) / sizeof(*junk); i++) {
		if (filter__add(&filter, junk[i], &err) != -EINVAL)
			fail_msg("'%s' was taken", junk[i]);
	}
	for (int i = 0; i < FILTER_MAX; i++)
		assert_int_equal(filter__add(&filter, "kind=heap", &err), 0);
	assert_int_equal(filter__add(&filter, "kind=heap", &err), -EINVAL);
}

static struct view *filtered(const struct orders *orders, const struct filter *filter)
{
	struct view_options options = { .filter = filter };
	struct view *view = view__new(&orders->fake, orders->attach, orders->end, &options);

	assert_non_null(view);
	return view;
}

static const struct stack_row *find_stack(const struct view *view, __u32 id)
{
	for (__u32 i = 0; i < view->nr_stacks; i++) {
		if (view->stacks[i].id == id)
			return view->stacks + i;
	}
	return NULL;
}

static void regions_keep_their_stacks(void **state)
{
	struct orders *orders = *state;
	struct filter filter = filter_of("region=[heap]", NULL);
	struct view *view = filtered(orders, &filter);

	assert_int_equal(view->nr_regions, 1);
	assert_int_equal(view->filtered.rss,
			 27026 * PAGE); /* 4096 + 18000 + 2000 + 900 + 2000 + 30 */
	assert_true(view->filtered.all_rss > view->filtered.rss);
	assert_null(find_stack(view, orders->get));
	assert_int_equal(find_stack(view, orders->put)->rss, 20000 * PAGE);
	assert_int_equal(find_stack(view, orders->put)->faulted, UNKNOWN_BYTES);
	view__free(view);
}

static void stacks_take_their_share_of_regions(void **state)
{
	struct orders *orders = *state;
	struct filter filter = filter_of("symbol=session_cache_put", NULL);
	struct view *view = filtered(orders, &filter);

	assert_int_equal(view->nr_regions, 1);
	assert_int_equal(view->regions[0].rss, 22000 * PAGE);
	assert_int_equal(view->regions[0].growth, 22000 * PAGE);
	assert_int_equal(view->regions[0].faulted, 22000 * PAGE);
	assert_int_equal(view->grown, 22000 * PAGE);
	assert_int_equal(view->nr_stacks, 2);
	assert_int_equal(view->regions[0].nr_stacks, 2);
	view__free(view);
}

static void both_together(void **state)
{
	struct orders *orders = *state;
	struct filter filter = filter_of("kind=file", "symbol=worker_main");
	struct view *view = filtered(orders, &filter);

	assert_int_equal(view->nr_regions, 1);
	assert_int_equal(view->regions[0].rss, 20000 * PAGE);
	assert_int_equal(view->nr_stacks, 1);
	assert_int_equal(view->stacks[0].id, orders->get);
	view__free(view);
	filter = filter_of("kind=stack", NULL);
	view = filtered(orders, &filter);
	assert_int_equal(view->nr_regions + view->nr_stacks, 0);
	assert_int_equal(view->filtered.rss, 0);
	view__free(view);
}

static void threads_know_only_what_they_brought(void **state)
{
	struct orders *orders = *state;
	struct filter filter = filter_of("thread=4244", NULL);
	struct view_options options = { .filter = &filter };
	struct view *view = view__new(&orders->fake, orders->before, orders->end, &options);

	assert_int_equal(view->nr_regions, 0);
	assert_int_equal(view->nr_stacks, 1); /* parse brought nothing in this window */
	assert_int_equal(view->stacks[0].id, orders->put);
	assert_int_equal(view->stacks[0].faulted, 2000 * PAGE);
	assert_int_equal(view->stacks[0].rss, UNKNOWN_BYTES);
	view__free(view);
}

static int setup(void **state)
{
	struct orders *orders = calloc(1, sizeof(*orders));

	orders__init(orders);
	*state = orders;
	return 0;
}

static int teardown(void **state)
{
	orders__fini(*state);
	free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terms_on_regions),
		cmocka_unit_test(terms_on_stacks),
		cmocka_unit_test(terms_on_threads),
		cmocka_unit_test(junk_is_refused),
		cmocka_unit_test_setup_teardown(regions_keep_their_stacks, setup, teardown),
		cmocka_unit_test_setup_teardown(stacks_take_their_share_of_regions, setup,
						teardown),
		cmocka_unit_test_setup_teardown(both_together, setup, teardown),
		cmocka_unit_test_setup_teardown(threads_know_only_what_they_brought, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
