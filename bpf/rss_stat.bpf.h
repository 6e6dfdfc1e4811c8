/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The clock of the books: every change of an RSS counter, told in the order in which the kernel
 * made it.
 *
 * What moved the counter is decided by whose context the event runs in: a kernel thread, an exiting
 * or reclaiming task, another process, the handling of a fault that was armed, or a system call.
 */
#ifndef RSSTRACE_RSS_STAT_BPF_H
#define RSSTRACE_RSS_STAT_BPF_H

#include "filter.bpf.h"
#include "emit.bpf.h"
#include "arch_x86.bpf.h"
#include "unwind.bpf.h"
#include "fault_runs.bpf.h"
#include "fault_frame.bpf.h"
#ifndef RSST_BATCHED
#include "rss_delta.bpf.h"
#endif

/* uapi/asm-generic/mman-common.h */
#define MAP_FIXED 0x10
#define MAP_POPULATE 0x8000
#define MADV_PAGEOUT 21
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#define MADV_COLLAPSE 25

struct rss_event {
	struct task_struct *task;
	struct thread_state *thread; /* NULL: not a thread of the space */
	struct pt_regs *regs;	     /* at entry from user mode */
	struct space_state *state;
	struct space_cpu *own; /* of this CPU, @cpu; not before Linux 6.2 */
	__u32 cpu;
	void *ctx;
	__u32 space;
	__u32 member;
	long nr; /* system call, negative: none */
	enum vm_op op;
	enum rsst_cause cause; /* CAUSE_INVALID: in a call, see op */
	__s64 pages;
	bool soft;
};

/* First eight bytes of a kernel thread's comm, little-endian. */
#define COMM_KHUGEPAGED 0x676170656775686bULL /* "khugepag" */
#define COMM_OOM_REAPER 0x706165725f6d6f6fULL /* "oom_reap" */
#define COMM_KSWAPD 0x64706177736bULL	      /* "kswapd", the node's number masked */

static __always_inline enum rsst_cause kthread_cause(void)
{
	__u64 comm[2] = {};

	bpf_get_current_comm(comm, sizeof(comm));
	if (comm[0] == COMM_KHUGEPAGED)
		return CAUSE_COLLAPSE;
	if (comm[0] == COMM_OOM_REAPER)
		return CAUSE_OOM;
	if ((comm[0] & 0xffffffffffffULL) == COMM_KSWAPD)
		return CAUSE_RECLAIM;
	return CAUSE_KTHREAD;
}

/*
 * Who is at work? CAUSE_INVALID: a thread of the space itself, in a fault or a call. CAUSE_EXIT and
 * CAUSE_EXEC: an address space being torn down; REC_EXIT, REC_EXEC and REC_SPACE_END tell that as
 * one.
 */
static __always_inline enum rsst_cause foreign_cause(const struct task_struct *task, __u64 mm,
						     const struct space_ref *ref)
{
	__u64 own = (__u64)kernel_field(task, mm);
	__u32 flags = kernel_field(task, flags);

	if (flags & PF_KTHREAD)
		return kthread_cause();
	if (flags & PF_MEMALLOC) /* whoever needs memory takes it from whom it can */
		return CAUSE_RECLAIM;
	if (own != mm) {
		if ((flags & PF_EXITING) && !own)
			return CAUSE_EXIT;
		return (__u32)kernel_field(task, tgid) == ref->tgid ? CAUSE_EXEC : CAUSE_REMOTE;
	}
	return CAUSE_INVALID;
}

/*
 * Is the armed fault still being handled? Its mark is unchanged until it completes. A fault from
 * user mode runs with no system call in progress; one in kernel mode inside the call that touched
 * the memory. One that failed, in read(2) say, never completes: it is of another call.
 */
static __always_inline bool in_fault(const struct task_struct *task,
				     const struct thread_state *thread, long nr)
{
	if (!thread->fault_addr || thread->fault_mark != fault_mark(task))
		return false;
#ifndef RSST_BATCHED
	if (thread->fault_kernel)
		return thread->fault_nr == nr;
#endif
	return thread->fault_kernel || nr < 0;
}

