/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel side's unwinder tells the live side at once, in a ring of its own: code it has no
 * table for, and stacks it could not walk to their end. Not part of the trace.
 */
#ifndef RSSTRACE_UNWIND_NEWS_ABI_H
#define RSSTRACE_UNWIND_NEWS_ABI_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#define UNWIND_NEWS_BYTES (8U << 20)
#define UNWIND_COPY_PAGE_BYTES 4096U
#define UNWIND_COPY_USUAL_PAGES 8U /* where nothing says how deep the stack is */
#define UNWIND_COPY_MAX_PAGES 32U
#define UNWIND_COPY_ENDS (1ULL << 63)
#define UNWIND_EXEC_PATH_MAX 160
#define UNWIND_NR_REGS 17 /* by DWARF number, the last is the pc */
#define UNWIND_REG_SP 7
#define UNWIND_REG_PC 16

/*
 * So many copies in each span of 2^UNWIND_SPAN_SHIFT ns, 67 ms: a program whose code nobody can
 * unwind costs 15 000 a second, some 3 us each, and no more. What was not needed is kept for when
 * it is, up to so many: one that begins, or loads a large library, meets thousands of stacks
 * before the tables are there, and then none.
 */
#define UNWIND_SPAN_SHIFT 26
#define UNWIND_COPIES_A_SPAN 1024
#define UNWIND_COPIES_KEPT 8192

/* With so much in the ring its reader is woken, each 2^UNWIND_WAKE_SHIFT ns, 1 ms. */
#define UNWIND_NEWS_WAKE_BYTES (UNWIND_NEWS_BYTES / 8)
#define UNWIND_WAKE_SHIFT 20

enum unwind_news_kind {
	UNWIND_NEWS_INVALID = 0,
	UNWIND_NEWS_CODE = 1,  /* struct unwind_code */
	UNWIND_NEWS_STACK = 2, /* struct unwind_copy */
	UNWIND_NEWS_EXEC = 3,  /* struct unwind_exec */
};

struct unwind_news {
	__u32 kind; /* enum unwind_news_kind */
	__u32 space;
	__u32 pid;
	__u32 nr_pages; /* of a copy; else 0 */
};

/*
 * File (dev, ino) is executable in [start, end) of the space and awaits its table; with start 0 the
 * space has code that is not in its set, or no set.
 */
struct unwind_code {
	struct unwind_news news;
	__u64 start, end;
	__u64 ino;
	__u32 dev;
	__u32 pad;
};

/* A process runs a program from its start in a new space: file (dev, ino), its first executable
 * segment in [start, end). */
struct unwind_exec {
	struct unwind_news news;
	__u64 start, end;
	__u64 ino;
	__u32 dev;
	__u32 pad;
	char path[UNWIND_EXEC_PATH_MAX]; /* as execve(2) was told, cut off */
};

/* The registers of a thread and the pages of its stack from the one sp lies in. */
struct unwind_copy {
	struct unwind_news news;
	__u64 id;	 /* of the REC_STACK that says how far the kernel side came */
	__u64 losses;	 /* of its space so far, see struct unwind_space */
	__u64 start;	 /* address of words[0] */
	__u64 readable;	 /* bit i: page i could be read; UNWIND_COPY_ENDS: the rest was not tried */
	__u32 nr_frames; /* the kernel side found, and how it ended */
	__u32 end;
	__u64 regs[UNWIND_NR_REGS];
	__u64 words[];
};

#endif
