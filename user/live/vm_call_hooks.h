/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the calls that change address spaces are seen: at their functions in the kernel, or at
 * their tracepoints. See bpf/vm_calls.bpf.h.
 */
#ifndef RSSTRACE_LIVE_VM_CALL_HOOKS_H
#define RSSTRACE_LIVE_VM_CALL_HOOKS_H

#include <stdbool.h>
#include "base/err.h"
#include "live/kernel_object.h"

/* Is @prog one that vm_call_hooks__attach() attaches, or runs through another? */
bool vm_call_hooks__owns(const struct bpf_program *prog);

/*
 * Before loading: have the programs for the functions loaded instead of those for the tracepoints.
 * false: this kernel has no such functions, nothing was changed.
 */
bool vm_call_hooks__choose(struct kernel_object *object);

/*
 * After loading. @at_functions: as vm_call_hooks__choose() said. The links are added to
 * @links[*@nr_links] on and are the caller's; at most 24. -errno and a sentence.
 */
int vm_call_hooks__attach(const struct kernel_object *object, bool at_functions,
			  struct bpf_link **links, unsigned int *nr_links, struct err *err);

#endif
