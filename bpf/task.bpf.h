/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The current task, its registers, what is remembered of it, and counters shared by CPUs: the one
 * room that knows what kernels before 6.2 (the batched family, from 5.8 on) lack.
 * bpf_get_current_task_btf() and task storage are there since 5.11, atomics that return the old
 * value since 5.12, bpf_task_pt_regs() since 5.15.
 */
#ifndef RSSTRACE_TASK_BPF_H
#define RSSTRACE_TASK_BPF_H

#include "maps.bpf.h"

#ifndef RSST_BATCHED

/* A field of a kernel object, by a load the verifier has checked. */
#define kernel_field(object, field) ((object)->field)

static __always_inline struct task_struct *current_task(void)
{
	return bpf_get_current_task_btf();
}

/* Are page faults of the current task, @task, not to be handled? Ours in user memory are not. */
static __always_inline bool task__faults_disabled(struct task_struct *task)
{
	return task->pagefault_disabled;
}

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

/* Bytes from the lower end of a kernel stack to them, by learn_task_regs(): the helper's call costs
 * 20 ns. */
__u64 task_regs_offset = 0;

/* What user space's registers were when @task last entered the kernel. */
static __always_inline struct pt_regs *task__regs(struct task_struct *task)
{
	return bpf_rdonly_cast((void *)((__u64)task->stack + task_regs_offset),
			       bpf_core_type_id_kernel(struct pt_regs));
}

/* Run by the live side before any of the others is attached, on behalf of itself, too. */
static __always_inline void learn_task_regs(void)
{
	struct task_struct *task = current_task();
	void *regs = (void *)bpf_task_pt_regs(task);
	__u64 addr = 0;

	barrier_var(regs);
	bpf_probe_read_kernel(&addr, sizeof(addr),
			      &regs); /* a number, no pointer to compute with */
	if (addr)		      /* a kernel thread may have none */
		task_regs_offset = addr - (__u64)task->stack;
}

/*
 * What is kept of a thread: a sleeping major fault keeps it, another CPU finds it. Most have a
 * slot: the first that comes to the one its id names has it until it ends. It is found with no call
 * at all, where the task's storage takes 20 ns, twice a fault.
 */
#define THREAD_SLOTS 2048 /* a power of two */

struct thread_slot {
	__u64 owner; /* its task's address; 0: nobody's, 1: somebody is about to take it */
	__u32 tid;   /* addresses are used again */
	__u32 pad;
	struct thread_state state;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, THREAD_SLOTS);
	__type(key, __u32);
	__type(value, struct thread_slot);
} thread_slots SEC(".maps");

/* For the others. Since 7.0 it is had from kmalloc_nolock() (kernel/bpf/bpf_local_storage.c), which
 * may fail. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_state);
} threads SEC(".maps");

static __always_inline struct thread_slot *thread__slot(__u32 tid)
{
	__u32 slot = tid & (THREAD_SLOTS - 1);

	return bpf_map_lookup_elem(&thread_slots, &slot);
}

/* What @task has in its slot, NULL: the slot is another's. Only @task itself takes it and lets go
 * of it. */
static __always_inline struct thread_state *thread__in_slot(struct task_struct *task)
{
	struct thread_slot *slot = thread__slot(task->pid);

	if (!slot || slot->owner != (__u64)task || slot->tid != (__u32)task->pid)
		return NULL;
	return &slot->state;
}

/* What is remembered of @task, the current one, or NULL. */
static __always_inline struct thread_state *thread__find(struct task_struct *task)
{
	return thread__in_slot(task) ?: bpf_task_storage_get(&threads, task, NULL, 0);
}

/*
 * The current thread, heard of for the first time, takes its slot if that is free. One that is
 * already told of as having ended would keep it. A global function, as it is rare.
 */
__noinline int thread__take_slot(__u32 tid)
{
	struct task_struct *task = current_task();
	struct thread_slot *slot = thread__slot(tid);

	if (!slot || task->flags & PF_EXITING ||
	    __sync_val_compare_and_swap(&slot->owner, 0, 1) != 0)
		return 0;
	__builtin_memset(&slot->state, 0, sizeof(slot->state));
	slot->tid = tid;
	*(volatile __u64 *)&slot->owner = (__u64)bpf_get_current_task();
	return 1;
}

