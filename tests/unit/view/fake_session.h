/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A session and snapshots made by hand, so that the arithmetic of a view is tested against numbers
 * that stand in the test and not against the model. Defines the accessors of model/session.h that
 * outputs use: include it once a program.
 */
#ifndef RSSTRACE_TESTS_FAKE_SESSION_H
#define RSSTRACE_TESTS_FAKE_SESSION_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "model/page_ledger.h"
#include "model/session.h"

#define FAKE_MAX 64
#define PAGE 4096ULL
#define KIB 1024LL
#define MIB (1024LL * 1024)

struct session {
	struct rec_start start;
	struct rec_end end;
	bool has_end, roots_alive;
	__u64 now;
	__u32 nr_objects, nr_frames, nr_stacks, nr_names;
	struct object objects[FAKE_MAX];
	struct frame frames[FAKE_MAX];
	struct symbol_entry entries[FAKE_MAX];
	struct stack stacks[FAKE_MAX];
	__u32 stack_frames[FAKE_MAX][8];
	const char *names[FAKE_MAX];
	__u32 nr_points;
	struct series_point points[FAKE_MAX];
	__u32 nr_threads;
	struct thread_stack threads[FAKE_MAX];
	__u32 nr_marks;
	struct mark marks[FAKE_MAX];
};

const struct rec_start *session__start(const struct session *session)
{
	return &session->start;
}

const struct rec_end *session__end(const struct session *session)
{
	return session->has_end ? &session->end : NULL;
}

bool session__roots_alive(const struct session *session)
{
	return session->roots_alive;
}

__u64 session__now(const struct session *session)
{
	return session->now;
}

const struct object *session__object(const struct session *session, __u32 index)
{
	return index && index < session->nr_objects ? session->objects + index : NULL;
}

const struct frame *session__frame(const struct session *session, __u32 index)
{
	return index && index < session->nr_frames ? session->frames + index : NULL;
}

const struct stack *session__stack(const struct session *session, __u32 index)
{
	return index >= OWNER_FIRST_STACK && index < session->nr_stacks ? session->stacks + index
									: NULL;
}

const char *session__name(const struct session *session, __u32 index)
{
	return index < session->nr_names ? session->names[index] : "";
}

const struct series_point *session__series(const struct session *session, __u32 *nr)
{
	*nr = session->nr_points;
	return session->points;
}

const struct mark *session__marks(const struct session *session, __u32 *nr)
{
	*nr = session->nr_marks;
	return session->marks;
}

const struct series_point *session__space_series(const struct session *session, __u32 space,
						 __u32 *nr)
{
	(void)space;
	return session__series(session, nr);
}

const struct thread_stack *session__thread_stack(const struct session *session, __u32 index)
{
	return index < session->nr_threads ? session->threads + index : NULL;
}

const char *session__thread_comm(const struct session *session, __u32 tid)
{
	(void)session;
	return tid == 4243 ? "worker-1" : "";
}

static inline void fake__init(struct session *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->nr_objects = fake->nr_frames = fake->nr_names = 1;
	fake->nr_stacks = OWNER_FIRST_STACK;
	fake->names[0] = "";
	fake->roots_alive = true;
	strcpy(fake->start.kernel, "6.18.5");
}

static inline __u32 fake__object(struct session *fake, const char *path)
{
	fake->objects[fake->nr_objects].path = (char *)path;
	return fake->nr_objects++;
}

static inline __u32 fake__name(struct session *fake, const char *name)
{
	fake->names[fake->nr_names] = name;
	return fake->nr_names++;
}

/* function NULL: a frame nobody named. */
static inline __u32 fake__frame(struct session *fake, __u32 object, __u64 offset,
				const char *function, const char *file, __u32 line)
{
	__u32 index = fake->nr_frames++;

	fake->entries[index] = (struct symbol_entry){ (char *)function, (char *)file, line };
	fake->frames[index] = (struct frame){
		.object = object,
		.offset = offset,
		.resolved = function != NULL,
		.nr_entries = function != NULL,
		.entries = fake->entries + index,
	};
	return index;
}

/* Frames up to the first 0. */
static inline __u32 fake__stack(struct session *fake, enum stack_end end, const __u32 *frames)
{
	__u32 index = fake->nr_stacks++;
	struct stack *stack = fake->stacks + index;

	stack->end = end;
	stack->frames = fake->stack_frames[index];
	while (frames[stack->nr_frames]) {
		stack->frames[stack->nr_frames] = frames[stack->nr_frames];
		stack->nr_frames++;
	}
	return index;
}

