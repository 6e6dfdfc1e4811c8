// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Groups and trees: every way of adding up the same rows comes to the same sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "report/orders_scene.h"
#include "view/stack_path.h"
#include "view/tree.h"

static struct view *grouped(const struct orders *orders, enum group_by by, __u32 top)
{
	struct view_options options = { .by = by, .top = top };
	struct view *view = view__new(&orders->fake, orders->attach, orders->end, &options);

	assert_non_null(view);
	return view;
}

static const struct group_row *find_group(const struct view *view, const char *key)
{
	for (__u32 i = 0; i < view->nr_groups; i++) {
		if (view->groups[i].key && !strcmp(view->groups[i].key, key))
			return view->groups + i;
	}
	fail_msg("no group %s", key);
	return NULL;
}

static void every_grouping_adds_up(void **state)
{
	static const enum group_by all[] = { BY_REGION, BY_STACK,     BY_MODULE,
					     BY_KIND,	BY_FILE_LINE, BY_FUNCTION };
	const struct orders *orders = *state;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		for (__u32 top = 0; top < 4; top++) {
			struct view *view = grouped(orders, all[i], top);
			__s64 rss = view->other_groups.rss, growth = view->other_groups.growth;

			for (__u32 g = 0; g < view->nr_groups; g++) {
				rss += view->groups[g].rss;
				growth += view->groups[g].growth;
			}
			assert_int_equal(rss, view->rss.total);
			assert_int_equal(growth, view->growth.total);
			assert_true(!top || view->nr_groups <= top + 1);
			view__free(view);
		}
	}
}

static void keys_are_as_documented(void **state)
{
	const struct orders *orders = *state;
	struct view *view = grouped(orders, BY_FUNCTION, 0);

	assert_int_equal(find_group(view, "session_cache_put")->rss, 22000 * PAGE);
	assert_int_equal(find_group(view, "session_cache_put")->nr, 2);
	assert_null(view->groups[view->nr_groups - 1].key); /* the lost stack, and from before */
	view__free(view);
	view = grouped(orders, BY_FILE_LINE, 0);
	assert_int_equal(find_group(view, "src/cache/session.c:211")->rss, 22000 * PAGE);
	assert_int_equal(find_group(view, "mdb_page_get")->rss, 20000 * PAGE); /* no line known */
	view__free(view);
	view = grouped(orders, BY_MODULE, 0);
	assert_int_equal(find_group(view, "/usr/bin/orders-api")->nr, 5);
	view__free(view);
	view = grouped(orders, BY_REGION, 0);
	assert_int_equal(find_group(view, "[anon:arena]")->nr, 4);
	assert_int_equal(find_group(view, "[anon:arena]")->freed, UNKNOWN_BYTES);
	find_group(view, "[anon] mapped by worker_main(void*)");
	view__free(view);
	view = grouped(orders, BY_KIND, 0);
	assert_int_equal(find_group(view, "heap")->rss, 27026 * PAGE);
	view__free(view);
	view = grouped(orders, BY_STACK, 0);
	find_group(view, "start_thread;worker_main(void*);handle_login;session_cache_put;malloc;"
			 "_int_malloc");
	view__free(view);
	view = grouped(orders, BY_CAUSE, 0);
	assert_int_equal(find_group(view, "dontneed")->freed, 1536 * PAGE);
	assert_int_equal(find_group(view, "dontneed")->growth, -1536 * (__s64)PAGE);
	assert_int_equal(find_group(view, "fault")->rss, UNKNOWN_BYTES);
	view__free(view);
}

static void threads_tell_what_they_brought(void **state)
{
	const struct orders *orders = *state;
	struct filter filter = { 0 };
	struct view_options options = { .by = BY_THREAD, .filter = &filter };
	struct view *view = grouped(orders, BY_THREAD, 0);

	assert_int_equal(view->nr_groups, 3);
	assert_string_equal(view->groups[0].key, "4242");
	assert_int_equal(find_group(view, "4243 worker-1")->faulted, 12000 * PAGE);
	assert_int_equal(find_group(view, "4244")->faulted, 8900 * PAGE);
	assert_int_equal(find_group(view, "4244")->rss, UNKNOWN_BYTES);
	view__free(view);
	assert_int_equal(filter__add(&filter, "symbol~json", NULL), 0);
	view = view__new(&orders->fake, orders->attach, orders->end, &options);
	assert_int_equal(view->nr_groups, 1);
	assert_int_equal(find_group(view, "4244")->faulted, 900 * PAGE);
	view__free(view);
}

/* "name+name" of the children of @at, the largest first. */
static const char *children(const struct view_tree *tree, __u32 at)
{
	static char text[256];

	*text = 0;
	for (at = tree->nodes[at].first_child; at; at = tree->nodes[at].next) {
		const char *symbol = tree->nodes[at].frame.symbol;

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", *text ? "+" : "",
			 symbol ? symbol : "?");
	}
	return text;
}

