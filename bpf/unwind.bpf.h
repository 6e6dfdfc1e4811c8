/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* stand-in until unwind.bpf.h lands */
#ifndef RSSTRACE_UNWIND_FP_BPF_H
#define RSSTRACE_UNWIND_FP_BPF_H
#include "emit.bpf.h"
#define FPN 128
struct fp_rec { struct rec h; __u64 id; __u32 space; __u16 nr_frames; __u8 end; __u8 pad; }; struct fp_scratch { struct fp_rec rec; __u64 frames[FPN]; };
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct fp_scratch); } fp_scratch SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 65536); __type(key, __u32); __type(value, __u64); } fp_seen SEC(".maps");
static __always_inline __u64 unwind__stack(void *ctx, struct pt_regs *regs, __u32 space)
{
	__u32 zero = 0;
	struct fp_scratch *s = bpf_map_lookup_elem(&fp_scratch, &zero);
	if (!s) return 0;
	count(CNT_STACKS_WALKED);
	long len = bpf_get_stack(ctx, s->frames, sizeof(s->frames), BPF_F_USER_STACK);
	if (len <= 0) { count(CNT_STACKS_FAILED); return 0; }
	__u32 n = (__u64)len >> 3; __u64 h = 0x1234567 ^ space;
	for (__u32 i = 0; i < FPN; i++) { if (i >= n) break; h ^= s->frames[i]; h *= 0x9E3779B97F4A7C15ULL; h ^= h >> 29; }
	if (!h) h = 1;
	__u32 ix = h & 65535; __u64 *seen = bpf_map_lookup_elem(&fp_seen, &ix);
	if (seen && *seen != h) {
		s->rec.h.type = REC_STACK; s->rec.h.pad = 0; s->rec.h.size = sizeof(s->rec) + n * 8; s->rec.h.ts = bpf_ktime_get_ns();
		s->rec.id = h; s->rec.space = space; s->rec.nr_frames = n; s->rec.end = STACK_END_FRAMEPTR; s->rec.pad = 0;
		__u32 size = sizeof(s->rec) + n * 8; asm volatile("%0 &= 2047" : "+r"(size));
		if (!bpf_ringbuf_output(&ring, s, size, BPF_RB_NO_WAKEUP)) { *seen = h; count(CNT_STACKS_SENT); } else count(CNT_RING_FULL);
	}
	return h;
}
#endif
