// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a record costs the model where this machine cannot have the target: made-up streams of
 * faults and releases through the one decoder, one size varied at a time. A line a stream; the time
 * is that of session__feed() alone, over the stream's second half: the first builds the target.
 *
 *   scale [MILLIONS [FIGURES]]   the longest stream has so many records, default 20; the figures go
 *                                to the file FIGURES as well, a JSON object a line, for
 * plot_scale.py
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../tools/made_up.h"

#define BASE 0x100000000000ULL
#define PAGE 4096ULL
#define TABLE_PAGES 512
#define BATCH 4096
#define TICK_EVERY 40000 /* records: 100 ms of a busy process */

struct stream {
	const char *what;
	__u32 nr_vmas;
	__u32 nr_threads;
	__u32 nr_stacks;
	__u64 resident_mib;
	double millions; /* records; 0: as many as it takes to touch everything twice */
	bool in_order;	 /* table by table, as programs touch their memory; else in no order */
};

struct feeder {
	const struct stream *stream;
	struct session *session;
	__u64 ts, gen, seed, ns, nr_fed;
	__u64 nr_tables, cursor;
	__u16 *resident; /* pages of each table */
	union {
		struct rec head;
		struct rec_fault fault;
		struct rec_release release;
	} batch[BATCH];
	unsigned int nr;
};

static __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void feed(struct feeder *f, struct rec *rec, __u16 type, __u32 size)
{
	stream__tell(NULL, f->session, rec, type, size, f->ts);
}

#define FEED(f, name, type, ...)                                                                   \
	do {                                                                                       \
		struct rec_##name told = { __VA_ARGS__ };                                          \
		feed(f, &told.h, type, sizeof(told));                                              \
	} while (0)

static void begin(struct feeder *f)
{
	__u64 step = f->nr_tables * TABLE_PAGES * PAGE / f->stream->nr_vmas;
	struct {
		struct rec_process process;
		char exe[8];
	} process = { { .space = 1, .pid = 100, .flags = PROCESS_ROOT, .comm = "made up" },
		      "/made" };

	FEED(f, start, REC_START, .page_bytes = PAGE, .nr_cpus = 2, .arch = "x86_64");
	feed(f, &process.process.h, REC_PROCESS, sizeof(process));
	for (__u64 id = 1; id <= f->stream->nr_stacks; id++) {
		struct {
			struct rec_stack stack;
			__u64 frames[12];
		} stack = { .stack = { .id = id, .space = 1, .nr_frames = 12, .end = 1 } };

		for (int i = 0; i < 12; i++)
			stack.frames[i] = 0x400000 + dice(&f->seed, 0x3fff) * 16;
		feed(f, &stack.stack.h, REC_STACK, sizeof(stack));
	}
	for (__u32 i = 0; i < f->stream->nr_vmas; i++) /* a hole before each, else they merge */
		FEED(f, call, REC_CALL, .space = 1, .tid = 100, .call = i, .op = VM_OP_MMAP,
		     .backing = BACKING_ANON, .gen = ++f->gen, .ret = BASE + i * step + PAGE,
		     .args = { 0, step - PAGE, 3, 0x22, ~0ULL, 0 }, .stack = 1);
}

static void flush(struct feeder *f, bool counts)
{
	struct err err = { "" };
	__u64 begin = now_ns();

	for (unsigned int i = 0; i < f->nr; i++)
		if (session__feed(f->session, &f->batch[i].head, f->batch[i].head.size, &err))
			die(err.text);
	if (counts) {
		f->ns += now_ns() - begin;
		f->nr_fed += f->nr;
	}
	f->nr = 0;
}

static void put_fault(struct feeder *f, __u64 table)
{
	f->batch[f->nr++].fault = (struct rec_fault){
		.h = { .type = REC_FAULT, .size = sizeof(struct rec_fault), .ts = f->ts },
		.space = 1,
		.tid = 100 + dice(&f->seed, f->stream->nr_threads),
		.addr = BASE + (table * TABLE_PAGES + f->resident[table]) * PAGE,
		.stack = 1 + dice(&f->seed, f->stream->nr_stacks),
		.gen = f->gen,
		.nr_pages = 1,
		.member = RSST_ANON,
		.cause = CAUSE_FAULT,
		.flags = FAULT_WRITE,
	};
	f->resident[table]++;
}