static __always_inline bool is_zap(enum vm_op op, const struct pt_regs *regs)
{
	switch (op) {
	case VM_OP_MUNMAP:
	case VM_OP_MREMAP:
	case VM_OP_BRK:
	case VM_OP_SHMDT:
		return true;
	case VM_OP_MMAP: /* args[3]: flags; where nothing was, a driver may insert pages, a lock
			    some */
		return regs->r10 & MAP_FIXED;
	case VM_OP_MADVISE:
		return (__s32)regs->dx != MADV_POPULATE_READ &&
		       (__s32)regs->dx != MADV_POPULATE_WRITE && (__s32)regs->dx != MADV_COLLAPSE;
	default:
		return false;
	}
}

static __always_inline enum rsst_cause loss_cause(enum vm_op op, const struct pt_regs *regs)
{
	switch (op) {
	case VM_OP_MMAP:
		return CAUSE_MMAP_FIXED;
	case VM_OP_MUNMAP:
		return CAUSE_MUNMAP;
	case VM_OP_MREMAP:
		return CAUSE_MREMAP;
	case VM_OP_BRK:
		return CAUSE_BRK;
	case VM_OP_MADVISE:
		if ((__s32)regs->dx == MADV_PAGEOUT)
			return CAUSE_RECLAIM;
		return (__s32)regs->dx == MADV_POPULATE_WRITE ? CAUSE_POPULATE : CAUSE_DONTNEED;
	case VM_OP_MLOCK: /* a page of a file gives way to its copy */
		return CAUSE_POPULATE;
	case VM_OP_SHMDT:
		return CAUSE_SHMDT;
	case VM_OP_TRUNCATE:
		return CAUSE_TRUNCATE;
	case VM_OP_EXEC:
		return CAUSE_EXEC;
	default:
		return CAUSE_OTHER;
	}
}

static __always_inline enum rsst_cause gain_cause(enum vm_op op, const struct pt_regs *regs,
						  long nr)
{
	if (op == VM_OP_EXEC)
		return CAUSE_EXEC;
	if (op == VM_OP_MADVISE && (__s32)regs->dx == MADV_COLLAPSE)
		return CAUSE_COLLAPSE;
	if (nr == 16) /* ioctl(UFFDIO_COPY, ...) */
		return CAUSE_UFFD;
	return CAUSE_POPULATE;
}

static __always_inline void send_delta(const struct rss_event *e, enum rsst_cause cause)
{
	struct rec_delta *rec;
	__u64 gen;

	runs__tell(e->space);
	gen = emit__next_generation();
	if (!emit__reserve(rec, REC_DELTA)) {
		emit__lost(e->state, e->member, e->pages);
		return;
	}
	rec->space = e->space;
	rec->tid = kernel_field(e->task, pid);
	rec->gen = gen;
	rec->delta = e->pages;
	rec->member = e->member;
	rec->cause = cause;
	rec->nr = e->nr < 0 ? 0xffff : e->nr;
	bpf_probe_read_kernel(rec->comm, sizeof(rec->comm), e->task->comm);
	emit__submit(rec);
}

static __always_inline int emit_delta(const struct rss_event *e, enum rsst_cause cause)
{
	tell__begin(e->state, e->member, e->pages);
	send_delta(e, cause);
	tell__end(e->state);
	return 0;
}

/* @e, a fault, as it is told; the head is left out. */
static __always_inline struct rec_fault fault_of(const struct rss_event *e)
{
	__u64 addr = e->thread->fault_addr & ~4095ULL;
	__u8 cow = e->thread->cow;
	struct rec_fault fault = {
		.space = e->space,
		.tid = kernel_field(e->task, pid),
		.addr = addr,
		.nr_pages = e->pages,
		.member = e->member,
		.cause = e->thread->fault_kernel ? CAUSE_FAULT_KERNEL : CAUSE_FAULT,
		.flags = (cow ? FAULT_COW : 0) | (e->thread->fault_write ? FAULT_WRITE : 0),
		.cow_member = cow ? cow - 1 : 0,
	};

	fault.stack = unwind__sample(e->ctx, e->regs, e->space, e->pages, &fault.flags);
	e->thread->cow = 0;
	if (e->pages > 1 && e->member == RSST_ANON)
		fault.addr &= ~((__u64)e->pages * 4096 - 1); /* a folio, aligned to its size */
	else if (e->pages > 1)
		fault.flags |= FAULT_AROUND;
	return fault;
}

