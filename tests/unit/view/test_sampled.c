// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Stacks that were not taken, given to those that were: whose the bytes are is estimated, how many
 * there are is not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "view/fake_session.h"
#include "view/query.h"

#define HEAP 0x10000000ULL
#define DATA 0x20000000ULL

/* A heap and a file, two stacks, and the one that stands for those that were not taken. */
struct scene {
	struct session fake;
	struct snapshot *from, *to;
	__u32 put, get, none;
};

static struct scene *scene__new(void)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct session *fake = &scene->fake;
	__u32 app;

	fake__init(fake);
	app = fake__object(fake, "/usr/bin/orders-api");
	scene->put = fake__stack(fake, STACK_END_ROOT,
				 (__u32[]){ fake__frame(fake, app, 0x200, "put", "c.c", 7), 0 });
	scene->get = fake__stack(fake, STACK_END_ROOT,
				 (__u32[]){ fake__frame(fake, app, 0x300, "get", "c.c", 9), 0 });
	scene->none = fake__stack(fake, STACK_END_UNSAMPLED, (__u32[]){ 0 });
	scene->from = fake_snapshot__new(fake, 1000, 1);
	scene->to = fake_snapshot__new(fake, 5000, 1);
	fake_space__map(scene->to->spaces, HEAP, 8 * MIB, KIND_HEAP);
	fake_space__map(scene->to->spaces, DATA, 8 * MIB, KIND_FILE);
	return scene;
}

static void scene__free(struct scene *scene)
{
	fake_snapshot__free(scene->from);
	fake_snapshot__free(scene->to);
	free(scene);
}

/* @pages brought in and all resident, standing for @others. */
static void brought(struct scene *scene, __u32 stack, __u64 pages, __u64 others)
{
	scene->to->stacks[stack].faulted = pages;
	scene->to->stacks[stack].stands_for = others;
	scene->to->stacks[stack].variance = pages * others;
}

static struct view *look(struct scene *scene, __u32 pid)
{
	struct view_options options = { .pid = pid };
	struct view *view;

	fake_snapshot__settle(scene->to);
	view = view__new(&scene->fake, scene->from, scene->to, &options);
	assert_non_null(view);
	return view;
}

static const struct stack_row *row_of(const struct view *view, __u32 id)
{
	for (__u32 i = 0; i < view->nr_stacks; i++)
		if (view->stacks[i].id == id)
			return view->stacks + i;
	return NULL;
}

/* 10 and 20 sampled pages stand for 100 and 300 of the 201 nobody took the stack of. */
static void scene__fill(struct scene *scene)
{
	struct space_snapshot *now = scene->to->spaces;

	fake_space__set(now, HEAP, 10, RSST_ANON, scene->put);
	fake_space__set(now, HEAP + 10 * PAGE, 20, RSST_ANON, scene->get);
	fake_space__set(now, HEAP + 30 * PAGE, 201, RSST_ANON, scene->none);
	brought(scene, scene->put, 10, 100);
	brought(scene, scene->get, 20, 300);
	brought(scene, scene->none, 201, 0);
}

static void assert_shared(const struct view *view, const struct scene *scene)
{
	assert_int_equal(view->nr_stacks, 2);
	assert_int_equal(row_of(view, scene->put)->rss, (10 + 50) * PAGE);
	assert_int_equal(row_of(view, scene->get)->rss, (20 + 151) * PAGE); /* the odd page */
	assert_int_equal(row_of(view, scene->put)->growth, 60 * PAGE);
	assert_int_equal(view->unsampled, 201 * PAGE);
	assert_int_equal(view->attributed, 231 * PAGE);
	assert_int_equal(view->resident_walks.incomplete, 0);
	assert_int_equal(view->error, 0);
}

