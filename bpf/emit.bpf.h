/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The only writers of the ring buffer. No wakeups but for new code: one costs 3.6 us, a record 0.2;
 * the live side drains on a timer.
 */
#ifndef RSSTRACE_EMIT_BPF_H
#define RSSTRACE_EMIT_BPF_H

#include "maps.bpf.h"
#include "task.bpf.h"

/* Room for a record of @record_type, its header filled in; NULL when the ring is full (counted). */
#define emit__reserve(pointer, record_type)                                                        \
	({                                                                                         \
		(pointer) = bpf_ringbuf_reserve(&ring, sizeof(*(pointer)), 0);                     \
		if (pointer) {                                                                     \
			(pointer)->h.type = (record_type);                                         \
			(pointer)->h.pad = 0;                                                      \
			(pointer)->h.size = sizeof(*(pointer));                                    \
			(pointer)->h.ts = bpf_ktime_get_ns();                                      \
		} else {                                                                           \
			count(CNT_RING_FULL);                                                      \
		}                                                                                  \
		(pointer);                                                                         \
	})

/*
 * The live side drains on a timer; it is woken early only when the ring is half full, which one
 * record in some 256 looks at (asking costs, too; the low bits of the time choose).
 */
#define emit__submit(pointer)                                                                      \
	({                                                                                         \
		__u64 _flags = BPF_RB_NO_WAKEUP;                                                   \
		if (!((pointer)->h.ts & 0xff) &&                                                   \
		    bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > settings.ring_watermark)         \
			_flags = BPF_RB_FORCE_WAKEUP;                                              \
		bpf_ringbuf_submit((pointer), _flags);                                             \
	})

/* For records the live side has to answer at once: EXEC, since the new image's regions are read
 * from /proc, and MARK. */
#define emit__submit_now(pointer) bpf_ringbuf_submit((pointer), BPF_RB_FORCE_WAKEUP)

/* At least the one we made; another CPU's just after it is as good: nothing of ours lies between
 * the two. */
static __always_inline __u64 emit__next_generation(void)
{
#ifdef RSST_BATCHED
	__sync_fetch_and_add(&generation, 1);
	return *(volatile __u64 *)&generation;
#else
	return __sync_fetch_and_add(&generation, 1) + 1;
#endif
}

/*
 * A record that tells of @pages is made between these two: before Linux 6.2 what records add up to
 * is kept, and who reads it must know that no other is on its way into the ring.
 */
static __always_inline void tell__begin(struct space_state *state, __u32 member, __s64 pages)
{
#ifdef RSST_BATCHED
	if (!state)
		return;
	asm volatile("%0 &= 3" : "+r"(member));
	__sync_fetch_and_add(&state->begun, 1);
	__sync_fetch_and_add(&state->counted[member], pages);
#endif
}

static __always_inline void tell__end(struct space_state *state)
{
#ifdef RSST_BATCHED
	if (state)
		__sync_fetch_and_add(&state->done, 1);
#endif
}

/* The record telling of @pages did not fit: the amount at least is kept, and told by the next
 * REC_COUNTERS. */
static __always_inline void emit__lost(struct space_state *state, __u32 member, __s64 pages)
{
	asm volatile("%0 &= 3" : "+r"(member));
	__sync_fetch_and_add(&state->lost[member], pages);
}

#endif