static __always_inline void send_fault(const struct rss_event *e, struct rec_fault fault)
{
	bool cow = fault.flags & FAULT_COW;
	struct rec_fault *rec;

	if (cow || e->pages > 1) /* where these go depends on what is there already */
		runs__tell(e->space);
	fault.gen = cow ? emit__next_generation() : generation;
#ifndef RSST_BATCHED
	if (e->pages == 1 && !cow && !SAMPLE_SHIFT(fault.flags) && e->own &&
	    run__keep(e->own, &fault, e->cpu))
		return;
#endif
	if (!emit__reserve(rec, REC_FAULT)) {
		emit__lost(e->state, e->member, e->pages);
		if (cow)
			emit__lost(e->state, fault.cow_member, -1);
		return;
	}
	fault.h = rec->h;
	*rec = fault;
	emit__submit(rec);
}

static __always_inline int emit_fault(const struct rss_event *e)
{
	struct rec_fault fault = fault_of(e);

	count(CNT_FAULTS);
	if (fault.flags & FAULT_COW)
		tell__begin(e->state, fault.cow_member, -1);
	tell__begin(e->state, e->member, e->pages);
	send_fault(e, fault);
	tell__end(e->state);
	if (fault.flags & FAULT_COW)
		tell__end(e->state);
	return 0;
}

/* A page of a file went in a fault, but none came in its place: not a copy, the amount was off.
 * Told all the same. */
static __always_inline void emit_orphan(struct task_struct *task, struct thread_state *thread,
					__u32 space)
{
	struct rss_event e = {
		.task = task,
		.state = bpf_map_lookup_elem(&space_states, &space),
		.space = space,
		.member = thread->cow - 1,
		.nr = -1,
		.pages = -1,
	};

	thread->cow = 0;
	if (e.state)
		emit_delta(&e, CAUSE_OTHER);
}

static __always_inline int in_fault_event(const struct rss_event *e)
{
	if (e->thread->cow && (e->member != RSST_ANON || e->pages != 1))
		emit_orphan(e->task, e->thread, e->space);
	if (e->pages == 0) { /* fault-around that found nothing to map still reports */
		count(CNT_ZERO_DELTA);
		return 0;
	}
	if (e->member == RSST_SWAP)
		return emit_delta(e, CAUSE_SWAP_IN);
	if (e->pages == -1 && e->member != RSST_ANON && e->thread->fault_write) {
		/* copy-on-write: the gain comes next */
		e->thread->cow = e->member + 1;
		return 0;
	}
	if (e->pages < 0 || !plausible_fault(e->member, e->pages))
		return emit_delta(e, CAUSE_OTHER);
	return emit_fault(e);
}

/* The call has let go of what it mapped, and told of it: now it fills it. */
static __always_inline void place_filled(const struct rss_event *e, struct rec_populate *rec)
{
#ifndef RSST_BATCHED
	const struct thread_state *thread = e->thread;

	if (!settings.by_locks || !thread || thread->section || !thread->fill_bytes)
		return;
	if (e->op != VM_OP_MMAP && e->op != VM_OP_MREMAP && e->op != VM_OP_BRK &&
	    e->op != VM_OP_SHMAT)
		return;
	rec->args[0] = thread->fill_start;
	rec->args[1] = thread->fill_bytes;
	rec->flags |= POPULATE_PLACED;
#endif
}

static __always_inline void send_populate(const struct rss_event *e, __u64 stack, __u8 flags)
{
	struct rec_populate *rec;
	__u64 gen;

	runs__tell(e->space);
	gen = emit__next_generation();
	if (!emit__reserve(rec, REC_POPULATE)) {
		emit__lost(e->state, e->member, e->pages);
		return;
	}
	rec->space = e->space;
	rec->tid = kernel_field(e->task, pid);
	rec->call = e->thread ? e->thread->call : 0;
	rec->nr_pages = e->pages;
	rec->gen = gen;
	rec->stack = stack;
	arch_syscall_args(e->regs, rec->args, 4);
	rec->member = e->member;
	rec->op = e->op;
	rec->flags = flags;
	place_filled(e, rec);
	rec->cause = gain_cause(e->op, e->regs, e->nr);
	rec->nr = e->nr;
	emit__submit(rec);
}

static __always_inline int emit_populate(const struct rss_event *e)
{
	__u8 flags = 0;
	__u64 stack = unwind__sample(e->ctx, e->regs, e->space, e->pages, &flags);

	tell__begin(e->state, e->member, e->pages);
	send_populate(e, stack, flags);
	tell__end(e->state);
	return 0;
}

