/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * By how much did this rss_stat event change the counter?
 *
 * Since Linux 6.2 (f1a7941243c1) mm->rss_stat[] are percpu_counters and the tracepoint says only
 * which one changed. It fires right after the change, on the CPU that made it, under the page-table
 * lock, so the difference between this CPU's slot now and when last looked at is the amount -
 * unless the slot was flushed into the shared count, which always leaves 0 behind. Then the amount
 * is what the shared count gained and nobody has claimed yet. Two events may flush at the same
 * time: each claims its own part, so that the sum of all amounts is the counter, always.
 */
#ifndef RSSTRACE_RSS_DELTA_BPF_H
#define RSSTRACE_RSS_DELTA_BPF_H

#include "filter.bpf.h"
#include "fault_frame.bpf.h"

#define DELTA_RETRIES 24
#define DELTA_UNKNOWN (1LL << 62)

/* What is known of an event before its amount is. */
struct delta_context {
	__u32 space;
	__u32 cpu;
	__u32 member;
	bool fault; /* inside the handling of a fault: small amounts only */
	bool user;  /* it is a user's */
	bool zap;   /* inside a call that releases ranges */
	bool other; /* by somebody else: reclaim, another process, ... */
};

#define DELTA_FAULT 1
#define DELTA_ZAP 2
#define DELTA_OTHER 4
#define DELTA_USER 8

struct delta {
	__s64 pages;
	bool soft; /* another event may have flushed at the same instant: the split between the two
		      is a guess */
};

/* The kernel's shared count and CPU @cpu's slot of one counter; plain loads through a read-only
 * cast. */
static __always_inline void delta__read(__u64 mm_addr, __u32 member, __u32 cpu, __s64 *shared,
					__s32 *slot)
{
	__u64 addr = mm_addr + bpf_core_field_offset(struct mm_struct, rss_stat) +
		     member * bpf_core_type_size(struct percpu_counter);
	struct percpu_counter *counter =
		bpf_rdonly_cast((void *)addr, bpf_core_type_id_kernel(struct percpu_counter));
	__u64 counters_addr = (__u64)counter->counters;
	struct refcount_struct *word;

	*shared = counter->count;
	asm volatile("%0 &= %1" : "+r"(cpu) : "i"(RSST_MAX_CPUS - 1));
	/* refcount_struct: a kernel type that is just an int, as the slot is */
	word = bpf_rdonly_cast((void *)(counters_addr + cpu_offset[cpu]),
			       bpf_core_type_id_kernel(struct refcount_struct));
	*slot = word->refs.counter;
}

static __always_inline struct space_cpu *delta__cpu(__u32 space, __u32 cpu)
{
	__u32 index = space * settings.nr_cpus + cpu;

	return bpf_map_lookup_elem(&space_cpus, &index);
}

/*
 * What CPU @cpu has flushed into the shared count but not told yet: a batch or nothing; negative
 * while that is unclear. A global function (as are the next two): inlined into loops it would not
 * verify. Such take scalars only.
 */
__noinline __s64 delta__in_flight(__u32 space, __u32 member, __u32 cpu)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct space_cpu *other = delta__cpu(space, cpu);
	__s64 shared = 0;
	__s32 slot = 0, recorded;
	__u64 busy;

	if (!state || !other)
		return -1;
	asm volatile("%0 &= 3" : "+r"(member));
	busy = *(volatile __u64 *)&other->busy;
	delta__read(state->mm, member, cpu, &shared, &slot);
	recorded = *(volatile __s32 *)&other->slot[member];
	if ((busy & 1) || busy != *(volatile __u64 *)&other->busy)
		return -1;
	if (slot == 0 && recorded == settings.percpu_batch - 1)
		return settings.percpu_batch; /* a fault's flush, told only by its event */
	return slot == 0 && (recorded > 1 || recorded < -1) ? -1 : 0;
}

/*
 * One attempt to see how much of the shared count is unclaimed, other CPUs' flushes in flight left
 * out; with @claim it is ours from here on. DELTA_UNKNOWN when somebody moved meanwhile.
 */
__noinline __s64 delta__pending(__u32 space, __u32 member, __u32 self, __u32 claim)
{
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	__s64 shared = 0, again = 0, in_flight = 0, known, mine;
	__s32 slot = 0;

	if (!state || member >= RSST_NR_MEMBERS)
		return DELTA_UNKNOWN;
	asm volatile("%0 &= 3" : "+r"(member));
	delta__read(state->mm, member, self, &shared, &slot);
	known = *(volatile __s64 *)&state->last_count[member];
	for (__u32 cpu = 0; cpu < RSST_MAX_CPUS && cpu < settings.nr_cpus; cpu++) {
		__s64 theirs = cpu == self ? 0 : delta__in_flight(space, member, cpu);

		if (theirs < 0)
			return DELTA_UNKNOWN;
		in_flight += theirs;
	}
	delta__read(state->mm, member, self, &again, &slot);
	if (again != shared || known != *(volatile __s64 *)&state->last_count[member])
		return DELTA_UNKNOWN;
	mine = shared - in_flight - known;
	if (claim &&
	    __sync_val_compare_and_swap(&state->last_count[member], known, known + mine) != known)
		return DELTA_UNKNOWN;
	return mine;
}

/* delta__pending() until it succeeds or the retries run out; apart from its caller for the
 * verifier's sake, too. */
__noinline __s64 delta__settle(__u32 space, __u32 member, __u32 self, __u32 claim)
{
	for (int i = 0; i < DELTA_RETRIES; i++) {
		__s64 mine = delta__pending(space, member, self, claim);

		if (mine != DELTA_UNKNOWN)
			return mine;
		count(CNT_SNAPSHOT_RETRY);
	}
	count(CNT_SNAPSHOT_FAIL);
	return DELTA_UNKNOWN;
}

