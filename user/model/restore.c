// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reading a checkpoint: when, in which order, and what becomes of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/books.h"
#include "model/checkpoint.h"
#include "model/restore.h"
#include "model/snapshot.h"

#define RESTORE_WEIGHT_MAX (PAGES_SUM_MAX * 4ULL)

bool number_map__find(const struct number_map *map, __u32 told, __u32 *here)
{
	*here = told;
	if (told < map->first)
		return true;
	if (told - map->first >= map->nr)
		return false;
	*here = map->here[told - map->first];
	return true;
}

static void drop_spaces(struct session *session)
{
	for (__u32 id = 0; id < session->nr_spaces; id++)
		space__free(session->spaces[id]);
	session->nr_spaces = 0;
}

static void staged__free(struct session *staged)
{
	if (!staged)
		return;
	calls__fini(staged);
	drop_spaces(staged);
	free(staged->processes.processes);
	free(staged->found.ranges);
	series__fini(&staged->series);
	mark_list__fini(&staged->marks);
	free(staged);
}

void restore__free(struct restore *restore)
{
	if (!restore)
		return;
	free(restore->names.here);
	free(restore->objects.here);
	free(restore->frames.here);
	free(restore->fresh.here);
	free(restore->stacks.here);
	free(restore->pages.pages);
	free(restore->final_pages.pages);
	free(restore->sampled.items);
	free(restore->final_sampled.items);
	free(restore->threads.here);
	free(restore->thread_pages.counts);
	free(restore->final_thread_pages.counts);
	staged__free(restore->staged);
	staged__free(restore->final);
	free(restore);
}

static int begin(struct session *session, const struct rec_checkpoint *head)
{
	struct restore *restore = calloc(1, sizeof(*restore));

	restore__free(session->restore);
	session->restore = restore;
	if (!restore)
		return -ENOMEM;
	restore->staged = restore->at = calloc(1, sizeof(struct session));
	if (!restore->staged)
		return -ENOMEM;
	restore->head = *head;
	restore->names.first = restore->objects.first = restore->frames.first =
		restore->fresh.first = 1;
	restore->stacks.first = OWNER_FIRST_STACK;
	return 0;
}

/* Snapshots taken before may still name what the space ran. */
static int retire_spaces(struct session *session)
{
	struct space **former =
		realloc(session->former, (session->nr_former + 2 * SPACE_MAX) * sizeof(*former));

	if (!former)
		return -ENOMEM;
	session->former = former;
	for (__u32 id = 0; id < session->nr_spaces; id++) {
		struct space *space = session->spaces[id];

		if (!space)
			continue;
		vma_map__fini(&space->map);
		series__fini(&space->series);
		page_ledger__fini(&space->ledger);
		former[session->nr_former++] = space;
	}
	memset(session->spaces, 0, sizeof(session->spaces));
	return 0;
}

static void set_pages(struct stack_pages *pages, const struct number_map *stacks,
		      const struct pages_list *told)
{
	for (__u32 i = 0; i < told->nr; i++)
		pages[stacks->here[i]] = (struct stack_pages){
			.rss = told->pages[i].rss,
			.faulted = told->pages[i].faulted,
			.freed = told->pages[i].freed,
		};
}

static void set_sampled(struct stack_pages *pages, __u32 nr, const struct sampled_list *told)
{
	for (__u32 i = 0; i < told->nr; i++) {
		const struct state_sampled *item = &told->items[i];

		if (item->stack >= nr)
			continue;
		pages[item->stack].stands_for = item->stands_for;
		pages[item->stack].variance = item->variance;
	}
}

static void set_counts(__u64 *counts, const struct number_map *threads,
		       const struct count_list *told)
{
	for (__u32 i = 0; i < told->nr; i++)
		counts[threads->here[i]] = told->counts[i];
}

/* One more than the highest number any of the first @nr has here. */
static __u32 end_of(const struct number_map *map, __u32 nr)
{
	__u32 end = 0;

	for (__u32 i = 0; i < nr; i++)
		if (map->here[i] >= end)
			end = map->here[i] + 1;
	return end;
}

