/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sizes and map values shared by the BPF programs and the live side. Not part of the trace. */
#ifndef RSSTRACE_CONFIG_ABI_H
#define RSSTRACE_CONFIG_ABI_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#define RSST_MAX_SPACES                                                                            \
	1024 /* followed address spaces of one session, dead ones included; a power of two */
#define RSST_MAX_THREADS                                                                           \
	16384 /* of all spaces; before Linux 6.2 only, later kernels keep them with the task */
#define RSST_MAX_CPUS 256
#define RSST_RING_BYTES (8U << 20)

/* Constants of the programs, set before they are loaded. */
struct kernel_settings {
	__u32 nr_cpus;	       /* possible CPUs */
	__s32 percpu_batch;    /* max(32, 2 * online CPUs), lib/percpu_counter.c */
	__u64 ring_watermark;  /* bytes waiting that wake the live side */
	__u32 follow_children; /* 0 or 1 */
	__u32 by_locks;	       /* VM calls are told of when they let go of the address space, not by
				  their tracepoints: 0 or 1 */
};

/* Where to a sum goes, that of tell_counters, too. */
enum ask_tell {
	SUM_ANSWER = 0,	   /* as answer_pages */
	SUM_TELL = 1,	   /* into the ring, or answer_again */
	SUM_TELL_LAST = 2, /* into the ring, whatever else is on its way there */
};

/* Why a question is to be asked again. */
enum answer_again {
	AGAIN_NOT = 0,
	AGAIN_BUSY = 1,	     /* an event is under way */
	AGAIN_UNCLAIMED = 2, /* answer_pages are nobody's yet */
};

/* What the live side asks of the programs it runs on demand, and what they answer. One question at
 * a time. */
struct kernel_dialog {
	__u32 ask_tgid;	      /* adopt_task: the process to follow */
	__u32 ask_space;      /* sum_batched: the space to sum */
	__u32 ask_tell;	      /* sum_batched: enum ask_tell */
	__u32 answer_space;   /* adopt_task: its id, 0: none */
	__u32 answer_kthread; /* adopt_task: 1: it has no address space */
	__u32 answer_again;   /* sum_batched, tell_counters, adopt_cpu: enum answer_again */
	__u32 sample_shift;   /* what SAMPLE_FLAGS() tells; 0: every stack is taken */
	__u32 learned_times;  /* learn_fault_frame: faults that were found, */
	__u64 learned_frame;  /* bytes from the lower end of the kernel stack; */
	__u32 learned_other;  /* 1: one that was not, or elsewhere */
	__u32 pad;
	__u64 learn_addr;      /* the address it waits for; 0: none */
	__u64 fault_frame;     /* what it learned, to be used; 0: page_fault_user is attached */
	__s64 answer_pages[4]; /* adopt_task: of what the space has; adopt_cpu adds what it missed
				*/
	__u64 last_space;      /* id the newest space got */
};

/*
 * mremap(2)s of followed spaces, by the system calls' tracepoints: between the two the kernel has
 * moved pages, and no record says so yet. Stays 0 where calls are told before they let go of the
 * lock.
 */
struct vm_moves {
	__u64 begun;
	__u64 told;
};

/* Value of the `spaces` map, keyed by the address of the mm_struct. */
struct space_ref {
	__u32 space; /* 1 .. RSST_MAX_SPACES - 1 */
	__u32 tgid;  /* process that owns it */
};

/* Per space: what of the shared counters has been told so far, and what was lost on the way. Pages.
 */
struct space_state {
	__u64 mm; /* address of the mm_struct; 0: gone */
	__u32 tgid;
	__u32 pad;
	__s64 last_count[4]; /* percpu_counter.count already attributed to an event */
	__s64 lost[4];	     /* pages whose record did not fit */
	__u32 lock_seq;	 /* mm->mm_lock_seq when it was last seen taken for writing; 0: not yet */
	__u32 lock_open; /* it was not seen released since: 0 or 1 */
	/* before Linux 6.2 only, see bpf/rss_batched.bpf.h and bpf/batched_sum.bpf.h */
	__u64 claiming;	  /* 1 while somebody claims what last_count lacks */
	__s64 counted[4]; /* what the records so far add up to, lost ones among them */
	__s64 drift[4];	  /* by how much the kernel's counters were found to differ from that, twice
			   */
	__s64 drift_seen[4]; /* the last time */
	__u64 begun,
		done; /* changes of counted, last_count, synced: equal while none is under way */
};

/* Per space and CPU, index space * nr_cpus + cpu. */
struct space_cpu {
	__s32 slot[4]; /* this CPU's percpu_counter slot when last looked at */
	__u64 busy;    /* odd while an event is between its two updates */
	__u64 events;  /* odd while an event is being told: counted by the kernel, not in the ring
			  yet */
	/* faults on adjacent pages not told yet, bpf/fault_runs.bpf.h; or like what they would be
	 */
	__u64 run;	/* RUN_WORD(); 0: none */
	__u64 run_next; /* the page that would follow */
	__u64 run_stack;
	__u64 run_gen;
	__u32 run_tid;
	__u8 run_member;
	__u8 run_cause;
	__u8 run_flags;
	__u8 pad;
	__u32 run_version; /* of the fields, from one run to the next */
	__u32 followed;	   /* 0: adopt_cpu has yet to come, events are not told; else 1 */
};

/* Per process that may fork, exec or exit under trace, keyed by tgid. */
struct proc_ref {
	__u32 space;
	__u32 pad;
};

#endif
