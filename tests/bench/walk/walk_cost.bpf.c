// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The walk of a stack alone, at the same tracepoint as bpf_get_stack() alone, and as nothing: each
 * is a program, so the kernel's statistics tell them apart. They work in turns.
 */
#include "unwind.bpf.h"
#include "deep.h"

volatile __u32 target_pid = 0;
volatile __u32 space = 0;     /* whose mappings it walks by */
volatile __u32 turn = 0;      /* enum walk_turn */
volatile __u64 nr_own = 0;    /* runs that were about the target */
volatile __u32 nr_frames = 0; /* that the last of them found */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64[RSST_MAX_FRAMES]);
} got_frames SEC(".maps");

static __always_inline bool is_turn(enum walk_turn of)
{
	if (turn != of || bpf_get_current_pid_tgid() >> 32 != target_pid)
		return false;
	nr_own++;
	return true;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(nothing, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	is_turn(TURN_NOTHING);
	return 0;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(by_tables, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	struct unwind_target *t;

	if (!is_turn(TURN_TABLES))
		return 0;
	cpu__hold();
	unwind__stack(ctx, regs, space, true);
	t = unwind__target();
	if (t)
		nr_frames = t->record.nr_frames;
	cpu__let_go();
	return 0;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(by_get_stack, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	__u32 zero = 0;
	void *frames = bpf_map_lookup_elem(&got_frames, &zero);
	long bytes;

	if (!frames || !is_turn(TURN_GET_STACK))
		return 0;
	bytes = bpf_get_stack(ctx, frames, RSST_MAX_FRAMES * 8, BPF_F_USER_STACK);
	nr_frames = bytes > 0 ? (__u64)bytes >> 3 : 0;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