/* The moment the last root died, from what was told of it. */
static int set_final(struct session *session, struct restore *restore)
{
	struct session *final = restore->final;

	snapshot__free(session->final);
	session->final = NULL;
	session->doomed = final && final->doomed;
	if (!final)
		return 0;
	final->stacks.nr = end_of(&restore->stacks, restore->final_pages.nr);
	if (final->stacks.nr < OWNER_FIRST_STACK)
		final->stacks.nr = OWNER_FIRST_STACK;
	final->threads.nr = end_of(&restore->threads, restore->final_thread_pages.nr);
	final->stacks.pages = calloc(final->stacks.nr, sizeof(*final->stacks.pages));
	final->threads.pages = calloc(final->threads.nr + 1, sizeof(*final->threads.pages));
	if (final->stacks.pages && final->threads.pages) {
		set_pages(final->stacks.pages, &restore->stacks, &restore->final_pages);
		set_sampled(final->stacks.pages, final->stacks.nr, &restore->final_sampled);
		set_counts(final->threads.pages, &restore->threads, &restore->final_thread_pages);
		session->final = snapshot__take(final);
	}
	free(final->stacks.pages);
	free(final->threads.pages);
	if (!session->final)
		return -ENOMEM;
	/* the snapshot names what these run, too */
	memcpy(session->former + session->nr_former, final->spaces,
	       final->nr_spaces * sizeof(*final->spaces));
	session->nr_former += final->nr_spaces;
	memset(final->spaces, 0, sizeof(final->spaces));
	final->nr_spaces = 0;
	return 0;
}

static void set_numbers(struct session *session, const struct rec_checkpoint *head)
{
	session->record_ts = head->record_ts;
	session->now = head->now;
	session->events = head->events;
	session->gen = head->gen;
	session->settled = head->settled;
	session->nr_roots = head->nr_roots;
	session->faults = head->faults;
	session->rss_pages = head->rss_pages;
	session->peak_pages = head->peak_pages;
	session->peak_ts = head->peak_ts;
	session->nr_bad = head->nr_bad;
	session->nr_ignored = head->nr_ignored;
	session->stacks.truncated = head->nr_truncated;
}

static void take_staged(struct session *session, struct session *staged)
{
	calls__fini(session);
	free(session->processes.processes);
	free(session->found.ranges);
	series__fini(&session->series);
	session->series = staged->series;
	mark_list__fini(&session->marks);
	session->marks = staged->marks;
	memcpy(session->spaces, staged->spaces, sizeof(session->spaces));
	session->nr_spaces = staged->nr_spaces;
	session->processes = staged->processes;
	session->calls = staged->calls;
	session->found = staged->found;
	session->nr_tables = staged->nr_tables;
	memcpy(session->causes, staged->causes, sizeof(session->causes));
	memcpy(session->counters, staged->counters, sizeof(session->counters));
	session->overhead = staged->overhead;
	free(staged);
}

static bool adds_up(const struct restore *restore)
{
	const struct session *staged = restore->staged;
	__s64 pages = 0;

	for (__u32 id = 0; id < staged->nr_spaces; id++)
		if (staged->spaces[id])
			pages += books__rss(staged->spaces[id]);
	return pages == restore->head.rss_pages;
}

static int commit(struct session *session, struct restore *restore)
{
	int code = adds_up(restore) ? retire_spaces(session) : -EBADMSG;

	if (code)
		return code;
	session->nr_spaces = 0;
	code = set_final(session, restore);
	if (code)
		return code;
	take_staged(session, restore->staged);
	restore->staged = NULL;
	if (session->stacks.nr)
		memset(session->stacks.pages, 0,
		       session->stacks.nr * sizeof(*session->stacks.pages));
	set_pages(session->stacks.pages, &restore->stacks, &restore->pages);
	set_sampled(session->stacks.pages, session->stacks.nr, &restore->sampled);
	if (session->threads.nr) {
		memset(session->threads.pages, 0,
		       session->threads.nr * sizeof(*session->threads.pages));
		set_counts(session->threads.pages, &restore->threads, &restore->thread_pages);
	}
	set_numbers(session, &restore->head);
	session->gaps.open = false;
	session->nr_restored++;
	return 0;
}

