// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/books.h"
#include "model/teller.h"

static void tell_series(struct teller *teller, __u32 of, const struct series *series)
{
	const struct state_series head = { .stride = series->stride, .skip = series->skip };

	_Static_assert(sizeof(struct state_point) == sizeof(*series->points),
		       "told as they lie there");
	for (__u32 i = 0; i < series->nr; i++) {
		if (!teller__is_open(teller, STATE_SERIES, of, sizeof(*series->points))) {
			teller__open(teller, STATE_SERIES, of);
			teller__put(teller, &head, sizeof(head));
		}
		teller__put_item(teller, STATE_SERIES, of, &series->points[i],
				 sizeof(*series->points));
	}
}

static void tell_causes(struct teller *teller, __u32 of, const struct cause_pages *causes)
{
	_Static_assert(sizeof(struct state_causes) == sizeof(*causes), "told as they lie there");
	for (__u32 i = 0; i < NR_CAUSES; i++)
		teller__put_item(teller, STATE_CAUSES, of, &causes[i], sizeof(causes[i]));
}

static struct state_vma state_vma(const struct vma *vma, __u64 born)
{
	return (struct state_vma){
		.start = vma->start,
		.end = vma->end,
		.pgoff = vma->pgoff,
		.born = born,
		.object = vma->object,
		.name = vma->name,
		.stack = vma->stack,
		.prot = vma->prot,
		.shared = vma->shared,
		.kind = vma->kind,
		.backing = vma->backing,
	};
}

static void open_table(struct teller *teller, __u32 space, const struct ledger_table *table)
{
	struct state_table head = {
		.key = table->key,
		.touched = table->touched,
		.disputed_at = table->disputed_at,
		.checked_at = table->checked_at,
		.guess_first = table->guess_first,
		.guess_end = table->guess_end,
		.guess_owner = table->guess_owner,
	};

	teller__open(teller, STATE_TABLE, space);
	teller__put(teller, &head, sizeof(head));
}

static bool same_run(const struct ledger_page *a, const struct ledger_page *b)
{
	return a->member == b->member && a->owner == b->owner &&
	       (a->member == MEMBER_NONE || a->born == b->born);
}

static void tell_table(struct teller *teller, __u32 space, const struct ledger_table *table)
{
	__u32 end;

	open_table(teller, space, table);
	for (__u32 i = 0; i < LEDGER_TABLE_PAGES; i = end) {
		const struct ledger_page *page = table->pages + i;
		struct state_run run = { page->owner, page->born, i, 0, page->member };

		end = i + 1;
		while (end < LEDGER_TABLE_PAGES && same_run(page, table->pages + end))
			end++;
		if (run.member == MEMBER_NONE && !run.owner)
			continue;
		if (run.member == MEMBER_NONE) /* of a page that is gone it means nothing */
			run.born = 0;
		run.nr = end - i;
		if (teller->len + sizeof(run) > RSST_REC_MAX)
			open_table(teller, space, table);
		teller__put(teller, &run, sizeof(run));
		teller->rec.state.nr++;
	}
}

static void tell_space(struct teller *teller, const struct space *space)
{
	struct state_space item = {
		.alive = space->alive,
		.pid = space->pid,
		.ppid = space->ppid,
		.flags = space->flags,
		.nr_processes = space->nr_processes,
		.sweep_again = space->sweep.again,
		.brk_end = space->brk_end,
		.removed_at = space->removed_at,
		.sweep_next = space->sweep.next,
		.faults = space->history.faults,
		.peak_pages = space->history.peak_pages,
		.peak_ts = space->history.peak_ts,
	};

	for (__u8 m = 0; m < RSST_NR_MEMBERS; m++)
		item.sweep_wanted[m] = space->sweep.wanted[m];
	memcpy(item.comm, space->comm, sizeof(item.comm));
	memcpy(item.counted, space->counted, sizeof(item.counted));
	memcpy(item.carried, space->carried, sizeof(item.carried));
	memcpy(item.lost, space->lost, sizeof(item.lost));
	memcpy(item.placed, space->placed, sizeof(item.placed));
	memcpy(item.surplus, space->surplus, sizeof(item.surplus));
	memcpy(item.by_class, space->by_class, sizeof(item.by_class));
	memcpy(item.loss_at, space->loss_at, sizeof(item.loss_at));
	memcpy(item.gain_at, space->gain_at, sizeof(item.gain_at));
	teller__open(teller, STATE_SPACE, space->id);
	teller->rec.state.nr = 1;
	teller__put(teller, &item, sizeof(item));
	teller__put_path(teller, space->exe);
	tell_causes(teller, space->id, space->history.causes);
	tell_series(teller, space->id, &space->series);
	for (__u32 i = 0; i < space->map.nr; i++) {
		struct state_vma vma =
			state_vma(&space->map.entries[i].vma, space->map.entries[i].born);

		teller__put_item(teller, STATE_VMA, space->id, &vma, sizeof(vma));
	}
	for (__u32 q = 0; q < space->ledger.nr_tables; q++)
		tell_table(teller, space->id, space->ledger.tables[q]);
}

