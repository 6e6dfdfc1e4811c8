// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Address spaces, processes and calls of a checkpoint. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/books.h"
#include "model/restore.h"

#define FOUND_MAX 8192
#define PROCESSES_MAX 65536

/* The space told last as @id, or NULL. */
static struct space *told_space(const struct restore *restore, __u32 id)
{
	return id < SPACE_MAX ? restore->at->spaces[id] : NULL;
}

static int on_space(struct session *staged, __u32 id, const struct state_space *told)
{
	struct space *space = staged->spaces[id] ? NULL : space__new(id);

	if (!space)
		return staged->spaces[id] ? -EBADMSG : -ENOMEM;
	staged->spaces[id] = space;
	if (staged->nr_spaces <= id)
		staged->nr_spaces = id + 1;
	space->alive = told->alive;
	space->pid = told->pid;
	space->ppid = told->ppid;
	space->flags = told->flags;
	space->nr_processes = told->nr_processes;
	for (__u8 m = 0; m < RSST_NR_MEMBERS; m++)
		space->sweep.wanted[m] = told->sweep_wanted[m];
	space->sweep.again = told->sweep_again;
	space->sweep.next = told->sweep_next;
	memcpy(space->comm, told->comm, sizeof(space->comm));
	space->comm[RSST_COMM_LEN - 1] = 0;
	memcpy(space->counted, told->counted, sizeof(space->counted));
	memcpy(space->carried, told->carried, sizeof(space->carried));
	memcpy(space->lost, told->lost, sizeof(space->lost));
	memcpy(space->placed, told->placed, sizeof(space->placed));
	memcpy(space->surplus, told->surplus, sizeof(space->surplus));
	memcpy(space->by_class, told->by_class, sizeof(space->by_class));
	memcpy(space->loss_at, told->loss_at, sizeof(space->loss_at));
	memcpy(space->gain_at, told->gain_at, sizeof(space->gain_at));
	space->brk_end = told->brk_end;
	space->removed_at = told->removed_at;
	space->history.faults = told->faults;
	space->history.peak_pages = told->peak_pages;
	space->history.peak_ts = told->peak_ts;
	space__set_exe(space, told->exe, RSST_REC_MAX);
	return 0;
}

static int on_causes(struct restore *restore, const struct rec_state *state)
{
	struct space *space = told_space(restore, state->of);
	struct cause_pages *causes = restore->at->causes;

	if (state->of != STATE_ALL && !space)
		return -EBADMSG;
	if (state->of != STATE_ALL)
		causes = space->history.causes;
	memcpy(causes, state + 1,
	       (state->nr < NR_CAUSES ? state->nr : NR_CAUSES) * sizeof(*causes));
	return 0;
}

static int on_series(struct restore *restore, const struct rec_state *state)
{
	const struct state_series *told = (const struct state_series *)(state + 1);
	struct space *space = told_space(restore, state->of);
	__u32 max = state->of == STATE_ALL ? SERIES_MAX : SPACE_SERIES_MAX;
	struct series *series = space ? &space->series : &restore->at->series;

	if (!told->stride || (state->of != STATE_ALL && !space) || series->nr + state->nr > max)
		return -EBADMSG;
	series->skip = 0;
	series->stride = 1;
	for (__u32 i = 0; i < state->nr; i++) {
		struct series_point point = { .ts = told->points[i].ts };

		memcpy(point.pages, told->points[i].pages, sizeof(point.pages));
		if (series__add(series, &point, max))
			return -ENOMEM;
	}
	series->stride = told->stride;
	series->skip = told->skip;
	return 0;
}

/* What a region refers to by number, by the session's numbers. */
static bool vma_here(const struct restore *restore, const struct state_vma *told, struct vma *vma)
{
	*vma = (struct vma){
		.start = told->start,
		.end = told->end,
		.pgoff = told->pgoff,
		.prot = told->prot,
		.shared = told->shared,
		.kind = told->kind,
		.backing = told->backing,
	};
	return number_map__find(&restore->objects, told->object, &vma->object) &&
	       number_map__find(&restore->names, told->name, &vma->name) &&
	       number_map__find(&restore->stacks, told->stack, &vma->stack);
}

static int on_vma(struct restore *restore, struct space *space, const struct state_vma *told)
{
	struct vma vma;
	int code;

	if (!vma_here(restore, told, &vma) ||
	    (space->map.nr && vma.start < space->map.entries[space->map.nr - 1].vma.end))
		return -EBADMSG;
	code = vma_map__insert(&space->map, &vma, told->born);
	return code == -ENOMEM ? code : code ? -EBADMSG : 0;
}

static int on_run(const struct restore *restore, struct ledger_table *table,
		  const struct state_run *run)
{
	__u32 owner;

	if (!number_map__find(&restore->stacks, run->owner, &owner))
		return -EBADMSG;
	for (__u32 i = run->first; i < run->first + (__u32)run->nr; i++) {
		if (table->pages[i].member != MEMBER_NONE || table->pages[i].owner)
			return -EBADMSG;
		if (run->member == MEMBER_NONE)
			ledger_table__haunt(table, i, owner);
		else
			ledger_table__set(table, i, run->member, owner, run->born);
	}
	return 0;
}

