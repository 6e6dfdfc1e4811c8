// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include "base/units.h"
#include "report/snapshot.h"
#include "report/utf8.h"

#define BOLD "\033[1m"
#define PLAIN "\033[0m"
#define NUMBERS_COLUMNS 38 /* what stands before the name */
#define ADDRESS_COLUMNS 84 /* from here on there is room for addresses */

/* "-" when the kernel does not tell. */
static const char *bytes(char *buf, __s64 value)
{
	return value < 0 ? "-" : units__bytes(buf, value);
}

static void print_usage(FILE *out, const struct usage *usage)
{
	char rss[UNITS_LEN], pss[UNITS_LEN], size[UNITS_LEN];

	fprintf(out, "  %10s %10s %10s   ", bytes(rss, usage->rss), bytes(pss, usage->pss),
		bytes(size, usage->size));
}

static void print_swap(FILE *out, const struct usage *usage)
{
	char buf[UNITS_LEN];

	if (usage->swap > 0)
		fprintf(out, "   swapped out %s", units__bytes(buf, usage->swap));
}

/* A long path keeps its end, which says more than its start. */
static void print_name(FILE *out, const char *name, const struct report_style *style)
{
	char *clean = utf8__clean(name, true);
	size_t room = style->width > NUMBERS_COLUMNS + 2 ? style->width - NUMBERS_COLUMNS - 1 : 1;
	size_t columns = clean ? utf8__columns(clean) : 0;

	if (!clean)
		return;
	if (style->width && columns > room)
		fprintf(out, "\xe2\x80\xa6%s", clean + utf8__prefix(clean, columns - room));
	else
		fputs(clean, out);
	free(clean);
}

static void print_head(FILE *out, const struct snapshot_report *report,
		       const struct report_style *style)
{
	const struct breakdown *breakdown = report->breakdown;
	char total[UNITS_LEN], anon[UNITS_LEN], file[UNITS_LEN], shmem[UNITS_LEN], swap[UNITS_LEN],
		peak[UNITS_LEN], clock[UNITS_LEN];
	char *comm = utf8__clean(report->status->comm, true);

	fprintf(out, "%s%s (%d)%s   %s   %u mappings, %u threads\n", style->color ? BOLD : "",
		comm ? comm : "", report->status->pid, style->color ? PLAIN : "",
		units__clock(clock, report->wall_ns), breakdown->nr_regions,
		report->status->nr_threads);
	fprintf(out, "RSS %s = anon %s + file %s + shmem %s   peak %s   swapped out %s\n",
		bytes(total, breakdown->rss.total), bytes(anon, breakdown->rss.anon),
		bytes(file, breakdown->rss.file), bytes(shmem, breakdown->rss.shmem),
		bytes(peak, breakdown->peak_total), bytes(swap, breakdown->rss.swap));
	free(comm);
}

static void print_kinds(FILE *out, const struct breakdown *breakdown)
{
	fprintf(out, "\n  %10s %10s %10s   kind\n", "resident", "its share", "mapped");
	for (__u32 kind = 0; kind < NR_KINDS; kind++) {
		const struct usage *usage = &breakdown->kinds[kind];

		if (!usage->nr)
			continue;
		print_usage(out, usage);
		fprintf(out, "%-8s %u mapping%s", kind_name(kind), usage->nr,
			usage->nr == 1 ? "" : "s");
		print_swap(out, usage);
		fputc('\n', out);
	}
}

static void print_names(FILE *out, const struct snapshot_report *report, __u32 limit,
			const struct report_style *style)
{
	const struct breakdown *breakdown = report->breakdown;

	if (!breakdown->nr_names)
		return;
	fprintf(out, "\n  %10s %10s %10s   named anonymous memory\n", "resident", "its share",
		"mapped");
	for (__u32 i = 0; i < breakdown->nr_names && i < limit; i++) {
		const struct usage_row *row = &breakdown->names[i];

		print_usage(out, &row->usage);
		print_name(out, row->name, style);
		if (row->usage.nr > 1)
			fprintf(out, "   %u mappings", row->usage.nr);
		print_swap(out, &row->usage);
		fputc('\n', out);
	}
	if (breakdown->nr_names > limit)
		fprintf(out, "  %32s   %u more names\n", "", breakdown->nr_names - limit);
}

static void print_region(FILE *out, const struct breakdown_region *region,
			 const struct report_style *style)
{
	print_usage(out, &region->usage);
	if (*region->map->name)
		print_name(out, region->map->name, style);
	else
		fprintf(out, "%s", kind_name(region->kind));
	if (!style->width || style->width >= ADDRESS_COLUMNS + NUMBERS_COLUMNS)
		fprintf(out, "   %s %llx-%llx", region->perms,
			(unsigned long long)region->map->start,
			(unsigned long long)region->map->end);
	print_swap(out, &region->usage);
	fputc('\n', out);
}

static void print_regions(FILE *out, const struct snapshot_report *report, __u32 limit,
			  const struct report_style *style)
{
	const struct breakdown *breakdown = report->breakdown;
	struct usage rest = { 0 };

	fprintf(out, "\n  %10s %10s %10s   region\n", "resident", "its share", "mapped");
	for (__u32 i = 0; i < breakdown->nr_regions && i < limit; i++)
		print_region(out, &breakdown->regions[i], style);
	for (__u32 i = limit; i < breakdown->nr_regions; i++)
		usage__add(&rest, &breakdown->regions[i].usage);
	if (!rest.nr)
		return;
	print_usage(out, &rest);
	fprintf(out, "%u more regions\n", rest.nr);
}

int snapshot_report__text(FILE *out, const struct snapshot_report *report,
			  const struct report_style *style)
{
	__u32 limit = report->top ? report->top : (__u32)-1;

	print_head(out, report, style);
	print_kinds(out, report->breakdown);
	print_names(out, report, limit, style);
	print_regions(out, report, limit, style);
	return ferror(out) ? -EIO : 0;
}
