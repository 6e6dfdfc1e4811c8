/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Address spaces: taking one over with its counters as they stand, telling its counters, letting go
 * of it. */
#ifndef RSSTRACE_SPACES_BPF_H
#define RSSTRACE_SPACES_BPF_H

#include "filter.bpf.h"
#include "emit.bpf.h"
#ifndef RSST_BATCHED
#include "rss_delta.bpf.h"
#endif
#include "fault_runs.bpf.h"

#define TELL_ATTEMPTS 64

#ifdef RSST_BATCHED
/* The shared count; what threads have pending is summed by sum_batched. A global function (scalars
 * only). @remember: from here on events are told as differences to this. */
__noinline __s64 space__sum(__u32 space, __u32 member, __u32 remember)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct mm_struct___batched *mm;
	__s64 shared = 0;

	if (!state || !state->mm || member >= RSST_NR_MEMBERS)
		return 0;
	mm = (void *)state->mm;
	asm volatile("%0 &= 3" : "+r"(member));
	bpf_probe_read_kernel(&shared, sizeof(shared), &mm->rss_stat.count[member].counter);
	if (remember)
		state->last_count[member] = shared;
	return shared;
}

static __always_inline void space__begin(__u32 space, struct space_state *state, bool runs,
					 __s64 *pages)
{
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++)
		state->counted[member] = pages[member] = space__sum(space, member, 1);
}
#else
/* Addresses of one counter of an mm, for reads from programs to which the mm is just a number. */
static __always_inline struct percpu_counter *space__counter(__u64 mm, __u32 member)
{
	return (void *)mm + bpf_core_field_offset(struct mm_struct, rss_stat) +
	       member * bpf_core_type_size(struct percpu_counter);
}

/*
 * One counter of a space summed over all CPUs, exact as far as the kernel stands still meanwhile. A
 * global function (scalars only), so that it is verified once, as are the next two.
 */
__noinline __s64 space__sum(__u32 space, __u32 member)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct percpu_counter *counter;
	__s64 shared = 0, sum = 0;
	__u64 slots = 0;

	if (!state || !state->mm || member >= RSST_NR_MEMBERS)
		return 0;
	counter = space__counter(state->mm, member);
	bpf_probe_read_kernel(&slots, sizeof(slots), &counter->counters);
	bpf_probe_read_kernel(&shared, sizeof(shared), &counter->count);
	for (__u32 cpu = 0; cpu < RSST_MAX_CPUS; cpu++) {
		__s32 slot = 0;

		if (cpu >= settings.nr_cpus)
			break;
		bpf_probe_read_kernel(&slot, sizeof(slot), (void *)(slots + cpu_offset[cpu]));
		sum += slot;
	}
	return shared + sum;
}

/* What the records of one counter so far add up to: space__sum() but for what no event has told. */
__noinline __s64 space__told(__u32 space, __u32 member)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	__s64 sum = 0;

	if (!state || member >= RSST_NR_MEMBERS)
		return 0;
	asm volatile("%0 &= 3" : "+r"(member));
	for (__u32 cpu = 0; cpu < RSST_MAX_CPUS && cpu < settings.nr_cpus; cpu++) {
		struct space_cpu *own = delta__cpu(space, cpu);

		sum += own ? *(volatile __s32 *)&own->slot[member] : 0;
	}
	return sum + *(volatile __s64 *)&state->last_count[member];
}

/* Look at CPU @cpu's slots, from afar or in adopt_cpu(); @follow: from here on its events are told.
 */
__noinline int space__look(__u32 space, __u32 cpu, __u32 follow)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct space_cpu *own = delta__cpu(space, cpu);

	if (!state || !own)
		return 0;
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++) {
		__s64 shared = 0;

		delta__read(state->mm, member, cpu, &shared, &own->slot[member]);
	}
	*(volatile __u32 *)&own->followed = follow;
	return 0;
}

static __always_inline void space__begin(__u32 space, struct space_state *state, bool runs,
					 __s64 *pages)
{
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++) {
		__s32 slot = 0;

		delta__read(state->mm, member, 0, &state->last_count[member], &slot);
	}
	for (__u32 cpu = 0; cpu < RSST_MAX_CPUS && cpu < settings.nr_cpus; cpu++)
		space__look(space, cpu, !runs);
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++)
		pages[member] = space__told(space, member);
}
#endif

/* Counters of an address space that nobody uses any more are on their way to 0, which is no event
 * to us. */
static __always_inline bool space__in_use(struct space_state *state)
{
	struct mm_struct *mm = (struct mm_struct *)state->mm;

	return mm && BPF_CORE_READ(mm, mm_users.counter) > 0;
}

