// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "elf/symbol_table.h"

static struct symbol_table table;
static int pool;

static void start_table(const char *names, size_t len)
{
	symbol_table__fini(&table);
	pool = symbol_table__add_pool(&table, names, len);
	assert_int_equal(pool, 0);
}

static void add(const char *name, uint64_t start, uint64_t end, enum symbol_rank rank, bool sized)
{
	const struct symbol_pool *names = &table.pools[0];
	const char *found = memmem(names->bytes, names->size_bytes, name, strlen(name) + 1);

	assert_non_null(found);
	assert_int_equal(
		symbol_table__add(&table, pool, found - names->bytes, start, end, rank, sized), 0);
}

static const char *at(uint64_t vaddr)
{
	const struct symbol *symbol = symbol_table__find(&table, vaddr);

	return symbol ? symbol_table__name(&table, symbol) : "";
}

static void an_empty_table_knows_nothing(void **state)
{
	(void)state;
	symbol_table__fini(&table);
	symbol_table__finish(&table);
	assert_null(symbol_table__find(&table, 0));
	assert_null(symbol_table__find(&table, ~0ULL));
}

static void a_symbol_covers_its_bytes_only(void **state)
{
	static const char names[] = "a\0b";

	(void)state;
	start_table(names, sizeof(names));
	add("b", 200, 210, SYMBOL_RANK_GLOBAL, true);
	add("a", 100, 110, SYMBOL_RANK_GLOBAL, true);
	symbol_table__finish(&table);
	assert_string_equal(at(99), "");
	assert_string_equal(at(100), "a");
	assert_string_equal(at(109), "a");
	assert_string_equal(at(110), "");
	assert_string_equal(at(209), "b");
	assert_string_equal(at(210), "");
}

static void nested_and_overlapping(void **state)
{
	static const char names[] = "outer\0inner\0innermost\0late";

	(void)state;
	start_table(names, sizeof(names));
	add("outer", 100, 200, SYMBOL_RANK_GLOBAL, true);
	add("inner", 120, 160, SYMBOL_RANK_GLOBAL, true);
	add("innermost", 130, 140, SYMBOL_RANK_GLOBAL, true);
	add("late", 190, 230, SYMBOL_RANK_GLOBAL, true);
	symbol_table__finish(&table);
	assert_string_equal(at(119), "outer");
	assert_string_equal(at(135), "innermost");
	assert_string_equal(at(145), "inner");
	assert_string_equal(at(165), "outer");
	assert_string_equal(at(195), "late");
	assert_string_equal(at(229), "late");
	assert_string_equal(at(230), "");
}

static void of_aliases_the_best_name_wins(void **state)
{
	static const char names[] = "__libc_x\0x_long\0x\0_x\0weak\0local\0y";

	(void)state;
	start_table(names, sizeof(names));
	add("x", 100, 110, SYMBOL_RANK_GLOBAL, true);
	add("__libc_x", 100, 110, SYMBOL_RANK_GLOBAL, true);
	add("x_long", 100, 110, SYMBOL_RANK_GLOBAL, true);
	add("_x", 100, 110, SYMBOL_RANK_GLOBAL, true);
	add("weak", 100, 110, SYMBOL_RANK_WEAK, true);
	add("local", 100, 110, SYMBOL_RANK_LOCAL, true);
	add("weak", 200, 210, SYMBOL_RANK_WEAK, true);
	add("local", 200, 210, SYMBOL_RANK_LOCAL, true);
	add("y", 200, 220, SYMBOL_RANK_LABEL, true);
	symbol_table__finish(&table);
	assert_string_equal(at(105), "x");
	assert_string_equal(at(205), "weak");
	assert_string_equal(at(215), "y");
	assert_int_equal(table.nr, 3);
}

static void labels_fill_gaps_but_never_split_functions(void **state)
{
	static const char names[] = "f\0inside\0after\0g\0last";

	(void)state;
	start_table(names, sizeof(names));
	add("f", 100, 150, SYMBOL_RANK_GLOBAL, true);
	add("inside", 120, 1000, SYMBOL_RANK_LABEL, false);
	add("inside", 100, 1000, SYMBOL_RANK_LABEL, false);
	add("after", 160, 1000, SYMBOL_RANK_LABEL, false);
	add("g", 200, 210, SYMBOL_RANK_GLOBAL, true);
	add("last", 300, 1000, SYMBOL_RANK_LABEL, false);
	symbol_table__finish(&table);
	assert_string_equal(at(130), "f");
	assert_string_equal(at(155), "");
	assert_string_equal(at(199), "after");
	assert_string_equal(at(205), "g");
	assert_string_equal(at(250), "");
	assert_string_equal(at(999), "last");
	assert_string_equal(at(1000), "");
}

static void nonsense_is_left_out(void **state)
{
	static const char names[] = "\0x";

	(void)state;
	start_table(names, sizeof(names));
	assert_int_equal(symbol_table__add(&table, 0, 99, 1, 2, SYMBOL_RANK_GLOBAL, true), 0);
	assert_int_equal(symbol_table__add(&table, 0, 0, 1, 2, SYMBOL_RANK_GLOBAL, true), 0);
	assert_int_equal(symbol_table__add(&table, 0, 1, 2, 2, SYMBOL_RANK_GLOBAL, true), 0);
	assert_int_equal(symbol_table__add(&table, 7, 1, 2, 3, SYMBOL_RANK_GLOBAL, true), 0);
	assert_int_equal(symbol_table__add(&table, -1, 1, 2, 3, SYMBOL_RANK_GLOBAL, true), 0);
	assert_int_equal(table.nr, 0);
	add("x", ~0ULL - 1, ~0ULL, SYMBOL_RANK_GLOBAL, true);
	add("x", 0, ~0ULL, SYMBOL_RANK_GLOBAL, true);
	symbol_table__finish(&table);
	assert_string_equal(at(~0ULL - 1), "x");
	assert_string_equal(at(0xfffffffe), "x");
	assert_string_equal(at(0xffffffff), "");
}

/* Against the definition: of the symbols that cover an address, the last in the order of the table.
 */
static void random_intervals(void **state)
{
	static const char names[] = "n";

	(void)state;
	srandom(42);
	for (int round = 0; round < 200; round++) {
		start_table(names, sizeof(names));
		for (int i = 0; i < 30; i++) {
			uint64_t start = random() % 200;

			add("n", start, start + 1 + random() % 60, SYMBOL_RANK_GLOBAL, true);
		}
		symbol_table__finish(&table);
		for (uint64_t vaddr = 0; vaddr < 270; vaddr++) {
			const struct symbol *expected = NULL;

			for (size_t i = 0; i < table.nr; i++) {
				if (vaddr >= table.symbols[i].start &&
				    vaddr - table.symbols[i].start < table.symbols[i].size_bytes)
					expected = &table.symbols[i];
			}
			assert_ptr_equal(symbol_table__find(&table, vaddr), expected);
		}
	}
	symbol_table__fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_knows_nothing),
		cmocka_unit_test(a_symbol_covers_its_bytes_only),
		cmocka_unit_test(nested_and_overlapping),
		cmocka_unit_test(of_aliases_the_best_name_wins),
		cmocka_unit_test(labels_fill_gaps_but_never_split_functions),
		cmocka_unit_test(nonsense_is_left_out),
		cmocka_unit_test(random_intervals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
