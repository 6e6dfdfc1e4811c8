/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record: the one unit everything in rsstrace is made of.
 *
 * The BPF programs write records into the ring buffer, the live side adds what it learned elsewhere (maps, residency,
 * names, kernel counters) as records of its own, the trace holds the same bytes, and the model reads nothing else.
 *
 * Invariants
 *  - Every record starts with struct rec and is `size` bytes long, a multiple of 8, at most RSST_REC_MAX.
 *  - Integers are little-endian, fixed width; there is no padding (checked with -Wpadded).
 *  - Type values are never reused. A reader skips a type it does not know, and counts it.
 *  - A string is the last member, NUL-terminated within `size` and zero-filled to the multiple of 8.
 *  - The order of records is the order of the stream, not of their timestamps: inside the kernel a record is reserved
 *    under the page-table lock of the change it tells, so stream order is the kernel's own order for each page.
 */
#ifndef RSSTRACE_RECORD_ABI_H
#define RSSTRACE_RECORD_ABI_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#define RSST_REC_MAX 8192
#define RSST_COMM_LEN 16
#define RSST_MAX_FRAMES 512
#define RSST_NR_MEMBERS 4

/* mm->rss_stat[] indices; the same in every kernel from 5.10 on (include/linux/mm_types_task.h) */
enum rsst_member {
	RSST_FILE = 0,
	RSST_ANON = 1,
	RSST_SWAP = 2, /* not part of RSS */
	RSST_SHMEM = 3,
};

enum rec_type {
	REC_INVALID = 0,
	/* written by the kernel side */
	REC_FAULT = 1,
	REC_RELEASE = 2,
	REC_POPULATE = 3,
	REC_DELTA = 4,
	REC_CALL = 5,
	REC_AREA = 6,
	REC_STACK = 7,
	REC_FORK = 8,
	REC_EXEC = 9,
	REC_EXIT = 10,
	REC_SPACE_END = 11,
	REC_COUNTERS = 12,
	REC_THREAD = 13,
	REC_NAMED = 14,
	/* synthesised by the live side */
	REC_START = 32,
	REC_PROCESS = 33,
	REC_MAP = 34,
	REC_PAGES = 35,
	REC_OBJECT = 36,
	REC_SYMBOL = 37,
	REC_STATS = 38,
	REC_TICK = 39,
	REC_END = 40,
	REC_MARK = 41,
	REC_OVERHEAD = 42,
	/* 48 to 52: checkpoint_abi.h, trace_format.h */
	REC_CHECKPOINT = 48,
	REC_STATE = 49,
	REC_CHECKPOINT_END = 50,
	REC_GAP = 51,
	REC_INDEX = 52,
	NR_REC_TYPES = 53,
};

/* Why pages came or went. In JSON and text by the names in user/view/cause_names.c. */
enum rsst_cause {
	CAUSE_INVALID = 0,
	CAUSE_FAULT = 1,	/* fault taken in user mode */
	CAUSE_FAULT_KERNEL = 2, /* fault taken in kernel mode on a user address (read(2) into fresh memory, ...) */
	CAUSE_POPULATE = 3,	/* gain inside a call with no fault: MAP_POPULATE, mlock, pinning (GUP) */
	CAUSE_SWAP_IN = 4,
	CAUSE_FORK = 5, /* copy into a child's address space */
	CAUSE_EXEC = 6,
	CAUSE_COLLAPSE = 7, /* khugepaged, MADV_COLLAPSE */
	CAUSE_REMOTE = 8,   /* another process worked on this address space */
	CAUSE_UFFD = 9,
	CAUSE_MUNMAP = 10,
	CAUSE_DONTNEED = 11, /* MADV_DONTNEED, MADV_REMOVE, MADV_FREE */
	CAUSE_BRK = 12,
	CAUSE_MREMAP = 13,
	CAUSE_MMAP_FIXED = 14, /* mmap(MAP_FIXED) over live memory */
	CAUSE_SHMDT = 15,
	CAUSE_TRUNCATE = 16,
	CAUSE_RECLAIM = 17,
	CAUSE_SWAP_OUT = 18,
	CAUSE_EXIT = 19,
	CAUSE_OOM = 20,
	CAUSE_KTHREAD = 21, /* a kernel thread that is neither reclaim nor collapse */
	CAUSE_LOST = 22,    /* the ring was full; the amount is known, the rest is not */
	CAUSE_OTHER = 23,   /* in a system call this enum does not name */
	NR_CAUSES = 24,
};

