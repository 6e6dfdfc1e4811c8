// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A service that runs for long and never was, at so many faults a second, through the writer and
 * the model that `record` uses. What a real one does with time it does, too: threads come and go,
 * files are mapped and unmapped, code runs that has not run before, marks are set, memory is given
 * back. What is the tracer's own is told as JSON, one line a stage.
 *
 *   day OUT HOURS [FAULTS_A_SECOND] [STAGES]    default 1000 faults, 24 stages
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../tools/made_up.h"

#define CODE 0x400000ULL
#define CODE_BYTES (8ULL << 20)
#define HEAP 0x7f0000000000ULL
#define FILES 0x7e0000000000ULL
#define TABLE (1ULL << 21)
#define PAGE 4096ULL
#define NR_TABLES 512 /* 1 GiB of arenas */
#define NR_STACKS 2000
#define NR_THREADS 16
#define SECOND 1000000000ULL
#define TICK_NS (SECOND / 10)
#define STACK_ID(nr) (0x9e3779b97f4a7c15ULL * (nr))
#define RUN_MAX 24 /* pages a stack touches in a row, at most */

struct day {
	struct session *session;
	struct trace_writer *writer;
	__u64 ts, gen, seed;
	__u64 nr_faults, nr_records;
	__u32 faults_a_tick, call, next_tid, nr_stacks, nr_files;
	__u32 tids[NR_THREADS];
	__u16 resident[NR_TABLES]; /* pages of each, from its start on */
	__u64 file_pages;
	/* the run that is going on */
	__u32 run, table, tid;
	__u64 stack;
};

static void tell(struct day *day, struct rec *rec, __u16 type, __u32 size)
{
	day->nr_records++;
	stream__tell(day->writer, day->session, rec, type, size, day->ts);
}

#define TELL(day, name, type, ...)                                                                 \
	do {                                                                                       \
		struct rec_##name told = { __VA_ARGS__ };                                          \
		tell(day, &told.h, type, sizeof(told));                                            \
	} while (0)

/* A function of 256 bytes, called from the same few places, has a name and a line. */
static void name_code(struct day *day, __u64 offset)
{
	struct {
		struct rec_symbol symbol;
		char entries[80];
	} rec = { { .ino = 9, .dev = 1, .offset = offset, .nr = 1, .start_delta = offset & 255 },
		  "" };
	__u32 line = 10 + offset / 16 % 900;
	__u16 lengths[2];
	char *at = rec.entries + 8;

	lengths[0] = sprintf(at, "service_step_%llu", offset / 256);
	lengths[1] = sprintf(at + lengths[0], "service/part_%llu.c", offset / 65536);
	memcpy(rec.entries, &line, 4);
	memcpy(rec.entries + 4, lengths, sizeof(lengths));
	tell(day, &rec.symbol.h, REC_SYMBOL, sizeof(rec.symbol) + 8 + lengths[0] + lengths[1]);
}

/* Callers are shared: from main on there are ever more paths. */
static void new_stack(struct day *day)
{
	struct {
		struct rec_stack stack;
		__u64 frames[40];
	} rec = { .stack = { .space = 1, .end = STACK_END_ROOT } };
	__u32 nr = 8 + dice(&day->seed, 32);

	rec.stack.id = STACK_ID(++day->nr_stacks);
	rec.stack.nr_frames = nr;
	for (__u32 i = 0; i < nr; i++) {
		__u64 paths = 2ULL << (nr - i < 12 ? nr - i : 12);

		rec.frames[i] = CODE + 0x1000 +
				((nr - i) * 4096 + dice(&day->seed, paths)) % 30000 * 256 + 17 +
				16 * dice(&day->seed, 4);
	}
	tell(day, &rec.stack.h, REC_STACK, sizeof(rec.stack) + nr * 8);
	for (__u32 i = 0; i < nr; i++)
		name_code(day, rec.frames[i] - CODE - !!i);
}

static void new_thread(struct day *day, __u32 i)
{
	struct rec_thread rec = { .space = 1, .pid = 100, .tid = day->next_tid++ };

	if (day->tids[i])
		TELL(day, exit, REC_EXIT, .space = 1, .pid = 100, .tid = day->tids[i]);
	day->tids[i] = rec.tid;
	snprintf(rec.comm, sizeof(rec.comm), "worker-%u", i);
	tell(day, &rec.h, REC_THREAD, sizeof(rec));
}

