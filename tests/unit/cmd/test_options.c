// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/units.h"
#include "cmd/commands.h"
#include "cmd/output.h"

#define MAX_WORDS 80

/* Parse @line, words parted by blanks; '' is an empty word. */
static int parse(struct options *options, const struct command *command, const char *line,
		 struct err *err)
{
	static char buf[512];
	static char *argv[MAX_WORDS + 1];
	char *save = NULL;
	int argc = 0;

	snprintf(buf, sizeof(buf), "%s %s", command->name, line);
	for (char *word = strtok_r(buf, " ", &save); word && argc < MAX_WORDS;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(word, "''") ? word : word + 2;
	argv[argc] = NULL;
	return options__parse(options, command, argc, argv, err);
}

static void assert_refused(const struct command *command, const char *line, const char *says)
{
	struct options options;
	struct err err = { "" };

	assert_int_equal(parse(&options, command, line, &err), -EINVAL);
	if (!strstr(err.text, says))
		fail_msg("'%s': \"%s\" does not say \"%s\"", line, err.text, says);
	assert_null(strchr(err.text, '\n'));
}

static void test_everything_live_takes(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, &cmd_live,
			       "-p 12,34 --interval 500ms -d 1m -n 3 --json -o x.rsst -f "
			       "--children -q -v --color never",
			       NULL),
			 0);
	assert_int_equal(options.nr_pids, 2);
	assert_int_equal(options.pids[0], 12);
	assert_int_equal(options.pids[1], 34);
	assert_int_equal(options.interval_ns, NSEC_PER_SEC / 2);
	assert_int_equal(options.duration_ns, 60 * NSEC_PER_SEC);
	assert_int_equal(options.top, 3);
	assert_true(options.json && options.overwrite && options.children && options.quiet &&
		    options.verbose);
	assert_string_equal(options.output, "x.rsst");
	assert_int_equal(options.color, COLOR_NEVER);
	assert_null(options.trace);
	assert_null(options.command);
}

/* With "=" or not at all: the word behind it is something else. */
static void test_an_argument_that_may_be_left_out(void **state)
{
	struct options options;

	(void)state;
	unsetenv("DEBUGINFOD_URLS");
	assert_int_equal(parse(&options, &cmd_record, "-p 1", NULL), 0);
	assert_null(options.debuginfod);
	assert_int_equal(parse(&options, &cmd_record, "--debuginfod=http://a -p 1", NULL), 0);
	assert_string_equal(options.debuginfod, "http://a");
	assert_refused(&cmd_record, "--debuginfod -p 1", "no server");
	assert_refused(&cmd_record, "--debuginfod= -p 1", "no server");
	setenv("DEBUGINFOD_URLS", "http://b", 1);
	assert_int_equal(parse(&options, &cmd_record, "-p 1", NULL), 0);
	assert_null(options.debuginfod);
	assert_int_equal(parse(&options, &cmd_record, "--debuginfod -p 1", NULL), 0);
	assert_string_equal(options.debuginfod, "");
	unsetenv("DEBUGINFOD_URLS");
}

static void test_defaults(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, &cmd_live, "a.rsst", NULL), 0);
	assert_string_equal(options.trace, "a.rsst");
	assert_int_equal(options.interval_ns, NSEC_PER_SEC);
	assert_int_equal(options.duration_ns, 0);
	assert_int_equal(options.top, DEFAULT_TOP);
	assert_int_equal(parse(&options, &cmd_live, "a.rsst --all", NULL), 0);
	assert_int_equal(options.top, 0);
}

static void test_command_keeps_its_own_options(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, &cmd_record, "-q -- prog -p x --json --", NULL), 0);
	assert_string_equal(options.command[0], "prog");
	assert_string_equal(options.command[1], "-p");
	assert_string_equal(options.command[4], "--");
	assert_null(options.command[5]);
	assert_int_equal(options.nr_pids, 0);
	assert_refused(&cmd_record, "--", "no command behind '--'");
	assert_refused(&cmd_record, "prog arg", "a command to run goes behind '--'");
}

static void test_trace_that_starts_with_a_dash(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, &cmd_report, "--json -- -x.rsst", NULL), 0);
	assert_string_equal(options.trace, "-x.rsst");
}

static void test_targets(void **state)
{
	(void)state;
	assert_refused(&cmd_live, "", "no target");
	assert_refused(&cmd_live, "-p 1 a.rsst", "one target at a time");
	assert_refused(&cmd_live, "-p 1 -- prog", "one target at a time");
	assert_refused(&cmd_live, "a.rsst b.rsst", "one trace at a time");
	assert_refused(&cmd_live, "''", "empty");
	assert_refused(&cmd_snapshot, "-p 1,2", "one process");
	assert_refused(&cmd_snapshot, "x", "unexpected 'x'");
	assert_refused(&cmd_doctor, "x", "unexpected 'x'");
	assert_refused(&cmd_doctor, "-p 1", "unknown option '-p'");
	/* of a trace it picks a process, and is no target */
	assert_refused(&cmd_report, "-p 1", "no target");
	assert_refused(&cmd_report, "-p 1,2 trace", "a process id is");
}

