// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "live/targets.h"

static uid_t owner_of(pid_t pid)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return stat(path, &st) ? (uid_t)-1 : st.st_uid;
}

struct target *targets__add(struct targets *targets, pid_t pid, __u32 space, bool root)
{
	size_t cap = targets->cap ? targets->cap * 2 : 16;
	struct target *all = targets->all;

	if (targets->nr == targets->cap) {
		all = realloc(all, cap * sizeof(*all));
		if (!all)
			return NULL;
		targets->all = all;
		targets->cap = cap;
	}
	all += targets->nr++;
	*all = (struct target){ .pid = pid,
				.uid = owner_of(pid),
				.space = space,
				.root = root,
				.alive = true };
	return all;
}

struct target *targets__by_pid(struct targets *targets, pid_t pid)
{
	for (size_t i = 0; i < targets->nr; i++)
		if (targets->all[i].pid == pid && targets->all[i].alive)
			return &targets->all[i];
	return NULL;
}

struct target *targets__by_space(struct targets *targets, __u32 space)
{
	for (size_t i = 0; i < targets->nr; i++)
		if (targets->all[i].space == space && targets->all[i].alive)
			return &targets->all[i];
	return NULL;
}

bool targets__any_other_in(const struct targets *targets, __u32 space, pid_t pid)
{
	for (size_t i = 0; i < targets->nr; i++)
		if (targets->all[i].space == space && targets->all[i].alive &&
		    targets->all[i].pid != pid)
			return true;
	return false;
}

struct target *targets__last_in(struct targets *targets, __u32 space)
{
	for (size_t i = targets->nr; i; i--)
		if (targets->all[i - 1].space == space)
			return &targets->all[i - 1];
	return NULL;
}

bool targets__any_root(const struct targets *targets)
{
	for (size_t i = 0; i < targets->nr; i++)
		if (targets->all[i].root && targets->all[i].alive)
			return true;
	return false;
}

void targets__fini(struct targets *targets)
{
	for (size_t i = 0; i < targets->nr; i++)
		target__died(&targets->all[i]);
	free(targets->all);
}

struct residency *target__residency(struct target *target)
{
	if (!target->residency && target->alive)
		target->residency = residency__open(target->pid, NULL);
	return target->residency;
}

void target__died(struct target *target)
{
	target->alive = false;
	if (target->residency)
		residency__close(target->residency);
	target->residency = NULL;
}
