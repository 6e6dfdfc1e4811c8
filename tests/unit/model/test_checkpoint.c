// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A session restored from a checkpoint goes on as the one that told it: after each of many random
 * streams both tell the same bytes. Random records reach states that no kernel would: open calls of
 * every kind, ghosts, guesses, dead spaces, a dead root.
 */
#include <errno.h>
#include <stdlib.h>
#include "model/checkpoint.h"
#include "model/snapshot.h"
#include "model/story.h"

#define NR_STREAMS 500
#define NR_RECORDS 700
#define NR_TIDS 5

struct tape {
	__u8 *bytes;
	size_t len, cap;
	__u32 nr;
	__u32 fail_at; /* record that is not taken; 0: all are */
};

static int tape__take(void *ctx, const struct rec *rec, struct err *err)
{
	struct tape *tape = ctx;

	(void)err;
	if (tape->fail_at && tape->nr + 1 == tape->fail_at)
		return -ENOSPC;
	if (tape->len + rec->size > tape->cap) {
		tape->cap = 2 * (tape->len + rec->size);
		tape->bytes = realloc(tape->bytes, tape->cap);
		assert_non_null(tape->bytes);
	}
	memcpy(tape->bytes + tape->len, rec, rec->size);
	tape->len += rec->size;
	tape->nr++;
	return 0;
}

static struct tape tell(const struct session *session)
{
	struct tape tape = { 0 };
	struct record_sink sink = { &tape, tape__take };

	assert_int_equal(session__tell(session, &sink, NULL), 0);
	return tape;
}

/* Returns the last record's code. */
static int play(struct session *session, const struct tape *tape)
{
	int code = 0;

	for (size_t at = 0; at < tape->len;) {
		const struct rec *rec = (const struct rec *)(tape->bytes + at);
		struct err err = { "" };

		code = session__feed(session, rec, rec->size, &err);
		if (code && rec->type != REC_CHECKPOINT_END)
			return code;
		at += rec->size;
	}
	return code;
}

static void assert_same(const struct session *a, const struct session *b)
{
	struct tape one = tell(a), other = tell(b);

	for (size_t at = 0; at < one.len && at < other.len;) {
		const struct rec_state *x = (const void *)(one.bytes + at);
		const struct rec_state *y = (const void *)(other.bytes + at);

		if (x->h.size != y->h.size || memcmp(x, y, x->h.size))
			fail_msg("state of sort %u (of %u, %u items) differs from sort %u (%u "
				 "items)",
				 x->sort, x->of, x->nr, y->sort, y->nr);
		at += x->h.size;
	}
	assert_int_equal(one.len, other.len);
	free(one.bytes);
	free(other.bytes);
}

static struct session *started(void)
{
	struct session *session = session__new();
	struct rec_start start = RECORD(start, START, .wall_ns = 1000000, .page_bytes = 4096);

	assert_non_null(session);
	start.h.ts = 1;
	assert_int_equal(session__feed(session, &start.h, sizeof(start), NULL), 0);
	return session;
}

static __u32 dice(__u32 sides)
{
	return (__u32)rand() % sides;
}

static __u64 any_addr(void)
{
	return BASE + dice(4) * TABLE + dice(64) * PAGE;
}

static __u64 any_len(void)
{
	return (1 + dice(4) * dice(200)) * PAGE;
}

static __u8 any_member(void)
{
	static const __u8 members[] = { RSST_ANON, RSST_ANON, RSST_FILE, RSST_SHMEM, RSST_SWAP };

	return members[dice(5)];
}

static __u64 gen = 10;