/* The VMA-changing calls, independent of the architecture's system call numbers. */
enum vm_op {
	VM_OP_NONE = 0,
	VM_OP_MMAP = 1,
	VM_OP_MUNMAP = 2,
	VM_OP_MREMAP = 3,
	VM_OP_BRK = 4,
	VM_OP_MPROTECT = 5,
	VM_OP_MADVISE = 6,
	VM_OP_SHMAT = 7,
	VM_OP_SHMDT = 8,
	VM_OP_MLOCK = 9,
	VM_OP_TRUNCATE = 10, /* truncate, ftruncate, fallocate, open(O_TRUNC) */
	VM_OP_EXEC = 11,
	VM_OP_OTHER = 12,
	NR_VM_OPS = 13,
};

/* What a mapping is backed by, as the kernel side can tell it. */
enum map_backing {
	BACKING_UNKNOWN = 0,
	BACKING_ANON = 1,
	BACKING_FILE = 2,
	BACKING_SHMEM = 3,
	BACKING_HUGETLB = 4,
	BACKING_SPECIAL = 5, /* vdso, vvar, device memory: never in RSS */
};

struct rec {
	__u16 type; /* enum rec_type */
	__u16 pad;  /* 0 */
	__u32 size; /* bytes, header included */
	__u64 ts;   /* CLOCK_MONOTONIC, ns */
};

#define FAULT_COW (1 << 0)    /* replaces a file page of this address: RSST_FILE -1 (or SHMEM) came with it */
#define FAULT_AROUND (1 << 1) /* nr_pages lie around addr (fault-around, large folio), not from addr on */
#define FAULT_WRITE (1 << 2)  /* a write; early traces do not tell: without it the fault may be either */

/*
 * Stacks may be sampled (--overhead): of pages that came together, nr of them, the stack was taken with the chance
 * nr / 2^shift, 1 at most. The others have a stack whose end is STACK_END_UNSAMPLED. Flags of REC_FAULT and REC_POPULATE;
 * shift 0: it was taken for sure. A run is not of sampled ones.
 */
#define SAMPLE_SHIFT(flags) ((flags) >> 3)
#define SAMPLE_FLAGS(shift) ((shift) << 3)
#define SAMPLE_SHIFT_MAX 10

/*
 * Pages arrived by a fault. One record a fault, or one for a run of faults on adjacent pages by one stack.
 * addr is page-aligned: the first page, or with FAULT_AROUND the page that faulted. `gen` is the global generation when
 * the pages arrived: it is bumped by every record that is not a FAULT, and by each entry into a VM call.
 */
struct rec_fault {
	struct rec h;
	__u32 space; /* address-space id, see REC_PROCESS */
	__u32 tid;
	__u64 addr;
	__u64 stack; /* REC_STACK id, 0: none */
	__u64 gen;
	__u32 nr_pages;
	__u8 member; /* enum rsst_member */
	__u8 cause;  /* CAUSE_FAULT, CAUSE_FAULT_KERNEL or CAUSE_SWAP_IN */
	__u8 flags;  /* FAULT_*, SAMPLE_FLAGS() */
	__u8 cow_member; /* with FAULT_COW: the member that lost one page */
};

#define RELEASE_SOFT (1 << 0) /* nr_pages may have been mixed up with another release that flushed at the same instant */

#define RELEASE_GUESSED (1 << 1) /* of a call whose begin was not seen: it may be the next one with the same arguments */

/*
 * nr_pages of one page table (2 MiB) left inside a VM call. args are the call's: the range follows from op and args.
 * Releases of one call come in ascending address order, one record a table and member. Only a soft release may tell 0
 * pages or less: another told its pages, or it took back what another told too much. One of VM_OP_NONE belongs to no call:
 * it stands before REC_COUNTERS and tells what concurrent events left untold.
 */
struct rec_release {
	struct rec h;
	__u32 space;
	__u32 tid;
	__u32 call; /* number of this call in this thread */
	__s32 nr_pages;
	__u64 call_gen; /* generation at the call's entry */
	__u64 gen;
	__u64 args[4];
	__u8 member;
	__u8 op; /* enum vm_op */
	__u8 flags;
	__u8 cause;
	__u32 nr; /* the architecture's system call number */
};

