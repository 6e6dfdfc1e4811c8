// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "elf/demangle.h"

static void check(const char *mangled, const char *expected)
{
	char text[4096];

	assert_int_equal(demangle(mangled, text, sizeof(text)), strlen(expected));
	assert_string_equal(text, expected);
}

static void readable_forms(void **state)
{
	(void)state;
	check("", "");
	check("_", "_");
	check("main", "main");
	check("__libc_malloc", "__libc_malloc");
	check("main.(*box).Grow", "main.(*box).Grow");
	check("_Znwm", "operator new(unsigned long)");
	check("_ZN5outer3boxIlE3getEl", "outer::box<long>::get(long)");
	check("_ZNKSt6vectorIiSaIiEE4sizeEv",
	      "std::vector<int, std::allocator<int> >::size() const");
	check("_ZN3foo3barEv.cold", "foo::bar() [clone .cold]");
	check("_Znot_a_name", "_Znot_a_name");
}

static void rust_without_hash(void **state)
{
	(void)state;
	check("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt");
	check("_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h7f2ab0e5c1d3e4a6E",
	      "std::rt::lang_start::{{closure}}");
	check("_RNvC6_123foo3bar", "123foo::bar");
	check("_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar");
	check("plain::h0123456789abcdef", "plain");
	check("plain::h0123456789abcdeX", "plain::h0123456789abcdeX");
}

static void small_buffers_cut(void **state)
{
	char text[9];

	(void)state;
	assert_int_equal(demangle("_ZN5outer3boxIlE3getEl", text, sizeof(text)), 8);
	assert_string_equal(text, "outer::b");
	assert_int_equal(demangle("longer_than_that", text, sizeof(text)), 8);
	assert_string_equal(text, "longer_t");
	assert_int_equal(demangle("_Znwm", text, 1), 0);
	assert_string_equal(text, "");
}

/* Every argument doubles the one before: 2^30 characters, if somebody let it. */
static void exploding_names_end(void **state)
{
	char mangled[512] = "_Z1fSt4pairIiiE", text[4096];
	clock_t start = clock();

	(void)state;
	for (const char *id = "0123456789ABCDEFGHIJKLMNOPQRST"; *id; id++)
		snprintf(mangled + strlen(mangled), sizeof(mangled) - strlen(mangled),
			 "S_IS%c_S%c_E", *id, *id);
	assert_int_equal(demangle(mangled, text, sizeof(text)), sizeof(text) - 1);
	assert_true(clock() - start < CLOCKS_PER_SEC);
}

static void random_names_are_bounded(void **state)
{
	static const char letters[] = "_ZRNSTILEKPiv0123456789tCsB17h";
	char mangled[300], text[256];

	(void)state;
	srandom(7);
	for (int round = 0; round < 20000; round++) {
		size_t len = random() % (sizeof(mangled) - 3);

		memcpy(mangled, round & 1 ? "_R" : "_Z", 2);
		for (size_t i = 0; i < len; i++)
			mangled[2 + i] = letters[random() % (sizeof(letters) - 1)];
		mangled[2 + len] = '\0';
		assert_true(demangle(mangled, text, sizeof(text)) < sizeof(text));
	}
	memset(mangled, 'P', sizeof(mangled) - 1);
	memcpy(mangled, "_Z1f", 4);
	mangled[sizeof(mangled) - 1] = '\0';
	demangle(mangled, text, sizeof(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readable_forms),	    cmocka_unit_test(rust_without_hash),
		cmocka_unit_test(small_buffers_cut),	    cmocka_unit_test(exploding_names_end),
		cmocka_unit_test(random_names_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
