// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Two moments side by side: of one run, and of two whose addresses, ids and builds differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "report/orders_scene.h"
#include "view/diff.h"

/* A run of a small program: a heap and a file, each filled by one stack. */
struct small_run {
	struct session fake;
	struct snapshot *end;
};

static void small_run__init(struct small_run *run, __u64 base, const char *app_path,
			    __u32 heap_pages, const char *reader, bool more_stacks_first)
{
	struct session *fake = &run->fake;
	__u32 libc, app, put, get, alloc, heap_stack, file_stack;
	struct space_snapshot *space;
	struct vma *vma;

	fake__init(fake);
	libc = fake__object(fake, "/usr/lib/libc.so.6");
	app = fake__object(fake, app_path);
	alloc = fake__frame(fake, libc, base + 1, more_stacks_first ? "malloc" : "calloc", NULL, 0);
	put = fake__frame(fake, app, base + 2, "cache_put", "cache.c", (__u32)base);
	get = fake__frame(fake, app, base + 3, reader, NULL, 0);
	if (more_stacks_first)
		fake__stack(fake, STACK_END_ROOT, (__u32[]){ get, put, 0 });
	heap_stack = fake__stack(fake, STACK_END_ROOT, (__u32[]){ alloc, put, 0 });
	file_stack = fake__stack(fake, STACK_END_ROOT, (__u32[]){ get, 0 });
	run->end = fake_snapshot__new(fake, 5 * SECOND, 1);
	space = run->end->spaces;
	fake_space__map(space, base, 64 * MIB, KIND_HEAP)->name = fake__name(fake, "[heap]");
	vma = fake_space__map(space, base + 128 * MIB, MIB, KIND_FILE);
	vma->object = fake__object(fake, more_stacks_first ? "/data" : "/data (deleted)");
	fake_space__set(space, base, heap_pages, RSST_ANON, heap_stack);
	fake_space__set(space, base + 60 * MIB, 3, RSST_ANON, OWNER_BEFORE);
	fake_space__set(space, base + 128 * MIB, 10, RSST_FILE, file_stack);
	fake_snapshot__settle(run->end);
}

static void small_run__fini(struct small_run *run)
{
	fake_snapshot__free(run->end);
}

static struct view_diff *diff_of(const struct diff_side *a, const struct diff_side *b, __u32 top,
				 __s64 least_bytes)
{
	const struct diff_options options = { .top = top, .least_bytes = least_bytes };
	struct view_diff *diff = view_diff__new(a, b, &options);

	assert_non_null(diff);
	return diff;
}

static __s64 sum_of_changes(const struct diff_list *list)
{
	__s64 sum = list->other.b - list->other.a;

	for (__u32 i = 0; i < list->nr; i++)
		sum += list->rows[i].b - list->rows[i].a;
	return sum;
}

static const struct diff_row *find_region(const struct view_diff *diff, const char *name)
{
	for (__u32 i = 0; i < diff->regions.nr; i++) {
		if (!strcmp(diff->regions.rows[i].name, name))
			return diff->regions.rows + i;
	}
	fail_msg("no region %s", name);
	return NULL;
}

static void the_same_moment_does_not_differ(void **state)
{
	struct orders orders;
	struct view_diff *diff;
	struct diff_side side;

	(void)state;
	orders__init(&orders);
	side = (struct diff_side){ &orders.fake, orders.end };
	diff = diff_of(&side, &side, 10, 1);
	assert_false(diff->differs);
	assert_int_equal(diff->regions.nr + diff->stacks.nr, 0);
	assert_true(diff->stacks.other.nr_a > 0);
	view_diff__free(diff);
	diff = diff_of(&side, &side, 0, 1);
	assert_true(diff->stacks.nr > 0);
	assert_int_equal(diff->stacks.rows[0].status, DIFF_SAME);
	view_diff__free(diff);
	orders__fini(&orders);
}

static void two_moments_of_one_run(void **state)
{
	struct orders orders;

	(void)state;
	orders__init(&orders);
	for (__u32 top = 0; top < 5; top++) {
		const struct diff_side a = { &orders.fake, orders.attach };
		const struct diff_side b = { &orders.fake, orders.end };
		struct view_diff *diff = diff_of(&a, &b, top, 1);

		assert_true(diff->differs);
		assert_int_equal(sum_of_changes(&diff->regions), diff->change.total);
		assert_int_equal(sum_of_changes(&diff->stacks), diff->change.total);
		for (__u32 i = 1; i < diff->stacks.nr; i++)
			assert_true(llabs(diff->stacks.rows[i].b - diff->stacks.rows[i].a) <=
				    llabs(diff->stacks.rows[i - 1].b - diff->stacks.rows[i - 1].a));
		view_diff__free(diff);
	}
	orders__fini(&orders);
}

