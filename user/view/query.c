// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The sums of a view; its lists are made by regions.c and stacks.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/page_ledger.h"
#include "view/rows.h"
#include "view/tree.h"

static __s64 to_bytes(__s64 pages)
{
	return pages * (__s64)LEDGER_PAGE_BYTES;
}

static __s64 rss_pages(const __s64 pages[RSST_NR_MEMBERS])
{
	return pages[RSST_ANON] + pages[RSST_FILE] + pages[RSST_SHMEM];
}

static void members__add(struct members *sum, const __s64 pages[RSST_NR_MEMBERS])
{
	sum->anon += to_bytes(pages[RSST_ANON]);
	sum->file += to_bytes(pages[RSST_FILE]);
	sum->shmem += to_bytes(pages[RSST_SHMEM]);
	sum->swap += to_bytes(pages[RSST_SWAP]);
	sum->total += to_bytes(rss_pages(pages));
}

static struct members members__minus(const struct members *a, const struct members *b)
{
	return (struct members){
		.anon = a->anon - b->anon,
		.file = a->file - b->file,
		.shmem = a->shmem - b->shmem,
		.total = a->total - b->total,
		.swap = a->swap - b->swap,
	};
}

static struct members kernel_members(const struct window *window, const struct snapshot *snapshot)
{
	struct members sum = { 0 };

	for (__u32 i = 0; i < snapshot->nr_spaces; i++) {
		if (snapshot->spaces[i].alive && window__has(window, snapshot->spaces + i))
			members__add(&sum, snapshot->spaces[i].kernel);
	}
	return sum;
}

static __s64 before_bytes(const struct window *window, const struct snapshot *snapshot)
{
	__s64 pages = 0;

	for (__u32 i = 0; i < snapshot->nr_spaces; i++)
		if (snapshot->spaces[i].alive && window__has(window, snapshot->spaces + i))
			pages += snapshot->spaces[i].before;
	return to_bytes(pages);
}

/* unattributed: placed by no known stack, and what the counters moved without telling where. */
static void sum_ledger(struct view *view, const struct window *window)
{
	const struct snapshot *to = window->to;

	for (__u32 i = 0; i < to->nr_spaces; i++) {
		const struct space_snapshot *space = to->spaces + i;

		if (!space->alive || !window__has(window, space))
			continue;
		view->nr_living++;
		view->attributed += to_bytes(space->attributed);
		view->unattributed += to_bytes(space->unknown + rss_pages(space->counted) -
					       rss_pages(space->placed));
	}
	view->before_attach = before_bytes(window, to);
	view->before_at_start = before_bytes(window, window->from);
	view->error = view->rss.total - view->attributed - view->before_attach - view->unattributed;
}

/* A process that called exec has had several spaces, one after the other. */
static void set_peak(struct view *view, const struct window *window)
{
	struct rss_peak peak = snapshot__peak(window->to, window->pid);

	view->peak_total = peak.pages * LEDGER_PAGE_BYTES;
	view->peak_ns = peak.ts;
}

static void sum_kernel(struct view *view, const struct window *window)
{
	const struct snapshot *to = window->to;
	struct members then = kernel_members(window, window->from);

	view->rss = kernel_members(window, to);
	view->growth = members__minus(&view->rss, &then);
	set_peak(view, window);
	/* The peak is of the events; when some were lost the counters may stand higher. */
	if (view->rss.total > 0 && (__u64)view->rss.total > view->peak_total) {
		view->peak_total = view->rss.total;
		view->peak_ns = to->ts;
	}
}

static __u64 faults_of(const struct window *window, const struct snapshot *snapshot)
{
	__u64 faults = 0;

	if (!window->pid)
		return snapshot->faults;
	for (__u32 i = 0; i < snapshot->nr_spaces; i++)
		if (window__has(window, snapshot->spaces + i))
			faults += snapshot->spaces[i].history.faults;
	return faults;
}

