// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How the rate follows what tracing costs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "live/overhead.h"

#define BUDGET 10000 /* 1 % */

static __u32 next(__u32 shift, __u64 cost_ppm)
{
	return overhead__next_shift(shift, cost_ppm, cost_ppm, BUDGET);
}

static void within_the_budget_nothing_changes(void **state)
{
	(void)state;
	assert_int_equal(next(0, 0), 0);
	assert_int_equal(next(0, BUDGET), 0);
	assert_int_equal(next(5, BUDGET / 2), 5);
}

static void above_it_fewer_stacks_are_taken(void **state)
{
	(void)state;
	assert_int_equal(next(0, BUDGET + 1), 1);
	assert_int_equal(next(3, 2 * BUDGET), 5);
	assert_int_equal(next(SAMPLE_SHIFT_MAX - 1, 9 * BUDGET), SAMPLE_SHIFT_MAX);
	assert_int_equal(next(SAMPLE_SHIFT_MAX, 9 * BUDGET), SAMPLE_SHIFT_MAX);
}

/* Were all of it stacks, twice as many would just keep it. */
static void far_below_more_are(void **state)
{
	(void)state;
	assert_int_equal(next(5, BUDGET / 2 - 1), 4);
	assert_int_equal(next(1, 0), 0);
}

/* A target that hardly runs, a machine where others fault: no stack less for that. */
static void what_is_not_for_stacks_costs_none(void **state)
{
	(void)state;
	assert_int_equal(overhead__next_shift(0, 500 * BUDGET, BUDGET / 8, BUDGET), 0);
	assert_int_equal(overhead__next_shift(4, 500 * BUDGET, BUDGET / 20, BUDGET), 4);
	assert_int_equal(overhead__next_shift(4, 500 * BUDGET, BUDGET / 40, BUDGET), 3);
}

/* Unasked, only a target that runs through ever new stacks is measured at all. */
static void few_new_stacks_cannot_matter(void **state)
{
	(void)state;
	assert_false(overhead__may_matter(0, 1000000000));
	assert_false(overhead__may_matter(10000, 1000000000));
	assert_true(overhead__may_matter(100000, 1000000000));
	assert_false(overhead__may_matter(1, 0));
}

/* A cost with a part that stays and one that halves: found, and kept to. */
static void it_comes_to_rest(void **state)
{
	const __u32 fixed[] = { 4000, 3 * BUDGET }, stacks = 90000;

	(void)state;
	for (int k = 0; k < 2; k++) {
		__u32 shift = 0, last = 0;

		for (int i = 0; i < 30; i++) {
			last = shift;
			shift = overhead__next_shift(shift, fixed[k] + (stacks >> shift),
						     stacks >> shift, BUDGET);
		}
		assert_int_equal(shift, last);
		if (!k)
			assert_in_range(fixed[k] + (stacks >> shift), BUDGET / 2, BUDGET);
		else
			assert_in_range(stacks >> shift, BUDGET / 32, BUDGET / 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_the_budget_nothing_changes),
		cmocka_unit_test(above_it_fewer_stacks_are_taken),
		cmocka_unit_test(far_below_more_are),
		cmocka_unit_test(what_is_not_for_stacks_costs_none),
		cmocka_unit_test(few_new_stacks_cannot_matter),
		cmocka_unit_test(it_comes_to_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
