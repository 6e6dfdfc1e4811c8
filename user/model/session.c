// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "model/books.h"
#include "model/checkpoint.h"

struct session *session__new(void)
{
	return calloc(1, sizeof(struct session));
}

void session__free(struct session *session)
{
	if (!session)
		return;
	snapshot__free(session->final);
	restore__free(session->restore);
	for (__u32 i = 0; i < session->nr_former; i++)
		space__free(session->former[i]);
	free(session->former);
	calls__fini(session);
	for (__u32 id = 0; id < session->nr_spaces; id++)
		space__free(session->spaces[id]);
	free(session->processes.processes);
	free(session->found.ranges);
	object_table__fini(&session->objects);
	stack_table__fini(&session->stacks);
	thread_table__fini(&session->threads);
	name_table__fini(&session->names);
	series__fini(&session->series);
	mark_list__fini(&session->marks);
	free(session);
}

static int on_start(struct session *session, const struct rec_start *start, struct err *err)
{
	if (session->started)
		return err__set(err, -EBADMSG, "the stream starts a second time");
	session->started = true;
	session->start = *start;
	session->start.kernel[sizeof(start->kernel) - 1] = 0;
	session->start.arch[sizeof(start->arch) - 1] = 0;
	session->start.version[sizeof(start->version) - 1] = 0;
	session->record_ts = 0;
	return 0;
}

/* A point of one space, added to @sum. */
static void note_space(struct session *session, struct space *space, struct series_point *sum)
{
	struct series_point point = { .ts = sum->ts };

	for (__u8 m = 0; m < RSST_NR_MEMBERS; m++) {
		point.pages[m] = space->counted[m] + space->carried[m];
		sum->pages[m] += point.pages[m];
	}
	if (series__add(&space->series, &point, SPACE_SERIES_MAX))
		session->no_memory = true;
}

/* Without a root nobody is left whose RSS it would be. */
static void note_rss(struct session *session)
{
	struct series_point sum = { .ts = session->now };

	if (!session->nr_roots)
		return;
	for (__u32 id = 0; id < session->nr_spaces; id++) {
		struct space *space = session__space(session, id);

		if (space)
			note_space(session, space, &sum);
	}
	if (series__add(&session->series, &sum, SERIES_MAX))
		session->no_memory = true;
}

static void on_tick(struct session *session)
{
	if (session->record_ts > session->now)
		session->now = session->record_ts;
	mark_list__close(&session->marks, session->now);
	for (__u32 id = 0; id < session->nr_spaces; id++) {
		struct space *space = session__space(session, id);

		if (space)
			vma_map__merge(&space->map, session->settled);
	}
	note_rss(session);
	session->settled = session->gen;
}

static void on_stats(struct session *session, const struct rec_stats *stats)
{
	for (__u32 i = 0; i < stats->nr && i < NR_COUNTERS; i++)
		session->counters[i] = stats->values[i];
}

static void on_overhead(struct session *session, const struct rec_overhead *overhead)
{
	struct overhead *sum = &session->overhead;

	sum->target_ns += overhead->target_ns;
	sum->kernel_ns += overhead->kernel_ns;
	sum->tracer_ns += overhead->tracer_ns;
	sum->budget_ppm = overhead->budget_ppm;
	sum->shift = overhead->shift;
}

static void on_end(struct session *session, const struct rec_end *end)
{
	session->ended = true;
	session->end = *end;
}

static __u64 since_start(const struct session *session, __u64 ts)
{
	return ts > session->start.h.ts ? ts - session->start.h.ts : 0;
}

/* Whatever happened in a gap did so unseen: what a space's counter moved meanwhile is lost. */
static void on_gap(struct session *session, const struct rec_gap *gap)
{
	struct stream_gaps *gaps = &session->gaps;

	if (!gaps->nr++)
		gaps->from_ns = since_start(session, gap->from_ts);
	gaps->to_ns = since_start(session, gap->to_ts);
	gaps->blocks += gap->nr_blocks;
	gaps->bytes += gap->bytes;
	gaps->ns += gap->to_ts > gap->from_ts ? gap->to_ts - gap->from_ts : 0;
	gaps->open = true;
	for (__u32 id = 0; id < session->nr_spaces; id++)
		if (session->spaces[id])
			session->spaces[id]->behind_gap = true;
}

