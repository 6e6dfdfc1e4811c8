// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include "live/kernel_object.h" /* before the skeletons, which use its types */
#include "rsstrace.skel.h"
#include "rsstrace_batched.skel.h"

/* What both families have, from a generated skeleton of either type. */
#define TAKE_COMMON(object, skel)                                                                  \
	({                                                                                         \
		(object)->skeleton = (skel);                                                       \
		(object)->obj = (skel)->obj;                                                       \
		(object)->settings = (struct kernel_settings *)&(skel)->rodata->settings;          \
		(object)->dialog = (struct kernel_dialog *)&(skel)->bss->dialog;                   \
		(object)->counters = (skel)->bss->counters;                                        \
		(object)->moves = &(skel)->bss->moves;                                             \
		(object)->adopt_task = (skel)->progs.adopt_task;                                   \
		(object)->vm_call_enter = (skel)->progs.vm_call_enter;                             \
		(object)->vm_call_exit = (skel)->progs.vm_call_exit;                               \
		(object)->prctl_exit = (skel)->progs.prctl_exit;                                   \
		(object)->page_fault_user = (skel)->progs.page_fault_user;                         \
		(object)->target_mark = (skel)->progs.target_mark;                                 \
		(object)->target_mark_nameless = (skel)->progs.target_mark_nameless;               \
		(object)->mark_victim = (skel)->progs.mark_victim;                                 \
		(object)->ring = (skel)->maps.ring;                                                \
		(object)->space_cpus = (skel)->maps.space_cpus;                                    \
		(object)->unwind_rows = (skel)->maps.unwind_rows;                                  \
	})

static bool open_percpu(struct kernel_object *object)
{
	struct rsstrace_bpf *skel = rsstrace_bpf__open();

	if (!skel)
		return false;
	TAKE_COMMON(object, skel);
	object->lock_acquired = skel->progs.mmap_lock_acquired;
	object->lock_released = skel->progs.mmap_lock_released;
	object->adopt_cpu = skel->progs.adopt_cpu;
	object->learn_cpu_offset = skel->progs.learn_cpu_offset;
	object->learn_fault_frame = skel->progs.learn_fault_frame;
	object->tell_counters = skel->progs.tell_counters;
	object->tell_runs = skel->progs.tell_runs;
	return true;
}

static bool open_batched(struct kernel_object *object)
{
	struct rsstrace_batched_bpf *skel = rsstrace_batched_bpf__open();

	if (!skel)
		return false;
	TAKE_COMMON(object, skel);
	object->sum_batched = skel->progs.sum_batched;
	object->fault_end = skel->progs.fault_end;
	return true;
}

int kernel_object__open(struct kernel_object *object, enum kernel_family family, struct err *err)
{
	memset(object, 0, sizeof(*object));
	object->family = family;
	if (family == FAMILY_PERCPU ? open_percpu(object) : open_batched(object))
		return 0;
	return err__set(err, -errno, "cannot open the BPF object: %s", strerror(errno));
}

/* Loading maps .bss anew: the dialog is somewhere else afterwards. */
int kernel_object__load(struct kernel_object *object)
{
	struct rsstrace_batched_bpf *batched = object->skeleton;
	struct rsstrace_bpf *percpu = object->skeleton;
	int code;

	if (object->family == FAMILY_PERCPU) {
		code = rsstrace_bpf__load(percpu);
		if (!code)
			TAKE_COMMON(object, percpu);
	} else {
		code = rsstrace_batched_bpf__load(batched);
		if (!code)
			TAKE_COMMON(object, batched);
	}
	return code;
}

struct unwind_map_fds kernel_object__unwind_fds(const struct kernel_object *object)
{
	const struct rsstrace_batched_bpf *batched = object->skeleton;
	const struct rsstrace_bpf *percpu = object->skeleton;

	if (object->family == FAMILY_PERCPU)
		return (struct unwind_map_fds)UNWIND_MAP_FDS(percpu);
	return (struct unwind_map_fds)UNWIND_MAP_FDS(batched);
}

void kernel_object__close(struct kernel_object *object)
{
	if (object->family == FAMILY_PERCPU)
		rsstrace_bpf__destroy(object->skeleton);
	else if (object->skeleton)
		rsstrace_batched_bpf__destroy(object->skeleton);
	memset(object, 0, sizeof(*object));
}

__u64 kernel_object__run_ns(const struct kernel_object *object)
{
	struct bpf_program *prog;
	__u64 sum = 0;

	bpf_object__for_each_program(prog, object->obj)
	{
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);
		int fd = bpf_program__fd(prog);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
			sum += info.run_time_ns;
	}
	return sum;
}