static int on_table(struct restore *restore, struct space *space, const struct state_table *told,
		    __u32 nr_runs)
{
	__u32 before = space->ledger.nr_tables;
	struct ledger_table *table;
	int code = 0;

	if (restore->at->nr_tables >= TABLES_MAX && !page_ledger__find(&space->ledger, told->key))
		return -EBADMSG;
	table = page_ledger__writable(&space->ledger, told->key);
	if (!table)
		return -ENOMEM;
	restore->at->nr_tables += space->ledger.nr_tables - before;
	table->touched = told->touched;
	table->disputed_at = told->disputed_at;
	table->checked_at = told->checked_at;
	table->guess_first = told->guess_first;
	table->guess_end = told->guess_end;
	if (!number_map__find(&restore->stacks, told->guess_owner, &table->guess_owner))
		return -EBADMSG;
	for (__u32 i = 0; !code && i < nr_runs; i++)
		code = on_run(restore, table, &told->runs[i]);
	return code;
}

static int on_process(struct session *staged, const struct state_process *told)
{
	struct process *process = process_table__add(&staged->processes, told->pid);

	if (!process)
		return staged->processes.nr == PROCESSES_MAX ? -EBADMSG : -ENOMEM;
	*process = (struct process){
		.pid = told->pid,
		.ppid = told->ppid,
		.space = told->space,
		.flags = told->flags,
		.alive = told->alive,
	};
	return 0;
}

static int on_call(struct restore *restore, const struct state_call *told)
{
	struct call *call = restore->staged->calls.nr < CALLS_MAX ? calloc(1, sizeof(*call)) : NULL;
	struct call **bucket = &restore->staged->calls.buckets[told->tid % CALL_BUCKETS];

	if (!call)
		return restore->staged->calls.nr < CALLS_MAX ? -ENOMEM : -EBADMSG;
	call->tid = told->tid;
	call->number = told->number;
	call->space = told->space;
	call->released = told->released;
	call->stash_taken = told->stash_taken;
	call->has_vma = told->has_vma;
	call->last_key = told->last_key;
	call->last_gen = told->last_gen;
	call->deferred_gen = told->deferred_gen;
	call->populate_base = told->populate_base;
	call->populate_at = told->populate_at;
	memcpy(call->cursor, told->cursor, sizeof(call->cursor));
	memcpy(call->deferred, told->deferred, sizeof(call->deferred));
	call->next = *bucket;
	*bucket = call;
	restore->staged->calls.nr++;
	restore->call = call;
	return vma_here(restore, &told->vma, &call->vma) ? 0 : -EBADMSG;
}

static int on_queued(struct restore *restore, const struct state_queued *told)
{
	struct queued gain = {
		.born = told->born,
		.unit = told->unit,
		.times = told->times,
		.member = told->member,
		.write = told->write,
	};

	if (!restore->call || restore->call->nr_queue == QUEUE_MAX ||
	    !number_map__find(&restore->stacks, told->owner, &gain.owner))
		return -EBADMSG;
	return call__queue(restore->call, &gain) ? 0 : -ENOMEM;
}

static int on_stashed(struct restore *restore, const struct state_stashed *told)
{
	struct stashed page = { .offset = told->offset,
				.born = told->born,
				.member = told->member };

	if (!restore->call || !number_map__find(&restore->stacks, told->owner, &page.owner) ||
	    !page.owner)
		return -EBADMSG;
	return call__stash(restore->call, &page) ? 0 : -ENOMEM;
}

static int on_found(struct session *staged, const struct state_found *told)
{
	struct found_list *list = &staged->found;

	if (list->nr == FOUND_MAX)
		return -EBADMSG;
	if (!list->ranges) {
		list->ranges = calloc(FOUND_MAX, sizeof(*list->ranges));
		list->cap = list->ranges ? FOUND_MAX : 0;
	}
	if (!list->ranges)
		return -ENOMEM;
	list->ranges[list->nr++] = (struct found_range){ told->space, told->start, told->end };
	return 0;
}

static int on_item(struct restore *restore, const struct rec_state *state, __u32 i)
{
	const void *items = state + 1;

	switch (state->sort) {
	case STATE_VMA:
		return on_vma(restore, told_space(restore, state->of),
			      (const struct state_vma *)items + i);
	case STATE_PROCESS:
		return on_process(restore->at, (const struct state_process *)items + i);
	case STATE_CALL:
		return on_call(restore, (const struct state_call *)items + i);
	case STATE_QUEUED:
		return on_queued(restore, (const struct state_queued *)items + i);
	case STATE_STASHED:
		return on_stashed(restore, (const struct state_stashed *)items + i);
	default:
		return on_found(restore->at, (const struct state_found *)items + i);
	}
}

int restore__space(struct session *session, const struct rec_state *state)
{
	struct restore *restore = session->restore;
	bool inside = state->sort == STATE_VMA || state->sort == STATE_TABLE;
	int code = 0;

	if (inside && !told_space(restore, state->of))
		return -EBADMSG;
	if (state->sort == STATE_SPACE)
		return on_space(restore->at, state->of, (const struct state_space *)(state + 1));
	if (state->sort == STATE_CAUSES)
		return on_causes(restore, state);
	if (state->sort == STATE_SERIES)
		return on_series(restore, state);
	if (state->sort == STATE_TABLE)
		return on_table(restore, told_space(restore, state->of),
				(const struct state_table *)(state + 1), state->nr);
	for (__u32 i = 0; !code && i < state->nr; i++)
		code = on_item(restore, state, i);
	return code;
}
