// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "model/space.h"

#define PROCESSES_MAX 65536

struct space *space__new(__u32 id)
{
	struct space *space = calloc(1, sizeof(*space));

	if (!space)
		return NULL;
	space->id = id;
	space->alive = true;
	space->exe = strdup("");
	if (!space->exe) {
		free(space);
		return NULL;
	}
	return space;
}

void space__free(struct space *space)
{
	if (!space)
		return;
	vma_map__fini(&space->map);
	page_ledger__fini(&space->ledger);
	series__fini(&space->series);
	free(space->exe);
	free(space);
}

void space__set_exe(struct space *space, const char *exe, size_t max_len)
{
	char *copy = strndup(exe, max_len);

	if (!copy)
		return;
	free(space->exe);
	space->exe = copy;
}

bool vma__can_hold(const struct vma *vma, __u8 member)
{
	switch (vma->kind) {
	case KIND_HEAP:
	case KIND_STACK:
	case KIND_ANON:
		return member == RSST_ANON;
	case KIND_FILE:
		return member == RSST_FILE || (member == RSST_ANON && !vma->shared);
	case KIND_SHMEM:
		return member == RSST_SHMEM || (member == RSST_ANON && !vma->shared);
	default:
		return false;
	}
}

struct process *process_table__find(struct process_table *table, __u32 pid)
{
	/* from the end: a pid used again is its last bearer's, and events are about young processes
	 */
	for (__u32 i = table->nr; i > 0; i--)
		if (table->processes[i - 1].pid == pid)
			return &table->processes[i - 1];
	return NULL;
}

struct process *process_table__add(struct process_table *table, __u32 pid)
{
	struct process *process;

	if (table->nr == PROCESSES_MAX)
		return NULL;
	if (table->nr == table->cap) {
		__u32 cap = table->cap ? table->cap * 2 : 16;

		process = realloc(table->processes, cap * sizeof(*process));
		if (!process)
			return NULL;
		table->processes = process;
		table->cap = cap;
	}
	process = &table->processes[table->nr++];
	*process = (struct process){ .pid = pid, .alive = true };
	return process;
}
