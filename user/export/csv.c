// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The counters over time, a row a tick. Bytes; in_ and out_ columns tell the change since the row
 * before. */
#include "base/units.h"
#include "export/exporter.h"

static const char *const fixed_columns = "ts_ns,wall,rss_anon,rss_file,rss_shmem,rss_total,swap,"
					 "attributed,before_attach,unattributed,error,faults,lost";

static int begin_csv(struct export_run *run, struct err *err)
{
	(void)err;
	fputs(fixed_columns, run->out);
	for (int c = CAUSE_INVALID + 1; c < NR_CAUSES; c++)
		fprintf(run->out, ",in_%s,out_%s", cause_name(c), cause_name(c));
	fputs(",marks,incomplete\n", run->out);
	return 0;
}

static void put_causes(FILE *out, const struct view *view)
{
	__s64 bytes[NR_CAUSES][2] = { 0 };

	for (__u32 i = 0; i < view->nr_causes; i++)
		bytes[view->causes[i].cause][view->causes[i].out] = view->causes[i].bytes.total;
	for (int c = CAUSE_INVALID + 1; c < NR_CAUSES; c++)
		fprintf(out, ",%lld,%lld", (long long)bytes[c][false], (long long)bytes[c][true]);
}

/* Labels of the marks since the row before, as one quoted field. */
static void put_marks(FILE *out, const struct view *view)
{
	fputc(',', out);
	if (view->nr_marks)
		fputc('"', out);
	for (__u32 i = 0; i < view->nr_marks; i++) {
		fputs(i ? "; " : "", out);
		for (const char *at = view->marks[i].label; *at; at++)
			fputs(*at == '"' ? "\"\"" : (char[]){ *at, 0 }, out);
	}
	if (view->nr_marks)
		fputc('"', out);
}

static int tick_csv(struct export_run *run, const struct view *view, struct err *err)
{
	const struct members *rss = &view->rss;
	char wall[UNITS_LEN];

	(void)err;
	fprintf(run->out, "%llu,%s,%lld,%lld,%lld,%lld,%lld,", view->to_ns,
		view->to_wall_ns ? units__iso8601(wall, view->to_wall_ns) : "", rss->anon,
		rss->file, rss->shmem, rss->total, rss->swap);
	fprintf(run->out, "%lld,%lld,%lld,%lld,%llu,%llu", view->attributed, view->before_attach,
		view->unattributed, view->error, view->faults, view->lost);
	put_causes(run->out, view);
	put_marks(run->out, view);
	fprintf(run->out, ",%lld\n", view->resident_walks.incomplete);
	return 0;
}

const struct exporter export_csv = {
	.name = "csv",
	.what = "the counters over time, a row a tick: spreadsheets, gnuplot, pandas",
	.flags = EXPORT_TAKES_INTERVAL,
	.begin = begin_csv,
	.tick = tick_csv,
};
