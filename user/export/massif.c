// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * massif.out: RSS over time with trees of who holds it, for ms_print and massif-visualizer. All of
 * RSS stands as heap, as in massif's own --pages-as-heap, so that the tree is of the whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "export/bottom_up.h"
#include "export/exporter.h"
#include "export/frame_text.h"
#include "report/whole_stacks.h"

#define SNAPSHOTS_MAX 100 /* massif's own --max-snapshots; the peak comes on top */
#define DETAILED_EVERY 10 /* and --detailed-freq */
#define THRESHOLD_PERCENT 1
#define NSEC_PER_MSEC 1000000

struct holder {
	__u32 stack; /* owner index */
	__s64 rss;
};

/* A snapshot; of one that is not detailed only the total. */
struct moment {
	__u64 ns;
	__s64 total, before_attach, unattributed, error;
	bool detailed;
	__u32 nr;
	struct holder *holders;
};

struct massif {
	__u32 nr;
	struct moment moments[SNAPSHOTS_MAX + 1];
	struct moment peak;
	__u64 next_ns; /* when the next snapshot is due */
};

static void moment__fini(struct moment *moment)
{
	free(moment->holders);
	*moment = (struct moment){ 0 };
}

static int begin_massif(struct export_run *run, struct err *err)
{
	run->state = calloc(1, sizeof(struct massif));
	return run->state ? 0 : err__set(err, -ENOMEM, "out of memory");
}

static void end_massif(struct export_run *run)
{
	struct massif *massif = run->state;

	for (__u32 i = 0; massif && i < massif->nr; i++)
		moment__fini(massif->moments + i);
	if (massif)
		moment__fini(&massif->peak);
	free(massif);
	run->state = NULL;
}

/* Who holds what now; names are asked for at the end, when all are known. */
static int take(struct moment *moment, const struct view *view, bool detailed)
{
	struct moment taken = {
		.ns = view->to_ns,
		.total = view->rss.total,
		.before_attach = view->before_attach,
		.unattributed = view->unattributed,
		.error = view->error,
		.detailed = detailed,
	};

	if (detailed) {
		taken.holders = calloc(view->nr_stacks + 1, sizeof(*taken.holders));
		if (!taken.holders)
			return -ENOMEM;
	}
	for (__u32 i = 0; detailed && i < view->nr_stacks; i++)
		if (view->stacks[i].rss > 0)
			taken.holders[taken.nr++] =
				(struct holder){ view->stacks[i].id, view->stacks[i].rss };
	moment__fini(moment);
	*moment = taken;
	return 0;
}

static int tick_massif(struct export_run *run, const struct view *view, struct err *err)
{
	struct massif *massif = run->state;
	bool last = view->to_ns >= run->to_ns;
	int code = 0;

	if (!massif->nr || view->rss.total > massif->peak.total)
		code = take(&massif->peak, view, true);
	if (!code && (last || (massif->nr < SNAPSHOTS_MAX && view->to_ns >= massif->next_ns))) {
		bool detailed = last || massif->nr % DETAILED_EVERY == DETAILED_EVERY - 1;

		/* several ticks may stand at the last instant: the last one counts */
		if (massif->nr > SNAPSHOTS_MAX)
			massif->nr--;
		code = take(massif->moments + massif->nr, view, detailed);
		massif->nr += !code;
		massif->next_ns =
			run->from_ns + (run->to_ns - run->from_ns) / SNAPSHOTS_MAX * massif->nr;
	}
	return code ? err__set(err, code, "out of memory") : 0;
}

static void print_node(FILE *out, const struct bottom_up_node *node, __u64 total, int depth)
{
	__u64 least = total * THRESHOLD_PERCENT / 100, below = 0;
	size_t nr = 0, nr_below;

	while (nr < node->kids.nr &&
	       ((struct bottom_up_node *)node->kids.items[nr])->bytes >= least)
		nr++;
	nr_below = node->kids.nr - nr;
	for (size_t i = nr; i < node->kids.nr; i++)
		below += ((struct bottom_up_node *)node->kids.items[i])->bytes;
	fprintf(out, "%*sn%zu: %llu ", depth, "", nr + (nr_below > 0), node->bytes);
	if (node->name)
		fprintf(out, "0x%llX: %s\n", node->offset, node->name);
	else
		fprintf(out, "(resident pages) by the code that brought them in\n");
	for (size_t i = 0; i < nr; i++)
		print_node(out, node->kids.items[i], total, depth + 1);
	if (nr_below)
		fprintf(out, "%*sn0: %llu in %zu place%s, %s below massif's threshold (%d.00%%)\n",
			depth + 1, "", below, nr_below, nr_below > 1 ? "s" : "",
			nr_below > 1 ? "all" : "", THRESHOLD_PERCENT);
}