static void put_release(struct feeder *f, __u64 table)
{
	f->gen += 2;
	f->batch[f->nr++].release = (struct rec_release){
		.h = { .type = REC_RELEASE, .size = sizeof(struct rec_release), .ts = f->ts },
		.space = 1,
		.tid = 100,
		.call = f->gen,
		.nr_pages = f->resident[table],
		.call_gen = f->gen - 1,
		.gen = f->gen,
		.args = { BASE + table * TABLE_PAGES * PAGE, TABLE_PAGES * PAGE, 4 },
		.member = RSST_ANON,
		.op = VM_OP_MADVISE,
		.cause = CAUSE_DONTNEED,
	};
	f->resident[table] = 0;
}

/* Tables fill in an order of their own and are given back when they are full. */
static void put(struct feeder *f)
{
	__u64 table;

	if (!f->stream->in_order)
		f->cursor = f->cursor * 5 + 12345;
	else if (f->resident[f->cursor] == TABLE_PAGES)
		f->cursor++;
	f->cursor &= f->nr_tables - 1;
	table = f->cursor;
	f->ts += 2500;
	if (f->resident[table] == TABLE_PAGES)
		put_release(f, table);
	else
		put_fault(f, table);
}

static void print_figures(const struct feeder *f, __u64 nr, FILE *figures)
{
	const struct stream *stream = f->stream;
	double ns = (double)f->ns / f->nr_fed;
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	printf("%-10s%7u regions%7u threads%7u stacks %7" PRIu64
	       " MiB %6.1f M records  %6.1f ns each %6.2f M/s %6ld MiB held\n",
	       stream->what, stream->nr_vmas, stream->nr_threads, stream->nr_stacks,
	       (uint64_t)stream->resident_mib, nr / 1e6, ns, 1e3 / ns, usage.ru_maxrss >> 10);
	fflush(stdout);
	if (!figures)
		return;
	fprintf(figures,
		"{\"what\":\"%s\",\"regions\":%u,\"threads\":%u,\"stacks\":%u,"
		"\"resident_mib\":%" PRIu64 ",\"records\":%" PRIu64
		",\"ns_each\":%.1f,\"held_kib\":%ld}\n",
		stream->what, stream->nr_vmas, stream->nr_threads, stream->nr_stacks,
		(uint64_t)stream->resident_mib, (uint64_t)nr, ns, usage.ru_maxrss);
	fflush(figures);
}

static void run(const struct stream *stream, FILE *figures)
{
	struct feeder *f = calloc(1, sizeof(*f));
	__u64 nr;

	if (!f)
		die("no memory");
	f->stream = stream;
	f->session = session__new();
	f->nr_tables = stream->resident_mib / 2;
	f->resident = calloc(f->nr_tables, sizeof(*f->resident));
	if (!f->session || !f->resident)
		die("no memory");
	f->ts = f->gen = f->seed = 1;
	begin(f);
	nr = stream->millions ? stream->millions * 1e6 : 2 * f->nr_tables * TABLE_PAGES;
	for (__u64 i = 0; i < nr; i++) {
		put(f);
		if (f->nr == BATCH)
			flush(f, i > nr / 2);
		if (i % TICK_EVERY == 0)
			FEED(f, tick, REC_TICK, .h = { 0 });
	}
	print_figures(f, nr, figures);
	session__free(f->session);
	free(f->resident);
	free(f);
}

/* In a process of its own: its memory is then its own. */
static void run_apart(const struct stream *stream, FILE *figures)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		run(stream, figures);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		die("a stream failed");
}

int main(int argc, char **argv)
{
	double longest = argc > 1 ? atof(argv[1]) : 20;
	FILE *figures = argc > 2 ? fopen(argv[2], "w") : NULL;
	const struct stream streams[] = {
		{ "in order", 64, 16, 1000, 1024, 2, true },
		{ "small", 64, 16, 1000, 1024, 2, false },
		{ "regions", 1024, 16, 1000, 1024, 2, false },
		{ "regions", 8192, 16, 1000, 1024, 2, false },
		{ "regions", 65536, 16, 1000, 1024, 2, false },
		{ "threads", 64, 1000, 1000, 1024, 2, false },
		{ "threads", 64, 10000, 1000, 1024, 2, false },
		{ "stacks", 64, 16, 10000, 1024, 2, false },
		{ "stacks", 64, 16, 100000, 1024, 2, false },
		{ "resident", 64, 16, 1000, 4096, 0, false },
		{ "resident", 64, 16, 1000, 16384, 0, false },
		{ "resident", 64, 16, 1000, 65536, 0, false },
		{ "long", 64, 16, 1000, 1024, longest, false },
	};

	if (argc > 2 && !figures)
		die(argv[2]);
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
		run_apart(&streams[i], figures);
	return 0;
}
