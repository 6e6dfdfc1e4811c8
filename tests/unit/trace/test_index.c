// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A small trace with checkpoints and its index: entered at each segment, found again when cut, and
 * flipped byte by byte. With RSST_WRITE=PATH in the environment it is written there
 * (tests/golden/format_1_1.rsst was made so).
 */
#include "model/checkpoint.h"
#include "trace/made_trace.h"

#define NR_TICKS 4

struct feeding {
	struct trace_writer *writer;
	struct session *session;
	__u64 ts;
};

static void give(struct feeding *feeding, struct rec *rec, __u16 type, __u32 size)
{
	rec->type = type;
	rec->size = size;
	rec->ts = feeding->ts;
	assert_int_equal(trace_writer__append(feeding->writer, rec, NULL), 0);
	assert_int_equal(session__feed(feeding->session, rec, size, NULL), 0);
}

static void begin(struct feeding *feeding)
{
	struct rec_start start = { .wall_ns = 5, .page_bytes = 4096 };
	struct {
		struct rec_process process;
		char exe[8];
	} process = { { .space = 1, .pid = 9, .flags = PROCESS_ROOT, .comm = "made" }, "/made" };

	give(feeding, &start.h, REC_START, sizeof(start));
	give(feeding, &process.process.h, REC_PROCESS, sizeof(process));
}

static void a_second(struct feeding *feeding)
{
	struct rec_fault fault = { .space = 1,
				   .tid = 9,
				   .addr = 0x7f0000000000 + feeding->ts / NSEC_PER_SEC * 0x40000,
				   .stack = 1 + feeding->ts / NSEC_PER_SEC,
				   .nr_pages = 8,
				   .member = RSST_ANON,
				   .cause = CAUSE_FAULT };
	struct rec_tick tick = { 0 };

	give(feeding, &fault.h, REC_FAULT, sizeof(fault));
	feeding->ts += NSEC_PER_SEC;
	give(feeding, &tick.h, REC_TICK, sizeof(tick));
}

/* Four seconds, a checkpoint behind each but the last. */
static struct feeding made(const char *path)
{
	struct feeding feeding = { trace_writer__open(path, true, NULL), session__new(), 1000 };
	struct rec_end end = { .why = END_ASKED };

	assert_non_null(feeding.writer);
	begin(&feeding);
	for (int i = 0; i < NR_TICKS; i++) {
		a_second(&feeding);
		if (i + 1 < NR_TICKS)
			assert_int_equal(
				trace_writer__checkpoint(feeding.writer, feeding.session, NULL), 0);
	}
	give(&feeding, &end.h, REC_END, sizeof(end));
	trace_writer__note(feeding.writer, feeding.session);
	assert_int_equal(trace_writer__close(feeding.writer, NULL), 0);
	return feeding;
}

static struct record_source *opened(const struct bytes *bytes)
{
	struct err err = { "" };
	struct record_source *source =
		trace_source__open(byte_source__memory(bytes->at, bytes->len), "made", &err);

	if (!source)
		fail_msg("%s", err.text);
	return source;
}

/* Read to the end from @segment; 0: from the start. */
static struct session *replayed(struct record_source *source)
{
	struct session *session = session__new();
	const struct rec *rec;

	while (source->next(source, &rec, NULL) > 0)
		session__feed(session, rec, rec->size, NULL);
	return session;
}

static void assert_same(struct session *a, struct session *b)
{
	struct snapshot *x = session__freeze(a), *y = session__freeze(b);

	assert_int_equal(x->ts, y->ts);
	assert_int_equal(x->nr_spaces, y->nr_spaces);
	assert_int_equal(x->nr_stacks, y->nr_stacks);
	assert_memory_equal(x->stacks, y->stacks, x->nr_stacks * sizeof(*x->stacks));
	assert_memory_equal(x->causes, y->causes, sizeof(x->causes));
	assert_int_equal(x->spaces[0].attributed, y->spaces[0].attributed);
	snapshot__free(x);
	snapshot__free(y);
}

static void every_segment_can_be_entered(void **state)
{
	struct feeding feeding = made(scratch("made.rsst"));
	struct bytes bytes = bytes__of_file(scratch("made.rsst"));
	struct record_source *source = opened(&bytes);
	const struct trace_index *index = trace_source__index(source, NULL);

	(void)state;
	assert_non_null(index);
	assert_true(index->closed);
	assert_int_equal(index->nr, NR_TICKS);
	assert_int_equal(index->last_tick_ts, 1000 + NR_TICKS * NSEC_PER_SEC);
	for (__u32 i = index->nr; i--;) {
		struct session *session;

		assert_int_equal(trace_source__enter(source, i, NULL), 0);
		session = replayed(source);
		assert_int_equal(session__nr_restored(session), i > 0);
		assert_same(session, feeding.session);
		session__free(session);
	}
	assert_int_equal(trace_source__health(source)->damaged_blocks, 0);
	assert_int_equal(trace_index__find(index, 1000 + 2 * NSEC_PER_SEC, CHECKPOINT_MODEL), 2);
	assert_int_equal(trace_index__find(index, 999 + 2 * NSEC_PER_SEC, CHECKPOINT_MODEL), 1);
	assert_int_equal(trace_index__find(index, ~0ULL, CHECKPOINT_MODEL + 1), 0);
	source->free(source);
	session__free(feeding.session);
	bytes__free(&bytes);
}