/* A new id for @mm of process @tgid, its counters now in @pages. 0: the table is full. @runs: its
 * threads count meanwhile, see adopt_cpu(). */
static __always_inline __u32 space__adopt(__u64 mm, __u32 tgid, bool runs, __s64 *pages)
{
	__u32 space = number__next(&dialog.last_space);
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct space_ref ref = { .space = space, .tgid = tgid };
	struct proc_ref proc = { .space = space };

	if (!space || !state) {
		count(CNT_NO_SPACE_STATE);
		return 0;
	}
	state->mm = mm;
	state->tgid = tgid;
	space__begin(space, state, runs, pages);
	if (bpf_map_update_elem(&spaces, &mm, &ref, BPF_ANY) ||
	    bpf_map_update_elem(&procs, &tgid, &proc, BPF_ANY)) {
		count(CNT_NO_SPACE_STATE);
		return 0;
	}
	if (space == 1) {
		only_ref = ref;
		only_mm = mm;
	} else {
		only_mm = 0;
	}
	return space;
}

#ifndef RSST_BATCHED
/*
 * Of any per-CPU array: bpf_array.pptrs[0] is the per-CPU address of the element, the lookup gives
 * this CPU's: their distance is this CPU's offset. __per_cpu_offset itself is a data symbol, not to
 * be had without CONFIG_KALLSYMS_ALL.
 */
SEC("raw_tp/sys_enter")
int learn_cpu_offset(void *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id(), zero = 0;
	void *value = bpf_map_lookup_elem(&unwind_scratch, &zero), *map = &unwind_scratch;
	__u64 array = 0, base = 0, here = 0;

	learn_task_regs();
	if (!value)
		return 0;
	barrier_var(map);
	bpf_probe_read_kernel(&array, sizeof(array), &map);
	bpf_probe_read_kernel(&base, sizeof(base),
			      (void *)array + bpf_core_field_offset(struct bpf_array, pptrs));
	barrier_var(value);
	bpf_probe_read_kernel(&here, sizeof(here), &value);
	if (cpu < RSST_MAX_CPUS)
		cpu_offset[cpu] = here - base;
	else
		count(CNT_NO_CPU_OFFSET);
	return 0;
}
#endif

/* Take over the address space of process ask_tgid. */
SEC("iter/task")
int adopt_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct mm_struct *mm;

	if (!task || (__u32)kernel_field(task, tgid) != dialog.ask_tgid ||
	    kernel_field(task, pid) != kernel_field(task, tgid) || dialog.answer_space)
		return 0;
	mm = kernel_field(task, mm);
	if (!mm) {
		dialog.answer_kthread = 1;
		return 0;
	}
	dialog.answer_space =
		space__adopt((__u64)mm, kernel_field(task, tgid), true, dialog.answer_pages);
	return 0;
}

#ifndef RSST_BATCHED
/*
 * Run by the live side on CPU ctx[1] of space ctx[0], in an interrupt: its slots are looked at, and
 * its events told from here on. Looked at from afar, what a running thread did until its first
 * event found the space was in neither: one page more than the books know. Events until now have
 * added what they changed to answer_pages (see early_event()), as does this with what they missed.
 * A change of which the event is yet to run is part of that, and the event finds nothing.
 */
SEC("raw_tp/sys_enter")
int adopt_cpu(__u64 *ctx)
{
	__u32 space = (__u32)ctx[0], cpu = (__u32)ctx[1];
	struct space_cpu *own = delta__cpu(space, cpu);

	if (!own)
		return 0;
	dialog.answer_again =
		own->events & 1 ? AGAIN_BUSY
				: AGAIN_NOT; /* it has interrupted one that has looked already */
	if (dialog.answer_again)
		return 0;
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++)
		__sync_fetch_and_add(&dialog.answer_pages[member], -(__s64)own->slot[member]);
	space__look(space, cpu, 1);
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++)
		__sync_fetch_and_add(&dialog.answer_pages[member], own->slot[member]);
	return 0;
}
#endif

/*
 * @pages of the shared count belong to no event, because concurrent events guessed the split
 * between them: told, so that the books are exact whenever the counters are told.
 */
static __always_inline void space__tell_unclaimed(struct space_state *state, __u32 space,
						  __u32 member, __s64 pages)
{
	struct rec_release *rec;

	tell__begin(state, member, pages);
	if (!emit__reserve(rec, REC_RELEASE)) {
		emit__lost(state, member, pages);
		tell__end(state);
		return;
	}
	__builtin_memset((void *)rec + sizeof(rec->h), 0, sizeof(*rec) - sizeof(rec->h));
	rec->space = space;
	rec->nr_pages = -pages;
	rec->gen = emit__next_generation();
	rec->member = member;
	rec->op = VM_OP_NONE;
	rec->flags = RELEASE_SOFT;
	rec->cause = CAUSE_OTHER;
	emit__submit(rec);
	tell__end(state);
}