static __s64 sum_children(const struct view_tree *tree, __u32 at)
{
	__s64 sum = 0;

	for (at = tree->nodes[at].first_child; at; at = tree->nodes[at].next)
		sum += tree->nodes[at].rss;
	return sum;
}

static struct view *with_tree(const struct orders *orders, enum tree_kind kind, __u32 shown)
{
	struct view_options options = { .tree = kind, .shown = shown };
	struct view *view = view__new(&orders->fake, orders->attach, orders->end, &options);

	assert_non_null(view);
	assert_int_equal(view->tree->nodes[0].rss, view->attributed);
	for (__u32 i = 0; i < view->tree->nr; i++)
		assert_true(sum_children(view->tree, i) <= view->tree->nodes[i].rss);
	return view;
}

static void top_down_begins_at_the_callers(void **state)
{
	struct view *view = with_tree(*state, TREE_TOP_DOWN, 0);
	const struct view_tree *tree = view->tree;
	__u32 worker = tree->nodes[0].first_child;

	assert_int_equal(tree->measure, MEASURE_GROWTH);
	assert_string_equal(children(tree, 0), "worker_main(void*)");
	assert_int_equal(tree->nodes[worker].rss, (22000 + 900 + 20000 + 1024) * PAGE);
	assert_int_equal(tree->nodes[worker].nr_ends, 1); /* it mapped memory itself */
	assert_string_equal(children(tree, worker),
			    "handle_login+?+json::parse_value(json::reader&, int)");
	assert_string_equal(children(tree, tree->nodes[worker].first_child), "session_cache_put");
	view__free(view);
	view = with_tree(*state, TREE_TOP_DOWN, EVERY_FRAME);
	assert_string_equal(children(view->tree, 0), "start_thread+worker_main(void*)");
	view__free(view);
}

static void bottom_up_begins_at_the_code(void **state)
{
	struct view *view = with_tree(*state, TREE_BOTTOM_UP, 0);
	const struct view_tree *tree = view->tree;
	__u32 put = tree->nodes[0].first_child;

	assert_string_equal(children(tree, 0), "session_cache_put+mdb_page_get+worker_main(void*)+"
					       "json::parse_value(json::reader&, int)");
	assert_int_equal(tree->nodes[put].nr_stacks, 2); /* by malloc and by memset */
	assert_int_equal(tree->nodes[put].rss, 22000 * PAGE);
	assert_string_equal(children(tree, put), "handle_login");
	view__free(view);
}

/* The same code in a rebuilt or moved module is the same; nameless code only in the same build. */
static void paths_know_code_again(void **state)
{
	struct object one = { .build_id_len = 2, .build_id = { 1, 2 } }, two = one;
	struct frame_row named = {
		.symbol = "f", .module = "/old/app", .object = &one, .offset = 7
	};
	struct frame_row nameless = { .module = "/old/app", .object = &one, .offset = 7 };
	struct frame_row frames[4] = { named, nameless, nameless, nameless };
	struct stack_row row = { .nr_frames = 4, .frames = frames };
	struct stack_path *path = calloc(2, sizeof(*path));
	struct frame_ids ids = { 0 };

	(void)state;
	assert_int_equal(stack_path__fill(path, &row, &ids, EVERY_FRAME), 0);
	two.build_id[0] = 9;
	frames[0].module = "/new/app";
	frames[0].offset = 99;
	frames[0].object = &two;
	frames[1].module = "/new/app-2"; /* renamed, same build */
	frames[2].object = &two;
	frames[3].offset = 8;
	assert_int_equal(stack_path__fill(path + 1, &row, &ids, EVERY_FRAME), 0);
	assert_int_equal(path[1].nr, 4);
	assert_int_equal(path[0].ids[0], path[1].ids[0]);
	assert_int_equal(path[0].ids[1], path[1].ids[1]);
	assert_int_not_equal(path[0].ids[2], path[1].ids[2]);
	assert_int_not_equal(path[0].ids[3], path[1].ids[3]);
	assert_int_not_equal(path[0].ids[0], path[0].ids[1]);
	frame_ids__fini(&ids);
	free(path);
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
		cmocka_unit_test_setup_teardown(every_grouping_adds_up, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_are_as_documented, setup, teardown),
		cmocka_unit_test_setup_teardown(threads_tell_what_they_brought, setup, teardown),
		cmocka_unit_test_setup_teardown(top_down_begins_at_the_callers, setup, teardown),
		cmocka_unit_test_setup_teardown(bottom_up_begins_at_the_code, setup, teardown),
		cmocka_unit_test(paths_know_code_again),
	};

	return cmocka_run_group_tests_name("group_by", tests, NULL, NULL);
}