static void what_came_and_went_is_marked(void **state)
{
	struct orders orders;
	struct diff_side a, b;
	struct view_diff *diff;

	(void)state;
	orders__init(&orders);
	a = (struct diff_side){ &orders.fake, orders.attach };
	b = (struct diff_side){ &orders.fake, orders.end };
	diff = diff_of(&a, &b, 10, 1);
	assert_int_equal(find_region(diff, "[heap]")->status, DIFF_CHANGED);
	assert_int_equal(find_region(diff, "[heap]")->b, 27026 * PAGE);
	assert_int_equal(find_region(diff, "[anon] mapped by worker_main(void*)")->status,
			 DIFF_NEW);
	assert_int_equal(find_region(diff, "[anon:arena]")->b -
				 find_region(diff, "[anon:arena]")->a,
			 -6 * MIB);
	view_diff__free(diff);
	diff = diff_of(&b, &a, 10, 1);
	assert_int_equal(find_region(diff, "[anon] mapped by worker_main(void*)")->status,
			 DIFF_GONE);
	assert_int_equal(diff->stacks.rows[0].status, DIFF_GONE);
	view_diff__free(diff);
	orders__fini(&orders);
}

/* Other addresses, offsets, lines, stack ids and path of the program; an unlinked file: the same.
 */
static void two_runs_are_matched_by_names(void **state)
{
	struct small_run old, new;
	struct diff_side a, b;
	struct view_diff *diff;

	(void)state;
	small_run__init(&old, 0x10000000, "/opt/v1/app", 500, "read_page", false);
	small_run__init(&new, 0x70000000, "/opt/v2/app", 700, "read_page", true);
	a = (struct diff_side){ &old.fake, old.end };
	b = (struct diff_side){ &new.fake, new.end };
	diff = diff_of(&a, &b, 10, 1);
	assert_int_equal(diff->regions.nr, 1);
	assert_string_equal(diff->regions.rows[0].name, "[heap]");
	assert_int_equal(diff->regions.rows[0].b - diff->regions.rows[0].a, 200 * PAGE);
	assert_int_equal(diff->stacks.nr, 1);
	assert_int_equal(diff->stacks.rows[0].status, DIFF_CHANGED);
	assert_ptr_equal(diff->stacks.rows[0].session, &new.fake);
	assert_int_equal(diff->change.total, 200 * PAGE);
	view_diff__free(diff);
	small_run__fini(&old);
	small_run__fini(&new);
}

static void another_function_is_another_stack(void **state)
{
	struct small_run old, new;
	struct diff_side a, b;
	struct view_diff *diff;

	(void)state;
	small_run__init(&old, 0x10000000, "/opt/app", 500, "read_page", false);
	small_run__init(&new, 0x70000000, "/opt/app", 500, "scan_pages", false);
	a = (struct diff_side){ &old.fake, old.end };
	b = (struct diff_side){ &new.fake, new.end };
	diff = diff_of(&a, &b, 10, 1);
	assert_int_equal(diff->regions.nr, 0);
	assert_int_equal(diff->stacks.nr, 2);
	assert_true(diff->differs);
	view_diff__free(diff);
	small_run__fini(&old);
	small_run__fini(&new);
}

static void small_changes_are_below_the_threshold(void **state)
{
	struct small_run old, new;
	struct diff_side a, b;
	struct view_diff *diff;

	(void)state;
	small_run__init(&old, 0x10000000, "/opt/app", 500, "read_page", false);
	small_run__init(&new, 0x10000000, "/opt/app", 510, "read_page", false);
	a = (struct diff_side){ &old.fake, old.end };
	b = (struct diff_side){ &new.fake, new.end };
	diff = diff_of(&a, &b, 10, 10 * PAGE);
	assert_true(diff->differs);
	view_diff__free(diff);
	diff = diff_of(&a, &b, 10, 10 * PAGE + 1);
	assert_false(diff->differs);
	assert_int_equal(diff->stacks.other.b - diff->stacks.other.a, 10 * PAGE);
	view_diff__free(diff);
	small_run__fini(&old);
	small_run__fini(&new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_moment_does_not_differ),
		cmocka_unit_test(two_moments_of_one_run),
		cmocka_unit_test(what_came_and_went_is_marked),
		cmocka_unit_test(two_runs_are_matched_by_names),
		cmocka_unit_test(another_function_is_another_stack),
		cmocka_unit_test(small_changes_are_below_the_threshold),
	};

	return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
