/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel's own type information (BTF) says it has. */
#ifndef RSSTRACE_LIVE_KERNEL_TYPES_H
#define RSSTRACE_LIVE_KERNEL_TYPES_H

#include <stdbool.h>

struct btf;

/* How a kernel counts RSS, by the arguments of its tracepoint kmem:rss_stat; each has a BPF object
 * of its own. */
enum kernel_family {
	FAMILY_NONE,	/* no such tracepoint, or one nobody knows */
	FAMILY_BATCHED, /* until 6.1: three arguments; threads count, and sync in batches */
	FAMILY_PERCPU,	/* since 6.2: two; percpu counters (commit f1a7941243c1) */
};

/* Number of arguments of tracepoint @name as a raw tracepoint program sees them; -1: there is none.
 */
int kernel_types__tracepoint_args(const struct btf *btf, const char *name);

enum kernel_family kernel_types__family(const struct btf *btf);

/*
 * Are the mmap lock's tracepoints fit to tell of VM calls, bpf/vm_locks.bpf.h? Before Linux 6.14 each event makes out
 * a cgroup's path first, whoever takes the lock.
 */
bool kernel_types__tells_locks(const struct btf *btf);

/* May BPF programs call @helper, a name as in enum bpf_func_id, "BPF_FUNC_task_pt_regs"? */
bool kernel_types__has_helper(const struct btf *btf, const char *helper);

#endif