/* Records about the stream, about names, or about address spaces that need not exist. */
static int feed_stream(struct session *session, const struct rec *rec, struct err *err)
{
	switch (rec->type) {
	case REC_START:
		return on_start(session, (const struct rec_start *)rec, err);
	case REC_PROCESS:
		return session__process(session, (const struct rec_process *)rec, err);
	case REC_FORK:
		return session__fork(session, (const struct rec_fork *)rec, err);
	case REC_EXEC:
		return session__exec(session, (const struct rec_exec *)rec, err);
	case REC_EXIT:
		session__exit(session, (const struct rec_exit *)rec);
		return 0;
	case REC_STACK:
		session__define_stack(session, (const struct rec_stack *)rec);
		return 0;
	case REC_OBJECT:
		session__name_object(session, (const struct rec_object *)rec);
		return 0;
	case REC_SYMBOL:
		session__name_code(session, (const struct rec_symbol *)rec);
		return 0;
	case REC_STATS:
		on_stats(session, (const struct rec_stats *)rec);
		return 0;
	case REC_OVERHEAD:
		on_overhead(session, (const struct rec_overhead *)rec);
		return 0;
	case REC_TICK:
		on_tick(session);
		return 0;
	case REC_END:
		on_end(session, (const struct rec_end *)rec);
		return 0;
	case REC_MARK:
		session__mark(session, (const struct rec_mark *)rec);
		return 0;
	case REC_GAP:
		on_gap(session, (const struct rec_gap *)rec);
		return 0;
	}
	return -ENOENT;
}

static void set_gen(struct session *session, __u64 gen)
{
	if (gen > session->gen)
		session->gen = gen;
}