#define POPULATE_PLACED (1 << 0) /* the call's REC_CALL is told: [args[0], args[0] + args[1]) is being filled */

/* nr_pages arrived inside a call without a fault (GUP). Their addresses follow from the call, see REC_CALL. */
struct rec_populate {
	struct rec h;
	__u32 space;
	__u32 tid;
	__u32 call;
	__u32 nr_pages;
	__u64 gen;
	__u64 stack;
	__u64 args[4];
	__u8 member;
	__u8 op;
	__u8 flags; /* POPULATE_*, SAMPLE_FLAGS() */
	__u8 cause;
	__u32 nr;
};

/* The counter of `member` moved by delta pages; nothing tells where. tid/comm: who did it. */
struct rec_delta {
	struct rec h;
	__u32 space;
	__u32 tid;
	__u64 gen;
	__s32 delta;
	__u8 member;
	__u8 cause;
	__u16 nr; /* system call number when inside one, else 0xffff */
	char comm[RSST_COMM_LEN];
};

/*
 * A VM call returned, or (from Linux 6.14 on) is about to unlock the address space it changed. dev, ino and backing describe
 * what an mmap or shmat mapped. args are the call's, but for what the kernel side knows better: args[1] of a brk is the
 * break before it (0: unknown), args[5] of a shmat the length (0: unknown).
 * Told before it returned, ret is what follows from the address space, args[1] of an mprotect is how far it got, and
 * call_gen is gen: whatever stands before it in the stream came before what the call did.
 */
struct rec_call {
	struct rec h;
	__u32 space;
	__u32 tid;
	__u32 call;
	__u8 op;
	__u8 backing; /* enum map_backing, mmap and shmat only */
	__u16 pad;
	__u64 call_gen;
	__u64 gen;
	__s64 ret;
	__u64 args[6];
	__u64 stack;
	__u64 ino;
	__u32 dev; /* as stat(2) st_dev in the kernel's new encoding: major << 20 | minor */
	__u32 pad2;
};

/*
 * mm/mmap.c chose [addr, addr + len) for a call that is still running (tp mmap:vm_unmapped_area). The range is free in
 * the kernel at this point of the stream; for 2 MiB multiples it is wider than what the call will get. Not told of an
 * mmap on Linux 6.14 and later, whose REC_CALL stands before anything that can happen in its range.
 */
struct rec_area {
	struct rec h;
	__u32 space;
	__u32 tid;
	__u32 call;
	__u8 op;
	__u8 pad[3];
	__u64 gen;
	__u64 addr;
	__u64 len;
	__u64 args[4];
};

#define NAMED_MAX 80 /* ANON_VMA_NAME_MAX_LEN of the kernel, the NUL included */

/*
 * prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME) over the anonymous memory in [start, end) returned @ret: 0, or what stopped it
 * (the kernel goes on past holes, and stops at a mapping of a file). An empty name takes one away. Linux 5.17, man 2 PR_SET_VMA.
 */
struct rec_named {
	struct rec h;
	__u32 space;
	__u32 tid;
	__u64 gen;
	__u64 start;
	__u64 end;
	__s32 ret;
	__u32 pad;
	char name[];
};

/* How the walk of a user stack ended. */
enum stack_end {
	STACK_END_INVALID = 0,
	STACK_END_ROOT = 1,	  /* reached the outermost frame: complete */
	STACK_END_FRAMEPTR = 2,	  /* followed frame pointers; nothing says whether it is complete */
	STACK_END_NO_MAPPING = 3, /* pc in no known executable mapping */
	STACK_END_NO_RULE = 4,	  /* no unwind rule for the pc */
	STACK_END_UNSUPPORTED = 5,
	STACK_END_READ = 6, /* user memory not readable without a fault */
	STACK_END_DEPTH = 7,
	STACK_END_ZERO = 8, /* return address 0 */
	STACK_END_UNSAMPLED = 9, /* none was taken: no frames; sampled ones stand for it */
	NR_STACK_ENDS = 10,
};

/*
 * Defines a stack id of a space: program counters, innermost first; each but the first is a return address. One that did
 * not reach its root may be told again, walked further: the better definition holds.
 */
struct rec_stack {
	struct rec h;
	__u64 id; /* hash of the space and of what the walk found, never 0 */
	__u32 space;
	__u16 nr_frames;
	__u8 end; /* enum stack_end */
	__u8 pad;
	__u64 frames[];
};

