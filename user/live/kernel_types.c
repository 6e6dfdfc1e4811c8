// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <string.h>
#include <bpf/btf.h>
#include "live/kernel_types.h"

int kernel_types__tracepoint_args(const struct btf *btf, const char *name)
{
	const struct btf_type *type;
	char type_name[64];
	int id;

	snprintf(type_name, sizeof(type_name), "btf_trace_%s", name);
	id = btf__find_by_name_kind(btf, type_name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return -1;
	type = btf__type_by_id(btf, btf__type_by_id(btf, id)->type); /* the pointer */
	type = type ? btf__type_by_id(btf, type->type) : NULL;	     /* the prototype */
	/* its first argument is the tracepoint's private data */
	return type && btf_is_func_proto(type) ? btf_vlen(type) - 1 : -1;
}

enum kernel_family kernel_types__family(const struct btf *btf)
{
	switch (kernel_types__tracepoint_args(btf, "rss_stat")) {
	case 2:
		return FAMILY_PERCPU;
	case 3:
		return FAMILY_BATCHED;
	default:
		return FAMILY_NONE;
	}
}

bool kernel_types__tells_locks(const struct btf *btf)
{
	return kernel_types__tracepoint_args(btf, "mmap_lock_acquire_returned") == 3 &&
	       kernel_types__tracepoint_args(btf, "mmap_lock_released") == 2 &&
	       btf__find_by_name_kind(btf, "maple_arange_64", BTF_KIND_STRUCT) >= 0;
}

bool kernel_types__has_helper(const struct btf *btf, const char *helper)
{
	int id = btf__find_by_name_kind(btf, "bpf_func_id", BTF_KIND_ENUM);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, id);
	const struct btf_enum *value = type ? btf_enum(type) : NULL;

	for (int i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, value[i].name_off), helper))
			return true;
	return false;
}
