// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "view/breakdown.h"

enum region_kind breakdown__kind(const struct proc_map *map)
{
	static const enum region_kind kinds[] = {
		[BACKING_UNKNOWN] = KIND_ANON,	  [BACKING_ANON] = KIND_ANON,
		[BACKING_FILE] = KIND_FILE,	  [BACKING_SHMEM] = KIND_SHMEM,
		[BACKING_HUGETLB] = KIND_HUGETLB, [BACKING_SPECIAL] = KIND_SPECIAL,
	};

	if (!strcmp(map->name, "[heap]"))
		return KIND_HEAP;
	if (!strncmp(map->name, "[stack", strlen("[stack")))
		return KIND_STACK;
	return map->backing < sizeof(kinds) / sizeof(kinds[0]) ? kinds[map->backing] : KIND_ANON;
}

static __s64 told(__u64 bytes)
{
	return bytes > INT64_MAX ? -1 : (__s64)bytes;
}

static void add(__s64 *sum, __s64 bytes)
{
	*sum = *sum < 0 || bytes < 0 ? -1 : *sum + bytes;
}

void usage__add(struct usage *sum, const struct usage *usage)
{
	sum->nr += usage->nr;
	add(&sum->size, usage->size);
	add(&sum->rss, usage->rss);
	add(&sum->pss, usage->pss);
	add(&sum->anon, usage->anon);
	add(&sum->swap, usage->swap);
}

static void fill_region(struct breakdown_region *region, const struct proc_map *map)
{
	*region = (struct breakdown_region){
		.map = map,
		.kind = breakdown__kind(map),
		.perms = { map->prot & 1 ? 'r' : '-', map->prot & 2 ? 'w' : '-',
			   map->prot & 4 ? 'x' : '-', map->shared ? 's' : 'p' },
		.usage = { .nr = 1,
			   .size = (__s64)(map->end - map->start),
			   .rss = told(map->rss),
			   .pss = told(map->pss),
			   .anon = told(map->anonymous),
			   .swap = told(map->swap) },
	};
}

/* Which of the kernel's counters a resident page of the mapping is in: its own kind, or anon once
 * it was copied on write. */
static void add_members(struct members *rss, const struct breakdown_region *region)
{
	const struct usage *usage = &region->usage;
	__s64 own = usage->rss < 0 || usage->anon < 0 ? -1 : usage->rss - usage->anon;

	add(&rss->anon, usage->anon);
	add(region->kind == KIND_SHMEM ? &rss->shmem : &rss->file, own);
	add(&rss->total, usage->rss);
	add(&rss->swap, usage->swap);
}

static int by_rss(const void *a, const void *b)
{
	const struct breakdown_region *x = a, *y = b;

	if (x->usage.rss != y->usage.rss)
		return x->usage.rss < y->usage.rss ? 1 : -1;
	return x->map->start < y->map->start ? -1 : x->map->start > y->map->start;
}

static int by_name(const void *a, const void *b)
{
	const struct usage_row *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int row_by_rss(const void *a, const void *b)
{
	const struct usage_row *x = a, *y = b;

	if (x->usage.rss != y->usage.rss)
		return x->usage.rss < y->usage.rss ? 1 : -1;
	return strcmp(x->name, y->name);
}

static bool is_named_anon(const struct proc_map *map)
{
	return !strncmp(map->name, "[anon:", strlen("[anon:")) ||
	       !strncmp(map->name, "[anon_shmem:", strlen("[anon_shmem:"));
}

/* One row a mapping, sorted by name, neighbours summed. */
static void group_names(struct breakdown *breakdown)
{
	struct usage_row *rows = breakdown->names;
	__u32 nr = 0, kept = 0;

	for (__u32 i = 0; i < breakdown->nr_regions; i++) {
		const struct breakdown_region *region = &breakdown->regions[i];

		if (is_named_anon(region->map))
			rows[nr++] = (struct usage_row){ region->map->name, region->usage };
	}
	qsort(rows, nr, sizeof(*rows), by_name);
	for (__u32 i = 0; i < nr; i++) {
		if (kept && !strcmp(rows[kept - 1].name, rows[i].name))
			usage__add(&rows[kept - 1].usage, &rows[i].usage);
		else
			rows[kept++] = rows[i];
	}
	qsort(rows, kept, sizeof(*rows), row_by_rss);
	breakdown->nr_names = kept;
}

struct breakdown *breakdown__new(const struct proc_maps *maps, const struct proc_status *status)
{
	struct breakdown *breakdown = calloc(1, sizeof(*breakdown));

	if (!breakdown)
		return NULL;
	breakdown->nr_regions = (__u32)maps->nr;
	breakdown->regions = calloc(maps->nr + 1, sizeof(*breakdown->regions));
	breakdown->names = calloc(maps->nr + 1, sizeof(*breakdown->names));
	if (!breakdown->regions || !breakdown->names) {
		breakdown__free(breakdown);
		return NULL;
	}
	for (size_t i = 0; i < maps->nr; i++) {
		struct breakdown_region *region = &breakdown->regions[i];

		fill_region(region, &maps->maps[i]);
		usage__add(&breakdown->kinds[region->kind], &region->usage);
		add_members(&breakdown->rss, region);
	}
	/* status may lag behind, by a few pages a CPU */
	breakdown->peak_total = (__s64)status->hiwater;
	if (breakdown->rss.total > breakdown->peak_total)
		breakdown->peak_total = breakdown->rss.total;
	group_names(breakdown);
	qsort(breakdown->regions, breakdown->nr_regions, sizeof(*breakdown->regions), by_rss);
	return breakdown;
}

void breakdown__free(struct breakdown *breakdown)
{
	if (!breakdown)
		return;
	free(breakdown->regions);
	free(breakdown->names);
	free(breakdown);
}