static void tell_processes(struct teller *teller)
{
	const struct process_table *table = &teller->session->processes;

	for (__u32 i = 0; i < table->nr; i++) {
		const struct process *process = &table->processes[i];
		struct state_process item = {
			.pid = process->pid,
			.ppid = process->ppid,
			.space = process->space,
			.flags = process->flags,
			.alive = process->alive,
		};

		teller__put_item(teller, STATE_PROCESS, 0, &item, sizeof(item));
	}
}

static void tell_call(struct teller *teller, const struct call *call)
{
	struct state_call item = {
		.tid = call->tid,
		.number = call->number,
		.space = call->space,
		.released = call->released,
		.stash_taken = call->stash_taken,
		.has_vma = call->has_vma,
		.last_key = call->last_key,
		.last_gen = call->last_gen,
		.deferred_gen = call->deferred_gen,
		.populate_base = call->populate_base,
		.populate_at = call->populate_at,
		.vma = state_vma(&call->vma, 0),
	};

	memcpy(item.cursor, call->cursor, sizeof(item.cursor));
	memcpy(item.deferred, call->deferred, sizeof(item.deferred));
	teller__put_item(teller, STATE_CALL, 0, &item, sizeof(item));
	for (__u32 i = 0; i < call->nr_queue; i++) {
		const struct queued *gain = &call->queue[i];
		struct state_queued queued = { gain->owner, gain->born,	  gain->unit,
					       gain->times, gain->member, gain->write };

		teller__put_item(teller, STATE_QUEUED, 0, &queued, sizeof(queued));
	}
	for (__u32 i = 0; i < call->nr_stash; i++) {
		const struct stashed *page = &call->stash[i];
		struct state_stashed stashed = { page->offset, page->owner, page->born,
						 page->member, 0 };

		teller__put_item(teller, STATE_STASHED, 0, &stashed, sizeof(stashed));
	}
}

/* From the oldest to the youngest of a bucket. */
static void tell_bucket(struct teller *teller, const struct call *call)
{
	const struct call *last = NULL, *at;

	while (last != call) {
		for (at = call; at->next != last; at = at->next)
			;
		tell_call(teller, at);
		last = at;
	}
}

static void tell_calls(struct teller *teller)
{
	for (__u32 b = 0; b < CALL_BUCKETS; b++)
		if (teller->session->calls.buckets[b])
			tell_bucket(teller, teller->session->calls.buckets[b]);
}

static void tell_found(struct teller *teller)
{
	const struct found_list *found = &teller->session->found;

	for (__u32 i = 0; i < found->nr; i++) {
		struct state_found item = { found->ranges[i].start, found->ranges[i].end,
					    found->ranges[i].space, 0 };

		teller__put_item(teller, STATE_FOUND, 0, &item, sizeof(item));
	}
}

/* A space of a snapshot is told as if it still stood so in a session. */
static void tell_frozen_space(struct teller *teller, const struct space_snapshot *frozen)
{
	struct space space = {
		.id = frozen->space,
		.alive = frozen->alive,
		.pid = frozen->pid,
		.ppid = frozen->ppid,
		.flags = frozen->flags,
		.exe = (char *)frozen->exe,
		.map = { .nr = frozen->nr_vmas },
		.history = frozen->history,
		.by_class = { frozen->before, frozen->unknown, frozen->attributed },
	};

	memcpy(space.comm, frozen->comm, sizeof(space.comm));
	memcpy(space.counted, frozen->counted, sizeof(space.counted));
	memcpy(space.placed, frozen->placed, sizeof(space.placed));
	for (__u8 m = 0; m < RSST_NR_MEMBERS; m++)
		space.carried[m] = frozen->kernel[m] - frozen->counted[m];
	if (frozen->ledger)
		space.ledger = *frozen->ledger;
	space.map.entries = calloc(frozen->nr_vmas + 1, sizeof(*space.map.entries));
	if (!space.map.entries) {
		teller->code = teller->code ? teller->code
					    : err__set(teller->err, -ENOMEM, "out of memory");
		return;
	}
	for (__u32 i = 0; i < frozen->nr_vmas; i++) /* merged they are already */
		space.map.entries[i] = (struct vma_entry){ frozen->vmas[i], ~0ULL };
	tell_space(teller, &space);
	free(space.map.entries);
}

