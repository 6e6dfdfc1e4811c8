// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who made RSS fall, in a sentence. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "report/sentences.h"

#define MIB (1LL << 20)

static struct members anon(__s64 bytes)
{
	return (struct members){ .anon = bytes, .total = bytes };
}

static struct members file(__s64 bytes)
{
	return (struct members){ .file = bytes, .total = bytes };
}

static void assert_says(__s64 growth, struct cause_row *causes, __u32 nr, const char *expected)
{
	struct view view = {
		.rss = anon(100 * MIB), .growth = anon(growth), .causes = causes, .nr_causes = nr
	};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	report__fall(out, 0, &view);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void reclaim_is_not_the_programs_doing(void **state)
{
	struct cause_row causes[] = {
		{ CAUSE_RECLAIM, true, file(48 * MIB) },
		{ CAUSE_FAULT, false, anon(90 * MIB) },
		{ CAUSE_MUNMAP, true, anon(8 * MIB) },
	};

	(void)state;
	assert_says(-56 * MIB, causes, 3,
		    "RSS fell 56.0 MiB: the kernel took 48.0 MiB of file pages, which can be read "
		    "back, not freed by "
		    "the program.\n");
	causes[0].bytes = anon(48 * MIB);
	assert_says(-56 * MIB, causes, 3,
		    "RSS fell 56.0 MiB: the kernel took 48.0 MiB of anonymous pages, into swap, "
		    "not freed by the "
		    "program.\n");
}

static void what_the_program_gave_back(void **state)
{
	struct cause_row causes[] = {
		{ CAUSE_MUNMAP, true, anon(30 * MIB) },
		{ CAUSE_DONTNEED, true, anon(30 * MIB) },
		{ CAUSE_RECLAIM, true, file(40 * MIB) },
	};

	(void)state;
	assert_says(-100 * MIB, causes, 3, "RSS fell 100 MiB: the program gave back 60.0 MiB.\n");
}

static void what_others_took(void **state)
{
	struct cause_row causes[] = { { CAUSE_REMOTE, true, file(64 * MIB) } };

	(void)state;
	assert_says(-64 * MIB, causes, 1,
		    "RSS fell 64.0 MiB: 64.0 MiB left by what others did (see the causes), not "
		    "freed by the program.\n");
}

static void no_fall_no_sentence(void **state)
{
	struct cause_row causes[] = { { CAUSE_MUNMAP, true, anon(MIB) } };

	(void)state;
	assert_says(MIB, causes, 1, "");
	assert_says(0, causes, 1, "");
	assert_says(-MIB / 2, causes, 1, ""); /* half a percent */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reclaim_is_not_the_programs_doing),
		cmocka_unit_test(what_the_program_gave_back),
		cmocka_unit_test(what_others_took),
		cmocka_unit_test(no_fall_no_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
