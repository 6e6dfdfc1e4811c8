// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/bpf.h>
#include <linux/capability.h>
#include <string.h>
#include "live/feature_probes.h"

#define RUN_AS_ROOT "run as root, or give rsstrace the capability (setcap, AmbientCapabilities=)"
#define NEWER_KERNEL "a kernel from 5.10 on, built with tracepoints"

#define HOOK(tracepoint, what)                                                                     \
	{                                                                                          \
		"hook " #tracepoint, NEED_TRACING, what, NEWER_KERNEL, probe_hook, #tracepoint, 0  \
	}
#define CAPABILITY(cap, needed, what)                                                              \
	{                                                                                          \
#cap, needed, what, RUN_AS_ROOT, probe_capability, NULL, cap                       \
	}

static const struct feature table[] = {
	{ "kernel", NEED_NOTE, "", "", probe_kernel, NULL, 0 },
	{ "pid namespace", NEED_TRACING, "pids here mean other processes to the kernel's programs",
	  "run on the host (docker: --pid=host)", probe_pid_namespace, NULL, 0 },
	{ "BTF", NEED_TRACING, "the BPF programs cannot be fitted to this kernel",
	  "a kernel built with CONFIG_DEBUG_INFO_BTF=y", probe_btf, NULL, 0 },
	HOOK(rss_stat, "no change of RSS is seen"),
	{ "RSS counting", NEED_TRACING, "what a change of RSS amounts to cannot be told",
	  "a kernel from 5.10 on", probe_rss_counting, NULL, 0 },
	HOOK(page_fault_user, "no fault is seen, so no growth has a stack"),
	HOOK(page_fault_kernel,
	     "faults the kernel takes on user memory (read into a fresh buffer) have no stack"),
	HOOK(sched_process_fork, "children cannot be followed"),
	HOOK(sched_process_exec, "a new program in the process is not noticed"),
	HOOK(sched_process_exit, "the target's end is not noticed"),
	{ "hook exit_mmap", NEED_BETTER,
	  "an address space ends, to us, with its process and not with its last user",
	  "a kernel from 6.1 on", probe_hook, "exit_mmap", 0 },
	HOOK(vm_unmapped_area, "pages of MAP_POPULATE cannot be placed while the call runs"),
	{ "VM calls", NEED_BETTER,
	  "every system call of this machine takes some 40 ns longer while one is traced",
	  "a kernel from 6.14 on", probe_vm_calls, NULL, 0 },
	{ "tracefs", NEED_TRACING, "the system call hooks cannot be attached",
	  "as root: mount -t tracefs tracefs /sys/kernel/tracing", probe_tracefs, NULL, 0 },
	{ "system call events", NEED_TRACING, "mmap, munmap, brk, madvise and the like go unseen",
	  "a kernel built with CONFIG_FTRACE_SYSCALLS=y; be root to read tracefs",
	  probe_syscall_events, NULL, 0 },
	CAPABILITY(CAP_BPF, NEED_TRACING, "no BPF program may be loaded"),
	CAPABILITY(CAP_PERFMON, NEED_TRACING,
		   "BPF programs may not look at kernel memory, nor attach"),
	CAPABILITY(CAP_SYS_PTRACE, NEED_BETTER, "only processes of the same user can be looked at"),
	CAPABILITY(CAP_SYS_ADMIN, NEED_BETTER,
		   "before Linux 6.7 the zero page counts as resident at attach"),
	CAPABILITY(
		CAP_CHECKPOINT_RESTORE, NEED_BETTER,
		"deleted or replaced program files cannot be opened, so their code has no names"),
	CAPABILITY(CAP_SYS_RESOURCE, NEED_NOTE,
		   "before Linux 5.11 the locked-memory limit cannot be raised"),
	CAPABILITY(CAP_DAC_READ_SEARCH, NEED_BETTER,
		   "tracefs and other users' program files may not be readable"),
	{ "BPF ring buffer", NEED_TRACING, "records cannot leave the kernel",
	  "a kernel from 5.8 on", probe_map_type, NULL, BPF_MAP_TYPE_RINGBUF },
	{ "BPF task storage", NEED_BETTER, "threads are kept in a table, which 16384 fill",
	  "a kernel from 5.11 on", probe_map_type, NULL, BPF_MAP_TYPE_TASK_STORAGE },
	{ "BPF task registers", NEED_BETTER,
	  "a thread's registers are looked for at the top of its kernel stack (16 KiB)",
	  "a kernel from 5.15 on", probe_helper, "BPF_FUNC_task_pt_regs", 0 },
	{ "unprivileged BPF", NEED_NOTE, "BPF is for CAP_BPF only", RUN_AS_ROOT,
	  probe_unprivileged_bpf, NULL, 0 },
	{ "perf events", NEED_NOTE, "system call hooks are for CAP_PERFMON only", RUN_AS_ROOT,
	  probe_perf_paranoid, NULL, 0 },
	{ "lockdown", NEED_TRACING, "BPF programs may not read kernel memory",
	  "boot without lockdown=confidentiality", probe_lockdown, NULL, 0 },
	{ "locked memory", NEED_BETTER, "BPF maps may not fit into the limit",
	  "ulimit -l unlimited", probe_memlock, NULL, 0 },
	{ "PAGEMAP_SCAN", NEED_BETTER, "what is resident at attach takes longer to learn",
	  "a kernel from 6.7 on", probe_pagemap_scan, NULL, 0 },
	{ "named anonymous memory", NEED_BETTER, "[anon:NAME] regions have no name",
	  "a kernel from 5.17 on, built with CONFIG_ANON_VMA_NAME=y", probe_anon_name, NULL, 0 },
	{ "hidepid", NEED_BETTER, "other users' processes do not appear in /proc",
	  "run as root, or as a member of the gid= group of that mount", probe_hidepid, NULL, 0 },
	{ "Yama", NEED_BETTER, "a command cannot be held until its tracing begins: use -p",
	  "sysctl kernel.yama.ptrace_scope=2 (3 lasts until reboot)", probe_yama, NULL, 0 },
};

const struct feature *features__table(size_t *nr)
{
	*nr = sizeof(table) / sizeof(table[0]);
	return table;
}

void features__ask(const struct feature *feature, struct feature_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	answer->feature = feature;
	answer->ok = feature->probe(feature, answer->detail);
}
