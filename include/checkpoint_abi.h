/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checkpoints: the model's state at one place of the stream, as records. A session that has read nothing but REC_START
 * takes them over and goes on as if it had read everything before; any other passes over them.
 *
 *   REC_CHECKPOINT, REC_STATE, REC_STATE, ..., REC_CHECKPOINT_END
 *
 * Invariants
 *  - A checkpoint stands directly behind a REC_TICK and carries its ts; no other record stands inside it.
 *  - A REC_STATE holds `nr` items of one sort, the sort's struct below, back to back; OBJECT, SPACE, STACK and TABLE
 *    hold one, with a variable end. What an item refers to was told before it.
 *  - Numbers of names, objects, frames and stacks are those of the writer's own tables: the first told is 1, stacks
 *    start at 3, and 0 means none (0, 1, 2 for owners as in enum page_owner).
 *  - It says what the rules of the model made of the stream. Rules change: a reader of another CHECKPOINT_MODEL reads
 *    the stream from its start, and uses a checkpoint only behind damage, where there is nothing better.
 */
#ifndef RSSTRACE_CHECKPOINT_ABI_H
#define RSSTRACE_CHECKPOINT_ABI_H

#include "record_abi.h"

#define CHECKPOINT_MODEL 5 /* goes up with each change of what the model makes of the same records */

struct rec_checkpoint {
	struct rec h;
	__u32 model; /* CHECKPOINT_MODEL of the writer */
	__u32 nr_roots;
	__u64 record_ts; /* ns since the start of the stream */
	__u64 now;	 /* the same of the last tick */
	__u64 events;	 /* records fed so far */
	__u64 gen;
	__u64 settled;
	__u64 faults;
	__s64 rss_pages;
	__u64 peak_pages;
	__u64 peak_ts;
	__u64 nr_bad;
	__u64 nr_ignored;
	__u64 nr_truncated; /* stacks */
};

struct rec_checkpoint_end {
	struct rec h;
	__u64 nr_states; /* REC_STATE records of this checkpoint */
};

enum state_sort {
	STATE_INVALID = 0,
	STATE_NAME = 1,	   /* nr strings, each with its NUL */
	STATE_OBJECT = 2,  /* struct state_object */
	STATE_FRAME = 3,   /* struct state_frame[nr] */
	STATE_ENTRY = 4,   /* struct state_entry[nr] */
	STATE_STACK = 5,   /* struct state_stack and __u32 frames[nr], innermost first */
	STATE_CAUSES = 6,  /* struct state_causes[nr], by enum rsst_cause; of: space, or STATE_ALL */
	STATE_COUNTERS = 7, /* __u64[nr], by enum rsst_counter */
	STATE_SPACE = 8,   /* struct state_space */
	STATE_VMA = 9,	   /* struct state_vma[nr], ascending; of: space */
	STATE_TABLE = 10,  /* struct state_table and struct state_run[nr], ascending; of: space */
	STATE_PROCESS = 11, /* struct state_process[nr], oldest first */
	STATE_CALL = 12,   /* struct state_call[nr] */
	STATE_QUEUED = 13, /* struct state_queued[nr] of the last call told */
	STATE_STASHED = 14, /* struct state_stashed[nr] of the last call told */
	STATE_FOUND = 15,  /* struct state_found[nr] */
	STATE_FINAL = 16,  /* struct state_final: what was when the last root died; SPACE, VMA, TABLE, CAUSES behind it are of that moment */
	STATE_FINAL_STACK = 17, /* struct state_pages[nr], from stack 3 on */
	STATE_THREAD = 18, /* struct state_thread[nr]; the first told is of all that found no room */
	STATE_THREAD_NAME = 19, /* struct state_thread_name[nr] */
	STATE_SERIES = 20, /* struct state_series and struct state_point[nr], oldest first; of: space, or STATE_ALL */
	STATE_FINAL_THREAD = 21, /* __u64[nr]: pages of the threads told, in their order */
	STATE_MARK = 22,   /* struct state_mark[nr], oldest first */
	STATE_SAMPLED = 23, /* struct state_sampled[nr]: stacks that stand for others; behind STATE_FINAL those of that moment */
	STATE_OVERHEAD = 24, /* struct state_overhead; told when it was measured */
	NR_STATES = 25,
};

#define STATE_ALL 0xffffffffu

struct rec_state {
	struct rec h;
	__u16 sort; /* enum state_sort */
	__u16 pad;
	__u32 of;
	__u32 nr;
	__u32 pad2;
};

struct state_object {
	__u64 ino;
	__u32 dev;
	__u32 flags; /* OBJECT_* */
	__u32 named;
	__u32 build_id_len;
	__u8 build_id[32];
	char path[];
};

struct state_frame {
	__u64 offset;
	__u32 object;
	__u32 space;
	__u32 resolved;
	__u32 start_delta;
};

/* One function at `frame`; innermost first. */
struct state_entry {
	__u32 frame;
	__u32 function; /* name; 0: unknown */
	__u32 file;	/* name; 0: unknown */
	__u32 line;
};

struct state_pages {
	__u64 rss;
	__u64 faulted;
	__u64 freed;
};

