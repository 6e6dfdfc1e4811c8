// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/commands.h"
#include "cmd/output.h"
#include "live/mark_client.h"

static const struct option_spec *const mark_options[] = { &opt_pid, NULL };

static int run(const struct options *options)
{
	struct err err = { "" };

	if (!mark_client__send(options->nr_pids ? options->pids[0] : 0, options->label, &err))
		return 0;
	say("%s", err.text);
	return EXIT_WRONG;
}

const struct command cmd_mark = {
	.name = "mark",
	.usage = "[-p PID] LABEL",
	.summary = "give this moment a name in the trace of a running recorder",
	.word = "label",
	.targets = TARGET_PID,
	.one_pid = true,
	.options = mark_options,
	.run = run,
};