static void begin(struct day *day)
{
	struct {
		struct rec_process process;
		char exe[16];
	} process = {
		{ .space = 1, .pid = 100, .ppid = 1, .flags = PROCESS_ROOT, .comm = "service" },
		"/srv/service"
	};
	struct {
		struct rec_map map;
		char name[16];
	} code = { { .space = 1,
		     .start = CODE,
		     .end = CODE + CODE_BYTES,
		     .ino = 9,
		     .dev = 1,
		     .prot = 5,
		     .backing = BACKING_FILE },
		   "/srv/service" };

	TELL(day, start, REC_START, .wall_ns = 1700000000000000000ULL, .page_bytes = 4096,
	     .nr_cpus = 8, .kernel = "6.12", .arch = "x86_64", .version = "day");
	tell(day, &process.process.h, REC_PROCESS, sizeof(process));
	tell(day, &code.map.h, REC_MAP, sizeof(code));
	for (int i = 0; i < NR_STACKS; i++)
		new_stack(day);
	for (int i = 0; i < NR_THREADS; i++)
		new_thread(day, i);
	TELL(day, call, REC_CALL, .space = 1, .tid = 100, .call = ++day->call, .op = VM_OP_MMAP,
	     .backing = BACKING_ANON, .gen = ++day->gen, .ret = HEAP,
	     .args = { 0, NR_TABLES * TABLE, 3, 0x22, ~0ULL, 0 }, .stack = STACK_ID(1));
}

/* An arena has been filled: it is given back, all of it. */
static void give_back(struct day *day, __u32 table)
{
	__u64 start = HEAP + table * TABLE, gen = ++day->gen;

	TELL(day, release, REC_RELEASE, .space = 1, .tid = day->tid, .call = ++day->call,
	     .nr_pages = day->resident[table], .call_gen = gen, .gen = ++day->gen,
	     .args = { start, TABLE, 4 }, .member = RSST_ANON, .op = VM_OP_MADVISE,
	     .cause = CAUSE_DONTNEED, .nr = 28);
	TELL(day, call, REC_CALL, .space = 1, .tid = day->tid, .call = day->call,
	     .op = VM_OP_MADVISE, .call_gen = gen, .gen = ++day->gen, .args = { start, TABLE, 4 });
	day->resident[table] = 0;
}

/* Few stacks do most of it. */
static __u64 pick_stack(struct day *day)
{
	__u64 one = dice(&day->seed, day->nr_stacks), other = dice(&day->seed, day->nr_stacks);
	__u64 rank = one * other / day->nr_stacks * (1 + dice(&day->seed, day->nr_stacks)) /
		     day->nr_stacks;

	return STACK_ID(1 + rank);
}

static void fault(struct day *day)
{
	if (!day->run) {
		day->run = 1 + dice(&day->seed, RUN_MAX);
		day->table = dice(&day->seed, NR_TABLES);
		day->tid = day->tids[dice(&day->seed, NR_THREADS)];
		day->stack = pick_stack(day);
	}
	if (day->resident[day->table] == 512)
		give_back(day, day->table);
	TELL(day, fault, REC_FAULT, .space = 1, .tid = day->tid,
	     .addr = HEAP + day->table * TABLE + day->resident[day->table] * PAGE,
	     .stack = day->stack, .gen = day->gen, .nr_pages = 1, .member = RSST_ANON,
	     .cause = CAUSE_FAULT, .flags = FAULT_WRITE);
	day->resident[day->table]++;
	day->run--;
	day->nr_faults++;
}

/* A file is mapped, read, and unmapped; each time another one. */
static void visit_file(struct day *day)
{
	struct {
		struct rec_object object;
		char path[40];
	} name = { { .ino = 1000 + day->nr_files, .dev = 2 }, "" };
	__u64 gen = ++day->gen, pages = 16;

	TELL(day, call, REC_CALL, .space = 1, .tid = day->tids[0], .call = ++day->call,
	     .op = VM_OP_MMAP, .backing = BACKING_FILE, .call_gen = gen, .gen = ++day->gen,
	     .ret = FILES, .args = { 0, TABLE, 1, 1, 3, 0 }, .stack = STACK_ID(1),
	     .ino = name.object.ino, .dev = 2);
	sprintf(name.path, "/srv/data/segment-%u.dat", day->nr_files++);
	tell(day, &name.object.h, REC_OBJECT, sizeof(name));
	TELL(day, fault, REC_FAULT, .space = 1, .tid = day->tids[0], .addr = FILES,
	     .stack = pick_stack(day), .gen = day->gen, .nr_pages = pages, .member = RSST_FILE,
	     .cause = CAUSE_FAULT, .flags = FAULT_AROUND);
	day->nr_faults++;
	gen = ++day->gen;
	TELL(day, release, REC_RELEASE, .space = 1, .tid = day->tids[0], .call = ++day->call,
	     .nr_pages = pages, .call_gen = gen, .gen = ++day->gen, .args = { FILES, TABLE },
	     .member = RSST_FILE, .op = VM_OP_MUNMAP, .cause = CAUSE_MUNMAP, .nr = 11);
	TELL(day, call, REC_CALL, .space = 1, .tid = day->tids[0], .call = day->call,
	     .op = VM_OP_MUNMAP, .call_gen = gen, .gen = ++day->gen, .args = { FILES, TABLE });
}