/* A snapshot with @nr_spaces empty spaces 1, 2, ... of the processes 4242, 4243, ... */
static inline struct snapshot *fake_snapshot__new(const struct session *fake, __u64 ts,
						  __u32 nr_spaces)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	snapshot->ts = ts;
	snapshot->wall_ns = 1700000000000000000ULL + ts;
	snapshot->nr_spaces = nr_spaces;
	snapshot->spaces = calloc(nr_spaces, sizeof(*snapshot->spaces));
	snapshot->nr_stacks = fake->nr_stacks;
	snapshot->stacks = calloc(fake->nr_stacks, sizeof(*snapshot->stacks));
	snapshot->nr_thread_stacks = fake->nr_threads;
	snapshot->thread_pages = calloc(fake->nr_threads + 1, sizeof(*snapshot->thread_pages));
	for (__u32 i = 0; i < nr_spaces; i++) {
		struct space_snapshot *space = snapshot->spaces + i;

		space->space = i + 1;
		space->pid = 4242 + i;
		space->flags = i ? 0 : PROCESS_ROOT;
		space->alive = true;
		strcpy(space->comm, "orders-api");
		space->exe = "/usr/bin/orders-api";
		space->vmas = calloc(FAKE_MAX, sizeof(*space->vmas));
		space->ledger = calloc(1, sizeof(*space->ledger));
	}
	return snapshot;
}

/* The same pages as @other's: tables are shared, as two snapshots of a session share them. */
static inline void fake_space__share(struct space_snapshot *space,
				     const struct space_snapshot *other)
{
	int ret = page_ledger__share(space->ledger, other->ledger);

	assert(!ret);
	(void)ret;
	memcpy(space->vmas, other->vmas, FAKE_MAX * sizeof(*space->vmas));
	space->nr_vmas = other->nr_vmas;
}

static inline void fake_snapshot__free(struct snapshot *snapshot)
{
	for (__u32 i = 0; i < snapshot->nr_spaces; i++) {
		page_ledger__fini(snapshot->spaces[i].ledger);
		free(snapshot->spaces[i].ledger);
		free(snapshot->spaces[i].vmas);
	}
	free(snapshot->spaces);
	free(snapshot->stacks);
	free(snapshot->thread_pages);
	free(snapshot);
}

/* Append a private rw mapping; the caller changes what is different. */
static inline struct vma *fake_space__map(struct space_snapshot *space, __u64 start, __u64 bytes,
					  enum region_kind kind)
{
	struct vma *vma = space->vmas + space->nr_vmas++;

	*vma = (struct vma){
		.start = start,
		.end = start + bytes,
		.prot = 3,
		.kind = kind,
		.stack = OWNER_BEFORE,
	};
	return vma;
}

static inline void fake_space__set(struct space_snapshot *space, __u64 addr, __u64 nr_pages,
				   __u8 member, __u32 owner)
{
	for (; nr_pages--; addr += PAGE) {
		struct ledger_table *table =
			page_ledger__writable(space->ledger, addr >> LEDGER_TABLE_SHIFT);
		__u32 i = addr / PAGE % LEDGER_TABLE_PAGES;

		if (table->pages[i].member != MEMBER_NONE)
			ledger_table__clear(table, i);
		if (member != MEMBER_NONE)
			ledger_table__set(table, i, member, owner, 0);
	}
}

static inline void fake_space__clear(struct space_snapshot *space, __u64 addr, __u64 nr_pages)
{
	fake_space__set(space, addr, nr_pages, MEMBER_NONE, 0);
}

static inline void fake_space__count_page(struct snapshot *snapshot, struct space_snapshot *space,
					  __u8 member, __u32 owner)
{
	space->placed[member]++;
	if (owner == OWNER_BEFORE)
		space->before++;
	else if (owner == OWNER_UNKNOWN)
		space->unknown++;
	else
		space->attributed++;
	if (owner >= OWNER_FIRST_STACK)
		snapshot->stacks[owner].rss++;
}

/* Make the sums follow the pages, and the kernel agree with them. */
static inline void fake_snapshot__settle(struct snapshot *snapshot)
{
	for (__u32 s = 0; s < snapshot->nr_spaces; s++) {
		struct space_snapshot *space = snapshot->spaces + s;

		for (__u32 t = 0; t < space->ledger->nr_tables; t++) {
			const struct ledger_table *table = space->ledger->tables[t];

			for (__u32 i = 0; i < LEDGER_TABLE_PAGES; i++) {
				if (table->pages[i].member != MEMBER_NONE)
					fake_space__count_page(snapshot, space,
							       table->pages[i].member,
							       table->pages[i].owner);
			}
		}
		memcpy(space->counted, space->placed, sizeof(space->counted));
		memcpy(space->kernel, space->placed, sizeof(space->kernel));
	}
}

#endif
