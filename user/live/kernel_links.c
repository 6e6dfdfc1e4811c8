// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/perf_event.h>
#include <bpf/libbpf.h>
#include "live/kernel_links.h"

/* Run on demand, or attached by hand. */
static bool on_demand(const struct kernel_object *object, const struct bpf_program *prog)
{
	return prog == object->learn_cpu_offset || prog == object->tell_counters ||
	       prog == object->learn_fault_frame || prog == object->tell_runs ||
	       prog == object->adopt_task || prog == object->adopt_cpu ||
	       prog == object->sum_batched || prog == object->fault_end ||
	       prog == object->vm_call_enter || prog == object->vm_call_exit ||
	       prog == object->prctl_exit || prog == object->target_mark ||
	       prog == object->target_mark_nameless || prog == object->mark_victim;
}

/* The calls that change address spaces, see bpf/vm_calls.bpf.h. */
static const struct vm_call {
	const char *name;
	bool optional; /* kernels may be built without: CONFIG_SYSVIPC,
			  CONFIG_X86_INTEL_MEMORY_PROTECTION_KEYS */
	bool batched;  /* of use before Linux 6.2 only: a boundary of what it counts */
} vm_calls[] = {
	{ "mmap", false, false },	  { "munmap", false, false },	{ "mremap", false, false },
	{ "brk", false, false },	  { "mprotect", false, false }, { "madvise", false, false },
	{ "pkey_mprotect", true, false }, { "shmat", true, false },	{ "shmdt", true, false },
	{ "mlock", false, true },	  { "mlock2", false, true },	{ "mlockall", false, true },
	{ "execve", false, true },	  { "execveat", false, true },
};

static int attach_syscall(struct kernel_links *links, const char *where, const char *name,
			  bool optional, struct bpf_program *prog, struct err *err)
{
	struct bpf_link *link;
	char event[64];

	snprintf(event, sizeof(event), "sys_%s_%s", where, name);
	link = bpf_program__attach_tracepoint(prog, "syscalls", event);
	if (link)
		links->links[links->nr++] = link;
	else if (!optional || errno != ENOENT)
		return err__set(err, -errno, "cannot attach to syscalls:%s: %s", event,
				strerror(errno));
	return 0;
}

static int attach_vm_calls(struct kernel_links *links, const struct kernel_object *object,
			   struct err *err)
{
	int code = attach_syscall(links, "exit", "prctl", false, object->prctl_exit, err);

	for (size_t i = 0; i < sizeof(vm_calls) / sizeof(vm_calls[0]) && !code; i++) {
		const struct vm_call *call = &vm_calls[i];

		if (call->batched && object->family != FAMILY_BATCHED)
			continue;
		code = attach_syscall(links, "enter", call->name, call->optional,
				      object->vm_call_enter, err);
		if (!code)
			code = attach_syscall(links, "exit", call->name, call->optional,
					      object->vm_call_exit, err);
	}
	return code;
}

/* The end of every fault on every CPU, whoever's it is: the program looks first whether it is about
 * a followed space. */
static int attach_fault_end(struct kernel_links *links, struct bpf_program *prog, unsigned int cpu,
			    __u64 config, struct err *err)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = config,
		.sample_period = 1,
	};
	struct bpf_link *link;
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 && errno == ENODEV) /* offline */
		return 0;
	if (fd < 0)
		return err__set(err, -errno, "cannot open a page-fault event on CPU %u: %s", cpu,
				strerror(errno));
	link = bpf_program__attach_perf_event(prog, fd); /* owns fd */
	if (!link) {
		close(fd);
		return err__set(err, -errno, "cannot attach to the page-fault event: %s",
				strerror(errno));
	}
	links->links[links->nr++] = link;
	return 0;
}

static int attach_fault_ends(struct kernel_links *links, struct bpf_program *prog,
			     unsigned int nr_cpus, struct err *err)
{
	int code = 0;

	for (unsigned int cpu = 0; cpu < nr_cpus && !code; cpu++) {
		code = attach_fault_end(links, prog, cpu, PERF_COUNT_SW_PAGE_FAULTS_MIN, err);
		if (!code)
			code = attach_fault_end(links, prog, cpu, PERF_COUNT_SW_PAGE_FAULTS_MAJ,
						err);
	}
	return code;
}

static void attach_mark_victim(struct kernel_links *links, struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach(prog);

	if (link)
		links->links[links->nr++] = link;
}

int kernel_links__attach(struct kernel_links *links, const struct kernel_object *object,
			 unsigned int nr_cpus, struct err *err)
{
	struct bpf_program *prog;
	int code;

	bpf_object__for_each_program(prog, object->obj)
	{
		struct bpf_link *link;

		if (on_demand(object, prog) || !bpf_program__autoload(prog))
			continue;
		if (prog == object->page_fault_user && object->dialog->fault_frame)
			continue;
		link = bpf_program__attach(prog);
		if (!link)
			return err__set(err, -errno, "cannot attach to %s: %s",
					bpf_program__section_name(prog), strerror(errno));
		links->links[links->nr++] = link;
	}
	/* a kernel without it has no OOM killer to tell of */
	attach_mark_victim(links, object->mark_victim);
	code = bpf_program__autoload(object->vm_call_enter) ? attach_vm_calls(links, object, err)
							    : 0;
	if (!code && object->fault_end)
		code = attach_fault_ends(links, object->fault_end, nr_cpus, err);
	return code;
}

int kernel_links__probe_mark(struct kernel_links *links, const struct kernel_object *object,
			     pid_t pid, const char *path, __u64 offset, bool label)
{
	struct bpf_link *link;

	if (links->nr_probes == MAX_PROBES)
		return -ENOSPC;
	link = bpf_program__attach_uprobe(label ? object->target_mark
						: object->target_mark_nameless,
					  false, pid, path, offset);
	if (!link)
		return -errno;
	links->links[links->nr++] = link;
	links->nr_probes++;
	return 0;
}

void kernel_links__fini(struct kernel_links *links)
{
	while (links->nr)
		bpf_link__destroy(links->links[--links->nr]);
}