static void mark(struct day *day, __u64 nr)
{
	struct {
		struct rec_mark mark;
		char label[32];
	} rec = { { .from = MARK_SOCKET, .pid = 7 }, "" };

	snprintf(rec.label, sizeof(rec.label), "batch %llu", nr);
	tell(day, &rec.mark.h, REC_MARK, sizeof(rec));
}

static void tick(struct day *day)
{
	__s64 pages = 0;

	for (int i = 0; i < NR_TABLES; i++)
		pages += day->resident[i];
	TELL(day, counters, REC_COUNTERS, .space = 1, .pages = { 0, pages, 0, 0 });
	TELL(day, tick, REC_TICK, .h = { 0 });
}

/* What happens besides faults. */
static void once_a_second(struct day *day, __u64 second)
{
	if (second % 10 == 0)
		new_stack(day);
	if (second % 30 == 7)
		new_thread(day, dice(&day->seed, NR_THREADS));
	if (second % 60 == 11)
		visit_file(day);
	if (second % 60 == 30)
		mark(day, second / 60);
}

static void run_tick(struct day *day, __u64 nr)
{
	__u64 end = (nr + 1) * TICK_NS, step = TICK_NS / (day->faults_a_tick + 1);

	if (nr % 10 == 0)
		once_a_second(day, nr / 10);
	for (__u32 i = 0; i < day->faults_a_tick; i++) {
		day->ts += step / 2 + dice(&day->seed, step);
		if (day->ts >= end)
			day->ts = end - 1;
		fault(day);
	}
	day->ts = end;
	tick(day);
}

/* kB of /proc/self/status */
static unsigned long own_kib(const char *what)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[128];
	unsigned long kib = 0;

	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, what, strlen(what)))
			kib = strtoul(line + strlen(what), NULL, 10);
	if (status)
		fclose(status);
	return kib;
}

static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void tell_stage(const struct day *day)
{
	printf("{\"hours\":%.3f,\"faults\":%llu,\"records\":%llu,\"file_bytes\":%llu,"
	       "\"stacks\":%u,\"rss_bytes\":%lu,\"cpu_s\":%.2f}\n",
	       day->ts / 3600e9, day->nr_faults, day->nr_records, trace_writer__bytes(day->writer),
	       session__nr_stacks(day->session), own_kib("VmRSS:") << 10, cpu_s());
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct day day = { .session = session__new(), .seed = 1, .gen = 1, .next_tid = 101 };
	unsigned long faults, stages;
	struct err err = { "" };
	__u64 nr_ticks;

	if (argc < 3)
		die("usage: day OUT HOURS [FAULTS_A_SECOND] [STAGES]");
	nr_ticks = strtod(argv[2], NULL) * 36000;
	faults = argc > 3 ? strtoul(argv[3], NULL, 10) : 1000;
	stages = argc > 4 ? strtoul(argv[4], NULL, 10) : 24;
	day.faults_a_tick = faults / 10;
	day.writer = trace_writer__open(argv[1], true, &err);
	if (!day.writer || !day.session || !stages || nr_ticks < stages)
		die(err.text);
	begin(&day);
	for (__u64 nr = 0; nr < nr_ticks; nr++) {
		run_tick(&day, nr);
		if ((nr + 1) % (nr_ticks / stages) == 0)
			tell_stage(&day);
	}
	TELL(&day, end, REC_END, .why = END_ASKED);
	trace_writer__note(day.writer, day.session);
	if (trace_writer__close(day.writer, &err))
		die(err.text);
	session__free(day.session);
	return 0;
}