static void set_window(struct view *view, const struct window *window)
{
	const struct snapshot *from = window->from, *to = window->to;

	view->from_ns = from->ts;
	view->to_ns = to->ts;
	view->from_wall_ns = from->wall_ns;
	view->to_wall_ns = to->wall_ns;
	view->faults = faults_of(window, to) - faults_of(window, from);
	view->lost = to->lost - from->lost;
	view->tracer_memory = to->counters[CNT_TRACER_MEMORY];
	view->tracer_maps = to->counters[CNT_TRACER_MAPS];
	view->gaps = to->gaps;
	view->overhead = to->overhead;
	view->overhead.target_ns -= from->overhead.target_ns;
	view->overhead.kernel_ns -= from->overhead.kernel_ns;
	view->overhead.tracer_ns -= from->overhead.tracer_ns;
	/* fewer, when walks from copies have replaced what the kernel told */
	if (to->stacks_truncated > from->stacks_truncated)
		view->stacks_truncated = to->stacks_truncated - from->stacks_truncated;
}

/* How good a space is as "the target": one the user named, better alive. */
static int target_rank(const struct space_snapshot *space)
{
	return (space->flags & PROCESS_ROOT ? 2 : 0) + space->alive;
}

static int compare_space_ids(const void *pa, const void *pb)
{
	const struct space_snapshot *a = pa, *b = pb;

	return DESCENDING(b->space, a->space);
}

bool window__has_space(const struct window *window, __u32 space)
{
	const struct space_snapshot wanted = { .space = space }, *found;

	if (!window->pid)
		return true;
	found = bsearch(&wanted, window->to->spaces, window->to->nr_spaces, sizeof(wanted),
			compare_space_ids);
	return found && window__has(window, found);
}

static int set_target(struct view *view, const struct window *window)
{
	const struct snapshot *to = window->to;
	const struct space_snapshot *best = NULL;
	char *comm;

	for (__u32 i = 0; i < to->nr_spaces; i++) {
		if (!window__has(window, to->spaces + i))
			continue;
		if (!best || target_rank(to->spaces + i) > target_rank(best))
			best = to->spaces + i;
	}
	comm = best ? strndup(best->comm, sizeof(best->comm)) : strdup("");
	view->comm = comm;
	view->exe = best && best->exe ? best->exe : "";
	view->pid = best ? best->pid : 0;
	return comm ? 0 : -1;
}

static int add_processes(struct view *view, const struct window *window)
{
	const struct snapshot *to = window->to;

	view->processes = calloc(to->nr_spaces + 1, sizeof(*view->processes));
	if (!view->processes)
		return -1;
	for (__u32 i = 0; i < to->nr_spaces; i++) {
		const struct space_snapshot *space = to->spaces + i;
		struct process_row *row;

		if (!window__has(window, space))
			continue;
		row = view->processes + view->nr_processes++;
		*row = (struct process_row){
			.space = space->space,
			.pid = space->pid,
			.ppid = space->ppid,
			.exe = space->exe ? space->exe : "",
			.alive = space->alive,
		};
		memcpy(row->comm, space->comm, sizeof(space->comm));
		if (space->alive)
			members__add(&row->rss, space->kernel);
	}
	return 0;
}

static void add_cause(struct view *view, enum rsst_cause cause, bool out, const __u64 *then,
		      const __u64 *now)
{
	struct cause_row row = { .cause = cause, .out = out };
	__s64 pages[RSST_NR_MEMBERS];

	for (int m = 0; m < RSST_NR_MEMBERS; m++)
		pages[m] = now[m] - then[m];
	if (!pages[RSST_ANON] && !pages[RSST_FILE] && !pages[RSST_SHMEM])
		return;
	members__add(&row.bytes, pages);
	view->causes[view->nr_causes++] = row;
}