struct state_stack {
	__u64 id;
	struct state_pages pages;
	__u32 space;
	__u32 end; /* enum stack_end; STACK_END_INVALID: not defined so far */
	__u32 frames[];
};

struct state_sampled {
	__u64 stands_for;
	__u64 variance;
	__u32 stack;
	__u32 pad;
};

/* Sums of REC_OVERHEAD, and the last one's. */
struct state_overhead {
	__u64 target_ns;
	__u64 kernel_ns;
	__u64 tracer_ns;
	__u32 budget_ppm;
	__u32 shift;
};

struct state_causes {
	__u64 in[RSST_NR_MEMBERS];
	__u64 out[RSST_NR_MEMBERS];
};

struct state_space {
	__u32 alive;
	__u32 pid;
	__u32 ppid;
	__u32 flags;
	__u32 nr_processes;
	__u8 sweep_wanted[RSST_NR_MEMBERS];
	__u32 sweep_again;
	__u32 pad;
	char comm[RSST_COMM_LEN];
	__s64 counted[RSST_NR_MEMBERS];
	__s64 carried[RSST_NR_MEMBERS];
	__s64 lost[RSST_NR_MEMBERS];
	__s64 placed[RSST_NR_MEMBERS];
	__s64 surplus[RSST_NR_MEMBERS];
	__s64 by_class[3];
	__u64 brk_end;
	__u64 loss_at[RSST_NR_MEMBERS];
	__u64 gain_at[RSST_NR_MEMBERS];
	__u64 removed_at;
	__u64 sweep_next;
	__u64 faults;
	__u64 peak_pages;
	__u64 peak_ts;
	char exe[];
};

struct state_vma {
	__u64 start;
	__u64 end;
	__u64 pgoff;
	__u64 born;
	__u32 object;
	__u32 name;
	__u32 stack; /* owner */
	__u8 prot;
	__u8 shared;
	__u8 kind;    /* enum region_kind */
	__u8 backing; /* enum map_backing */
};

/* `nr` pages from page `first` of the table are alike. member 0xff: not resident, kept for an owner in doubt. */
struct state_run {
	__u32 owner;
	__u32 born;
	__u16 first;
	__u16 nr;
	__u32 member;
};

/* A table with more runs than fit into a record is told by several, each with its head. */
struct state_table {
	__u64 key; /* address >> 21 */
	__u64 touched;
	__u64 disputed_at;
	__u64 checked_at;
	__u16 guess_first;
	__u16 guess_end;
	__u32 guess_owner;
	struct state_run runs[];
};

struct state_process {
	__u32 pid;
	__u32 ppid;
	__u32 space;
	__u32 flags;
	__u32 alive;
	__u32 pad;
};

struct state_call {
	__u32 tid;
	__u32 number;
	__u32 space;
	__u8 released;
	__u8 stash_taken;
	__u8 has_vma;
	__u8 pad;
	__u64 last_key;
	__u64 last_gen;
	__u64 cursor[RSST_NR_MEMBERS];
	__u64 deferred[RSST_NR_MEMBERS];
	__u64 deferred_gen;
	__u64 populate_base;
	__u64 populate_at;
	struct state_vma vma;
};

struct state_queued {
	__u32 owner;
	__u32 born;
	__u32 unit;
	__u32 times;
	__u32 member;
	__u32 write;
};

struct state_stashed {
	__u64 offset;
	__u32 owner;
	__u32 born;
	__u32 member;
	__u32 pad;
};

struct state_mark {
	__u64 ts;
	__u64 tick_ns; /* ~0: no tick came yet */
	__u32 from;    /* enum mark_from */
	__u32 pid;
	__u32 tid;
	__u32 pad;
	char label[MARK_LABEL_MAX];
};

struct state_found {
	__u64 start;
	__u64 end;
	__u32 space;
	__u32 pad;
};

/* What a thread brought in by a stack. */
struct state_thread {
	__u64 pages;
	__u32 tid;
	__u32 space;
	__u32 owner;
	__u32 pad;
};

struct state_thread_name {
	__u32 tid;
	char comm[RSST_COMM_LEN];
	__u32 pad;
};

struct state_point {
	__u64 ts; /* ns since the start of the stream */
	__s64 pages[RSST_NR_MEMBERS];
};

/* Longer ones are told by several records, each with its head. */
struct state_series {
	__u64 stride; /* ticks a point */
	__u64 skip;   /* ticks until the next one */
	struct state_point points[];
};

struct state_final {
	__u64 faults;
	__u64 peak_pages;
	__u64 peak_ts;
	__u64 doomed; /* 1: the last root was chosen by the OOM killer, and may not be dead yet */
};

/*
 * The reader's word for what is missing where a trace is damaged; it stands in no file. h.ts: from_ts.
 * The time is a bound: what is missing happened between the last record before it and the first behind it.
 */
struct rec_gap {
	struct rec h;
	__u64 from_ts; /* CLOCK_MONOTONIC, ns */
	__u64 to_ts;
	__u64 nr_blocks;
	__u64 bytes;
};

#endif
