// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <stdio.h>
#include "cmd/commands.h"
#include "cmd/output.h"
#include "live/features.h"
#include "report/checks.h"

static const struct option_spec *const doctor_options[] = { &opt_json, &opt_color, NULL };

static int run(const struct options *options)
{
	size_t nr;
	const struct feature *table = features__table(&nr);
	struct feature_answer *answers = calloc(nr, sizeof(*answers));
	struct report_style style = output__style(options);
	bool may_trace = true;
	int status;

	if (!answers) {
		say("out of memory");
		return EXIT_WRONG;
	}
	for (size_t i = 0; i < nr; i++) {
		features__ask(&table[i], &answers[i]);
		may_trace = may_trace && (answers[i].ok || table[i].need != NEED_TRACING);
	}
	if (options->json)
		checks__json(stdout, answers, nr);
	else
		checks__text(stdout, answers, nr, &style);
	free(answers);
	status = output__close();
	return status || may_trace ? status : EXIT_WRONG;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.usage = "[options]",
	.summary = "what this kernel and these privileges allow, and what each missing piece costs",
	.options = doctor_options,
	.run = run,
};
