/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The BPF object for the running kernel, opened and loaded: the only user of the skeletons. There
 * are two objects from the same sources, see bpf/README.md; from here on they look alike.
 */
#ifndef RSSTRACE_LIVE_KERNEL_OBJECT_H
#define RSSTRACE_LIVE_KERNEL_OBJECT_H

#include <stdbool.h>
#include <bpf/libbpf.h>
#include "base/err.h"
#include "config_abi.h"
#include "live/kernel_types.h"
#include "live/unwind_upload.h"

struct kernel_object {
	enum kernel_family family;
	void *skeleton; /* rsstrace_bpf or rsstrace_batched_bpf */
	struct bpf_object *obj;
	struct kernel_settings *settings; /* to be written before kernel_object__load() */
	struct kernel_dialog *dialog;	  /* shared with the programs once loaded, like the next */
	const __u64 *counters;		  /* RSST_COUNTER_SLOTS of each CPU */
	const volatile struct vm_moves *moves;
	/* programs run on demand or attached by hand; NULL: not in this family */
	struct bpf_program *adopt_task;
	struct bpf_program *vm_call_enter, *vm_call_exit, *prctl_exit;
	struct bpf_program *target_mark, *target_mark_nameless, *mark_victim;
	struct bpf_program *lock_acquired, *lock_released; /* per-CPU only */
	struct bpf_program *adopt_cpu;			   /* per-CPU only */
	struct bpf_program *learn_cpu_offset;		   /* per-CPU only */
	struct bpf_program *learn_fault_frame;		   /* per-CPU only */
	struct bpf_program *page_fault_user;
	struct bpf_program *tell_counters; /* per-CPU only */
	struct bpf_program *tell_runs;	   /* per-CPU only */
	struct bpf_program *sum_batched;   /* batched only */
	struct bpf_program *fault_end;	   /* batched only */
	struct bpf_map *ring, *space_cpus, *unwind_rows;
};

/* -errno and a sentence when libbpf cannot read its own object (no memory). To be closed either
 * way. */
int kernel_object__open(struct kernel_object *object, enum kernel_family family, struct err *err);

/* Create the maps, verify the programs. -errno as from bpf(2); the sentence is the caller's to
 * write. */
int kernel_object__load(struct kernel_object *object);

/* CPU time of all programs, as far as the kernel counts it now and then, ns. */
__u64 kernel_object__run_ns(const struct kernel_object *object);

/* Descriptors of the maps the unwind tables go to; the object keeps owning them. */
struct unwind_map_fds kernel_object__unwind_fds(const struct kernel_object *object);

void kernel_object__close(struct kernel_object *object);

#endif
