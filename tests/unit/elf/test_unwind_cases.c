// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Stacks of real programs through the step the BPF walker takes: the registers, words and rules of
 * each file of stacks/ must give its frames and its end, by all of the words and no other. `make
 * unwind-cases` captures them, where libdwfl has confirmed them.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "unwind_case.h"

#define CASES_MIN 20
#define LINE_BYTES 1024

static struct unwind_target target;

static void take(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[LINE_BYTES];

	assert_non_null(file);
	memset(&target, 0, sizeof(target));
	while (fgets(line, sizeof(line), file)) {
		if (!unwind_case__parse_line(&target, line))
			fail_msg("%s: not a line of a case: %s", path, line);
	}
	fclose(file);
	if (target.nr_frames < 2 || !target.end)
		fail_msg("%s is no case", path);
}

/* 0, or 1: it says why. */
static int replay(const char *path)
{
	__u64 frames[CASE_MAX];
	int nr, end, same = 0;

	nr = unwind_case__walk(&target, frames, CASE_MAX, &end);
	while (same < nr && same < target.nr_frames && frames[same] == target.frames[same])
		same++;
	if (same < nr || same < target.nr_frames || end != target.end) {
		print_error("%s: %d frames, end %d; %d, end %d asked, %d are the same\n", path, nr,
			    end, target.nr_frames, target.end, same);
		return 1;
	}
	for (int i = 0; i < target.nr_words; i++) {
		if (target.words[i].is_read)
			continue;
		print_error("%s: the word at %llx was not asked for\n", path,
			    (unsigned long long)target.words[i].addr);
		return 1;
	}
	return 0;
}

static void find_cases(glob_t *found)
{
	char here[] = __FILE__, pattern[512];

	*strrchr(here, '/') = '\0';
	snprintf(pattern, sizeof(pattern), "%s/stacks/*.txt", here);
	assert_int_equal(glob(pattern, 0, NULL, found), 0);
}

static void test_captured_stacks(void **state)
{
	glob_t found;
	int nr_bad = 0;

	(void)state;
	find_cases(&found);
	assert_true(found.gl_pathc >= CASES_MIN);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		take(found.gl_pathv[i]);
		nr_bad += replay(found.gl_pathv[i]);
	}
	globfree(&found);
	assert_int_equal(nr_bad, 0);
}

/* They are not all of a kind: what the step can do, some case needs. */
static void test_captured_stacks_take_every_way(void **state)
{
	static const int ways[] = {
		UNWIND_CFA_NONE,      UNWIND_CFA_RSP,  UNWIND_CFA_RBP,	       UNWIND_CFA_DEREF_RSP,
		UNWIND_CFA_DEREF_RBP, UNWIND_CFA_PLT,  UNWIND_CFA_SIGNAL,      UNWIND_CFA_REG,
		UNWIND_CFA_FP,	      UNWIND_CFA_STOP, UNWIND_CFA_UNSUPPORTED, UNWIND_CFA_SWITCH
	};
	bool seen[16] = { false };
	glob_t found;

	(void)state;
	find_cases(&found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		take(found.gl_pathv[i]);
		for (int j = 0; j < target.nr_codes; j++)
			seen[target.codes[j].rule.how & 15] |= !target.codes[j].end;
	}
	globfree(&found);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!seen[ways[i]])
			fail_msg("no case has a rule of kind %d", ways[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_captured_stacks),
		cmocka_unit_test(test_captured_stacks_take_every_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
