// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whose symbols are given back, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "live/modules.h"

#define NR 4
#define READ_NS 10
#define LONG_NS (MODULES_PACE * READ_NS)

/* Modules 1 to 3 of the same size, asked for at 100, 200, 300. */
static struct modules make_modules(__u64 *each_bytes)
{
	struct modules modules = { .all = calloc(NR, sizeof(*modules.all)), .nr = NR };

	assert_non_null(modules.all);
	for (__u32 i = 1; i < NR; i++) {
		modules.all[i] = (struct module){ .elf = elf_object__open("/proc/self/exe", "self",
									  "", NULL),
						  .used_ns = i * 100,
						  .read_ns = READ_NS };
		assert_non_null(modules.all[i].elf);
	}
	*each_bytes = elf_object__symbol_bytes(modules.all[1].elf);
	assert_true(*each_bytes > 1000);
	modules.most_bytes = 100 * *each_bytes;
	return modules;
}

static void free_modules(struct modules *modules)
{
	for (__u32 i = 0; i < modules->nr; i++)
		elf_object__free(modules->all[i].elf);
	free(modules->all);
}

/* Which modules have symbols, a bit each. */
static unsigned int held(const struct modules *modules)
{
	unsigned int bits = 0;

	for (__u32 i = 1; i < modules->nr; i++)
		bits |= (unsigned int)elf_object__has_symbols(modules->all[i].elf) << i;
	return bits;
}

static void the_longest_unused_go_first(void **state)
{
	__u64 each;
	struct modules modules = make_modules(&each);

	(void)state;
	modules.budget_bytes = 3 * each;
	modules__bound(&modules, 0, 300 + LONG_NS);
	assert_int_equal(held(&modules), 0xe);
	modules.budget_bytes = 2 * each;
	modules__bound(&modules, 0, 300 + LONG_NS);
	assert_int_equal(held(&modules), 0xc);
	modules.all[2].used_ns = 400;
	modules.budget_bytes = each;
	modules__bound(&modules, 0, 400 + LONG_NS);
	assert_int_equal(held(&modules), 0x4);
	modules.budget_bytes = 0;
	modules__bound(&modules, 2, 500 + LONG_NS); /* the one that is in use stays */
	assert_int_equal(held(&modules), 0x4);
	free_modules(&modules);
}

static void not_before_their_time(void **state)
{
	__u64 each;
	struct modules modules = make_modules(&each);

	(void)state;
	modules.budget_bytes = each;
	modules__bound(&modules, 0, 99 + LONG_NS);
	assert_int_equal(held(&modules), 0xe);
	modules__bound(&modules, 0, 100 + LONG_NS);
	assert_int_equal(held(&modules), 0xc);
	free_modules(&modules);
}

static void but_for_a_lot_of_memory(void **state)
{
	__u64 each;
	struct modules modules = make_modules(&each);

	(void)state;
	modules.budget_bytes = each;
	modules.most_bytes = 2 * each;
	modules__bound(&modules, 3, 300);
	assert_int_equal(held(&modules), 0xc);
	free_modules(&modules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_unused_go_first),
		cmocka_unit_test(not_before_their_time),
		cmocka_unit_test(but_for_a_lot_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
