// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "model/session_state.h"
#include "model/snapshot.h"

static void drop_pages(struct space_snapshot *space)
{
	if (space->ledger)
		page_ledger__fini(space->ledger);
	free(space->ledger);
	space->ledger = NULL;
}

static void space_snapshot__fini(struct space_snapshot *space)
{
	free(space->vmas);
	drop_pages(space);
}

void snapshot__free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	for (__u32 i = 0; i < snapshot->nr_spaces; i++)
		space_snapshot__fini(&snapshot->spaces[i]);
	free(snapshot->spaces);
	free(snapshot->stacks);
	free(snapshot->thread_pages);
	free(snapshot);
}

void snapshot__drop_pages(struct snapshot *snapshot)
{
	for (__u32 i = 0; i < snapshot->nr_spaces; i++)
		drop_pages(&snapshot->spaces[i]);
}

/* Two VMAs the kernel would have merged show as one; the session keeps them apart for a while
 * (vma_map.h). */
static bool copy_vmas(struct space_snapshot *copy, const struct vma_map *map)
{
	struct vma_map merged;

	if (vma_map__copy(&merged, map))
		return false;
	vma_map__merge(&merged, ~0ULL);
	copy->vmas = malloc((merged.nr + !merged.nr) * sizeof(*copy->vmas));
	for (__u32 i = 0; copy->vmas && i < merged.nr; i++)
		copy->vmas[i] = merged.entries[i].vma;
	copy->nr_vmas = merged.nr;
	vma_map__fini(&merged);
	return copy->vmas;
}

static bool share_ledger(struct space_snapshot *copy, const struct page_ledger *ledger)
{
	copy->ledger = calloc(1, sizeof(*copy->ledger));
	return copy->ledger && !page_ledger__share(copy->ledger, ledger);
}

static bool freeze_space(struct space_snapshot *copy, const struct space *space)
{
	*copy = (struct space_snapshot){
		.space = space->id,
		.pid = space->pid,
		.ppid = space->ppid,
		.flags = space->flags,
		.alive = space->alive,
		.exe = space->exe,
		.before = space->by_class[CLASS_BEFORE],
		.unknown = space->by_class[CLASS_UNKNOWN],
		.attributed = space->by_class[CLASS_STACK],
		.history = space->history,
	};
	memcpy(copy->comm, space->comm, sizeof(copy->comm));
	memcpy(copy->counted, space->counted, sizeof(copy->counted));
	memcpy(copy->placed, space->placed, sizeof(copy->placed));
	for (__u8 m = 0; m < RSST_NR_MEMBERS; m++)
		copy->kernel[m] = space->counted[m] + space->carried[m];
	if (!space->alive)
		return true;
	return copy_vmas(copy, &space->map) && share_ledger(copy, &space->ledger);
}

static bool freeze_spaces(struct snapshot *snapshot, const struct session *session)
{
	snapshot->spaces = calloc(session->nr_spaces + 1, sizeof(*snapshot->spaces));
	if (!snapshot->spaces)
		return false;
	for (__u32 id = 0; id < session->nr_spaces; id++)
		if (session->spaces[id] &&
		    !freeze_space(&snapshot->spaces[snapshot->nr_spaces++], session->spaces[id]))
			return false;
	return true;
}

static bool freeze_stacks(struct snapshot *snapshot, const struct session *session)
{
	__u32 nr = session__nr_stacks(session);

	snapshot->nr_stacks = nr;
	snapshot->stacks = calloc(nr, sizeof(*snapshot->stacks));
	if (!snapshot->stacks)
		return false;
	if (session->stacks.nr)
		memcpy(snapshot->stacks, session->stacks.pages, nr * sizeof(*snapshot->stacks));
	return true;
}

static bool copy_threads(struct snapshot *snapshot, const __u64 *pages, __u32 nr)
{
	snapshot->nr_thread_stacks = nr;
	snapshot->thread_pages = malloc((nr + !nr) * sizeof(*pages));
	if (snapshot->thread_pages && nr)
		memcpy(snapshot->thread_pages, pages, nr * sizeof(*pages));
	return snapshot->thread_pages;
}

/* What goes on being told after the last root is dead. */
static void set_stream_facts(struct snapshot *snapshot, const struct session *session)
{
	snapshot->ts = session->now;
	snapshot->wall_ns = session->start.wall_ns + session->now;
	snapshot->lost = session->counters[CNT_RING_FULL] + session->counters[CNT_MISSED];
	snapshot->stacks_truncated = session->stacks.truncated;
	memcpy(snapshot->counters, session->counters, sizeof(snapshot->counters));
	snapshot->overhead = session->overhead;
	snapshot->gaps = session->gaps;
}

struct snapshot *snapshot__take(const struct session *session)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (!snapshot)
		return NULL;
	set_stream_facts(snapshot, session);
	memcpy(snapshot->causes, session->causes, sizeof(snapshot->causes));
	snapshot->faults = session->faults;
	snapshot->peak_pages = session->peak_pages;
	snapshot->peak_ts = session->peak_ts;
	if (!freeze_spaces(snapshot, session) || !freeze_stacks(snapshot, session) ||
	    !copy_threads(snapshot, session->threads.pages, session->threads.nr)) {
		snapshot__free(snapshot);
		return NULL;
	}
	return snapshot;
}

static bool copy_space(struct space_snapshot *copy, const struct space_snapshot *space)
{
	*copy = *space;
	copy->vmas = NULL;
	copy->ledger = NULL;
	if (!space->alive)
		return true;
	copy->vmas = malloc((space->nr_vmas + !space->nr_vmas) * sizeof(*copy->vmas));
	if (!copy->vmas)
		return false;
	memcpy(copy->vmas, space->vmas, space->nr_vmas * sizeof(*copy->vmas));
	return share_ledger(copy, space->ledger);
}

static struct snapshot *copy_snapshot(const struct snapshot *from)
{
	struct snapshot *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *from;
	copy->nr_spaces = 0;
	copy->spaces = calloc(from->nr_spaces + 1, sizeof(*copy->spaces));
	copy->stacks = malloc(from->nr_stacks * sizeof(*copy->stacks));
	copy->thread_pages = NULL;
	if (!copy->spaces || !copy->stacks ||
	    !copy_threads(copy, from->thread_pages, from->nr_thread_stacks))
		goto fail;
	memcpy(copy->stacks, from->stacks, from->nr_stacks * sizeof(*copy->stacks));
	for (__u32 i = 0; i < from->nr_spaces; i++)
		if (!copy_space(&copy->spaces[copy->nr_spaces++], &from->spaces[i]))
			goto fail;
	return copy;
fail:
	snapshot__free(copy);
	return NULL;
}

struct snapshot *session__freeze(struct session *session)
{
	struct snapshot *snapshot;

	if (!session__is_over(session))
		return snapshot__take(session);
	snapshot = copy_snapshot(session->final);
	if (snapshot)
		set_stream_facts(snapshot, session);
	return snapshot;
}

struct snapshot *session__freeze_between(struct session *session)
{
	struct snapshot *snapshot = session__freeze(session);

	if (snapshot && session->record_ts > snapshot->ts) {
		snapshot->ts = session->record_ts;
		snapshot->wall_ns = session->start.wall_ns + session->record_ts;
	}
	return snapshot;
}