static int compare_causes(const void *pa, const void *pb)
{
	const struct cause_row *a = pa, *b = pb;
	int order = DESCENDING(a->bytes.total, b->bytes.total);

	order = order ? order : DESCENDING(b->cause, a->cause);
	return order ? order : DESCENDING(b->out, a->out);
}

/* What @cause moved up to @snapshot. */
static struct cause_pages pages_by(const struct window *window, const struct snapshot *snapshot,
				   enum rsst_cause cause)
{
	struct cause_pages sum = { 0 };

	if (!window->pid)
		return snapshot->causes[cause];
	for (__u32 i = 0; i < snapshot->nr_spaces; i++) {
		const struct cause_pages *own = snapshot->spaces[i].history.causes + cause;

		for (int m = 0; m < RSST_NR_MEMBERS && window__has(window, snapshot->spaces + i);
		     m++) {
			sum.in[m] += own->in[m];
			sum.out[m] += own->out[m];
		}
	}
	return sum;
}

static int add_causes(struct view *view, const struct window *window)
{
	view->causes = calloc(2 * NR_CAUSES, sizeof(*view->causes));
	if (!view->causes)
		return -1;
	for (int c = CAUSE_INVALID + 1; c < NR_CAUSES; c++) {
		struct cause_pages then = pages_by(window, window->from, c);
		struct cause_pages now = pages_by(window, window->to, c);

		add_cause(view, c, false, then.in, now.in);
		add_cause(view, c, true, then.out, now.out);
	}
	qsort(view->causes, view->nr_causes, sizeof(*view->causes), compare_causes);
	return 0;
}

/* Filters, groups and trees are made of all rows; the lists are cut afterwards. */
static bool needs_every_row(const struct view_options *options)
{
	return options &&
	       ((options->filter && options->filter->nr) || options->by || options->tree);
}

static int add_readings(struct view *view, const struct window *window,
			const struct view_options *options)
{
	int ret = 0;

	if (!needs_every_row(options))
		return 0;
	if (options->filter && options->filter->nr)
		ret = view__filter(view, window, options->filter);
	view->by = options->by;
	if (!ret && view->by)
		ret = view__add_groups(view, window);
	if (!ret && options->tree) {
		view->tree = view_tree__new(view, options->tree, options->shown);
		ret = view->tree ? 0 : -ENOMEM;
	}
	view__cut(view, options->top);
	return ret;
}

struct view *view__new(const struct session *session, const struct snapshot *from,
		       const struct snapshot *to, const struct view_options *options)
{
	struct window window = {
		.session = session,
		.from = from,
		.to = to,
		.unnamed_stacks = options && options->unnamed_stacks && !needs_every_row(options),
		.top = options && !needs_every_row(options) ? options->top : 0,
		.pid = options ? options->pid : 0,
	};
	struct view *view = calloc(1, sizeof(*view));

	if (!view)
		return NULL;
	set_window(view, &window);
	sum_kernel(view, &window);
	sum_ledger(view, &window);
	if (set_target(view, &window) || add_processes(view, &window) ||
	    add_causes(view, &window) ||
	    trend__measure(&view->trend, session, from->ts, to, window.pid) ||
	    view__add_regions(view, &window) || view__add_stacks(view, &window) ||
	    view__add_marks(view, &window) || add_readings(view, &window, options)) {
		view__free(view);
		return NULL;
	}
	return view;
}

void view__free(struct view *view)
{
	if (!view)
		return;
	for (__u32 i = 0; i < view->nr_regions; i++)
		free(view->regions[i].stacks);
	for (__u32 i = 0; i < view->nr_stacks; i++)
		stack_row__fini(view->stacks + i);
	for (__u32 i = 0; i < view->nr_groups; i++)
		free(view->groups[i].key);
	view_tree__free(view->tree);
	free(view->groups);
	free(view->marks);
	free(view->regions);
	free(view->stacks);
	free(view->causes);
	free(view->processes);
	free((char *)view->comm);
	free(view);
}
