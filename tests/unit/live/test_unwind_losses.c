// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "live/unwind_losses.h"

#define CODE 0x7f0000400000ULL
#define CODE_BYTES 0x1000ULL

/* As the kernel side notes it. */
static void lose(struct unwind_space *space, __u64 start, __u64 end)
{
	__u64 number = ++space->losses;

	space->lost[number % UNWIND_LOSSES] = (struct unwind_loss){ start, end, number };
}

static void test_only_what_was_lost_since(void **state)
{
	struct unwind_space space = { 0 };

	(void)state;
	lose(&space, CODE, CODE + CODE_BYTES);
	assert_true(unwind_losses__hit(&space, 0, CODE));
	assert_true(unwind_losses__hit(&space, 0, CODE + CODE_BYTES - 1));
	assert_false(unwind_losses__hit(&space, 0, CODE - 1));
	assert_false(unwind_losses__hit(&space, 0, CODE + CODE_BYTES));
	assert_false(unwind_losses__hit(&space, 1, CODE));
	lose(&space, CODE + CODE_BYTES, CODE + 2 * CODE_BYTES);
	assert_true(unwind_losses__hit(&space, 0, CODE));
	assert_false(unwind_losses__hit(&space, 1, CODE));
	assert_true(unwind_losses__hit(&space, 1, CODE + CODE_BYTES));
}

static void test_return_addresses_are_behind_their_calls(void **state)
{
	const __u64 inside[] = { 0x1000, CODE + CODE_BYTES }, above[] = { 0x1000, CODE };
	struct unwind_space space = { 0 };

	(void)state;
	assert_false(unwind_losses__hit_any(&space, 0, inside, 2));
	lose(&space, CODE, CODE + CODE_BYTES);
	assert_true(unwind_losses__hit_any(&space, 0, inside, 2));
	assert_false(unwind_losses__hit_any(&space, 0, above, 2));
	assert_true(unwind_losses__hit_any(&space, 0, above + 1, 1)); /* the innermost is the pc */
	assert_false(unwind_losses__hit_any(&space, 1, inside, 2));
}

static void test_a_loss_of_unknown_range_may_be_any(void **state)
{
	struct unwind_space space = { 0 };

	(void)state;
	space.losses++;
	assert_true(unwind_losses__hit(&space, 0, CODE));
	lose(&space, 0, CODE_BYTES);
	assert_true(unwind_losses__hit(&space, 0, CODE));
	assert_false(unwind_losses__hit(&space, 1, CODE));
}

static void test_so_may_one_that_another_took_the_place_of(void **state)
{
	struct unwind_space space = { 0 };

	(void)state;
	for (int i = 0; i < UNWIND_LOSSES; i++)
		lose(&space, 0, CODE_BYTES);
	assert_false(unwind_losses__hit(&space, 0, CODE));
	lose(&space, 0, CODE_BYTES);
	assert_true(unwind_losses__hit(&space, 0, CODE));
	assert_false(unwind_losses__hit(&space, 1, CODE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_what_was_lost_since),
		cmocka_unit_test(test_return_addresses_are_behind_their_calls),
		cmocka_unit_test(test_a_loss_of_unknown_range_may_be_any),
		cmocka_unit_test(test_so_may_one_that_another_took_the_place_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