static __always_inline struct thread_state *thread__find_or_new(struct task_struct *task)
{
	struct thread_state *known = thread__find(task);

	if (known)
		return known;
	if (thread__take_slot(task->pid))
		return thread__in_slot(task);
	return bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* The current task, which has been thread @tid, is that no more. */
static __always_inline void thread__forget(__u32 tid)
{
	struct thread_slot *slot = thread__slot(tid);

	if (slot && slot->tid == tid && slot->owner > 1)
		*(volatile __u64 *)&slot->owner = 0;
}

/*
 * Linux 7 runs programs preemptible. Who comes onto the CPU meanwhile finds what is per CPU in use,
 * and his own run of the same program is left out (recursion_misses, seen with the tracepoints of
 * system calls). Since 6.15, when the verifier learned which functions may sleep
 * (bpf_subprog_info.might_sleep), ours can be called with preemption off.
 */
struct bpf_subprog_info___since_6_15 {
	bool might_sleep;
} __attribute__((preserve_access_index));

extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

static __always_inline bool cpu__can_be_held(void)
{
	struct bpf_subprog_info___since_6_15 *info = NULL;

	return bpf_core_field_exists(info->might_sleep);
}

/* Keep the CPU to ourselves until cpu__let_go(). */
static __always_inline void cpu__hold(void)
{
	if (cpu__can_be_held())
		bpf_preempt_disable();
}

static __always_inline void cpu__let_go(void)
{
	if (cpu__can_be_held())
		bpf_preempt_enable();
}

/* The number after the last one given out, 0 if none can be had. */
static __always_inline __u64 number__next(__u64 *last)
{
	return __sync_fetch_and_add(last, 1) + 1;
}

/* Make a word that is 0 ours by making it 1; another CPU may try the same. */
static __always_inline bool word__claim(__u64 *word)
{
	return __sync_val_compare_and_swap(word, 0, 1) == 0;
}

#else

static __always_inline void cpu__hold(void)
{
}

static __always_inline void cpu__let_go(void)
{
}

#define kernel_field(object, field)                                                                \
	({                                                                                         \
		typeof(object) _object = (object); /* else its own path would be relocated, too */ \
		BPF_CORE_READ(_object, field);                                                     \
	})

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

/* The helper that reads it disables them, too, once. */
static __always_inline bool task__faults_disabled(struct task_struct *task)
{
	return BPF_CORE_READ(task, pagefault_disabled) > 1;
}

#define THREAD_SIZE 16384 /* arch/x86/include/asm/page_64_types.h, without KASAN */

static struct pt_regs regs_copy[RSST_MAX_CPUS] = {};

/*
 * task_pt_regs(), arch/x86/include/asm/processor.h: they lie at the top of the kernel stack. A
 * copy, this CPU's until the next call.
 */
static __always_inline struct pt_regs *task__regs(struct task_struct *task)
{
	struct pt_regs *copy = &regs_copy[bpf_get_smp_processor_id() & (RSST_MAX_CPUS - 1)];
	__u64 stack = (__u64)BPF_CORE_READ(task, stack);

	bpf_probe_read_kernel(copy, sizeof(*copy), (void *)(stack + THREAD_SIZE - sizeof(*copy)));
	return copy;
}

/* By thread id; gone with the thread, see processes.bpf.h. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RSST_MAX_THREADS);
	__type(key, __u32);
	__type(value, struct thread_state);
} threads SEC(".maps");

static __always_inline struct thread_state *thread__find(struct task_struct *task)
{
	__u32 tid = BPF_CORE_READ(task, pid);

	return bpf_map_lookup_elem(&threads, &tid);
}

static __always_inline struct thread_state *thread__find_or_new(struct task_struct *task)
{
	__u32 tid = BPF_CORE_READ(task, pid);
	struct thread_state *known = bpf_map_lookup_elem(&threads, &tid), fresh = {};

	if (known)
		return known;
	bpf_map_update_elem(&threads, &tid, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&threads, &tid);
}

static __always_inline void thread__forget(__u32 tid)
{
	bpf_map_delete_elem(&threads, &tid);
}

/*
 * With additions that tell nothing: of those that add one at the same time at most one reads
 * back 1. Who reads more takes its own back; a word that was not 0 is off by one for that moment.
 */
static __always_inline bool word__claim(__u64 *word)
{
	if (*(volatile __u64 *)word)
		return false;
	__sync_fetch_and_add(word, 1);
	if (*(volatile __u64 *)word == 1)
		return true;
	__sync_fetch_and_add(word, -1);
	return false;
}

__u64 numbers_lock = 0;

#define NUMBER_ATTEMPTS 8

static __always_inline __u64 number__next(__u64 *last)
{
	__u64 number = 0;

	for (int i = 0; i < NUMBER_ATTEMPTS && !number; i++) {
		if (!word__claim(&numbers_lock))
			continue;
		number = *(volatile __u64 *)last + 1;
		__sync_fetch_and_add(last, 1);
		__sync_fetch_and_add(&numbers_lock, -1);
	}
	return number;
}

#endif

#endif
