// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include "base/units.h"
#include "report/json_stream.h"
#include "report/snapshot.h"

static struct json_object *bytes_or_null(__s64 bytes)
{
	return bytes < 0 ? NULL : json_object_new_int64(bytes);
}

static void add_bytes(struct json_object *object, const char *key, __s64 bytes)
{
	json_object_object_add(object, key, bytes_or_null(bytes));
}

static void add_usage(struct json_object *object, const struct usage *usage)
{
	add_bytes(object, "size", usage->size);
	add_bytes(object, "rss", usage->rss);
	add_bytes(object, "pss", usage->pss);
	add_bytes(object, "anon", usage->anon);
	add_bytes(object, "swap", usage->swap);
}

static struct json_object *target_object(const struct snapshot_report *report)
{
	struct json_object *target = json_object_new_object();

	json_object_object_add(target, "pid", json_object_new_int64(report->status->pid));
	json_object_object_add(target, "comm", json_text(report->status->comm));
	json_object_object_add(target, "exe", json_text(report->exe));
	return target;
}

static struct json_object *rss_object(const struct breakdown *breakdown)
{
	struct json_object *rss = json_object_new_object();

	add_bytes(rss, "anon", breakdown->rss.anon);
	add_bytes(rss, "file", breakdown->rss.file);
	add_bytes(rss, "shmem", breakdown->rss.shmem);
	add_bytes(rss, "total", breakdown->rss.total);
	add_bytes(rss, "swap", breakdown->rss.swap);
	add_bytes(rss, "peak_total", breakdown->peak_total);
	return rss;
}

static struct json_object *kind_object(enum region_kind kind, const struct usage *usage)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "kind", json_object_new_string(kind_name(kind)));
	json_object_object_add(object, "regions", json_object_new_int64(usage->nr));
	add_usage(object, usage);
	return object;
}

static struct json_object *name_object(const struct usage_row *row)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "name", json_text(row->name));
	json_object_object_add(object, "regions", json_object_new_int64(row->usage.nr));
	add_usage(object, &row->usage);
	return object;
}

static struct json_object *region_object(const struct snapshot_report *report,
					 const struct breakdown_region *region)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "pid", json_object_new_int64(report->status->pid));
	json_object_object_add(object, "start", json_address(region->map->start));
	json_object_object_add(object, "end", json_address(region->map->end));
	json_object_object_add(object, "perms", json_object_new_string(region->perms));
	json_object_object_add(object, "kind", json_object_new_string(kind_name(region->kind)));
	json_object_object_add(object, "name", json_text_or_empty(region->map->name));
	add_usage(object, &region->usage);
	json_object_object_add(object, "growth", NULL);
	json_object_object_add(object, "faulted", NULL);
	json_object_object_add(object, "stacks", json_object_new_array());
	return object;
}

/* Regions and names behind the top. */
static void put_other(struct json_stream *json, const struct snapshot_report *report, __u32 shown)
{
	const struct breakdown *breakdown = report->breakdown;
	struct json_object *regions;
	struct usage rest = { 0 };

	for (__u32 i = shown; i < breakdown->nr_regions; i++)
		usage__add(&rest, &breakdown->regions[i].usage);
	if (!rest.nr)
		return;
	regions = json_object_new_object();
	json_object_object_add(regions, "count", json_object_new_int64(rest.nr));
	add_usage(regions, &rest);
	json_object_object_add(regions, "growth", NULL);
	json_object_object_add(regions, "faulted", NULL);
	json_stream__open(json, "other", '{');
	json_stream__put(json, "regions", regions);
	json_stream__close(json, '}');
}

/* The two ends of a window are one moment here. */
static struct json_object *window_object(const struct snapshot_report *report)
{
	struct json_object *window = json_object_new_object();
	char wall[UNITS_LEN];

	units__iso8601(wall, report->wall_ns);
	json_object_object_add(window, "from_ns", json_object_new_int64(0));
	json_object_object_add(window, "to_ns", json_object_new_int64(0));
	json_object_object_add(window, "wall_from", json_object_new_string(wall));
	json_object_object_add(window, "wall_to", json_object_new_string(wall));
	return window;
}

/* What takes tracing, or a second look. */
static struct json_object *unknown_object(const char *const *keys)
{
	struct json_object *object = json_object_new_object();

	for (; *keys; keys++)
		json_object_object_add(object, *keys, NULL);
	return object;
}

static void put_head(struct json_stream *json, const struct snapshot_report *report)
{
	static const char *const growth[] = { "anon", "file", "shmem", "total", NULL };
	static const char *const ledger[] = { "attributed", "before_attach", "unattributed",
					      "error", NULL };
	static const char *const walks[] = { "complete_share", "of",	  "rss",
					     "incomplete",     "faulted", "incomplete_faulted",
					     "ends",	       NULL };
	static const char *const events[] = { "faults", "lost", "stacks_truncated", NULL };

	json_stream__put(json, "schema", json_object_new_string("rsstrace/1"));
	json_stream__put(json, "kind", json_object_new_string("snapshot"));
	json_stream__put(json, "target", target_object(report));
	json_stream__put(json, "window", window_object(report));
	json_stream__put(json, "rss", rss_object(report->breakdown));
	json_stream__put(json, "growth", unknown_object(growth));
	json_stream__put(json, "ledger", unknown_object(ledger));
	json_stream__put(json, "walks", unknown_object(walks));
	json_stream__put(json, "events", unknown_object(events));
}

static void put_sums(struct json_stream *json, const struct breakdown *breakdown)
{
	json_stream__open(json, "kinds", '[');
	for (__u32 kind = 0; kind < NR_KINDS; kind++)
		if (breakdown->kinds[kind].nr)
			json_stream__put(json, NULL, kind_object(kind, &breakdown->kinds[kind]));
	json_stream__close(json, ']');
	json_stream__open(json, "names", '[');
	for (__u32 i = 0; i < breakdown->nr_names; i++)
		json_stream__put(json, NULL, name_object(&breakdown->names[i]));
	json_stream__close(json, ']');
}

int snapshot_report__json(FILE *out, const struct snapshot_report *report)
{
	struct json_stream json = { .out = out };
	const struct breakdown *breakdown = report->breakdown;
	__u32 shown = breakdown->nr_regions;

	if (report->top && report->top < shown)
		shown = report->top;
	json_stream__open(&json, NULL, '{');
	put_head(&json, report);
	put_sums(&json, breakdown);
	json_stream__open(&json, "causes", '[');
	json_stream__close(&json, ']');
	json_stream__open(&json, "regions", '[');
	for (__u32 i = 0; i < shown; i++)
		json_stream__put(&json, NULL, region_object(report, &breakdown->regions[i]));
	json_stream__close(&json, ']');
	json_stream__open(&json, "stacks", '[');
	json_stream__close(&json, ']');
	put_other(&json, report, shown);
	json_stream__close(&json, '}');
	return ferror(out) ? -EIO : 0;
}