static void test_absurd_pids(void **state)
{
	static const char *const absurd[] = {
		"junk", "0",	"-1", "4194305", "99999999999999999999", "1,", ",1", "1,,2", "1x",
		"+1",	"0x10", "''", "1.5",
	};
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(absurd) / sizeof(absurd[0]); i++) {
		snprintf(line, sizeof(line), "-p %s", absurd[i]);
		assert_refused(&cmd_live, line, "--pid '");
	}
	assert_refused(&cmd_live, "-p 7,7", "named twice");
	assert_refused(&cmd_live, "-p", "needs an argument");
}

static void test_absurd_numbers(void **state)
{
	static const char *const absurd[] = {
		"-p 1 -i 0",	    "-p 1 -i -1s",	 "-p 1 -i 1ns",
		"-p 1 -i 1000000h", "-p 1 -i junk",	 "-p 1 -i ''",
		"-p 1 -d 0",	    "-p 1 -d -5",	 "-p 1 -d 99999999999999999999s",
		"-p 1 -d 1e9",	    "-p 1 -n 0",	 "-p 1 -n -3",
		"-p 1 -n junk",	    "-p 1 -n 5x",	 "-p 1 -n 99999999999",
		"-p 1 -n ''",	    "-p 1 --color pink", "-p 1 -o ''",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(absurd) / sizeof(absurd[0]); i++)
		assert_refused(&cmd_live, absurd[i], "--");
}

static void test_unknown_options(void **state)
{
	struct options options;

	(void)state;
	assert_refused(&cmd_live, "-p 1 --frobnicate", "unknown option '--frobnicate'");
	assert_refused(&cmd_live, "-p 1 -z", "unknown option '-z'");
	assert_refused(&cmd_live, "-p 1 -qz", "unknown option '-z'");
	assert_refused(&cmd_live, "-p 1 --json=yes", "no argument goes with option '--json=yes'");
	assert_refused(&cmd_live, "--pid", "needs an argument");
	assert_int_equal(parse(&options, &cmd_live, "--help", NULL), OPTIONS_HELP);
	assert_int_equal(parse(&options, &cmd_live, "-h", NULL), OPTIONS_HELP);
}

static void test_instants_are_checked_early(void **state)
{
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, &cmd_report, "t --from 90s --to -10s", NULL), 0);
	assert_string_equal(options.to, "-10s");
	assert_refused(&cmd_report, "t --at=-lunch", "start, end or peak");
}

static void assert_shows(const struct command *command, const char *line, __u32 shown)
{
	struct options options;

	assert_int_equal(parse(&options, command, line, NULL), 0);
	assert_int_equal(output__shown(&options), shown);
}

static void test_frames_to_hide(void **state)
{
	static const char *const bad[] = { "''",	"junk",	      "alloc,",
					   ",alloc",	"alloc,junk", "none,alloc",
					   "libc,none", "Alloc",      "all" };
	char line[64];

	(void)state;
	assert_shows(&cmd_report, "t", 0);
	assert_shows(&cmd_report, "t -v", EVERY_FRAME);
	assert_shows(&cmd_report, "t --hide alloc", FRAME_LIBC | FRAME_RUNTIME);
	assert_shows(&cmd_report, "t --hide alloc,libc -v", FRAME_RUNTIME);
	assert_shows(&cmd_report, "t --hide runtime,alloc,libc", 0);
	assert_shows(&cmd_diff, "t --hide none", EVERY_FRAME);
	assert_shows(&cmd_live, "-p 1 --hide none --hide libc", FRAME_ALLOC | FRAME_RUNTIME);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(line, sizeof(line), "t --hide %s", bad[i]);
		assert_refused(&cmd_report, line, "alloc, libc and runtime, or none alone");
	}
	assert_refused(&cmd_record, "-p 1 --hide alloc", "unknown option");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_live_takes),
		cmocka_unit_test(test_an_argument_that_may_be_left_out),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_command_keeps_its_own_options),
		cmocka_unit_test(test_trace_that_starts_with_a_dash),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_absurd_pids),
		cmocka_unit_test(test_absurd_numbers),
		cmocka_unit_test(test_unknown_options),
		cmocka_unit_test(test_instants_are_checked_early),
		cmocka_unit_test(test_frames_to_hide),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