/* Random records; all but the names are of space 1 to 4. */
static const struct rec *any_record(void)
{
	static const __u8 ops[] = { VM_OP_MMAP,	   VM_OP_MUNMAP, VM_OP_MREMAP,	VM_OP_BRK,
				    VM_OP_MADVISE, VM_OP_MLOCK,	 VM_OP_MPROTECT };
	__u32 space = 1 + dice(4), tid = 100 + dice(NR_TIDS), call = 1 + gen / 40;
	__u64 addr = any_addr(), len = any_len(), to = any_addr();
	__u64 pcs[] = { 0x400000 + dice(9) * 64, 0x400000 + dice(9) * 64, dice(2) * 0x900000 };
	__u8 op = ops[dice(7)], member = any_member();
	static __u64 room[RSST_REC_MAX / 8];
	struct rec *rec = (struct rec *)room;

#define MAKE(name, type, ...)                                                                      \
	do {                                                                                       \
		struct rec_##name made = RECORD(name, type, __VA_ARGS__);                          \
		memcpy(rec, &made, sizeof(made));                                                  \
	} while (0)
	gen += dice(3);
	switch (dice(24)) {
	case 0 ... 5:
		MAKE(fault, FAULT, .space = space, .tid = tid, .addr = addr, .stack = dice(7),
		     .gen = gen, .nr_pages = 1 + dice(20), .member = member, .cause = CAUSE_FAULT,
		     .flags = SAMPLE_FLAGS(dice(2) * dice(9)) |
			      (dice(3) ? 0 : FAULT_AROUND | dice(2) * FAULT_WRITE));
		break;
	case 6 ... 7:
		MAKE(release, RELEASE, .space = space, .tid = tid, .call = call,
		     .nr_pages = dice(30), .call_gen = gen - dice(20), .gen = gen,
		     .args = { addr, len, dice(2) ? 9 : 4, dice(2) * 3 }, .member = member,
		     .op = dice(5) ? op : VM_OP_NONE, .flags = dice(2), .cause = CAUSE_MUNMAP);
		break;
	case 8 ... 9:
		MAKE(populate, POPULATE, .space = space, .tid = tid, .call = call,
		     .nr_pages = 1 + dice(9), .gen = gen, .stack = dice(7),
		     .args = { addr, len, 23 }, .member = member, .op = op,
		     .flags = SAMPLE_FLAGS(dice(2) * dice(9)), .cause = CAUSE_POPULATE);
		break;
	case 10 ... 12:
		MAKE(call, CALL, .space = space, .tid = tid, .call = call, .op = op,
		     .backing = dice(4), .call_gen = gen - dice(20), .gen = gen,
		     .ret = dice(4) ? to : 0,
		     .args = { addr, len, dice(2) ? len : 3, dice(2) * 3, 0, 0 }, .stack = dice(7),
		     .ino = dice(4), .dev = 1);
		break;
	case 13:
		MAKE(area, AREA, .space = space, .tid = tid, .call = call, .op = op, .gen = gen,
		     .addr = to, .len = len, .args = { addr, len, len, 1 });
		break;
	case 14:
		MAKE(delta, DELTA, .space = space, .tid = tid, .gen = gen,
		     .delta = (__s32)dice(40) - 20, .member = member, .cause = CAUSE_RECLAIM);
		break;
	case 15:
		MAKE(pages, PAGES, .space = space, .why = 1 + dice(4), .addr = addr,
		     .nr_pages = 1 + dice(600), .member = member);
		break;
	case 16:
		MAKE(counters, COUNTERS, .space = space, .pages = { 7, dice(900), 0, 3 },
		     .lost = { dice(2) });
		break;
	case 17:
		return record_stack(space, 1 + dice(6), dice(2) ? STACK_END_ROOT : STACK_END_DEPTH,
				    3, pcs);
	case 18:
		return dice(2) ? record_object(1, dice(5), dice(4), "/usr/lib/libx.so")
			       : record_symbol(&RECORD(symbol, SYMBOL, .dev = 1, .ino = 3,
						       .offset = dice(9) * 64 - dice(2)),
					       "work", "work.c", dice(90));
	case 19:
		return record_map(&RECORD(map, MAP, .space = space, .start = 0x400000,
					  .end = 0x500000, .ino = 3, .dev = 1, .prot = 5,
					  .backing = BACKING_FILE),
				  "/usr/bin/prog");
	case 20:
		return record_map(&RECORD(map, MAP, .space = space, .start = addr,
					  .end = addr + len, .prot = 3),
				  dice(2) ? "[anon:x]" : "");
	case 21:
		return record_mark(dice(12) ? MARK_SOCKET : MARK_OOM, 99 + space,
				   dice(2) ? "a" : "b");
	case 22:
		MAKE(overhead, OVERHEAD, .target_ns = dice(1000), .kernel_ns = dice(100),
		     .tracer_ns = dice(100), .budget_ppm = 1 + dice(9), .shift = dice(9));
		break;
	default:
		MAKE(tick, TICK);
		break;
	}
#undef MAKE
	return rec;
}