static int on_final(struct restore *restore, const struct state_final *final)
{
	if (restore->final)
		return -EBADMSG;
	restore->final = restore->at = calloc(1, sizeof(struct session));
	if (!restore->final)
		return -ENOMEM;
	restore->final->faults = final->faults;
	restore->final->peak_pages = final->peak_pages;
	restore->final->peak_ts = final->peak_ts;
	restore->final->doomed = final->doomed;
	return 0;
}

static int on_counters(struct restore *restore, const struct rec_state *state)
{
	const __u64 *values = (const __u64 *)(state + 1);

	for (__u32 i = 0; i < state->nr && i < NR_COUNTERS; i++)
		restore->at->counters[i] = values[i];
	return 0;
}

static int on_marks(struct session *staged, const struct rec_state *state)
{
	const struct state_mark *items = (const struct state_mark *)(state + 1);
	int code = 0;

	for (__u32 i = 0; !code && i < state->nr; i++) {
		struct mark mark = {
			.ts = items[i].ts,
			.tick_ns = items[i].tick_ns,
			.from = items[i].from,
			.pid = items[i].pid,
			.tid = items[i].tid,
		};

		memcpy(mark.label, items[i].label, sizeof(mark.label));
		code = mark_list__put(&staged->marks, &mark);
	}
	return code == -ENOSPC ? -EBADMSG : code;
}

static void on_overhead(struct session *staged, const struct state_overhead *told)
{
	staged->overhead = (struct overhead){
		.target_ns = told->target_ns,
		.kernel_ns = told->kernel_ns,
		.tracer_ns = told->tracer_ns,
		.budget_ppm = told->budget_ppm,
		.shift = told->shift,
	};
}

static int on_state(struct session *session, const struct rec_state *state)
{
	session->restore->nr_states++;
	session->restore->weight += decode__state_weight(state);
	if (session->restore->weight > RESTORE_WEIGHT_MAX)
		return -EBADMSG;
	switch (state->sort) {
	case STATE_NAME:
	case STATE_OBJECT:
	case STATE_FRAME:
	case STATE_ENTRY:
	case STATE_STACK:
	case STATE_FINAL_STACK:
	case STATE_THREAD:
	case STATE_THREAD_NAME:
	case STATE_FINAL_THREAD:
	case STATE_SAMPLED:
		return restore__tables(session, state);
	case STATE_COUNTERS:
		return on_counters(session->restore, state);
	case STATE_OVERHEAD:
		on_overhead(session->restore->staged, (const struct state_overhead *)(state + 1));
		return 0;
	case STATE_MARK:
		return on_marks(session->restore->staged, state);
	case STATE_FINAL:
		return on_final(session->restore, (const struct state_final *)(state + 1));
	default:
		return restore__space(session, state);
	}
}

/* Something that has read the stream to here knows better; behind a gap nothing does. */
static bool is_wanted(const struct session *session)
{
	return session->started && !session->ended &&
	       (session->gaps.open || (session->events <= 1 && !session->nr_restored));
}

static int step(struct session *session, const struct rec *rec)
{
	const struct rec_checkpoint_end *end = (const struct rec_checkpoint_end *)rec;

	switch (rec->type) {
	case REC_CHECKPOINT:
		return begin(session, (const struct rec_checkpoint *)rec);
	case REC_STATE:
		return on_state(session, (const struct rec_state *)rec);
	default:
		return end->nr_states == session->restore->nr_states
			       ? commit(session, session->restore)
			       : -EBADMSG;
	}
}

int session__restore(struct session *session, const struct rec *rec, struct err *err)
{
	int code;

	if (rec->type == REC_CHECKPOINT ? !is_wanted(session) : !session->restore)
		return 0;
	code = step(session, rec);
	if (!code && rec->type != REC_CHECKPOINT_END)
		return 0;
	restore__free(session->restore);
	session->restore = NULL;
	if (code == -ENOMEM)
		return err__set(err, code, "no memory for a checkpoint");
	return code ? err__set(err, code, "damaged checkpoint") : 0;
}

__u32 session__nr_restored(const struct session *session)
{
	return session->nr_restored;
}