#ifndef RSST_BATCHED
/* Events told so far, all CPUs; negative while one is counted by the kernel but not in the ring
 * yet. */
__noinline __s64 space__events(__u32 space)
{
	__s64 events = 0;
	__u64 odd = 0;

	for (__u32 cpu = 0; cpu < RSST_MAX_CPUS && cpu < settings.nr_cpus; cpu++) {
		struct space_cpu *own = delta__cpu(space, cpu);
		__u64 told = own ? *(volatile __u64 *)&own->events : 0;

		odd |= told & 1;
		events += told;
	}
	return odd ? -1 : events;
}

/*
 * Pages of the shared count that no event has claimed: they are told if they are @seen, which the
 * live side saw before all that was under way then had ended. The kernel counts before its event
 * runs: what a fault has just flushed looks the same, and is that event's to claim. Returns what
 * is left.
 */
__noinline __s64 space__settle(__u32 space, __u32 member, __s64 seen)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	__s64 pages;

	/* one that is torn down is on its way to 0: those pages are nobody's release */
	if (!state || member >= RSST_NR_MEMBERS || !space__in_use(state) ||
	    space__events(space) < 0)
		return 0;
	pages = delta__pending(space, member, bpf_get_smp_processor_id(), 0);
	if (pages == DELTA_UNKNOWN)
		return 0;
	if (!pages || pages != seen)
		return pages;
	__sync_fetch_and_add(&state->last_count[member], pages);
	runs__tell(space);
	space__tell_unclaimed(state, space, member, pages);
	return 0;
}

/*
 * One attempt to put the counters where they belong: the record's place in the ring is taken first,
 * and if no event was under way before nor came since, and none is yet to run, what stands before
 * it is just what the counters count. 0: told, 1: try again.
 * @last: no more attempts, tell what there is.
 */
__noinline int space__tell(__u32 space, __u32 last)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	__s64 before = space__events(space);
	struct rec_counters *rec;
	struct mm_struct *mm;
	bool moved = false;

	runs__tell(space);
	if (state && state->mm && !space__in_use(state))
		return 0;
	if (!state || !state->mm || (before < 0 && !last) || !emit__reserve(rec, REC_COUNTERS))
		return state && state->mm && !last;
	mm = (struct mm_struct *)state->mm;
	rec->space = space;
	rec->pad = 0;
	for (__u32 member = 0; member < RSST_NR_MEMBERS; member++) {
		rec->pages[member] = space__sum(space, member);
		rec->lost[member] = state->lost[member];
		moved |= rec->pages[member] != space__told(space, member);
	}
	rec->hiwater_pages = BPF_CORE_READ(mm, hiwater_rss);
	moved = !last && (moved || space__events(space) != before);
	if (moved || !space__in_use(state)) {
		bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
		return moved;
	}
	emit__submit(rec);
	return 0;
}

/*
 * Run by the live side: tell the counters of space ctx[0] into the ring. If part of them stays
 * unclaimed that was not ctx[2], ... before, by member, that is the answer; or that an event is
 * under way, which may take as long as its CPU does. Unless ctx[1] is SUM_TELL_LAST.
 */
SEC("raw_tp/sys_enter")
int tell_counters(__u64 *ctx)
{
	__s64 seen[RSST_NR_MEMBERS] = { ctx[2], ctx[3], ctx[4], ctx[5] };
	__u32 space = (__u32)ctx[0], ask = (__u32)ctx[1];

	for (int i = 0; i <= TELL_ATTEMPTS; i++) {
		bool last = i == TELL_ATTEMPTS, settled = true;

		for (__u32 member = 0; member < RSST_NR_MEMBERS; member++) {
			__s64 left = space__settle(space, member, last ? seen[member] : 0);

			dialog.answer_pages[member] = left;
			settled &= !left;
		}
		if (!settled && !last)
			continue;
		if (!settled && ask != SUM_TELL_LAST) {
			dialog.answer_again = AGAIN_UNCLAIMED;
			return 0;
		}
		if (!space__tell(space, last && ask == SUM_TELL_LAST))
			return 0;
	}
	dialog.answer_again = AGAIN_BUSY;
	return 0;
}

/* Run by the live side with a space id as its argument: have every fault told that was counted. */
SEC("raw_tp/sys_enter")
int tell_runs(__u64 *ctx)
{
	runs__tell((__u32)ctx[0]);
	return 0;
}
#endif

#endif