/* Rare ones: they begin and end address spaces. */
static const struct rec *any_life(void)
{
	static __u64 room[RSST_REC_MAX / 8];
	struct rec *rec = (struct rec *)room;
	__u32 space = 1 + dice(5);
	struct rec_fork fork = RECORD(fork, FORK, .space = space, .child_space = 1 + dice(5),
				      .pid = 99 + space, .child_pid = 100 + dice(5), .gen = gen,
				      .pages = { 3, 5, 0, 1 }, .comm = "child");
	struct rec_exec exec = RECORD(exec, EXEC, .old_space = space, .new_space = 1 + dice(6),
				      .pid = 99 + space, .gen = gen, .pages = { 1, 1, 0, 0 },
				      .comm = "other", .filename = "/bin/other");
	struct rec_exit exit = RECORD(exit, EXIT, .space = space, .pid = 99 + space,
				      .tid = 99 + space, .group_dead = 1);
	const void *from[] = { &fork, &fork, &exec, &exit };
	__u32 which = dice(4);

	memcpy(rec, from[which], ((const struct rec *)from[which])->size);
	return rec;
}

static void feed(struct session *session, const struct rec *rec, __u64 ts)
{
	static __u64 room[RSST_REC_MAX / 8];

	memcpy(room, rec, rec->size);
	((struct rec *)room)->ts = ts;
	assert_int_not_equal(session__feed(session, (struct rec *)room, rec->size, NULL), -ENOMEM);
}

static struct session *restored(const struct session *from)
{
	struct session *session = started();
	struct tape tape = tell(from);

	assert_int_equal(play(session, &tape), 0);
	assert_int_equal(session__nr_restored(session), 1);
	free(tape.bytes);
	return session;
}

static void a_restored_session_goes_on_the_same(void **state)
{
	__u32 nr_final = 0;

	(void)state;
	for (int stream = 0; stream < NR_STREAMS; stream++) {
		struct session *whole = started(), *late = NULL;
		__u32 at;

		srand(stream);
		at = dice(NR_RECORDS);
		feed(whole, record_process(1, 100, PROCESS_ROOT, NULL, "prog", "/bin/prog"), 2);
		for (__u32 i = 0; i < NR_RECORDS; i++) {
			const struct rec *rec = dice(80) ? any_record() : any_life();

			if (i == at)
				late = restored(whole);
			if (i == at)
				assert_same(whole, late);
			if (late)
				feed(late, rec, 10 + i);
			feed(whole, rec, 10 + i);
		}
		assert_same(whole, late);
		nr_final += session__roots_alive(whole) ? 0 : 1;
		session__free(whole);
		session__free(late);
	}
	assert_true(nr_final && nr_final < NR_STREAMS);
}

static struct session *random_session(int seed)
{
	struct session *session = started();

	srand(seed);
	feed(session, record_process(1, 100, PROCESS_ROOT, NULL, "prog", "/bin/prog"), 2);
	for (__u32 i = 0; i < NR_RECORDS; i++)
		feed(session, any_record(), 10 + i);
	return session;
}

/* Behind a gap a checkpoint replaces what the session has; what was there before keeps its numbers.
 */
static void a_checkpoint_heals_a_gap(void **state)
{
	struct session *whole = random_session(7), *other = random_session(8);
	struct snapshot *before = session__freeze(other), *now, *right = session__freeze(whole);
	struct tape tape = tell(whole);
	struct rec_gap gap = RECORD(gap, GAP, .from_ts = 5, .to_ts = 905, .nr_blocks = 2);

	(void)state;
	assert_int_equal(play(other, &tape), 0);
	assert_int_equal(session__nr_restored(other), 0); /* it knows better */
	feed(other, &gap.h, 5);
	assert_int_equal(play(other, &tape), 0);
	assert_int_equal(session__nr_restored(other), 1);
	now = session__freeze(other);
	assert_int_equal(now->gaps.blocks, 2);
	assert_int_equal(now->gaps.ns, 900);
	assert_false(now->gaps.open);
	assert_int_equal(now->spaces[0].attributed, right->spaces[0].attributed);
	assert_int_equal(now->spaces[0].unknown, right->spaces[0].unknown);
	assert_memory_equal(now->causes, right->causes, sizeof(now->causes));
	assert_string_equal(before->spaces[0].exe, "/bin/prog");
	snapshot__free(before);
	snapshot__free(now);
	snapshot__free(right);
	free(tape.bytes);
	session__free(whole);
	session__free(other);
}

