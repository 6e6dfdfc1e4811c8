/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Moments with a name: the target's own USDT probe, and the OOM killer's choice. */
#ifndef RSSTRACE_MARKS_BPF_H
#define RSSTRACE_MARKS_BPF_H

#include "filter.bpf.h"
#include "emit.bpf.h"
#include "fault_runs.bpf.h"

/* struct rec_mark with all the room a label may take. */
struct mark_record {
	struct rec h;
	__u32 from;
	__u32 pid;
	__u32 tid;
	__u32 pad;
	char label[MARK_LABEL_MAX];
};

static __always_inline struct mark_record *mark__reserve(__u32 from, __u32 pid)
{
	struct mark_record *rec;

	if (!emit__reserve(rec, REC_MARK))
		return 0;
	__builtin_memset(rec->label, 0, sizeof(rec->label));
	rec->from = from;
	rec->pid = pid;
	rec->tid = (__u32)bpf_get_current_pid_tgid();
	rec->pad = 0;
	return rec;
}

/* A page that is not there cannot be read here: the live side gets the address, behind an empty
 * label. */
static __always_inline int mark_by_probe(const void *label)
{
	struct space_ref *ref = filter__space((__u64)kernel_field(current_task(), mm));
	struct mark_record *rec;

	if (!ref)
		return 0;
	runs__tell(ref->space);
	rec = mark__reserve(MARK_PROBE, bpf_get_current_pid_tgid() >> 32);
	if (!rec)
		return 0;
	if (label && bpf_probe_read_user_str(rec->label, sizeof(rec->label), label) < 0) {
		rec->label[0] = 0;
		*(__u64 *)(rec->label + 8) = (__u64)label;
	}
	emit__submit_now(rec);
	return 0;
}

/* include/rsstrace_mark.h has the label in the first argument's register. */
SEC("uprobe")
int target_mark(struct pt_regs *ctx)
{
	return mark_by_probe((const void *)ctx->di);
}

/* Probes others made: where their argument is differs from place to place. */
SEC("uprobe")
int target_mark_nameless(struct pt_regs *ctx)
{
	return mark_by_probe(0);
}

/* The start of oom:mark_victim has been the same since 4.13. */
struct mark_victim_event {
	__u64 common;
	int pid;
};

/* Before the reaper or exit takes the first page. mark_oom_victim(), mm/oom_kill.c; the pid is a
 * thread's. */
SEC("tracepoint/oom/mark_victim")
int mark_victim(struct mark_victim_event *event)
{
	__u32 pid = event->pid;
	struct proc_ref *proc = bpf_map_lookup_elem(&procs, &pid);
	struct mark_record *rec;

	if (!proc)
		return 0;
	runs__tell(proc->space);
	rec = mark__reserve(MARK_OOM, pid);
	if (!rec)
		return 0;
	__builtin_memcpy(rec->label, "oom", 4);
	emit__submit_now(rec);
	return 0;
}

#endif
