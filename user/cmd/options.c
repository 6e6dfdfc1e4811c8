// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include "base/units.h"
#include "cmd/options.h"

#define MAX_SPECS 32
#define VAL_BASE 256 /* getopt_long's val of option i is VAL_BASE + i: no letter is that large */
#define VAL_HELP (VAL_BASE + MAX_SPECS)
#define SPEC_LABEL_LEN 40

/* The two forms getopt_long wants, made from a command's table. */
struct getopt_tables {
	char letters[2 * MAX_SPECS + 4];
	struct option longs[MAX_SPECS + 2];
	int nr;
};

static void make_tables(struct getopt_tables *tables, const struct option_spec *const *specs)
{
	char *letter = tables->letters;

	memset(tables, 0, sizeof(*tables));
	*letter++ = ':'; /* tell a missing argument from an unknown option */
	for (; specs[tables->nr] && tables->nr < MAX_SPECS; tables->nr++) {
		const struct option_spec *spec = specs[tables->nr];

		tables->longs[tables->nr] = (struct option){
			.name = spec->name,
			.has_arg = !spec->argument	      ? no_argument
				   : spec->argument[0] == '[' ? optional_argument
							      : required_argument,
			.val = VAL_BASE + tables->nr,
		};
		if (!spec->letter)
			continue;
		*letter++ = spec->letter;
		if (spec->argument)
			*letter++ = ':';
	}
	*letter++ = 'h';
	tables->longs[tables->nr] = (struct option){ .name = "help", .val = VAL_HELP };
}

static const struct option_spec *find_spec(const struct option_spec *const *specs, int val)
{
	for (int i = 0; specs[i]; i++)
		if (val == VAL_BASE + i || (val < VAL_BASE && val == specs[i]->letter))
			return specs[i];
	return NULL;
}

static int apply(struct options *options, const struct option_spec *spec, const char *value,
		 struct err *err)
{
	struct err why = { "" };

	if (!spec->parse(options, value, &why))
		return 0;
	return err__set(err, -EINVAL, "--%s '%s': %s", spec->name, value ? value : "", why.text);
}

static int refuse(const struct command *command, int val, char **argv, struct err *err)
{
	const char *word = argv[optind - 1];

	if (val == ':')
		return err__set(err, -EINVAL, "option '%s' needs an argument", word);
	if (optopt > 0 && optopt < VAL_BASE)
		return err__set(err, -EINVAL, "unknown option '-%c'; see 'rsstrace %s --help'",
				optopt, command->name);
	return err__set(err, -EINVAL, "%s option '%s'; see 'rsstrace %s --help'",
			optopt ? "no argument goes with" : "unknown", word, command->name);
}

static int parse_words(struct options *options, const struct command *command, int argc,
		       char **argv, struct err *err)
{
	struct getopt_tables tables;
	int val, code = 0;

	make_tables(&tables, command->options);
	opterr = 0;
	optind = 0; /* glibc: start over, so that tests may parse twice */
	while (!code && (val = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
		const struct option_spec *spec = find_spec(command->options, val);

		if (val == 'h' || val == VAL_HELP)
			return OPTIONS_HELP;
		code = spec ? apply(options, spec, optarg, err) : refuse(command, val, argv, err);
	}
	return code;
}

/* A word that is no option: the trace. */
static int take_word(struct options *options, const struct command *command, const char *word,
		     struct err *err)
{
	if (command->word && options->label)
		return err__set(err, -EINVAL, "one %s at a time: quote it, or is it '%s'?",
				command->word, word);
	if (command->word) {
		options->label = word;
		return 0;
	}
	if (!(command->targets & TARGET_TRACE))
		return err__set(err, -EINVAL, "unexpected '%s'%s", word,
				command->targets & TARGET_COMMAND
					? "; a command to run goes behind '--'"
					: "");
	if (options->trace_b)
		return err__set(err, -EINVAL, "two traces at most: what is '%s'?", word);
	if (options->trace && !command->two_traces)
		return err__set(err, -EINVAL, "one trace at a time: '%s' or '%s'", options->trace,
				word);
	if (!*word)
		return err__set(err, -EINVAL, "the trace's file name is empty");
	*(options->trace ? &options->trace_b : &options->trace) = word;
	return 0;
}

static int check_targets(const struct options *options, const struct command *command,
			 struct err *err)
{
	int nr = (options->nr_pids > 0) + (options->trace != NULL) + (options->command != NULL);

	if (nr > 1)
		return err__set(err, -EINVAL, "one target at a time: usage: rsstrace %s %s",
				command->name, command->usage);
	if (command->word && !options->label)
		return err__set(err, -EINVAL, "no %s: usage: rsstrace %s %s", command->word,
				command->name, command->usage);
	if (!nr && command->targets && !command->word)
		return err__set(err, -EINVAL, "no target: usage: rsstrace %s %s", command->name,
				command->usage);
	if (command->one_pid && options->nr_pids > 1)
		return err__set(err, -EINVAL, "'rsstrace %s' takes one process", command->name);
	return 0;
}

int options__parse(struct options *options, const struct command *command, int argc, char **argv,
		   struct err *err)
{
	char **behind = NULL;
	int code;

	*options = (struct options){ .interval_ns = NSEC_PER_SEC, .top = DEFAULT_TOP };
	for (int i = 1; i < argc && !behind; i++) {
		if (strcmp(argv[i], "--"))
			continue;
		behind = argv + i + 1;
		argc = i;
	}
	code = parse_words(options, command, argc, argv, err);
	for (int i = optind; !code && i < argc; i++)
		code = take_word(options, command, argv[i], err);
	if (code || !behind)
		return code ? code : check_targets(options, command, err);
	if (!(command->targets & TARGET_COMMAND)) {
		/* only a way to name a file that starts with a dash */
		for (; !code && *behind; behind++)
			code = take_word(options, command, *behind, err);
	} else if (!*behind || !**behind) {
		code = err__set(err, -EINVAL, "no command behind '--'");
	} else {
		options->command = behind;
	}
	return code ? code : check_targets(options, command, err);
}

void options__help(FILE *out, const struct command *command)
{
	fprintf(out, "usage: rsstrace %s %s\n\n%s\n\n", command->name, command->usage,
		command->summary);
	for (const struct option_spec *const *at = command->options; *at; at++) {
		const struct option_spec *spec = *at;
		char label[SPEC_LABEL_LEN];

		snprintf(label, sizeof(label), "--%s%s%s", spec->name,
			 spec->argument && spec->argument[0] != '[' ? " " : "",
			 spec->argument ? spec->argument : "");
		if (spec->letter)
			fprintf(out, "  -%c, %-22s %s\n", spec->letter, label, spec->help);
		else
			fprintf(out, "      %-22s %s\n", label, spec->help);
	}
	fprintf(out, "  -h, %-22s %s\n", "--help", "this text");
	if (command->more_help)
		command->more_help(out);
}
