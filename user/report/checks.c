// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include "report/checks.h"
#include "report/json_stream.h"

#define BAD "\033[31m"
#define PLAIN "\033[0m"

static void put_check(struct json_stream *json, const struct feature_answer *answer)
{
	const struct feature *feature = answer->feature;

	json_stream__open(json, NULL, '{');
	json_stream__put(json, "name", json_text(feature->name));
	json_stream__put(json, "ok", json_object_new_boolean(answer->ok));
	json_stream__put(json, "needed", json_object_new_boolean(feature->need == NEED_TRACING));
	json_stream__put(json, "detail", json_text(answer->detail));
	json_stream__put(json, "cost", json_text(feature->cost));
	json_stream__put(json, "fix", json_text(feature->fix));
	json_stream__close(json, '}');
}

int checks__json(FILE *out, const struct feature_answer *answers, size_t nr)
{
	struct json_stream json = { .out = out };

	json_stream__open(&json, NULL, '{');
	json_stream__put(&json, "schema", json_object_new_string("rsstrace/1"));
	json_stream__put(&json, "kind", json_object_new_string("doctor"));
	json_stream__open(&json, "checks", '[');
	for (size_t i = 0; i < nr; i++)
		put_check(&json, &answers[i]);
	json_stream__close(&json, ']');
	json_stream__close(&json, '}');
	return ferror(out) ? -EIO : 0;
}

static void print_answer(FILE *out, const struct feature_answer *answer,
			 const struct report_style *style)
{
	const struct feature *feature = answer->feature;
	bool bad = !answer->ok && feature->need != NEED_NOTE;

	fprintf(out, "%s%-8s%s %-24s %s\n", bad && style->color ? BAD : "",
		answer->ok ? "ok"
		: bad	   ? "missing"
			   : "note",
		bad && style->color ? PLAIN : "", feature->name, answer->detail);
	if (!answer->ok)
		fprintf(out, "           costs: %s\n           to do: %s\n", feature->cost,
			feature->fix);
}

void checks__text(FILE *out, const struct feature_answer *answers, size_t nr,
		  const struct report_style *style)
{
	unsigned int needed = 0, better = 0;

	for (size_t i = 0; i < nr; i++) {
		print_answer(out, &answers[i], style);
		needed += !answers[i].ok && answers[i].feature->need == NEED_TRACING;
		better += !answers[i].ok && answers[i].feature->need == NEED_BETTER;
	}
	if (needed)
		fprintf(out, "\ntracing cannot work here: %u missing; snapshot and report can\n",
			needed);
	else if (better)
		fprintf(out, "\ntracing works here, %u missing\n", better);
	else
		fprintf(out, "\ntracing works here\n");
}
