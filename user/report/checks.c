// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <json-c/json.h>
#include "report/checks.h"

#define BAD "\033[31m"
#define PLAIN "\033[0m"

/* Unknown and "nothing to say" are null. */
static struct json_object *string_or_null(const char *text)
{
	return text && *text ? json_object_new_string(text) : NULL;
}

static struct json_object *check_object(const struct feature_answer *answer)
{
	struct json_object *check = json_object_new_object();

	json_object_object_add(check, "name", json_object_new_string(answer->feature->name));
	json_object_object_add(check, "ok", json_object_new_boolean(answer->ok));
	json_object_object_add(check, "needed",
			       json_object_new_boolean(answer->feature->need == NEED_TRACING));
	json_object_object_add(check, "detail", string_or_null(answer->detail));
	json_object_object_add(check, "cost", string_or_null(answer->feature->cost));
	json_object_object_add(check, "fix", string_or_null(answer->feature->fix));
	return check;
}

int checks__json(FILE *out, const struct feature_answer *answers, size_t nr)
{
	struct json_object *root = json_object_new_object(), *checks = json_object_new_array();

	for (size_t i = 0; i < nr; i++)
		json_object_array_add(checks, check_object(&answers[i]));
	json_object_object_add(root, "schema", json_object_new_string("rsstrace/1"));
	json_object_object_add(root, "kind", json_object_new_string("doctor"));
	json_object_object_add(root, "checks", checks);
	fprintf(out, "%s\n",
		json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
	return ferror(out) ? -EIO : 0;
}

static void print_answer(FILE *out, const struct feature_answer *answer,
			 const struct report_style *style)
{
	const struct feature *feature = answer->feature;

	if (answer->ok) {
		fprintf(out, "ok       %-24s %s\n", feature->name, answer->detail);
		return;
	}
	fprintf(out, "%smissing%s  %-24s %s\n", style->color ? BAD : "", style->color ? PLAIN : "",
		feature->name, answer->detail);
	fprintf(out, "           costs: %s\n           to do: %s\n", feature->cost, feature->fix);
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