/* A followed process made a child: new address space, whose counters start at pages[]. child == parent: shared (vfork). */
struct rec_fork {
	struct rec h;
	__u32 space;
	__u32 child_space;
	__u32 pid;
	__u32 child_pid;
	__u64 gen;
	__s64 pages[RSST_NR_MEMBERS];
	char comm[RSST_COMM_LEN];
};

/* Process pid replaced its image: from here on it lives in new_space, whose counters start at pages[]. */
struct rec_exec {
	struct rec h;
	__u32 old_space;
	__u32 new_space;
	__u32 pid;
	__u32 pad;
	__u64 gen;
	__s64 pages[RSST_NR_MEMBERS];
	char comm[RSST_COMM_LEN];
	char filename[128];
};

/* Thread tid ended; group_dead: it was the last of its process. exit_code as in wait(2). */
struct rec_exit {
	struct rec h;
	__u32 space;
	__u32 pid;
	__u32 tid;
	__u32 exit_code;
	__u32 group_dead;
	__u32 pad;
};

/* The address space is gone; its id is never used again. */
struct rec_space_end {
	struct rec h;
	__u32 space;
	__u32 pad;
};

/*
 * The kernel's own counters of a space, exact (all CPUs summed), in stream order: every record before it is in it.
 * lost: cumulative pages whose record did not fit into the ring. hiwater: mm->hiwater_rss.
 */
struct rec_counters {
	struct rec h;
	__u32 space;
	__u32 pad;
	__s64 pages[RSST_NR_MEMBERS];
	__s64 lost[RSST_NR_MEMBERS];
	__u64 hiwater_pages;
};

struct rec_thread {
	struct rec h;
	__u32 space;
	__u32 pid;
	__u32 tid;
	__u32 pad;
	char comm[RSST_COMM_LEN];
};

/* First record of every stream. wall_ns: CLOCK_REALTIME at h.ts. */
struct rec_start {
	struct rec h;
	__u64 wall_ns;
	__u32 page_bytes;
	__u32 nr_cpus;
	char kernel[64];  /* uname -r */
	char arch[16];	  /* uname -m */
	char version[32]; /* of the rsstrace that wrote the stream */
};

#define PROCESS_ROOT (1 << 0)	  /* named by the user: -p or -- CMD; otherwise a followed child */
#define PROCESS_LAUNCHED (1 << 1) /* started by us, traced from its first instruction */

/* A process is traced from here on; its address space is `space`; its counters were pages[] when the hooks went live. */
struct rec_process {
	struct rec h;
	__u32 space;
	__u32 pid;
	__u32 ppid;
	__u32 flags;
	__s64 pages[RSST_NR_MEMBERS];
	char comm[RSST_COMM_LEN];
	char exe[];
};

#define MAP_SNAPSHOT_RESET (1 << 0) /* first of a full snapshot: forget every region of the space; start == end if none follows */

/* Found out after records had been lost: pages may have come or gone there unseen. */
#define MAP_FOUND (1 << 1)
#define MAP_GONE (1 << 2) /* the same, and nothing is mapped in [start, end) */

/* [start, end) is this mapping and nothing else; replaces what the region map holds there. From /proc/PID/maps. */
struct rec_map {
	struct rec h;
	__u32 space;
	__u32 flags;
	__u64 start;
	__u64 end;
	__u64 pgoff; /* bytes */
	__u64 ino;
	__u32 dev;
	__u8 prot;    /* PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4 */
	__u8 shared;  /* 1: MAP_SHARED */
	__u8 backing; /* enum map_backing */
	__u8 pad;
	char name[]; /* last column of the maps line; empty: none */
};

enum pages_why {
	PAGES_INVALID = 0,
	PAGES_ATTACH = 1, /* were there when tracing of this space began */
	PAGES_FOUND = 2,  /* the reconciler found them resident: nothing tells by whom */
	PAGES_GONE = 3,	  /* the reconciler found them gone */
	PAGES_SEEN = 4,   /* checked: the range holds just what the PAGES_FOUND records of it say; ends a dispute */
};

/* nr_pages from addr are resident as `member` (or not, for PAGES_GONE); pages already as told keep their owner. */
struct rec_pages {
	struct rec h;
	__u32 space;
	__u32 why; /* enum pages_why */
	__u64 addr;
	__u64 nr_pages;
	__u32 member;
	__u32 pad;
};

