// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Hostile bytes: what is refused and why, and that nothing else happens whatever the bytes are. */
#include <errno.h>
#include <stdlib.h>
#include "model/decode.h"
#include "model/story.h"

static void refuse(struct rec *rec, const char *why)
{
	struct err err = { "" };

	assert_int_equal(decode__check(rec, rec->size, &err), -EBADMSG);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

#define REFUSE(why, name, type, ...)                                                               \
	do {                                                                                       \
		struct rec_##name refused = RECORD(name, type, __VA_ARGS__);                       \
		refuse(&refused.h, why);                                                           \
	} while (0)

static void sizes_are_checked(void **state)
{
	struct rec_tick tick = RECORD(tick, TICK);
	struct err err = { "" };

	(void)state;
	assert_int_equal(decode__check(&tick.h, sizeof(tick), &err), 0);
	assert_int_equal(decode__check(&tick.h, 8, &err), -EBADMSG);
	assert_int_equal(decode__check(&tick.h, 0, &err), -EBADMSG);
	tick.h.size = 24;
	assert_int_equal(decode__check(&tick.h, sizeof(tick), &err), -EBADMSG);
	tick.h.size = 0xffffffff;
	assert_int_equal(decode__check(&tick.h, sizeof(tick), &err), -EBADMSG);
	tick.h.size = 16;
	tick.h.type = REC_FAULT; /* too short for one */
	refuse(&tick.h, "too short");
	tick.h.type = REC_INVALID;
	refuse(&tick.h, "type 0");
}

static void types_of_the_future_are_skipped(void **state)
{
	struct story s = story__new();
	struct rec_tick tick = RECORD(tick, TICK);

	(void)state;
	tick.h.type = 31;
	story__feed(&s, &tick.h);
	tick.h.type = 60000;
	story__feed(&s, &tick.h);
	assert_int_equal(session__nr_bad_records(s.session), 2);
	story__free(&s);
}

static void fields_are_checked(void **state)
{
	(void)state;
	REFUSE("counter", fault, FAULT, .member = 4, .cause = CAUSE_FAULT);
	REFUSE("cause", fault, FAULT, .cause = NR_CAUSES);
	REFUSE("cause", fault, FAULT, .cause = 0);
	REFUSE("counter", fault, FAULT, .cause = 1, .flags = FAULT_COW, .cow_member = 9);
	REFUSE("too many", fault, FAULT, .cause = 1, .nr_pages = 0xffffffff);
	REFUSE("address", fault, FAULT, .cause = 1, .addr = 0xfffffffffffff000ULL, .nr_pages = 1);
	REFUSE("address", fault, FAULT, .cause = 1, .addr = 5, .nr_pages = 1);
	REFUSE("space", fault, FAULT, .cause = 1, .space = 1024);
	REFUSE("call", release, RELEASE, .cause = CAUSE_MUNMAP, .op = NR_VM_OPS);
	REFUSE("too many", release, RELEASE, .cause = CAUSE_MUNMAP, .nr_pages = -1);
	REFUSE("too many", release, RELEASE, .cause = CAUSE_MUNMAP, .flags = RELEASE_SOFT,
	       .nr_pages = -(1 << 27));
	REFUSE("call", call, CALL, .op = 0);
	REFUSE("backing", call, CALL, .op = VM_OP_MMAP, .backing = 6);
	REFUSE("too many", counters, COUNTERS, .pages = { 1LL << 62 });
	REFUSE("4096", start, START, .page_bytes = 65536);
	REFUSE("space", fork, FORK, .child_space = 4000);
	REFUSE("space", exec, EXEC, .old_space = 1, .new_space = 1);
	REFUSE("reason", pages, PAGES, .why = 9);
	REFUSE("too many", pages, PAGES, .why = PAGES_ATTACH, .nr_pages = 1ULL << 60);
	REFUSE("address", pages, PAGES, .why = PAGES_SEEN, .nr_pages = 1ULL << 60);
}

static void tails_are_checked(void **state)
{
	const __u64 pcs[4] = { 1, 2, 3, 4 };
	struct rec_symbol symbol = RECORD(symbol, SYMBOL, .ino = 1);
	struct rec_map head = RECORD(map, MAP, .start = 0x1000, .end = 0x2000);
	struct rec *rec;

	(void)state;
	rec = record_stack(1, 5, STACK_END_ROOT, 4, pcs);
	((struct rec_stack *)rec)->nr_frames = 5;
	refuse(rec, "frames");
	((struct rec_stack *)rec)->nr_frames = 4;
	((struct rec_stack *)rec)->end = 99;
	refuse(rec, "end");
	rec = record_map(&head, "1234567");
	((struct rec_map *)rec)->name[7] = 'x';
	refuse(rec, "terminated");
	rec = record_symbol(&symbol, "function", "file.c", 1);
	((struct rec_symbol *)rec)->nr = 2;
	refuse(rec, "beyond its end");
	rec = record_symbol(&symbol, "function", "file.c", 1);
	((struct rec_symbol *)rec)->entries[4] = 0xff;
	refuse(rec, "beyond its end");
	rec = record_symbol(&symbol, "function", "file.c", 1);
	((struct rec_symbol *)rec)->entries[9] = 0;
	refuse(rec, "NUL");
	rec = record_stats(3, pcs);
	((struct rec_stats *)rec)->nr = 0x20000001; /* times 8 overflows 32 bits */
	refuse(rec, "values");
}

static void a_refused_record_leaves_the_session_usable(void **state)
{
	struct story s = story__new();
	struct rec_fault bad = RECORD(fault, FAULT, .space = SPACE, .member = 77);

	(void)state;
	assert_int_equal(story__try(&s, &bad.h), -EBADMSG);
	assert_int_equal(session__nr_bad_records(s.session), 1);
	story__fault(&s, BASE, 1, RSST_ANON, 1);
	story__check(&s);
	story__free(&s);
}

static void unaligned_records_are_read(void **state)
{
	struct story s = story__new();
	char buffer[sizeof(struct rec_fault) + 1];
	struct rec_fault fault = RECORD(fault, FAULT, .space = SPACE, .addr = BASE, .nr_pages = 1,
					.member = RSST_ANON, .cause = CAUSE_FAULT);

	(void)state;
	memcpy(buffer + 1, &fault, sizeof(fault));
	assert_int_equal(session__feed(s.session, (void *)(buffer + 1), sizeof(fault), NULL), 0);
	assert_int_equal(story__resident(&s, BASE, BASE + TABLE), 1);
	story__free(&s);
}

/* A buffer of the record's own size, so that a sanitizer sees every byte read beyond it. */
static void feed_exact(struct story *s, const void *bytes, size_t len)
{
	void *copy = malloc(len ? len : 1);
	int ret;

	memcpy(copy, bytes, len);
	ret = session__feed(s->session, copy, len, &s->err);
	assert_true(ret == 0 || ret == -EBADMSG);
	free(copy);
}

static void cut_records_are_refused(void **state)
{
	struct story s = story__new();
	struct rec_map head = RECORD(map, MAP, .space = SPACE, .start = BASE, .end = BASE + PAGE);
	struct rec *rec = record_map(&head, "/a/long/enough/name");
	__u32 size = rec->size;

	(void)state;
	for (__u32 len = 16; len < size; len++) {
		rec->size = len;
		feed_exact(&s, rec, len);
	}
	assert_null(session__vma(s.session, SPACE, BASE));
	story__free(&s);
}

struct seeds {
	__u32 nr;
	__u64 bytes[32][80];
};

static void keep(struct seeds *seeds, const struct rec *rec)
{
	assert_true(seeds->nr < 32 && rec->size <= sizeof(seeds->bytes[0]));
	memcpy(seeds->bytes[seeds->nr++], rec, rec->size);
}

#define KEEP(seeds, name, type, ...)                                                               \
	do {                                                                                       \
		struct rec_##name kept = RECORD(name, type, .space = SPACE, __VA_ARGS__);          \
		keep(seeds, &kept.h);                                                              \
	} while (0)

static void fill_seeds(struct seeds *seeds)
{
	const __u64 pcs[4] = { BASE + 16, BASE + 32, 0x4000, 9 };
	struct rec_map map = RECORD(map, MAP, .space = SPACE, .start = BASE,
				    .end = BASE + 8 * TABLE, .ino = 3, .backing = BACKING_FILE);
	struct rec_map heap =
		RECORD(map, MAP, .space = SPACE, .start = 0x5000000, .end = 0x5100000);
	struct rec_symbol symbol = RECORD(symbol, SYMBOL, .ino = 3, .offset = 16);
	struct rec_exec exec = RECORD(exec, EXEC, .old_space = SPACE, .new_space = 9, .pid = PID);
	struct rec_tick tick = RECORD(tick, TICK);
	static const __u8 ops[] = { VM_OP_MMAP,	    VM_OP_MUNMAP, VM_OP_MREMAP, VM_OP_BRK,
				    VM_OP_MPROTECT, VM_OP_SHMAT,  VM_OP_SHMDT };

	KEEP(seeds, fault, FAULT, .addr = BASE, .nr_pages = 9, .member = 1, .cause = 1, .stack = 5);
	KEEP(seeds, fault, FAULT, .addr = BASE + TABLE, .nr_pages = 9, .cause = 1,
	     .flags = FAULT_AROUND);
	KEEP(seeds, fault, FAULT, .addr = BASE, .nr_pages = 1, .member = 1, .cause = 1,
	     .flags = FAULT_COW);
	KEEP(seeds, release, RELEASE, .tid = 1, .call = 1, .nr_pages = 3, .member = 1, .op = 2,
	     .cause = CAUSE_MUNMAP, .flags = 1, .args = { BASE, 4 * TABLE, 0, 0 });
	KEEP(seeds, release, RELEASE, .tid = 1, .call = 1, .nr_pages = 3, .member = 1, .op = 3,
	     .cause = CAUSE_MREMAP, .args = { BASE, 4 * TABLE, TABLE, 3 });
	KEEP(seeds, release, RELEASE, .tid = 1, .nr_pages = 3, .op = 10, .cause = CAUSE_TRUNCATE);
	KEEP(seeds, populate, POPULATE, .tid = 1, .call = 1, .nr_pages = 1, .member = 1, .op = 1,
	     .cause = CAUSE_POPULATE, .stack = 6);
	KEEP(seeds, populate, POPULATE, .tid = 1, .call = 1, .nr_pages = 512, .member = 1, .op = 9,
	     .cause = CAUSE_POPULATE, .args = { BASE, 4 * TABLE });
	KEEP(seeds, delta, DELTA, .delta = 5, .member = 1, .cause = CAUSE_COLLAPSE);
	KEEP(seeds, area, AREA, .tid = 1, .call = 1, .op = 3, .addr = BASE + 32 * TABLE,
	     .len = 8 * TABLE, .args = { BASE, TABLE, 2 * TABLE, 1 });
	for (unsigned int i = 0; i < sizeof(ops); i++)
		KEEP(seeds, call, CALL, .tid = 1, .call = 1, .op = ops[i], .backing = 2, .ino = 4,
		     .ret = ops[i] == VM_OP_MUNMAP || ops[i] > 4 ? 0 : (__s64)(BASE + 16 * TABLE),
		     .args = { BASE, 2 * TABLE, 3, 0, 0, 0 });
	keep(seeds, record_stack(SPACE, 5, STACK_END_ROOT, 4, pcs));
	keep(seeds, record_map(&map, "/lib/x"));
	keep(seeds, record_map(&heap, "[heap]"));
	keep(seeds, record_object(0, 3, OBJECT_SHMEM, "/lib/x"));
	keep(seeds, record_symbol(&symbol, "f", "g", 3));
	KEEP(seeds, fork, FORK, .child_space = 4, .pid = PID, .child_pid = 101, .pages = { 1, 2 });
	keep(seeds, &exec.h);
	KEEP(seeds, exit, EXIT, .pid = PID, .tid = PID, .group_dead = 1);
	KEEP(seeds, counters, COUNTERS, .pages = { 1, 2 }, .lost = { 1 });
	KEEP(seeds, pages, PAGES, .why = PAGES_FOUND, .addr = BASE, .nr_pages = 40, .member = 1);
	KEEP(seeds, pages, PAGES, .why = PAGES_SEEN, .addr = BASE, .nr_pages = 512);
	keep(seeds, record_process(SPACE, PID, PROCESS_ROOT, NULL, "x", "y"));
	keep(seeds, record_stats(2, pcs));
	keep(seeds, &tick.h);
}

static __u32 next(__u32 *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

/* Change a few bytes behind the size field; often the low bits of small fields, to stay plausible.
 */
static void mutate(struct rec *rec, __u32 *random)
{
	for (__u32 n = next(random) % 4; n; n--) {
		__u8 *byte = (__u8 *)rec + 8 + next(random) % (rec->size - 8);

		*byte = next(random) % 2 ? next(random) : *byte ^ 1U << next(random) % 8;
	}
	if (!(next(random) % 32))
		rec->type = next(random) % (NR_REC_TYPES + 1);
	/* keep single records from filling gigabytes: the size limits have tests of their own */
	if (rec->type == REC_FAULT)
		((struct rec_fault *)rec)->nr_pages &= 0x3fff;
	if (rec->type == REC_PAGES)
		((struct rec_pages *)rec)->nr_pages &= 0x3fff;
	if (rec->type == REC_POPULATE)
		((struct rec_populate *)rec)->nr_pages &= 0x3fff;
}

static bool is_end(const struct rec *rec)
{
	return rec->type == REC_EXIT || rec->type == REC_EXEC || rec->type == REC_SPACE_END;
}

static void random_bytes_do_no_harm(void **state)
{
	struct seeds *seeds = calloc(1, sizeof(*seeds));
	__u64 copy[80];
	__u32 random = 4711;

	(void)state;
	fill_seeds(seeds);
	for (int life = 0; life < 60; life++) {
		struct story s = story__new();

		for (int round = 0; round < 4000; round++) {
			memcpy(copy, seeds->bytes[next(&random) % seeds->nr], sizeof(copy));
			mutate((struct rec *)copy, &random);
			if (is_end((struct rec *)copy) && next(&random) % 64)
				continue; /* or nothing lives long */
			((struct rec *)copy)->ts &= 0xffffffff;
			feed_exact(&s, copy, ((struct rec *)copy)->size);
			if (round % 500 == 0) {
				story__check(&s);
				story__nr_disputes(&s);
			}
		}
		story__check(&s);
		story__free(&s);
	}
	free(seeds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(types_of_the_future_are_skipped),
		cmocka_unit_test(fields_are_checked),
		cmocka_unit_test(tails_are_checked),
		cmocka_unit_test(a_refused_record_leaves_the_session_usable),
		cmocka_unit_test(unaligned_records_are_read),
		cmocka_unit_test(cut_records_are_refused),
		cmocka_unit_test(random_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