#ifndef RSST_BATCHED
/*
 * madvise(2) may take pages with no lock that is told of. The next call is one with other
 * arguments, or after a fault or another call of the thread; else it looks like this one going on,
 * and its releases say so. When it began nobody knows: pages that came since are as good as
 * pages that were there.
 */
static __always_inline void guess_advice(struct task_struct *task, struct thread_state *thread,
					 __u64 gen)
{
	struct pt_regs *regs = task__regs(task);
	__u64 mark = fault_mark(task);

	if (thread->advice_start == regs->di && thread->advice_bytes == regs->si &&
	    thread->advice == (__s32)regs->dx && thread->advice_mark == mark &&
	    thread->advice_call == thread->call)
		return;
	thread->call++;
	thread->call_gen = gen;
	thread->advice_start = regs->di;
	thread->advice_bytes = regs->si;
	thread->advice = regs->dx;
	thread->advice_mark = mark;
	thread->advice_call = thread->call;
}

/*
 * Which call does the release of generation @gen belong to? A global function: verified once.
 * Memory that is taken away under the mmap lock, held for writing at first, is not filled again
 * meanwhile: all there is now was there before.
 */
__noinline int release__of_call(__u64 gen, __u32 op)
{
	struct task_struct *task = current_task();
	struct thread_state *thread = thread__find(task);

	if (!thread)
		return 0;
	if (thread->section)
		thread->call_gen = gen;
	else if (op == VM_OP_MADVISE)
		guess_advice(task, thread, gen);
	return 0;
}
#endif

static __always_inline void send_release(const struct rss_event *e)
{
	struct rec_release *rec;
	__u8 flags = e->soft ? RELEASE_SOFT : 0;
	__u64 gen;

	runs__tell(e->space);
	gen = emit__next_generation();
#ifndef RSST_BATCHED
	if (settings.by_locks)
		release__of_call(gen, e->op);
	if (settings.by_locks && e->op == VM_OP_MADVISE)
		flags |= RELEASE_GUESSED;
#endif
	if (!emit__reserve(rec, REC_RELEASE)) {
		emit__lost(e->state, e->member, e->pages);
		return;
	}
	rec->space = e->space;
	rec->tid = kernel_field(e->task, pid);
	rec->call = e->thread ? e->thread->call : 0;
	rec->nr_pages = -e->pages;
	rec->call_gen = e->thread ? e->thread->call_gen : 0;
	rec->gen = gen;
	arch_syscall_args(e->regs, rec->args, 4);
	rec->member = e->member;
	rec->op = e->op;
	rec->flags = flags;
	rec->cause = loss_cause(e->op, e->regs);
	rec->nr = e->nr;
	emit__submit(rec);
}

static __always_inline int emit_release(const struct rss_event *e)
{
	tell__begin(e->state, e->member, e->pages);
	send_release(e);
	tell__end(e->state);
	return 0;
}

/*
 * A fixed mapping that is populated first takes pages away, then brings some, as does locked memory
 * that is moved and grows: a gain is one. Of a heap that grows, too.
 */
static __always_inline bool populates(const struct rss_event *e)
{
	return (e->op == VM_OP_MMAP && (e->regs->r10 & MAP_POPULATE)) ||
	       (e->op == VM_OP_MREMAP && e->regs->dx > e->regs->si) ||
	       (e->op == VM_OP_BRK && e->thread && e->regs->di > e->thread->old_brk);
}

/* Does the call fill the range it was given, copying what it must? */
static __always_inline bool populates_range(enum vm_op op, const struct pt_regs *regs)
{
	return op == VM_OP_MLOCK || (op == VM_OP_MADVISE && (__s32)regs->dx == MADV_POPULATE_WRITE);
}

static __always_inline int in_call_event(const struct rss_event *e, bool zap)
{
	/* a zap's amount may have been claimed by another: the table it hit is news all the same */
	if (e->pages == 0 && !(zap && e->soft)) {
		count(CNT_ZERO_DELTA);
		return 0;
	}
	if (e->member == RSST_SWAP || e->op == VM_OP_EXEC)
		return emit_delta(e, e->pages > 0 ? gain_cause(e->op, e->regs, e->nr)
						  : loss_cause(e->op, e->regs));
	if (e->pages > 0 && (!(zap && e->soft) || populates(e)))
		return emit_populate(e);
	return emit_release(e);
}

