// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A long trace of a process that never was: maps, faults by many stacks, unmaps, a tick each 100 ms
 * of record time. What it holds hardly compresses, as little does in a busy process.
 *
 *   long_trace OUT MIB [RESIDENT_MIB]    about MIB of file; so much is resident at most (default
 * 256)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "made_up.h"

#define BASE 0x7f0000000000ULL
#define TABLE (1ULL << 21)
#define TICK_NS 100000000ULL
#define EVENTS_A_TICK 4000
#define NR_STACKS 3000

struct story {
	struct session *session;
	struct trace_writer *writer;
	__u64 ts, gen, seed;
	__u32 nr_tables, call;
	__u16 *resident; /* pages of each table */
};

static void tell(struct story *story, struct rec *rec, __u16 type, __u32 size)
{
	stream__tell(story->writer, story->session, rec, type, size, story->ts);
}

#define TELL(story, name, type, ...)                                                               \
	do {                                                                                       \
		struct rec_##name told = { __VA_ARGS__ };                                          \
		tell(story, &told.h, type, sizeof(told));                                          \
	} while (0)

static void begin(struct story *story)
{
	struct {
		struct rec_process process;
		char exe[8];
	} process = { { .space = 1, .pid = 100, .ppid = 1, .flags = PROCESS_ROOT, .comm = "long" },
		      "/long" };
	struct {
		struct rec_map map;
		char name[8];
	} code = { { .space = 1,
		     .start = 0x400000,
		     .end = 0x800000,
		     .ino = 9,
		     .dev = 1,
		     .prot = 5,
		     .backing = BACKING_FILE },
		   "/long" };

	TELL(story, start, REC_START, .wall_ns = 1700000000000000000ULL, .page_bytes = 4096,
	     .nr_cpus = 2, .kernel = "6.1", .arch = "x86_64", .version = "test");
	tell(story, &process.process.h, REC_PROCESS, sizeof(process));
	tell(story, &code.map.h, REC_MAP, sizeof(code));
	for (__u64 id = 1; id <= NR_STACKS; id++) {
		struct {
			struct rec_stack stack;
			__u64 frames[12];
		} stack = { .stack = { .id = id, .space = 1, .nr_frames = 12, .end = 1 } };

		for (int i = 0; i < 12; i++)
			stack.frames[i] = 0x400000 + dice(&story->seed, 0x3fff) * 16;
		tell(story, &stack.stack.h, REC_STACK, sizeof(stack));
	}
	TELL(story, call, REC_CALL, .space = 1, .tid = 100, .call = ++story->call, .op = VM_OP_MMAP,
	     .backing = BACKING_ANON, .gen = ++story->gen, .ret = BASE,
	     .args = { 0, story->nr_tables * TABLE, 3, 0x22, ~0ULL, 0 }, .stack = 1);
}

static void touch(struct story *story, __u32 table)
{
	__u32 first = story->resident[table], nr = 1 + dice(&story->seed, 4);

	if (first + nr > 512)
		nr = 512 - first;
	if (!nr)
		return;
	TELL(story, fault, REC_FAULT, .space = 1, .tid = 100 + dice(&story->seed, 16),
	     .addr = BASE + table * TABLE + first * 4096ULL,
	     .stack = 1 + dice(&story->seed, NR_STACKS), .gen = story->gen, .nr_pages = nr,
	     .member = RSST_ANON, .cause = CAUSE_FAULT, .flags = FAULT_WRITE);
	story->resident[table] += nr;
}

static void give_back(struct story *story, __u32 table)
{
	__u64 args[6] = { BASE + table * TABLE, TABLE, 4 };
	__u64 gen = ++story->gen;

	if (!story->resident[table])
		return;
	TELL(story, release, REC_RELEASE, .space = 1, .tid = 100, .call = ++story->call,
	     .nr_pages = story->resident[table], .call_gen = gen, .gen = ++story->gen,
	     .args = { args[0], args[1], args[2] }, .member = RSST_ANON, .op = VM_OP_MADVISE,
	     .cause = CAUSE_DONTNEED);
	TELL(story, call, REC_CALL, .space = 1, .tid = 100, .call = story->call,
	     .op = VM_OP_MADVISE, .call_gen = gen, .gen = ++story->gen,
	     .args = { args[0], args[1], args[2] });
	story->resident[table] = 0;
}

static void tick(struct story *story)
{
	__s64 pages = 0;

	for (__u32 i = 0; i < story->nr_tables; i++)
		pages += story->resident[i];
	story->ts = (story->ts / TICK_NS + 1) * TICK_NS;
	TELL(story, counters, REC_COUNTERS, .space = 1, .pages = { 0, pages, 0, 0 });
	TELL(story, tick, REC_TICK, .h = { 0 });
}

int main(int argc, char **argv)
{
	struct story story = { .session = session__new(), .seed = 1, .ts = 1000, .gen = 1 };
	struct err err = { "" };
	__u64 bytes;

	if (argc < 3)
		die("usage: long_trace OUT MIB [RESIDENT_MIB]");
	bytes = strtoull(argv[2], NULL, 10) << 20;
	story.nr_tables = (argc > 3 ? strtoul(argv[3], NULL, 10) : 256) / 2;
	story.resident = calloc(story.nr_tables + 1, sizeof(*story.resident));
	story.writer = trace_writer__open(argv[1], true, &err);
	if (!story.writer || !story.session || !story.resident || !story.nr_tables)
		die(err.text);
	begin(&story);
	while (trace_writer__bytes(story.writer) < bytes) {
		for (int i = 0; i < EVENTS_A_TICK; i++, story.ts += 1000 + dice(&story.seed, 9000))
			touch(&story, dice(&story.seed, story.nr_tables));
		for (int i = 0; i < 40; i++)
			give_back(&story, dice(&story.seed, story.nr_tables));
		tick(&story);
	}
	TELL(&story, end, REC_END, .why = END_ASKED);
	trace_writer__note(story.writer, story.session);
	if (trace_writer__close(story.writer, &err))
		die(err.text);
	session__free(story.session);
	free(story.resident);
	return 0;
}
