// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "export/samples.h"

static const char *const value_names[NR_VALUES] = {
	[VALUE_RESIDENT] = "resident", [VALUE_GROWTH] = "growth", [VALUE_SHRUNK] = "shrunk",
	[VALUE_FAULTED] = "faulted",   [VALUE_FREED] = "freed",
};

const char *sample_origin__name(enum sample_origin origin)
{
	static const char *const names[] = {
		[ORIGIN_STACK] = "stack",
		[ORIGIN_BEFORE] = "before_attach",
		[ORIGIN_UNATTRIBUTED] = "unattributed",
		[ORIGIN_ERROR] = "error",
	};

	return names[origin];
}

const char *sample_value__name(enum sample_value value)
{
	return value_names[value];
}

int sample_value__parse(const char *name, enum sample_value *value)
{
	for (int v = 0; v < NR_VALUES; v++) {
		if (strcmp(name, value_names[v]))
			continue;
		*value = v;
		return 0;
	}
	return -EINVAL;
}

__u64 sample__positive(const struct sample *sample, enum sample_value value)
{
	__s64 bytes = value == VALUE_SHRUNK ? -sample->bytes[VALUE_GROWTH] : sample->bytes[value];

	return bytes > 0 ? bytes : 0;
}

/* The stack rows by id, and how much of each no region holds: what is left of their figures. */
struct stack_index {
	__u32 nr;
	const struct stack_row **rows;
	struct left {
		__s64 rss, growth;
	} * left;
};

static void stack_index__fini(struct stack_index *index)
{
	free(index->rows);
	free(index->left);
}

static int stack_index__init(struct stack_index *index, const struct view *view)
{
	*index = (struct stack_index){ 0 };
	for (__u32 i = 0; i < view->nr_stacks; i++)
		if (view->stacks[i].id >= index->nr)
			index->nr = view->stacks[i].id + 1;
	index->rows = calloc(index->nr + 1, sizeof(*index->rows));
	index->left = calloc(index->nr + 1, sizeof(*index->left));
	if (!index->rows || !index->left) {
		stack_index__fini(index);
		return -ENOMEM;
	}
	for (__u32 i = 0; i < view->nr_stacks; i++) {
		const struct stack_row *row = view->stacks + i;

		index->rows[row->id] = row;
		index->left[row->id] = (struct left){ row->rss, row->growth };
	}
	return 0;
}

static int add(struct samples *samples, struct sample sample)
{
	bool empty = true;

	for (int v = 0; v < NR_VALUES; v++)
		empty = empty && !sample.bytes[v];
	if (empty)
		return 0;
	if (samples->nr == samples->cap) {
		__u32 cap = samples->cap ? 2 * samples->cap : 256;
		struct sample *all = realloc(samples->all, cap * sizeof(*all));

		if (!all)
			return -ENOMEM;
		samples->all = all;
		samples->cap = cap;
	}
	for (int v = 0; v < NR_VALUES; v++)
		samples->total[v] += sample.bytes[v];
	samples->all[samples->nr++] = sample;
	return 0;
}

static int add_part(struct samples *samples, enum sample_origin origin,
		    const struct region_row *region, __s64 rss, __s64 growth)
{
	return add(samples, (struct sample){
				    .origin = origin,
				    .region = region,
				    .bytes = { [VALUE_RESIDENT] = rss, [VALUE_GROWTH] = growth },
			    });
}

static int add_region_stack(struct samples *samples, struct stack_index *index,
			    const struct region_row *region, const struct region_stack_row *by)
{
	struct sample sample = {
		.origin = ORIGIN_STACK,
		.region = region,
		.bytes = { [VALUE_RESIDENT] = by->rss, [VALUE_GROWTH] = by->growth },
	};

	if (by->stack < index->nr) {
		sample.stack = index->rows[by->stack];
		index->left[by->stack].rss -= by->rss;
		index->left[by->stack].growth -= by->growth;
	}
	return add(samples, sample);
}

static int add_region(struct samples *samples, struct stack_index *index,
		      const struct region_row *region)
{
	const struct region_stack_row *before = &region->before, *unknown = &region->unknown;
	int code = 0;

	for (__u32 i = 0; i < region->nr_stacks && !code; i++)
		code = add_region_stack(samples, index, region, region->stacks + i);
	if (!code)
		code = add_part(samples, ORIGIN_BEFORE, region, before->rss, before->growth);
	if (!code)
		code = add_part(samples, ORIGIN_UNATTRIBUTED, region, unknown->rss,
				unknown->growth);
	return code;
}

/* What only the stack's own row tells, and what of it stands in no region. */
static int add_stack(struct samples *samples, const struct stack_index *index,
		     const struct stack_row *row)
{
	return add(samples, (struct sample){ .origin = ORIGIN_STACK,
					     .stack = row,
					     .bytes = {
						     [VALUE_RESIDENT] = index->left[row->id].rss,
						     [VALUE_GROWTH] = index->left[row->id].growth,
						     [VALUE_FAULTED] = row->faulted,
						     [VALUE_FREED] = row->freed,
					     } });
}

/* What the counters tell and no region holds. */
static int add_unplaced(struct samples *samples, const struct view *view)
{
	int code = add_part(samples, ORIGIN_ERROR, NULL, view->error, 0);

	return code ? code
		    : add_part(samples, ORIGIN_UNATTRIBUTED, NULL,
			       view->rss.total - samples->total[VALUE_RESIDENT],
			       view->growth.total - samples->total[VALUE_GROWTH]);
}

int samples__init(struct samples *samples, const struct view *view)
{
	struct stack_index index;
	int code = stack_index__init(&index, view);

	*samples = (struct samples){ 0 };
	if (code)
		return code;
	for (__u32 i = 0; i < view->nr_regions && !code; i++)
		code = add_region(samples, &index, view->regions + i);
	for (__u32 i = 0; i < view->nr_stacks && !code; i++)
		code = add_stack(samples, &index, view->stacks + i);
	if (!code)
		code = add_unplaced(samples, view);
	stack_index__fini(&index);
	if (code)
		samples__fini(samples);
	return code;
}

void samples__fini(struct samples *samples)
{
	free(samples->all);
	*samples = (struct samples){ 0 };
}
