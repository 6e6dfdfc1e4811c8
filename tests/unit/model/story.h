/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A session and what happens to it, in short verbs. Space 1 is process 100; generations are given
 * out as the kernel side does: each record that is not a fault, and each entry into a call, takes a
 * new one.
 */
#ifndef RSSTRACE_TESTS_UNIT_MODEL_STORY_H
#define RSSTRACE_TESTS_UNIT_MODEL_STORY_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "model/page_ledger.h"
#include "model/session.h"
#include "model/records.h"

#define SPACE 1
#define PID 100
#define BASE 0x7f0000000000ULL /* table-aligned */

struct story {
	struct session *session;
	struct err err;
	__u64 gen, ts;
	__u32 next_call;
};

static inline int story__try(struct story *story, struct rec *rec)
{
	rec->ts = ++story->ts;
	return session__feed(story->session, rec, rec->size, &story->err);
}

static inline void story__feed(struct story *story, struct rec *rec)
{
	int ret = story__try(story, rec);

	if (ret)
		fail_msg("type %u refused: %s", rec->type, story->err.text);
}

#define FEED(story, name, type, ...)                                                               \
	do {                                                                                       \
		struct rec_##name fed = RECORD(name, type, __VA_ARGS__);                           \
		story__feed(story, &fed.h);                                                        \
	} while (0)

/* Told by Linux @kernel. */
static inline struct story story__new_on(const char *kernel)
{
	struct story story = { .session = session__new(), .gen = 1 };
	struct rec_start start = RECORD(start, START, .wall_ns = 1000000, .page_bytes = 4096);

	assert_non_null(story.session);
	snprintf(start.kernel, sizeof(start.kernel), "%s", kernel);
	story__feed(&story, &start.h);
	story__feed(&story, record_process(SPACE, PID, PROCESS_ROOT, NULL, "prog", "/bin/prog"));
	return story;
}

static inline struct story story__new(void)
{
	return story__new_on("6.18.0");
}

static inline void story__free(struct story *story)
{
	session__free(story->session);
}

static inline void story__fault(struct story *story, __u64 addr, __u32 nr, __u8 member, __u64 stack)
{
	FEED(story, fault, FAULT, .space = SPACE, .tid = PID, .addr = addr, .stack = stack,
	     .gen = story->gen, .nr_pages = nr, .member = member, .cause = CAUSE_FAULT);
}

/* A call in progress: thread, number, arguments, generation at entry. */
struct story_call {
	__u32 tid, number;
	__u8 op, cause;
	__u64 gen;
	__u64 args[6];
};

static inline struct story_call story__enter(struct story *story, __u32 tid, __u8 op, __u8 cause,
					     __u64 a0, __u64 a1, __u64 a2, __u64 a3)
{
	struct story_call call = { tid,	  ++story->next_call, op,
				   cause, ++story->gen,	      { a0, a1, a2, a3 } };

	return call;
}

static inline struct story_call story__munmap(struct story *story, __u32 tid, __u64 addr, __u64 len)
{
	return story__enter(story, tid, VM_OP_MUNMAP, CAUSE_MUNMAP, addr, len, 0, 0);
}

static inline void story__release_flags(struct story *story, const struct story_call *call,
					__u32 nr, __u8 member, __u8 flags)
{
	struct rec_release rec =
		RECORD(release, RELEASE, .space = SPACE, .tid = call->tid, .call = call->number,
		       .nr_pages = nr, .call_gen = call->gen, .gen = ++story->gen, .member = member,
		       .op = call->op, .flags = flags, .cause = call->cause);

	memcpy(rec.args, call->args, sizeof(rec.args));
	story__feed(story, &rec.h);
}

static inline void story__release(struct story *story, const struct story_call *call, __u32 nr,
				  __u8 member)
{
	story__release_flags(story, call, nr, member, 0);
}

static inline void story__populate(struct story *story, const struct story_call *call, __u32 nr,
				   __u8 member, __u64 stack)
{
	struct rec_populate rec =
		RECORD(populate, POPULATE, .space = SPACE, .tid = call->tid, .call = call->number,
		       .nr_pages = nr, .gen = ++story->gen, .stack = stack, .member = member,
		       .op = call->op, .cause = CAUSE_POPULATE);

	memcpy(rec.args, call->args, sizeof(rec.args));
	story__feed(story, &rec.h);
}

static inline void story__area(struct story *story, const struct story_call *call, __u64 addr,
			       __u64 len)
{
	struct rec_area rec =
		RECORD(area, AREA, .space = SPACE, .tid = call->tid, .call = call->number,
		       .op = call->op, .gen = ++story->gen, .addr = addr, .len = len);

	memcpy(rec.args, call->args, sizeof(rec.args));
	story__feed(story, &rec.h);
}