/* Without a checkpoint the counters tell how much happened unseen. */
static void counters_tell_what_a_gap_held(void **state)
{
	struct story s = story__new();
	struct snapshot *snapshot;

	(void)state;
	story__mmap(&s, BASE, TABLE);
	story__fault(&s, BASE, 10, RSST_ANON, 7);
	FEED(&s, gap, GAP, .from_ts = 1, .to_ts = 2, .nr_blocks = 1);
	FEED(&s, counters, COUNTERS, .space = SPACE, .pages = { 0, 25, 0, 0 });
	FEED(&s, tick, TICK);
	snapshot = session__freeze(s.session);
	assert_true(snapshot->gaps.open);
	assert_int_equal(snapshot->spaces[0].counted[RSST_ANON], 25);
	assert_int_equal(snapshot->spaces[0].kernel[RSST_ANON], 25);
	assert_int_equal(snapshot->spaces[0].attributed, 10);
	assert_int_equal(snapshot->causes[CAUSE_LOST].in[RSST_ANON], 15);
	snapshot__free(snapshot);
	story__free(&s);
}

/* Any byte of it may be a lie: refused or taken, nothing breaks, and what comes behind is read. */
static void lies_break_nothing(void **state)
{
	struct session *whole = random_session(3);
	struct tape tape = tell(whole);

	(void)state;
	for (int round = 0; round < 1500; round++) {
		struct session *session = started();
		struct tape lie = { .bytes = malloc(tape.len), .len = tape.len };

		memcpy(lie.bytes, tape.bytes, tape.len);
		for (__u32 k = 0; k <= dice(3); k++) {
			size_t at = dice(tape.len / 8) * 8 + dice(8);

			lie.bytes[at] ^= 1 << dice(8);
		}
		for (size_t at = 0; at + sizeof(struct rec) <= lie.len;) {
			__u32 size = ((const struct rec *)(tape.bytes + at))->size;

			session__feed(session, (struct rec *)(lie.bytes + at), size, NULL);
			at += size;
		}
		for (int i = 0; i < 60; i++)
			feed(session, any_record(), 5000 + i);
		snapshot__free(session__freeze(session));
		session__free(session);
		free(lie.bytes);
	}
	free(tape.bytes);
	session__free(whole);
}

/* One that is not whole is none. */
static void half_a_checkpoint_is_none(void **state)
{
	struct session *whole = random_session(4), *session = started();
	struct tape tape = tell(whole);
	struct rec_tick tick = RECORD(tick, TICK);

	(void)state;
	for (size_t at = 0; at < tape.len / 2;) {
		const struct rec *rec = (const struct rec *)(tape.bytes + at);

		assert_int_equal(session__feed(session, rec, rec->size, NULL), 0);
		at += rec->size;
	}
	feed(session, &tick.h, 9);
	assert_int_equal(session__nr_restored(session), 0);
	session__free(session);
	free(tape.bytes);
	session__free(whole);
}

static void a_full_disk_ends_the_telling(void **state)
{
	struct session *whole = random_session(5);
	struct tape tape = { .fail_at = 9 };
	struct record_sink sink = { &tape, tape__take };

	(void)state;
	assert_int_equal(session__tell(whole, &sink, NULL), -ENOSPC);
	assert_int_equal(tape.nr, 8);
	free(tape.bytes);
	session__free(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restored_session_goes_on_the_same),
		cmocka_unit_test(a_checkpoint_heals_a_gap),
		cmocka_unit_test(counters_tell_what_a_gap_held),
		cmocka_unit_test(lies_break_nothing),
		cmocka_unit_test(half_a_checkpoint_is_none),
		cmocka_unit_test(a_full_disk_ends_the_telling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
