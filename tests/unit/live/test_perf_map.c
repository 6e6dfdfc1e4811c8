// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names a JIT tells, as it means them and otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "live/perf_map.h"

static struct perf_map map;

static void parse(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	assert_int_equal(perf_map__parse(&map, copy, strlen(copy)), 0);
}

static void expect(__u64 addr, const char *name)
{
	const struct perf_symbol *found = perf_map__find(&map, addr);

	if (!name) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_string_equal(found->name, name);
}

static bool update(void)
{
	return perf_map__update(&map, getpid(), getuid(), true);
}

static int teardown(void **state)
{
	(void)state;
	perf_map__fini(&map);
	return 0;
}

static void test_finds(void **state)
{
	(void)state;
	parse("7f0000001000 20 later\n7f0000000000 b py::main:/a b.py\n0x10 10 hex\n");
	expect(0x7f0000000000, "py::main:/a b.py");
	expect(0x7f000000000a, "py::main:/a b.py");
	expect(0x7f000000000b, NULL);
	expect(0x7f000000101f, "later");
	expect(0x7f0000001020, NULL);
	expect(0x1f, "hex");
	expect(0xf, NULL);
}

static void test_later_line_holds(void **state)
{
	(void)state;
	parse("1000 100 old\n1000 100 new\n1010 8 inner\n");
	expect(0x1000, "new");
	expect(0x1012, "inner");
	expect(0x1018, "new");
}

static void test_nonsense_is_left_out(void **state)
{
	(void)state;
	parse("\nx\n1000\n1000 \n1000 10\n1000 10 \n1000 0 empty\n"
	      "fffffffffffffff0 20 wraps\n-1 5 minus\n2000 10 good\n3000 10 cut of");
	assert_int_equal(map.nr, 1);
	expect(0x2000, "good");
	expect(0x3000, NULL);
	parse("");
	expect(0, NULL);
}

static void test_reads_what_is_ours_and_grew(void **state)
{
	char path[64];
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	assert_false(update());
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("1000 10 one\n", file);
	fflush(file);
	assert_true(update());
	assert_false(update());
	fputs("2000 10 two\n", file);
	fclose(file);
	assert_true(update());
	expect(0x2000, "two");
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_false(update());
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_finds, teardown),
		cmocka_unit_test_teardown(test_later_line_holds, teardown),
		cmocka_unit_test_teardown(test_nonsense_is_left_out, teardown),
		cmocka_unit_test_teardown(test_reads_what_is_ours_and_grew, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
