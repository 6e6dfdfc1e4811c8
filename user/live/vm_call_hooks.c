// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include "live/vm_call_hooks.h"

static const struct vm_call {
	const char *name;
	bool optional; /* kernels may be built without: CONFIG_SYSVIPC,
			  CONFIG_X86_INTEL_MEMORY_PROTECTION_KEYS */
	bool batched;  /* of use before Linux 6.2 only: a boundary for the pages it brings in */
} vm_calls[] = {
	{ "mmap", false, false },	  { "munmap", false, false },	{ "mremap", false, false },
	{ "brk", false, false },	  { "mprotect", false, false }, { "madvise", false, false },
	{ "pkey_mprotect", true, false }, { "shmat", true, false },	{ "shmdt", true, false },
	{ "mlock", false, true },	  { "mlock2", false, true },	{ "mlockall", false, true },
};

#define NR_VM_CALLS (sizeof(vm_calls) / sizeof(vm_calls[0]))
#define COMMON_END "vm_call_told" /* what every hook at a function's end goes on with */

bool vm_call_hooks__owns(const struct bpf_program *prog)
{
	const char *name = bpf_program__name(prog);

	return !strncmp(name, "vm_call_", strlen("vm_call_")) ||
	       !strncmp(name, "call_enter_", strlen("call_enter_")) ||
	       !strncmp(name, "call_exit_", strlen("call_exit_"));
}

static struct bpf_program *hook_of(const struct kernel_object *object, const char *where,
				   const struct vm_call *call)
{
	char name[64];

	snprintf(name, sizeof(name), "call_%s_%s", where, call->name);
	return bpf_object__find_program_by_name(object->obj, name);
}

static bool has_function(const struct btf *btf, const struct vm_call *call)
{
	char name[64];

	snprintf(name, sizeof(name), "__x64_sys_%s", call->name);
	return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) >= 0;
}

bool vm_call_hooks__choose(struct kernel_object *object)
{
	struct bpf_program *end = bpf_object__find_program_by_name(object->obj, COMMON_END);
	struct btf *btf = end ? btf__load_vmlinux_btf() : NULL;
	bool all = btf;

	for (size_t i = 0; i < NR_VM_CALLS && all; i++)
		all = vm_calls[i].batched || vm_calls[i].optional ||
		      has_function(btf, &vm_calls[i]);
	for (size_t i = 0; i < NR_VM_CALLS && all; i++) {
		if (vm_calls[i].batched || !has_function(btf, &vm_calls[i]))
			continue;
		bpf_program__set_autoload(hook_of(object, "enter", &vm_calls[i]), true);
		bpf_program__set_autoload(hook_of(object, "exit", &vm_calls[i]), true);
	}
	btf__free(btf);
	if (!all)
		return false;
	bpf_program__set_autoload(end, true);
	bpf_program__set_autoload(object->vm_call_enter, false);
	bpf_program__set_autoload(object->vm_call_exit, false);
	return true;
}

static int attach_function(const struct kernel_object *object, const struct vm_call *call,
			   const char *where, struct bpf_link **links, unsigned int *nr_links,
			   struct err *err)
{
	struct bpf_program *prog = hook_of(object, where, call);
	struct bpf_link *link;

	if (!prog || !bpf_program__autoload(prog)) /* the kernel was built without */
		return 0;
	link = bpf_program__attach(prog);
	if (!link)
		return err__set(err, -errno, "cannot attach to %s: %s",
				bpf_program__section_name(prog), strerror(errno));
	links[(*nr_links)++] = link;
	return 0;
}

static int attach_tracepoint(const struct kernel_object *object, const struct vm_call *call,
			     const char *where, struct bpf_link **links, unsigned int *nr_links,
			     struct err *err)
{
	bool enter = !strcmp(where, "enter");
	struct bpf_link *link;
	char event[64];

	if (call->batched && object->family != FAMILY_BATCHED)
		return 0;
	snprintf(event, sizeof(event), "sys_%s_%s", where, call->name);
	link = bpf_program__attach_tracepoint(enter ? object->vm_call_enter : object->vm_call_exit,
					      "syscalls", event);
	if (link)
		links[(*nr_links)++] = link;
	else if (!call->optional || errno != ENOENT)
		return err__set(err, -errno, "cannot attach to syscalls:%s: %s", event,
				strerror(errno));
	return 0;
}

static int join_common_end(const struct kernel_object *object, struct err *err)
{
	int ends = bpf_object__find_map_fd_by_name(object->obj, "vm_call_ends");
	int end = bpf_program__fd(bpf_object__find_program_by_name(object->obj, COMMON_END));
	__u32 zero = 0;

	if (!bpf_map_update_elem(ends, &zero, &end, BPF_ANY))
		return 0;
	return err__set(err, -errno, "cannot chain the BPF programs: %s", strerror(errno));
}

int vm_call_hooks__attach(const struct kernel_object *object, bool at_functions,
			  struct bpf_link **links, unsigned int *nr_links, struct err *err)
{
	int code = at_functions ? join_common_end(object, err) : 0;

	for (size_t i = 0; i < NR_VM_CALLS && !code; i++) {
		const struct vm_call *call = &vm_calls[i];

		code = (at_functions ? attach_function : attach_tracepoint)(object, call, "enter",
									    links, nr_links, err);
		if (!code)
			code = (at_functions ? attach_function : attach_tracepoint)(
				object, call, "exit", links, nr_links, err);
	}
	return code;
}