#define OBJECT_SHMEM (1 << 0) /* memfd, tmpfs, System V: its pages count as RSST_SHMEM */
#define OBJECT_DELETED (1 << 1)

/* Names the file (dev, ino). build_id_len 0: none. */
struct rec_object {
	struct rec h;
	__u64 ino;
	__u32 dev;
	__u32 flags;
	__u32 build_id_len; /* <= 32 */
	__u32 pad;
	__u8 build_id[32];
	char path[];
};

/*
 * What the code at (dev, ino, offset) is called: nr entries, innermost inlined function first, each
 * { __u32 line (0: unknown), __u16 name_len, __u16 file_len, name, file } back to back, unpadded, no NULs.
 * name_len 0: unknown. Code outside any file: ino 0, dev 0, offset = address, space as in the stack.
 * A frame's offset is that of the instruction looked up: pc for the innermost frame, pc - 1 for return addresses.
 */
struct rec_symbol {
	struct rec h;
	__u64 ino;
	__u64 offset; /* file offset, bytes */
	__u32 dev;
	__u32 space;
	__u32 nr;
	__u32 start_delta; /* offset - start of the function's range, bytes; 0xffffffff: unknown */
	__u8 entries[];
};

/* Kernel-side counters, cumulative, in the order of counters.h. */
struct rec_stats {
	struct rec h;
	__u32 nr;
	__u32 pad;
	__u64 values[];
};

/*
 * Time: everything that happened before h.ts is in the stream. The only record that closes intervals and windows.
 * Directly before a tick stand fresh REC_COUNTERS of every living space and the names of every stack so far worth one.
 */
struct rec_tick {
	struct rec h;
};

enum end_why {
	END_INVALID = 0,
	END_TARGET = 1, /* every followed process is gone */
	END_ASKED = 2,	/* Ctrl-C, SIGTERM, --duration */
	END_FAULT = 3,	/* the tracer had to stop: disk full, ... */
	END_PART = 4,	/* the stream goes on in another file (--rotate, --keep) */
};

/* Last record of a stream that was closed in order. exit_code: of the launched command, as wait(2), else 0. */
struct rec_end {
	struct rec h;
	__u32 why;
	__u32 exit_code;
};

/* Who set a mark, and so how `pid` is known. In JSON and text by the names in user/view/mark_names.c. */
enum mark_from {
	MARK_INVALID = 0,
	MARK_SOCKET = 1,  /* a line on the recorder's socket, `rsstrace mark` among them; pid: the peer's */
	MARK_FIFO = 2,	  /* a line in the --marks FIFO; pid 0: it does not tell */
	MARK_SIGNAL = 3,  /* SIGUSR1 to the recorder; pid: the sender's */
	MARK_PROBE = 4,	  /* the target ran into its USDT probe rsstrace:mark */
	MARK_TRIGGER = 5, /* a --trigger fired; pid: the recorder's */
	MARK_OOM = 6,	  /* the kernel chose the followed process pid as a victim (oom:mark_victim); tid: who was out of memory */
	NR_MARK_FROMS = 7,
};

/*
 * What tracing cost since the record before, of a run with --overhead, or one that takes fewer stacks unasked: from a
 * quarter of a second before it first did. All of it is CPU time; kernel_ns is what the programs ran, in whosever context, estimated from slices of the time.
 */
struct rec_overhead {
	struct rec h;
	__u64 target_ns; /* that the followed processes ran, our programs included */
	__u64 kernel_ns;
	__u64 tracer_ns;
	__u32 budget_ppm; /* of target_ns */
	__u32 shift;	  /* stacks are sampled with this from here on */
};

#define MARK_LABEL_MAX 64 /* bytes, NUL included */

/*
 * A moment somebody gave a name. What happened before stands before it in the stream; the next REC_TICK, sent at once, is
 * the moment itself. Labels need not be unique. After MARK_OOM what is resident is already being taken away.
 */
struct rec_mark {
	struct rec h;
	__u32 from; /* enum mark_from */
	__u32 pid;  /* 0: unknown */
	__u32 tid;  /* 0: unknown */
	__u32 pad;
	char label[]; /* 1 to MARK_LABEL_MAX - 1 bytes of UTF-8, no control characters */
};

#endif
