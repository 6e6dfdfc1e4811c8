// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* "trend" of the JSON: the verdict first, then the same figures for each counter. */
#include <math.h>
#include <stdlib.h>
#include "report/json_trend.h"
#include "report/json_stream.h"

static void add(struct json_object *object, const char *key, struct json_object *value)
{
	json_object_object_add(object, key, value);
}

static void add_int(struct json_object *object, const char *key, __s64 value)
{
	add(object, key, json_object_new_int64(value));
}

/* @known: else null. */
static void add_rate(struct json_object *object, const char *key, double value, bool known)
{
	known = known && fabs(value) < 9e18;
	add(object, key, known ? json_object_new_int64(llround(value)) : NULL);
}

/* Four digits: more would differ between compilers. */
static void add_r2(struct json_object *object, const char *key, double r2, bool known)
{
	char text[32];

	snprintf(text, sizeof(text), "%.4f", r2);
	add(object, key, known && r2 >= 0 ? json_object_new_double_s(r2, text) : NULL);
}

static bool is_fitted(const struct trend_line *line)
{
	return line->nr_fitted && line->kind != TREND_TOO_SHORT;
}

static void add_figures(struct json_object *object, const struct trend_line *line)
{
	bool fitted = is_fitted(line);
	bool moved = line->kind == TREND_STEP || line->kind == TREND_PLATEAU;
	bool teeth = line->kind == TREND_SAWTOOTH;

	add_int(object, "growth", line->growth);
	add_int(object, "low", line->low);
	add_int(object, "high", line->high);
	add_rate(object, "slope_bytes_per_hour", line->slope, fitted);
	add_rate(object, "slope_error_bytes_per_hour", line->slope_error, fitted);
	add_r2(object, "r2", line->r2, fitted);
	add(object, "since_ns", fitted ? json_object_new_int64(line->since_ns) : NULL);
	add(object, "step_at_ns", moved ? json_object_new_int64(line->step_ns) : NULL);
	add(object, "step_bytes", moved ? json_object_new_int64(line->step_bytes) : NULL);
	add(object, "falls", teeth ? json_object_new_int64(line->nr_falls) : NULL);
	add_rate(object, "floor_slope_bytes_per_hour", line->floor_slope,
		 teeth && line->floor_r2 >= 0);
	add_r2(object, "floor_r2", line->floor_r2, teeth);
}

static struct json_object *line_object(const struct trend_line *line)
{
	struct json_object *object = json_object_new_object();
	bool fitted = is_fitted(line);

	add(object, "kind", json_object_new_string(trend_kind_name(line->kind)));
	add_int(object, "growth", line->growth);
	add_rate(object, "slope_bytes_per_hour", line->slope, fitted);
	add_r2(object, "r2", line->r2, fitted);
	return object;
}

struct json_object *json_trend(const struct trend *trend)
{
	struct json_object *object = json_object_new_object();
	const struct trend_line *of = trend->of == RSST_FILE	? &trend->file
				      : trend->of == RSST_SHMEM ? &trend->shmem
								: &trend->anon;

	add(object, "kind", json_object_new_string(trend_kind_name(trend->kind)));
	add(object, "of",
	    json_object_new_string(trend->of == RSST_FILE    ? "file"
				   : trend->of == RSST_SHMEM ? "shmem"
							     : "anon"));
	add(object, "suspected_leak", json_object_new_boolean(trend->suspected_leak));
	add_int(object, "points", of->nr_points);
	add_int(object, "from_ns", trend->from_ns);
	add_int(object, "to_ns", trend->to_ns);
	add_figures(object, of);
	add(object, "anon", line_object(&trend->anon));
	add(object, "file", line_object(&trend->file));
	add(object, "shmem", line_object(&trend->shmem));
	add(object, "total", line_object(&trend->total));
	return object;
}