/* Asking for the index does not disturb the reading. */
static void reading_goes_on_behind_the_index(void **state)
{
	struct feeding feeding = made(scratch("made.rsst"));
	struct bytes bytes = bytes__of_file(scratch("made.rsst"));
	struct record_source *source = opened(&bytes);
	const struct rec *rec;
	struct session *session = session__new();

	(void)state;
	for (int i = 0; source->next(source, &rec, NULL) > 0; i++) {
		session__feed(session, rec, rec->size, NULL);
		if (i == 3)
			assert_non_null(trace_source__index(source, NULL));
	}
	assert_same(session, feeding.session);
	assert_int_equal(session__nr_bad_records(session), 0);
	session__free(session);
	source->free(source);
	session__free(feeding.session);
	bytes__free(&bytes);
}

/* Whatever is cut off or flipped: segments that are told can be entered, or say that they cannot.
 */
static void check_hurt(const struct bytes *bytes, struct session *whole, bool cut)
{
	struct err err = { "" };
	struct record_source *source =
		trace_source__open(byte_source__memory(bytes->at, bytes->len), "made", &err);
	const struct trace_index *index = source ? trace_source__index(source, NULL) : NULL;

	for (__u32 i = 0; index && i < index->nr; i++) {
		struct session *session;
		int code = trace_source__enter(source, i, NULL);

		assert_true(!code || code == -EBADMSG);
		session = replayed(source);
		if (!cut && session__nr_restored(session) && session__end(session) &&
		    !session__gaps(session).open && i)
			assert_same(session, whole);
		session__free(session);
	}
	if (source)
		source->free(source);
}

static void hurt_anywhere_it_is_found_or_not(void **state)
{
	struct feeding feeding = made(scratch("made.rsst"));
	struct bytes bytes = bytes__of_file(scratch("made.rsst")), part;

	(void)state;
	for (size_t len = 0; len < bytes.len; len += 3) {
		part = bytes;
		part.len = len;
		check_hurt(&part, feeding.session, true);
	}
	for (size_t at = 0; at < bytes.len; at += 2) {
		bytes.at[at] ^= 0xff;
		check_hurt(&bytes, feeding.session, false);
		bytes.at[at] ^= 0xff;
	}
	session__free(feeding.session);
	bytes__free(&bytes);
}

static void the_index_is_found_again(void **state)
{
	struct feeding feeding = made(scratch("made.rsst"));
	struct bytes bytes = bytes__of_file(scratch("made.rsst")), cut = bytes;
	struct record_source *whole = opened(&bytes), *part;
	const struct trace_index *told = trace_source__index(whole, NULL), *found;

	(void)state;
	cut.len -= 3;
	part = opened(&cut);
	found = trace_source__index(part, NULL);
	assert_false(found->closed);
	assert_int_equal(found->nr, told->nr);
	for (__u32 i = 0; i < told->nr; i++) {
		assert_int_equal(found->segments[i].offset, told->segments[i].offset);
		assert_int_equal(found->segments[i].seq, told->segments[i].seq);
		assert_int_equal(found->segments[i].ts, told->segments[i].ts);
		assert_int_equal(found->segments[i].last_ts, told->segments[i].last_ts);
		assert_int_equal(found->segments[i].model, told->segments[i].model);
		assert_int_equal(found->segments[i].nr_blocks, told->segments[i].nr_blocks);
	}
	whole->free(whole);
	part->free(part);
	session__free(feeding.session);
	bytes__free(&bytes);
}

/* A file may begin with a checkpoint: what came before is in another. */
static void a_file_may_begin_with_one(void **state)
{
	struct feeding next = { .ts = 1000 };
	struct rec_start start = { .h = { REC_START, 0, sizeof(start), 1000 }, .page_bytes = 4096 };
	struct session *session, *before = session__new();
	struct record_source *source;
	struct bytes bytes;

	(void)state;
	/* a session that has not ended, as a recorder's has */
	next.session = before;
	next.writer = trace_writer__open(scratch("first.rsst"), true, NULL);
	begin(&next);
	a_second(&next);
	assert_int_equal(trace_writer__close(next.writer, NULL), 0);
	next.writer = trace_writer__open(scratch("second.rsst"), true, NULL);
	assert_int_equal(trace_writer__append(next.writer, &start.h, NULL), 0);
	assert_int_equal(trace_writer__checkpoint(next.writer, before, NULL), 0);
	a_second(&next);
	assert_int_equal(trace_writer__close(next.writer, NULL), 0);
	bytes = bytes__of_file(scratch("second.rsst"));
	source = opened(&bytes);
	session = replayed(source);
	assert_int_equal(session__nr_restored(session), 1);
	assert_same(session, before);
	source->free(source);
	session__free(session);
	session__free(before);
	bytes__free(&bytes);
}

static int clean_up(void **state)
{
	(void)state;
	remove_scratch();
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_segment_can_be_entered),
		cmocka_unit_test(reading_goes_on_behind_the_index),
		cmocka_unit_test(hurt_anywhere_it_is_found_or_not),
		cmocka_unit_test(the_index_is_found_again),
		cmocka_unit_test(a_file_may_begin_with_one),
	};

	if (getenv("RSST_WRITE")) {
		session__free(made(getenv("RSST_WRITE")).session);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, clean_up);
}