/*
 * What a fault most likely changed when what the shared count says is no single fault's: the slot
 * went to 0 without a flush where that makes sense, else by the least that flushes it. Of anonymous
 * memory a single page does so from @recorded, the slot before, of -1 or a batch but one only; all
 * else is a huge page, another's of which may be in @pages, or ours in what another has claimed.
 * Unless @size tells that it is none.
 */
static __always_inline __s64 delta__likely_fault(__u32 member, enum fault_size size, __s64 recorded,
						 __s64 pages)
{
	bool single = recorded == -1 || recorded == settings.percpu_batch - 1;

	if (member == RSST_ANON && single && (size == FAULT_SIZE_TABLE || (pages & 511) == 1))
		return 1;
	if (member == RSST_ANON && pages >= 256 && size != FAULT_SIZE_TABLE)
		return 512;
	if (recorded < 0 && plausible_fault(member, -recorded))
		return -recorded;
	if (member == RSST_ANON) /* of a table: a large folio, of 64 KiB to 1 MiB */
		return size == FAULT_SIZE_TABLE ? settings.percpu_batch : 512;
	if (recorded < 0)
		return 1;
	return recorded == 1 ? -1 : recorded ? settings.percpu_batch - recorded : 0;
}

/* The slot is 0: flushed or not, decide what this event's part is. Returns it; *claimed: already in
 * last_count. */
static __always_inline __s64 delta__after_flush(const struct delta_context *c,
						struct space_state *state, __s64 shared,
						__s64 slot_delta, __s64 recorded, bool *claimed,
						bool *soft)
{
	__s64 pages = shared - *(volatile __s64 *)&state->last_count[c->member & 3] + slot_delta;
	enum fault_size size = FAULT_SIZE_UNKNOWN;
	__s64 mine;

	*claimed = false;
	if (c->user && c->member == RSST_ANON)
		size = fault_frame__size(current_task());
	if (size == FAULT_SIZE_HUGE) /* whoever else may have claimed it */
		return 512;
	/* -1 -> 0 is one page and no flush, unless something large is pending */
	if (!c->zap && !c->other && recorded == -1 && pages < settings.percpu_batch)
		return 1;
	/* a one-page gain that fills the slot flushes exactly one batch; the shared count may be
	 * ahead: do not look */
	if (!c->zap && !c->other && recorded == settings.percpu_batch - 1 &&
	    (c->member == RSST_ANON ? pages < 256 : pages < 1 || pages > 64)) {
		if (pages != 1)
			count(CNT_ODD_AMOUNT);
		return 1;
	}
	*soft = true;
	mine = delta__settle(c->space, c->member, c->cpu, !c->fault);
	*claimed = !c->fault;
	if (mine != DELTA_UNKNOWN)
		pages = mine + slot_delta;
	else if (!c->fault) /* take all that is there: the sum stays exact, the split is a guess */
		pages = shared -
			__sync_lock_test_and_set(&state->last_count[c->member & 3], shared) +
			slot_delta;
	/* a fault-around may bring nothing; a fault of anonymous memory that seems to, whose part
	 * another event has claimed, does not */
	if (c->fault && (pages || c->member == RSST_ANON) &&
	    (!plausible_fault(c->member, pages) || (size == FAULT_SIZE_TABLE && pages == 512))) {
		count(CNT_ODD_AMOUNT);
		pages = delta__likely_fault(c->member, size, recorded, pages);
	}
	return pages;
}

static __always_inline struct delta delta__take(const struct delta_context *c,
						struct space_state *state, struct space_cpu *own)
{
	struct delta delta = {};
	__s64 shared = 0, recorded, slot_delta, unclaimed;
	bool claimed = false;
	__s32 slot = 0;
	__u32 member = c->member & 3;

	delta__read(state->mm, member, c->cpu, &shared, &slot);
	recorded = own->slot[member];
	slot_delta = (__s64)slot - recorded;
	delta.pages = slot_delta;
	if (slot != 0) { /* not flushed */
		own->slot[member] = slot;
		return delta;
	}
	/* others must not take our flush for theirs: tell them we are at it, and keep this order of
	 * updates */
	__sync_fetch_and_add(&own->busy, 1);
	delta.pages =
		delta__after_flush(c, state, shared, slot_delta, recorded, &claimed, &delta.soft);
	unclaimed = claimed ? 0 : delta.pages - slot_delta;
	if (unclaimed) {
		__sync_fetch_and_add(&state->last_count[member], unclaimed);
		count(CNT_FLUSH);
	}
	own->slot[member] = slot;
	__sync_fetch_and_add(&own->busy, 1);
	return delta;
}

/*
 * Of the event under way on CPU @cpu: twice its pages, plus 1 if that is soft. @what: DELTA_FAULT,
 * DELTA_ZAP, DELTA_OTHER, see struct delta_context. A global function, so that what it found out
 * about a number does not multiply the verifier's work on what is done with it.
 */
__noinline __s64 delta__of_event(__u32 space, __u32 cpu, __u32 member, __u32 what)
{
	struct delta_context c = {
		.space = space,
		.cpu = cpu,
		.member = member,
		.fault = what & DELTA_FAULT,
		.zap = what & DELTA_ZAP,
		.other = what & DELTA_OTHER,
		.user = what & DELTA_USER,
	};
	struct space_state *state = bpf_map_lookup_elem(&space_states, &space);
	struct space_cpu *own = delta__cpu(space, cpu);
	struct delta delta;

	if (!state || !own)
		return 0;
	delta = delta__take(&c, state, own);
	return delta.pages * 2 + delta.soft;
}

#endif