static void tell_final(struct teller *teller, const struct snapshot *final)
{
	struct state_final item = { final->faults, final->peak_pages, final->peak_ts,
				    teller->session->doomed };

	teller__put_item(teller, STATE_FINAL, 0, &item, sizeof(item));
	for (__u32 i = OWNER_FIRST_STACK; i < final->nr_stacks; i++) {
		struct state_pages pages = state_pages(&final->stacks[i]);

		teller__put_item(teller, STATE_FINAL_STACK, 0, &pages, sizeof(pages));
	}
	teller__sampled(teller, final->stacks, final->nr_stacks);
	for (__u32 i = 0; i < final->nr_thread_stacks; i++)
		teller__put_item(teller, STATE_FINAL_THREAD, 0, &final->thread_pages[i],
				 sizeof(final->thread_pages[i]));
	tell_causes(teller, STATE_ALL, final->causes);
	for (__u32 i = 0; i < final->nr_spaces; i++)
		tell_frozen_space(teller, &final->spaces[i]);
}

static void tell_marks(struct teller *teller)
{
	const struct mark_list *list = &teller->session->marks;

	for (__u32 i = 0; i < list->nr; i++) {
		const struct mark *mark = &list->marks[i];
		struct state_mark item = {
			.ts = mark->ts,
			.tick_ns = mark->tick_ns,
			.from = mark->from,
			.pid = mark->pid,
			.tid = mark->tid,
		};

		memcpy(item.label, mark->label, sizeof(item.label));
		teller__put_item(teller, STATE_MARK, 0, &item, sizeof(item));
	}
}

static void tell_head(struct teller *teller)
{
	const struct session *session = teller->session;
	struct rec_checkpoint head = {
		.h = { .type = REC_CHECKPOINT, .size = sizeof(head), .ts = teller->ts },
		.model = CHECKPOINT_MODEL,
		.nr_roots = session->nr_roots,
		.record_ts = session->record_ts,
		.now = session->now,
		.events = session->events,
		.gen = session->gen,
		.settled = session->settled,
		.faults = session->faults,
		.rss_pages = session->rss_pages,
		.peak_pages = session->peak_pages,
		.peak_ts = session->peak_ts,
		.nr_bad = session->nr_bad,
		.nr_ignored = session->nr_ignored,
		.nr_truncated = session->stacks.truncated,
	};

	teller__take(teller, &head.h);
}

static void tell_overhead(struct teller *teller)
{
	const struct overhead *overhead = &teller->session->overhead;
	const struct state_overhead item = {
		.target_ns = overhead->target_ns,
		.kernel_ns = overhead->kernel_ns,
		.tracer_ns = overhead->tracer_ns,
		.budget_ppm = overhead->budget_ppm,
		.shift = overhead->shift,
	};

	if (item.budget_ppm)
		teller__put_item(teller, STATE_OVERHEAD, 0, &item, sizeof(item));
}

static void tell_state(struct teller *teller)
{
	const struct session *session = teller->session;

	teller__tables(teller);
	tell_series(teller, STATE_ALL, &session->series);
	tell_causes(teller, STATE_ALL, session->causes);
	for (__u32 i = 0; i < NR_COUNTERS; i++)
		teller__put_item(teller, STATE_COUNTERS, 0, &session->counters[i],
				 sizeof(session->counters[i]));
	for (__u32 id = 0; id < session->nr_spaces; id++)
		if (session->spaces[id])
			tell_space(teller, session->spaces[id]);
	tell_processes(teller);
	tell_calls(teller);
	tell_found(teller);
	tell_marks(teller);
	tell_overhead(teller);
	if (session->final)
		tell_final(teller, session->final);
	teller__close(teller);
}

int session__tell(const struct session *session, const struct record_sink *sink, struct err *err)
{
	struct rec_checkpoint_end end = { .h = { .type = REC_CHECKPOINT_END,
						 .size = sizeof(end) } };
	struct teller *teller;
	int code;

	if (!session->started || session->ended || session->gaps.open)
		return err__set(err, -EINVAL, "a checkpoint lies inside a whole stream");
	teller = calloc(1, sizeof(*teller));
	if (!teller)
		return err__set(err, -ENOMEM, "out of memory");
	teller->session = session;
	teller->sink = sink;
	teller->err = err;
	teller->ts = session->start.h.ts + session->record_ts;
	tell_head(teller);
	tell_state(teller);
	end.h.ts = teller->ts;
	end.nr_states = teller->nr_states;
	teller__take(teller, &end.h);
	code = teller->code;
	free(teller);
	return code;
}