#define FEED_SPACE(name) session__##name(session, space, (const struct rec_##name *)rec)
#define FEED_SPACE_GEN(name)                                                                       \
	(set_gen(session, ((const struct rec_##name *)rec)->gen), FEED_SPACE(name))

/* Records about a living address space. */
static void feed_space(struct session *session, struct space *space, const struct rec *rec)
{
	switch (rec->type) {
	case REC_FAULT:
		FEED_SPACE_GEN(fault);
		break;
	case REC_RELEASE:
		FEED_SPACE_GEN(release);
		break;
	case REC_POPULATE:
		FEED_SPACE_GEN(populate);
		break;
	case REC_DELTA:
		FEED_SPACE_GEN(delta);
		break;
	case REC_CALL:
		FEED_SPACE_GEN(call);
		break;
	case REC_AREA:
		FEED_SPACE_GEN(area);
		break;
	case REC_NAMED:
		FEED_SPACE_GEN(named);
		break;
	case REC_SPACE_END:
		session__space_end(session, space);
		break;
	case REC_COUNTERS:
		FEED_SPACE(counters);
		break;
	case REC_THREAD:
		FEED_SPACE(thread);
		break;
	case REC_MAP:
		FEED_SPACE(map);
		break;
	case REC_PAGES:
		FEED_SPACE(pages);
		break;
	}
}

static int feed_checked(struct session *session, const struct rec *rec, struct err *err)
{
	struct space *space;
	__u32 id;
	int ret;

	if (is_checkpoint_record(rec->type))
		return session__restore(session, rec, err);
	restore__free(session->restore); /* one that something stands inside is none */
	session->restore = NULL;
	session->events++;
	session->record_ts = since_start(session, rec->ts);
	ret = feed_stream(session, rec, err);
	if (ret != -ENOENT)
		return ret;
	memcpy(&id, rec + 1, sizeof(id));
	space = session__space(session, id);
	if (space)
		feed_space(session, space, rec);
	else
		session->nr_ignored++;
	return 0;
}

int session__feed(struct session *session, const struct rec *rec, size_t len, struct err *err)
{
	int ret;

	if ((uintptr_t)rec % 8 && len <= sizeof(session->scratch)) {
		memcpy(session->scratch, rec, len);
		rec = (const struct rec *)session->scratch;
	}
	ret = decode__check(rec, len, err);
	if (!ret)
		ret = feed_checked(session, rec, err);
	if (ret == 1 || ret == -EBADMSG)
		session->nr_bad++;
	if (session->no_memory) {
		session->no_memory = false;
		return err__set(err, -ENOMEM, "no memory for the books");
	}
	return ret < 0 ? ret : 0;
}

const struct rec_start *session__start(const struct session *session)
{
	return session->started ? &session->start : NULL;
}

__u64 session__now(const struct session *session)
{
	return session->now;
}

const struct rec_end *session__end(const struct session *session)
{
	return session->ended ? &session->end : NULL;
}

const struct mark *session__marks(const struct session *session, __u32 *nr)
{
	*nr = session->marks.nr;
	return session->marks.marks;
}

struct stream_gaps session__gaps(const struct session *session)
{
	return session->gaps;
}

__u64 session__rss_bytes(const struct session *session)
{
	return session->rss_pages > 0 ? session->rss_pages * LEDGER_PAGE_BYTES : 0;
}

bool session__roots_alive(const struct session *session)
{
	return session->nr_roots;
}

const struct series_point *session__series(const struct session *session, __u32 *nr)
{
	*nr = session->series.nr;
	return session->series.points;
}

const struct series_point *session__space_series(const struct session *session, __u32 space,
						 __u32 *nr)
{
	const struct space *of = space < session->nr_spaces ? session->spaces[space] : NULL;

	*nr = of ? of->series.nr : 0;
	return of ? of->series.points : NULL;
}

__u64 session__nr_bad_records(const struct session *session)
{
	return session->nr_bad;
}

__u64 session__nr_ignored_records(const struct session *session)
{
	return session->nr_ignored;
}

__u32 session__nr_objects(const struct session *session)
{
	return session->objects.nr;
}

const struct object *session__object(const struct session *session, __u32 index)
{
	return index && index < session->objects.nr ? &session->objects.objects[index] : NULL;
}

__u32 session__nr_frames(const struct session *session)
{
	return session->stacks.nr_frames;
}

const struct frame *session__frame(const struct session *session, __u32 index)
{
	return index && index < session->stacks.nr_frames ? &session->stacks.frames[index] : NULL;
}

__u32 session__nr_stacks(const struct session *session)
{
	return session->stacks.nr ? session->stacks.nr : OWNER_FIRST_STACK;
}

const struct stack *session__stack(const struct session *session, __u32 index)
{
	return index >= OWNER_FIRST_STACK && index < session->stacks.nr
		       ? &session->stacks.stacks[index]
		       : NULL;
}

const struct thread_stack *session__thread_stack(const struct session *session, __u32 index)
{
	return index < session->threads.nr ? session->threads.entries + index : NULL;
}

const char *session__thread_comm(const struct session *session, __u32 tid)
{
	return thread_table__comm(&session->threads, tid);
}

const char *session__name(const struct session *session, __u32 index)
{
	return name_table__get(&session->names, index);
}

bool session__next_unnamed(const struct session *session, __u32 *cursor, __u32 *object)
{
	__u32 i = *cursor ? *cursor : 1;

	while (i < session->objects.nr && session->objects.objects[i].named)
		i++;
	*cursor = i + 1;
	if (i >= session->objects.nr) {
		*cursor = session->objects.nr;
		return false;
	}
	*object = i;
	return true;
}

const struct vma *session__next_vma(const struct session *session, __u32 space, __u64 addr)
{
	struct space *holder = session__space(session, space);
	__u32 i = holder ? vma_map__at(&holder->map, addr) : 0;

	return holder && i < holder->map.nr ? &holder->map.entries[i].vma : NULL;
}

bool session__maps_file(const struct session *session, const struct vma *vma, __u32 dev, __u64 ino)
{
	return vma->object == (ino ? object_table__find(&session->objects, dev, ino) : 0);
}

const struct vma *session__vma(const struct session *session, __u32 space, __u64 addr)
{
	struct space *holder = session__space(session, space);

	return holder ? vma_map__find(&holder->map, addr) : NULL;
}