#ifndef RSST_BATCHED
/*
 * Is the event under way part of a fault? Then the current thread is armed, by the fault's hook or
 * here. A page that copy-on-write took in another fault gets no copy any more. A global function:
 * verified once, not with each thing that is told.
 */
__noinline int rss_event__in_fault(__u32 space, long nr)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct task_struct *task = current_task();
	struct thread_state *thread = nr < 0 ? filter__thread(task) : thread__find(task);
	bool armed;

	if (!thread || !state)
		return 0;
	armed = in_fault(task, thread, nr);
	if (!dialog.fault_frame || nr != -1 || (armed && thread->fault_kernel))
		return armed;
	if (!armed && thread->cow)
		emit_orphan(task, thread, space);
	return fault_frame__take(task, thread, state->mm);
}

/* Amount and cause are worked out, and told. */
static __always_inline int tell_event(struct rss_event e, __u32 cpu)
{
	__u32 what = e.cause != CAUSE_INVALID ? DELTA_OTHER : 0;
	struct task_struct *task = e.task;
	__u32 member = e.member;
	bool fault = false, zap = false;
	__s64 delta;

	e.regs = task__regs(task);
	e.nr = -1;
	if (e.cause == CAUSE_INVALID) {
		e.nr = arch_syscall_nr(e.regs);
		e.op = e.nr < 0 ? VM_OP_NONE : arch_vm_op(e.nr);
		fault = rss_event__in_fault(e.space, e.nr);
		e.thread = thread__find(task);
		fault = fault && e.thread;
		zap = !fault && is_zap(e.op, e.regs);
		what = (fault ? DELTA_FAULT : 0) | (zap ? DELTA_ZAP : 0);
		if (fault && e.nr < 0 && !e.thread->fault_kernel)
			what |= DELTA_USER;
	}
	delta = delta__of_event(e.space, cpu, member, what);
	e.pages = delta >> 1;
	e.soft = delta & 1;
	if (e.cause != CAUSE_INVALID) {
		if (member == RSST_SWAP && e.cause == CAUSE_RECLAIM)
			e.cause = CAUSE_SWAP_OUT;
		return e.pages ? emit_delta(&e, e.cause) : 0;
	}
	if (fault)
		return in_fault_event(&e);
	if (e.nr < 0) {
		count(CNT_UNMATCHED);
		return e.pages ? emit_delta(&e, CAUSE_OTHER) : 0;
	}
	return in_call_event(&e, zap);
}

/* Before adopt_cpu(): part of what was there when the space was adopted. */
static __always_inline void early_event(__u32 space, __u32 cpu, __u32 member)
{
	__s64 pages = delta__of_event(space, cpu, member, DELTA_OTHER) >> 1;

	__sync_fetch_and_add(&dialog.answer_pages[member & 3], pages);
}

static __always_inline int rss_event(void *ctx, __u64 mm, __u32 member, const struct space_ref *ref)
{
	struct task_struct *task = current_task();
	struct rss_event e = { .task = task, .ctx = ctx, .space = ref->space, .member = member };
	__u32 cpu = bpf_get_smp_processor_id();
	struct space_cpu *own;

	e.cause = foreign_cause(task, mm, ref);
	if (e.cause == CAUSE_EXIT || e.cause == CAUSE_EXEC) {
		count(CNT_EXITING);
		return 0;
	}
	e.state = bpf_map_lookup_elem(&space_states, &e.space);
	own = delta__cpu(e.space, cpu);
	if (!e.state || !own) {
		count(CNT_NO_SPACE_STATE);
		return 0;
	}
	e.own = own;
	e.cpu = cpu;
	/* this CPU's alone; on x86 plain stores are seen in their order */
	*(volatile __u64 *)&own->events = own->events + 1;
	if (own->followed)
		tell_event(e, cpu);
	else
		early_event(e.space, cpu, member);
	*(volatile __u64 *)&own->events = own->events + 1;
	return 0;
}

/* Linux 6.2 and later: (mm, member). include/trace/events/kmem.h */
SEC("tp_btf/rss_stat")
int rss_stat_percpu(__u64 *ctx)
{
	__u64 mm = ctx[0];
	struct space_ref *ref = filter__space(mm);
	__u32 member;

	if (!ref)
		return 0;
	member = (__u32)ctx[1];
	if (member >= RSST_NR_MEMBERS) {
		count(CNT_BAD_MEMBER);
		return 0;
	}
	return rss_event(ctx, mm, member, ref);
}
#endif

#endif
