// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Finds the command and hands over. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "cmd/commands.h"
#include "cmd/output.h"

static const struct command *const commands[] = {
	&cmd_live, &cmd_record, &cmd_mark, &cmd_report, &cmd_diff, &cmd_export, &cmd_snapshot, &cmd_doctor,
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
	fprintf(out,
		"usage: rsstrace COMMAND [options] [-p PID[,PID...] | TRACE | -- CMD ARG...]\n\n"
		"Which code brought in the memory a process holds, live or recorded.\n\n");
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "\n'rsstrace COMMAND --help' lists a command's options; 'rsstrace --version' "
		     "tells the version.\n");
}

static int run(const struct command *command, int argc, char **argv)
{
	struct options options;
	struct err err = { "" };
	int code = options__parse(&options, command, argc, argv, &err);

	if (code == OPTIONS_HELP) {
		options__help(stdout, command);
		return output__close();
	}
	if (code) {
		say("%s", err.text);
		return EXIT_WRONG;
	}
	return command->run(&options);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	setlocale(LC_CTYPE, "");
	output__init();
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) {
		print_help(stdout);
		return output__close();
	}
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		printf("rsstrace %s\n", RSSTRACE_VERSION);
		return output__close();
	}
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(word, commands[i]->name))
			return run(commands[i], argc - 1, argv + 1);
	if (!*word)
		print_help(stderr);
	else
		say("unknown command '%s'; see 'rsstrace --help'", word);
	return EXIT_WRONG;
}