static inline void story__return_backed(struct story *story, const struct story_call *call,
					__s64 ret, __u8 backing, __u64 ino, __u64 stack)
{
	struct rec_call rec = RECORD(call, CALL, .space = SPACE, .tid = call->tid,
				     .call = call->number, .op = call->op, .backing = backing,
				     .call_gen = call->gen, .gen = ++story->gen, .ret = ret,
				     .stack = stack, .ino = ino, .dev = ino ? 8 << 20 : 0);

	memcpy(rec.args, call->args, sizeof(rec.args));
	story__feed(story, &rec.h);
}

static inline void story__return(struct story *story, const struct story_call *call, __s64 ret)
{
	story__return_backed(story, call, ret, BACKING_ANON, 0, 0);
}

/* A whole anonymous mmap of [addr, addr + len). */
static inline void story__mmap(struct story *story, __u64 addr, __u64 len)
{
	struct story_call call =
		story__enter(story, PID, VM_OP_MMAP, CAUSE_MMAP_FIXED, 0, len, 3, 0x22);

	story__return(story, &call, addr);
}

/* Somebody looked: what the pages record says. */
static inline void story__look(struct story *story, __u32 why, __u64 addr, __u64 nr, __u32 member)
{
	FEED(story, pages, PAGES, .space = SPACE, .why = why, .addr = addr, .nr_pages = nr,
	     .member = member);
}

/* Member of the page at @addr now, MEMBER_NONE if not resident; its owner in *@owner. */
static inline __u8 story__page(struct story *story, __u64 addr, __u32 *owner)
{
	struct snapshot *now = session__freeze(story->session);
	__u8 member = MEMBER_NONE;
	__u32 i = addr >> 12 & 511;

	assert_non_null(now);
	for (__u32 s = 0; s < now->nr_spaces; s++) {
		const struct ledger_table *table;

		if (now->spaces[s].space != SPACE || !now->spaces[s].ledger)
			continue;
		table = page_ledger__find(now->spaces[s].ledger, addr >> 21);
		if (!table)
			continue;
		member = table->pages[i].member;
		if (owner)
			*owner = table->pages[i].owner;
	}
	snapshot__free(now);
	return member;
}

static inline __u64 story__resident(struct story *story, __u64 start, __u64 end)
{
	struct snapshot *now = session__freeze(story->session);
	__u64 nr =
		now->spaces[0].ledger ? page_ledger__count(now->spaces[0].ledger, start, end) : 0;

	snapshot__free(now);
	return nr;
}

static inline __u32 story__nr_disputes(struct story *story)
{
	__u32 space = 0, nr = 0;
	__u64 start = 0, end, touched;

	while (session__next_dispute(story->session, &space, &start, &end, &touched))
		nr++;
	return nr;
}

/* What must hold of every space at every moment; see session.h. */
static inline void story__check(struct story *story)
{
	struct snapshot *now = session__freeze(story->session);
	__u64 owned = 0, rss = 0;

	assert_non_null(now);
	for (__u32 s = 0; s < now->nr_spaces; s++) {
		const struct space_snapshot *space = &now->spaces[s];
		__s64 sums[RSST_NR_MEMBERS] = { 0 };

		for (__u32 q = 0; space->ledger && q < space->ledger->nr_tables; q++)
			for (__u32 i = 0; i < LEDGER_TABLE_PAGES; i++) {
				const struct ledger_table *table = space->ledger->tables[q];

				if (table->pages[i].member == MEMBER_NONE)
					continue;
				sums[table->pages[i].member]++;
				owned += table->pages[i].owner >= OWNER_FIRST_STACK;
			}
		for (int m = 0; m < RSST_NR_MEMBERS; m++)
			assert_int_equal(sums[m], space->placed[m]);
		assert_int_equal(space->before + space->unknown + space->attributed,
				 sums[RSST_FILE] + sums[RSST_ANON] + sums[RSST_SHMEM]);
		for (__u32 v = 1; v < space->nr_vmas; v++)
			assert_true(space->vmas[v - 1].end <= space->vmas[v].start);
	}
	for (__u32 k = OWNER_FIRST_STACK; k < now->nr_stacks; k++)
		rss += now->stacks[k].rss;
	assert_int_equal(owned, rss);
	snapshot__free(now);
}

/* Stack of the page, as its id; 0: not resident. */
static inline __u64 story__stack_at(struct story *s, __u64 addr)
{
	__u32 owner = 0;

	if (story__page(s, addr, &owner) == MEMBER_NONE)
		return 0;
	return owner < OWNER_FIRST_STACK ? 99 : session__stack(s->session, owner)->id;
}

static inline struct stack_pages story__pages_of(struct story *s, __u64 stack)
{
	struct snapshot *now = session__freeze(s->session);
	struct stack_pages pages = { 0 };

	for (__u32 i = OWNER_FIRST_STACK; i < now->nr_stacks; i++)
		if (session__stack(s->session, i)->id == stack)
			pages = now->stacks[i];
	snapshot__free(now);
	return pages;
}

#endif