static void they_are_shared_out_and_sums_stay(void **state)
{
	struct scene *scene = scene__new();
	struct view *view;

	(void)state;
	scene__fill(scene);
	view = look(scene, 0);
	assert_shared(view, scene);
	assert_int_equal(row_of(view, scene->put)->faulted, 60 * PAGE);
	assert_int_equal(view->faulted_walks.bytes, 231 * PAGE); /* also what is shared out */
	assert_int_equal(view->faulted_walks.incomplete, 0);
	assert_int_equal(row_of(view, scene->put)->error, (__s64)(31.6227766 * PAGE));
	assert_true(view->sampling_error > row_of(view, scene->get)->error);
	assert_int_equal(view->regions[0].nr_stacks, 2);
	assert_int_equal(view->regions[0].stacks[0].rss, 171 * PAGE);
	assert_int_equal(view->regions[0].stacks[1].rss, 60 * PAGE);
	view__free(view);
	scene__free(scene);
}

static void the_same_of_one_process(void **state)
{
	struct scene *scene = scene__new();
	struct view *view;

	(void)state;
	scene__fill(scene);
	view = look(scene, 4242);
	assert_shared(view, scene);
	view__free(view);
	scene__free(scene);
}

/* A region's own samples tell of it; one without any keeps what it has as not sampled. */
static void each_region_by_its_own_samples(void **state)
{
	struct scene *scene = scene__new();
	struct space_snapshot *now = scene->to->spaces;
	struct view *view;

	(void)state;
	fake_space__set(now, HEAP, 1, RSST_ANON, scene->put);
	fake_space__set(now, HEAP + PAGE, 5, RSST_ANON, scene->none);
	fake_space__set(now, DATA, 3, RSST_FILE, scene->none);
	brought(scene, scene->put, 1, 7);
	brought(scene, scene->none, 8, 0);
	view = look(scene, 0);
	assert_int_equal(view->regions[0].nr_stacks, 1);
	assert_int_equal(view->regions[0].stacks[0].stack, scene->put);
	assert_int_equal(view->regions[0].stacks[0].rss, 6 * PAGE);
	assert_int_equal(view->regions[1].nr_stacks, 1);
	assert_int_equal(view->regions[1].stacks[0].stack, scene->none);
	assert_int_equal(view->regions[1].stacks[0].rss, 3 * PAGE);
	assert_int_equal(row_of(view, scene->put)->rss, 9 * PAGE);
	view__free(view);
	scene__free(scene);
}

/* Stacks of a time when all were taken stand for nothing. */
static void exact_ones_get_nothing(void **state)
{
	struct scene *scene = scene__new();
	struct space_snapshot *now = scene->to->spaces;
	struct view *view;

	(void)state;
	fake_space__set(now, HEAP, 500, RSST_ANON, scene->get);
	fake_space__set(now, HEAP + 500 * PAGE, 4, RSST_ANON, scene->put);
	fake_space__set(now, HEAP + 600 * PAGE, 60, RSST_ANON, scene->none);
	brought(scene, scene->get, 500, 0);
	brought(scene, scene->put, 4, 60);
	brought(scene, scene->none, 60, 0);
	view = look(scene, 0);
	assert_int_equal(row_of(view, scene->get)->rss, 500 * PAGE);
	assert_int_equal(row_of(view, scene->get)->error, 0);
	assert_int_equal(row_of(view, scene->put)->rss, 64 * PAGE);
	view__free(view);
	scene__free(scene);
}

static void without_a_sample_they_stay_what_they_are(void **state)
{
	struct scene *scene = scene__new();
	struct view *view;

	(void)state;
	fake_space__set(scene->to->spaces, HEAP, 7, RSST_ANON, scene->none);
	brought(scene, scene->none, 7, 0);
	view = look(scene, 0);
	assert_int_equal(view->nr_stacks, 1);
	assert_int_equal(view->stacks[0].id, scene->none);
	assert_int_equal(view->stacks[0].rss, 7 * PAGE);
	assert_int_equal(view->unsampled, 7 * PAGE);
	assert_int_equal(view->resident_walks.incomplete, 0);
	view__free(view);
	scene__free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_shared_out_and_sums_stay),
		cmocka_unit_test(the_same_of_one_process),
		cmocka_unit_test(each_region_by_its_own_samples),
		cmocka_unit_test(exact_ones_get_nothing),
		cmocka_unit_test(without_a_sample_they_stay_what_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
