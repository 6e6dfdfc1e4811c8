// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "live/mark_label.h"

static void assert_label(const char *bytes, size_t len, const char *expected)
{
	char label[MARK_LABEL_MAX];

	assert_int_equal(mark_label__clean(label, bytes, len), *expected != 0);
	assert_string_equal(label, expected);
}

#define ASSERT_LABEL(bytes, expected) assert_label(bytes, sizeof(bytes) - 1, expected)

static void text_stays_as_it_is(void **state)
{
	(void)state;
	ASSERT_LABEL("load done", "load done");
	ASSERT_LABEL("  load\r\n", "load");
	ASSERT_LABEL("Gr\xc3\xb6\xc3\x9f"
		     "e \xe2\x82\xac \xf0\x9f\x98\x80",
		     "Gr\xc3\xb6\xc3\x9f"
		     "e \xe2\x82\xac \xf0\x9f\x98\x80");
	ASSERT_LABEL("", "");
	ASSERT_LABEL(" \t\n ", "");
}

static void what_is_no_text_is_marked(void **state)
{
	(void)state;
	ASSERT_LABEL("a\0b", "a?b");
	ASSERT_LABEL("\x1b[31m", "?[31m");
	ASSERT_LABEL("\x7f\xc2\x9b", "???");	  /* DEL, a C1 control */
	ASSERT_LABEL("\xff\xc3", "??");		  /* no start, no end */
	ASSERT_LABEL("\xc0\xaf", "??");		  /* overlong */
	ASSERT_LABEL("\xed\xa0\x80", "???");	  /* a surrogate */
	ASSERT_LABEL("\xf4\x90\x80\x80", "????"); /* beyond the last character */
	ASSERT_LABEL("\xe2\x82x", "??x");
}

static void what_is_too_long_is_cut_between_characters(void **state)
{
	char bytes[200], label[MARK_LABEL_MAX];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_true(mark_label__clean(label, bytes, sizeof(bytes)));
	assert_int_equal(strlen(label), MARK_LABEL_MAX - 1);
	memcpy(bytes + MARK_LABEL_MAX - 2, "\xc3\xb6", 2);
	assert_true(mark_label__clean(label, bytes, sizeof(bytes)));
	assert_int_equal(strlen(label), MARK_LABEL_MAX - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_stays_as_it_is),
		cmocka_unit_test(what_is_no_text_is_marked),
		cmocka_unit_test(what_is_too_long_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
