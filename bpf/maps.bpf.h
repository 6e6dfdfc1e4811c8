/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map and global shared by the programs, and the counters. */
#ifndef RSSTRACE_MAPS_BPF_H
#define RSSTRACE_MAPS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "record_abi.h"
#include "config_abi.h"
#include "counters.h"

const volatile struct kernel_settings settings = {};
struct kernel_dialog dialog = {};

/*
 * Bumped by every record that is not a FAULT and by each entry into a VM call; faults carry the
 * value they saw. Two births with the same generation have no release between them.
 */
__u64 generation = 1;

/* The one followed address space, or 0 when there are none or several: then `spaces` knows. */
volatile __u64 only_mm = 0;
struct space_ref only_ref = {};

/* Byte distance from a per-CPU address to CPU i's copy; learned by learn_cpu_offset. */
__u64 cpu_offset[RSST_MAX_CPUS] = {};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RSST_RING_BYTES);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RSST_MAX_SPACES);
	__type(key, __u64);
	__type(value, struct space_ref);
} spaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RSST_MAX_SPACES);
	__type(key, __u32);
	__type(value, struct space_state);
} space_states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RSST_MAX_SPACES); /* times the number of CPUs, set before load */
	__type(key, __u32);
	__type(value, struct space_cpu);
} space_cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RSST_MAX_SPACES);
	__type(key, __u32);
	__type(value, struct proc_ref);
} procs SEC(".maps");

/*
 * Memory the live side reads as it is: a map of the kernel's is read by bpf(2), which holds back
 * the programs of this CPU meanwhile (bpf_disable_instrumentation(), counted as MISSED).
 */
__u64 counters[RSST_MAX_CPUS * RSST_COUNTER_SLOTS] __attribute__((aligned(64))) = {};

struct vm_moves moves = {};

/* What a thread is doing; kept by task.bpf.h. */
struct thread_state {
	__u64 fault_addr;  /* last fault taken; 0: none yet */
	__u64 fault_mark;  /* min_flt + maj_flt when it was taken: unchanged while it is being
			      handled */
	__s32 fault_nr;	   /* the system call that it was taken in; not before Linux 6.2 */
	__u32 call;	   /* number of the VM call */
	__u8 fault_kernel; /* taken in kernel mode */
	__u8 fault_write;  /* by a write access */
	__u8 cow;	   /* member + 1 that just lost a page to copy-on-write */
	__u8 args_back;	   /* execve has taken back what it charged for arguments */
	__u8 moving;	   /* it is in vm_moves.begun, and not yet in told */
	__u64 call_gen;	   /* generation at entry of the VM call */
	__u64 old_brk;	   /* the break at that moment */
#ifndef RSST_BATCHED
	/* kept by vm_locks.bpf.h */
	__u64 old_total;     /* mm->total_vm at that moment */
	__u64 old_vma;	     /* of an mremap: the mapping to be moved, 0: none */
	__u64 area[2];	     /* the first and the last address chosen since; 0: none */
	__u64 area_bytes[2]; /* that were asked for there */
	__u64 fill_start;    /* what the last call has mapped and may still fill */
	__u64 fill_bytes;    /* 0: nothing known */
	__s64 outcome;	     /* what the call returns, see vm_outcome.bpf.h */
	__u64 outcome_bytes; /* of it: mapped by a shmat, protected by an mprotect */
	__u64 advice_start;  /* the madvise(2) that last took pages */
	__u64 advice_bytes;
	__u64 advice_mark; /* fault_mark() then */
	__u32 advice_call; /* `call` then */
	__s32 advice;
	__u32 section; /* enum vm_section */
#endif
	/* kernels before 6.2 only, see rss_batched.bpf.h */
	__s64 synced[RSST_NR_MEMBERS]; /* pages this thread has added to the shared counts */
	__s64 told[RSST_NR_MEMBERS]; /* of synced and still pending: told so far, or there at attach
				      */
};

static __always_inline void count(__u32 which)
{
	__u32 cpu = bpf_get_smp_processor_id() & (RSST_MAX_CPUS - 1);

	counters[cpu * RSST_COUNTER_SLOTS + (which & (RSST_COUNTER_SLOTS - 1))]++;
}

/* Kernel flag bits, include/linux/sched.h */
#define PF_EXITING 0x00000004
#define PF_MEMALLOC 0x00000800
#define PF_KTHREAD 0x00200000

#endif