static void add_rest(struct bottom_up_node *root, struct pool *pool, enum sample_origin origin,
		     __s64 bytes)
{
	const struct sample sample = { .origin = origin };

	if (bytes > 0)
		bottom_up__add_name(root, pool, frame_text__origin(&sample), bytes);
}

static int add_holders(struct bottom_up_node *root, struct pool *pool, const struct export_run *run,
		       const struct moment *moment)
{
	for (__u32 i = 0; i < moment->nr; i++) {
		struct stack_row row = { .id = moment->holders[i].stack };
		const struct sample lost = { .origin = ORIGIN_STACK };

		if (stack_row__name(&row, run->session))
			return -ENOMEM;
		if (row.nr_frames)
			bottom_up__add(root, pool, &row, moment->holders[i].rss);
		else
			bottom_up__add_name(root, pool, frame_text__origin(&lost),
					    moment->holders[i].rss);
		stack_row__fini(&row);
	}
	add_rest(root, pool, ORIGIN_BEFORE, moment->before_attach);
	add_rest(root, pool, ORIGIN_UNATTRIBUTED, moment->unattributed);
	add_rest(root, pool, ORIGIN_ERROR, moment->error);
	return pool->failed ? -ENOMEM : 0;
}

static int print_tree(const struct export_run *run, const struct moment *moment)
{
	struct bottom_up_node root = { 0 };
	struct pool pool = { 0 };
	int code = add_holders(&root, &pool, run, moment);

	if (!code) {
		bottom_up__sort(&root);
		print_node(run->out, &root, root.bytes, 0);
	}
	bottom_up__fini(&root);
	pool__fini(&pool);
	return code;
}

static int print_moment(const struct export_run *run, const struct moment *moment, __u32 number,
			bool peak)
{
	fprintf(run->out,
		"#-----------\nsnapshot=%u\n#-----------\ntime=%llu\nmem_heap_B=%lld\n"
		"mem_heap_extra_B=0\nmem_stacks_B=0\nheap_tree=%s\n",
		number, (moment->ns - run->from_ns) / NSEC_PER_MSEC, moment->total,
		peak		   ? "peak"
		: moment->detailed ? "detailed"
				   : "empty");
	return moment->detailed ? print_tree(run, moment) : 0;
}

/* The peak stands in its place in time, also when no snapshot was due there. */
static int print_moments(const struct export_run *run)
{
	const struct massif *massif = run->state;
	bool peak_printed = false;
	__u32 number = 0;
	int code = 0;

	for (__u32 i = 0; i < massif->nr && !code; i++) {
		const struct moment *moment = massif->moments + i;

		if (!peak_printed && massif->peak.ns <= moment->ns) {
			peak_printed = true;
			code = print_moment(run, &massif->peak, number++, true);
			if (massif->peak.ns == moment->ns)
				continue;
		}
		if (!code)
			code = print_moment(run, moment, number++, false);
	}
	return code;
}

static int write_massif(struct export_run *run, const struct view *view, struct err *err)
{
	char *exe = frame_text__clean(*view->exe ? view->exe : view->comm), whole[UNITS_LEN];
	int code;

	if (!exe)
		return err__set(err, -ENOMEM, "out of memory");
	fprintf(run->out,
		"desc: rsstrace %s, RSS by page owner, stacks %s whole by bytes\ncmd: %s\n"
		"time_unit: ms\n",
		RSSTRACE_VERSION, whole_stacks__text(whole, view__walk_ends(view)), exe);
	free(exe);
	code = print_moments(run);
	return code ? err__set(err, code, "out of memory") : 0;
}

const struct exporter export_massif = {
	.name = "massif",
	.what = "RSS over time with the trees of who holds it: ms_print, massif-visualizer",
	.begin = begin_massif,
	.tick = tick_massif,
	.write = write_massif,
	.end = end_massif,
};
