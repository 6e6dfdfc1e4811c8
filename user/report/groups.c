// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "report/groups.h"
#include "report/label.h"
#include "report/table.h"
#include "report/utf8.h"

static char *format(const char *text, ...) __attribute__((format(printf, 1, 2)));
static char *format(const char *text, ...)
{
	va_list args;
	char *result;
	int len;

	va_start(args, text);
	len = vasprintf(&result, text, args);
	va_end(args);
	return len < 0 ? NULL : result;
}

static bool is_nameless_anon(const struct region_row *row)
{
	return !*row->name && (row->kind == KIND_ANON || row->kind == KIND_SHMEM);
}

static char *nameless_label(const struct groups *groups, const struct region_row *row)
{
	const char *what = row->kind == KIND_ANON ? "anonymous" : "shared memory";
	char *function, *label;

	if (row->mapped_by < OWNER_FIRST_STACK)
		return format("[%s]" PART_NEAR "%llx-%llx",
			      row->kind == KIND_ANON ? "anon" : "shmem", row->start, row->end);
	function = label__function(groups->session, row->mapped_by);
	label = function ? format("%s, mapped by %s", what, function) : NULL;
	free(function);
	return label;
}

static char *region_label(const struct groups *groups, const struct region_row *row)
{
	char *name, *label;

	if (is_nameless_anon(row))
		name = nameless_label(groups, row);
	else if (*row->name)
		name = utf8__clean(row->name, true);
	else
		name = format("[%s]", kind_name(row->kind));
	if (!groups->show_pid || !name)
		return name;
	label = format("%s" PART_KEEP "pid %u", name, row->pid);
	free(name);
	return label;
}

/* Pages that a driver or the kernel itself put there: a device's, a packet ring's, a BPF map's. */
static bool is_of_driver(const char *path)
{
	return !strncmp(path, "/dev/", 5) || !strncmp(path, "anon_inode:", 11) ||
	       !strncmp(path, "socket:", 7);
}

/* Private writable mappings of a file hold pages of both sorts: nothing to be said about them in
 * one word. */
static const char *region_note(const struct region_row *row)
{
	bool writable = row->perms[1] == 'w', shared = row->perms[3] == 's';

	if (row->kind == KIND_FILE && is_of_driver(row->name))
		return PART_KEEP "a driver's pages";
	if (row->kind == KIND_FILE && (shared || !writable))
		return PART_KEEP "mapped file" PART_NEAR "(the kernel can take clean pages back)";
	if (row->kind == KIND_SHMEM && *row->name)
		return PART_KEEP "shared memory";
	return NULL;
}

static struct group *group__new(const struct region_row *row, char *key, char *label)
{
	struct group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->key = key;
	group->label = label;
	group->note = region_note(row);
	group->unmapped = row->unmapped;
	return group;
}

static struct group *find_group(struct groups *groups, const struct region_row *row)
{
	char *label = region_label(groups, row), *key;
	struct group *group = NULL;

	key = label ? format("%d %d %s", row->kind, row->unmapped, label) : NULL;
	if (key)
		HASH_FIND_STR(groups->first, key, group);
	if (!group && key) {
		group = group__new(row, key, label);
		if (group) {
			HASH_ADD_KEYPTR(hh, groups->first, key, strlen(key), group);
			return group;
		}
	}
	free(key);
	free(label);
	return group;
}

static void add_figure(struct group_figure *figure, __s64 rss, __s64 growth)
{
	figure->known = true;
	figure->rss += rss;
	figure->growth += growth;
}

static struct group_stack *find_stack(const struct groups *groups, struct group *group, __u32 id)
{
	char *label = label__stack(groups->session, id, groups->shown);
	struct group_stack *stack = NULL;

	if (!label)
		return NULL;
	HASH_FIND_STR(group->stacks, label, stack);
	if (stack) {
		free(label);
		return stack;
	}
	stack = calloc(1, sizeof(*stack));
	if (!stack) {
		free(label);
		return NULL;
	}
	stack->label = label;
	HASH_ADD_KEYPTR(hh, group->stacks, stack->label, strlen(stack->label), stack);
	return stack;
}

static int add_region(const struct groups *groups, struct group *group,
		      const struct region_row *row, enum group_window window)
{
	__s64 rss = row->rss, growth = row->growth;

	group->nr_regions[window]++;
	if (!region_note(row))
		group->note = NULL;
	add_figure(group->figures + window, rss, growth);
	for (__u32 i = 0; i < row->nr_stacks; i++) {
		const struct region_stack_row *by = row->stacks + i;
		struct group_stack *stack;

		rss -= by->rss;
		growth -= by->growth;
		if (groups->moved_only && !by->growth)
			continue;
		stack = find_stack(groups, group, by->stack);
		if (!stack)
			return -ENOMEM;
		add_figure(stack->figures + window, by->rss, by->growth);
	}
	add_figure(group->without_stack + window, rss, growth);
	return 0;
}

static bool has_several_pids(const struct view *view)
{
	for (__u32 i = 1; i < view->nr_regions; i++) {
		if (view->regions[i].pid != view->regions[0].pid)
			return true;
	}
	return false;
}

int groups__add(struct groups *groups, const struct view *view, enum group_window window)
{
	groups->show_pid |= view->nr_living > 1 || has_several_pids(view);
	for (__u32 i = 0; i < view->nr_regions; i++) {
		struct group *group = find_group(groups, view->regions + i);

		if (!group || add_region(groups, group, view->regions + i, window))
			return -ENOMEM;
	}
	return 0;
}

static int compare(__s64 a, __s64 b)
{
	return (a < b) - (a > b);
}

static int compare_figures(const struct group_figure *a, const struct group_figure *b)
{
	int order = 0;

	for (int w = 0; w < NR_WINDOWS && !order; w++)
		order = compare(a[w].growth, b[w].growth);
	for (int w = 0; w < NR_WINDOWS && !order; w++)
		order = compare(a[w].rss, b[w].rss);
	return order;
}

static int compare_group(const struct group *a, const struct group *b)
{
	int order = compare_figures(a->figures, b->figures);

	return order ? order : strcmp(a->key, b->key);
}

static int compare_stack(const struct group_stack *a, const struct group_stack *b)
{
	int order = compare_figures(a->figures, b->figures);

	return order ? order : strcmp(a->label, b->label);
}

void groups__sort(struct groups *groups)
{
	HASH_SORT(groups->first, compare_group);
	for (struct group *group = groups->first; group; group = group->hh.next)
		HASH_SORT(group->stacks, compare_stack);
}

static void group__free(struct group *group)
{
	struct group_stack *stack, *next;

	HASH_ITER (hh, group->stacks, stack, next) {
		HASH_DEL(group->stacks, stack);
		free(stack->label);
		free(stack);
	}
	free(group->key);
	free(group->label);
	free(group);
}

void groups__fini(struct groups *groups)
{
	struct group *group, *next;

	HASH_ITER (hh, groups->first, group, next) {
		HASH_DEL(groups->first, group);
		group__free(group);
	}
}
