// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Samples of views made by hand: every byte once, whatever the books say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "export/pool.h"
#include "export/samples.h"

#define A 10
#define B 7

/* Two regions, two stacks; stack B holds 5 in no region. */
struct scene {
	struct stack_row stacks[2];
	struct region_stack_row in_heap[2], in_file[1];
	struct region_row regions[2];
	struct view view;
};

static void set_scene(struct scene *scene)
{
	*scene = (struct scene){
		.stacks = { { .id = A, .rss = 100, .growth = 60, .faulted = 130, .freed = 70 },
			    { .id = B, .rss = 25, .growth = -15, .faulted = 0, .freed = 15 } },
		.in_heap = { { A, 100, 60 }, { B, 8, -32 } },
		.in_file = { { B, 12, 12 } },
	};
	scene->regions[0] = (struct region_row){
		.name = "[heap]",
		.before = { 1, 40, -2 },
		.unknown = { 2, 3, 3 },
		.nr_stacks = 2,
		.stacks = scene->in_heap,
	};
	scene->regions[1] = (struct region_row){
		.name = "/file",
		.nr_stacks = 1,
		.stacks = scene->in_file,
	};
	scene->view = (struct view){
		.rss = { .total = 200 },
		.growth = { .total = 90 },
		.attributed = 125,
		.before_attach = 40,
		.unattributed = 31,
		.error = 4,
		.nr_regions = 2,
		.regions = scene->regions,
		.nr_stacks = 2,
		.stacks = scene->stacks,
	};
}

static __s64 sum_of(const struct samples *samples, enum sample_origin origin,
		    enum sample_value value)
{
	__s64 sum = 0;

	for (__u32 i = 0; i < samples->nr; i++)
		if (samples->all[i].origin == origin)
			sum += samples->all[i].bytes[value];
	return sum;
}

static void test_every_byte_is_in_one_sample(void **state)
{
	struct samples samples;
	struct scene scene;

	(void)state;
	set_scene(&scene);
	assert_int_equal(samples__init(&samples, &scene.view), 0);
	assert_int_equal(samples.total[VALUE_RESIDENT], 200);
	assert_int_equal(samples.total[VALUE_GROWTH], 90);
	assert_int_equal(samples.total[VALUE_FAULTED], 130);
	assert_int_equal(samples.total[VALUE_FREED], 85);
	assert_int_equal(sum_of(&samples, ORIGIN_STACK, VALUE_RESIDENT), 125);
	assert_int_equal(sum_of(&samples, ORIGIN_STACK, VALUE_GROWTH), 45);
	assert_int_equal(sum_of(&samples, ORIGIN_BEFORE, VALUE_RESIDENT), 40);
	assert_int_equal(sum_of(&samples, ORIGIN_UNATTRIBUTED, VALUE_RESIDENT), 31);
	assert_int_equal(sum_of(&samples, ORIGIN_ERROR, VALUE_RESIDENT), 4);
	samples__fini(&samples);
}

static void test_a_stack_is_told_by_region_and_the_rest_by_none(void **state)
{
	struct samples samples;
	struct scene scene;
	__s64 rest = 0;

	(void)state;
	set_scene(&scene);
	assert_int_equal(samples__init(&samples, &scene.view), 0);
	assert_ptr_equal(samples.all[0].stack, scene.stacks + 0);
	assert_ptr_equal(samples.all[0].region, scene.regions + 0);
	assert_int_equal(samples.all[0].bytes[VALUE_FAULTED], 0);
	for (__u32 i = 0; i < samples.nr; i++)
		if (samples.all[i].stack == scene.stacks + 1 && !samples.all[i].region)
			rest += samples.all[i].bytes[VALUE_RESIDENT];
	assert_int_equal(rest, 5);
	samples__fini(&samples);
}

static void test_growth_below_zero_is_shrunk(void **state)
{
	const struct sample sample = { .bytes = { [VALUE_GROWTH] = -5, [VALUE_RESIDENT] = -1 } };
	const struct sample grown = { .bytes = { [VALUE_GROWTH] = 5 } };

	(void)state;
	assert_int_equal(sample__positive(&sample, VALUE_GROWTH), 0);
	assert_int_equal(sample__positive(&sample, VALUE_SHRUNK), 5);
	assert_int_equal(sample__positive(&sample, VALUE_RESIDENT), 0);
	assert_int_equal(sample__positive(&grown, VALUE_GROWTH), 5);
	assert_int_equal(sample__positive(&grown, VALUE_SHRUNK), 0);
}

/* A region may name a stack whose row is not there. */
static void test_a_stack_without_a_row(void **state)
{
	struct samples samples;
	struct scene scene;

	(void)state;
	set_scene(&scene);
	scene.in_file[0].stack = 99;
	assert_int_equal(samples__init(&samples, &scene.view), 0);
	assert_int_equal(samples.total[VALUE_RESIDENT], 200);
	samples__fini(&samples);
}

static void test_an_empty_view(void **state)
{
	const struct view view = { 0 };
	struct samples samples;

	(void)state;
	assert_int_equal(samples__init(&samples, &view), 0);
	assert_int_equal(samples.nr, 0);
	samples__fini(&samples);
}

static void test_names_of_values(void **state)
{
	enum sample_value value;

	(void)state;
	for (int v = 0; v < NR_VALUES; v++) {
		assert_int_equal(sample_value__parse(sample_value__name(v), &value), 0);
		assert_int_equal(value, v);
	}
	assert_true(sample_value__parse("rss", &value) < 0);
}

static void test_numbers_for_keys(void **state)
{
	struct intern_table table = { 0 };
	struct pool pool = { 0 };
	bool is_new;

	(void)state;
	for (__u64 i = 1; i <= 10000; i++) {
		assert_int_equal(intern_table__number(&table, &pool, &i, sizeof(i), &is_new), i);
		assert_true(is_new);
	}
	for (__u64 i = 10000; i; i--) {
		assert_int_equal(intern_table__number(&table, &pool, &i, sizeof(i), &is_new), i);
		assert_false(is_new);
	}
	intern_table__fini(&table);
	pool__fini(&pool);
}

static void test_a_list_keeps_its_items(void **state)
{
	struct pool_list list = { 0 };
	struct pool pool = { 0 };

	(void)state;
	for (__u32 i = 0; i < 1000; i++) {
		__u32 *item = pool_list__add(&list, &pool, sizeof(*item));

		assert_non_null(item);
		assert_int_equal(*item, 0);
		*item = i;
	}
	for (__u32 i = 0; i < 1000; i++)
		assert_int_equal(*(__u32 *)list.items[i], i);
	assert_non_null(pool__take(&pool, 1 << 20));
	assert_string_equal(pool__copy(&pool, "text"), "text");
	assert_false(pool.failed);
	pool__fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_is_in_one_sample),
		cmocka_unit_test(test_a_stack_is_told_by_region_and_the_rest_by_none),
		cmocka_unit_test(test_growth_below_zero_is_shrunk),
		cmocka_unit_test(test_a_stack_without_a_row),
		cmocka_unit_test(test_an_empty_view),
		cmocka_unit_test(test_names_of_values),
		cmocka_unit_test(test_numbers_for_keys),
		cmocka_unit_test(test_a_list_keeps_its_items),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
