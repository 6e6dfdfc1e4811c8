// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Stack rows: the difference of two frozen stack tables, and the frames of the rows that are shown.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "model/page_ledger.h"
#include "view/ledger_diff.h"
#include "view/rows.h"
#include "view/sampled.h"

static __u32 nr_rows_of(const struct session *session, const struct stack *stack)
{
	__u32 nr = 0;

	for (__u32 i = 0; i < stack->nr_frames; i++) {
		const struct frame *frame = session__frame(session, stack->frames[i]);

		nr += frame && frame->nr_entries ? frame->nr_entries : 1;
	}
	return nr;
}

/* One row for each inlined level of @frame, innermost first; a nameless frame is one row. Returns
 * how many. */
static __u32 expand_frame(struct frame_row *rows, const struct session *session,
			  const struct frame *frame)
{
	const struct object *object;
	__u32 nr = frame && frame->nr_entries ? frame->nr_entries : 1;

	object = frame && frame->object ? session__object(session, frame->object) : NULL;
	for (__u32 i = 0; frame && i < nr; i++) {
		rows[i].module = object && object->path && *object->path ? object->path : NULL;
		rows[i].object = object;
		rows[i].offset = frame->offset;
		rows[i].inlined = i + 1 < nr;
		if (!frame->nr_entries)
			break;
		rows[i].symbol = frame->entries[i].function;
		rows[i].file = frame->entries[i].file;
		rows[i].line = frame->entries[i].line;
	}
	return nr;
}

/* The innermost frame in the user's own code, else in a library, else of all: the interpreter
 * around a script has names, too. */
static __s32 find_own_frame(const struct stack_row *row)
{
	for (__u32 i = 0; i < row->nr_frames; i++) {
		if (frame_row__is_script(row->frames + i))
			return i;
	}
	for (__u32 i = 0; i < row->nr_frames; i++) {
		if (!frame_row__is_internal(row->frames + i) &&
		    !frame_row__is_standard_library(row->frames + i))
			return i;
	}
	for (__u32 i = 0; i < row->nr_frames; i++) {
		if (!frame_row__is_internal(row->frames + i))
			return i;
	}
	return row->nr_frames ? 0 : -1;
}

/* Without its frames a stack is lost, whatever its end is told to be. */
static enum stack_end end_of(const struct stack *stack)
{
	if (!stack || (stack->end == STACK_END_ROOT && !stack->frames))
		return STACK_END_INVALID;
	return stack->end;
}

int stack_row__name(struct stack_row *row, const struct session *session)
{
	const struct stack *stack = session__stack(session, row->id);
	__u32 nr;

	row->named_by = -1;
	row->end = end_of(stack);
	row->complete = row->end == STACK_END_ROOT;
	if (!stack || !stack->frames) /* its definition was lost */
		return 0;
	nr = nr_rows_of(session, stack);
	row->frames = calloc(nr + 1, sizeof(*row->frames));
	if (!row->frames)
		return -ENOMEM;
	for (__u32 i = 0; i < stack->nr_frames; i++)
		row->nr_frames += expand_frame(row->frames + row->nr_frames, session,
					       session__frame(session, stack->frames[i]));
	row->named_by = find_own_frame(row);
	return 0;
}

void stack_row__fini(struct stack_row *row)
{
	free(row->frames);
	row->frames = NULL;
	row->nr_frames = 0;
}

/* One process out of many: what its ledger holds of each stack, and which stacks are its own. */
struct one_process {
	struct owner_tally tally;
	const struct window *window;
	__s64 none; /* bytes of stacks that were not taken, shared out in tally */
};

static int compare_ids(const void *key, const void *item)
{
	__u32 id = *(const __u32 *)key;
	const struct space_snapshot *space = item;

	return (id > space->space) - (id < space->space);
}

static const struct space_snapshot *find_space(const struct snapshot *snapshot, __u32 id)
{
	return snapshot->nr_spaces ? bsearch(&id, snapshot->spaces, snapshot->nr_spaces,
					     sizeof(*snapshot->spaces), compare_ids)
				   : NULL;
}

static const struct page_ledger *ledger_of(const struct snapshot *snapshot, __u32 id)
{
	const struct space_snapshot *space = find_space(snapshot, id);

	return space && space->alive ? space->ledger : NULL;
}

/* Every space is in the later snapshot, dead or alive. */
static int one_process__init(struct one_process *one, const struct window *window)
{
	const struct snapshot *to = window->to;
	int ret = owner_tally__init(&one->tally, to->nr_stacks);

	one->window = window;
	for (__u32 i = 0; i < to->nr_spaces && !ret; i++) {
		__u32 space = to->spaces[i].space;
		struct ledger_pair pair = { ledger_of(window->from, space), ledger_of(to, space) };

		if (window__has(window, to->spaces + i))
			ledger_pair__tally(&pair, 0, LEDGER_ADDRESS_END, &one->tally);
	}
	one->none = ret ? 0 : sampled__share_tally(window, &one->tally) * LEDGER_PAGE_BYTES;
	return ret;
}

static bool owns_stack(const struct one_process *one, __u32 id)
{
	const struct stack *stack = session__stack(one->window->session, id);
	const struct space_snapshot *space =
		stack ? find_space(one->window->to, stack->space) : NULL;

	return space && window__has(one->window, space);
}

/* Faulted and freed are known of a stack, and a stack is of one process; its pages may be a
 * child's. */
static void keep_process(struct stack_row *row, const struct one_process *one)
{
	const struct owner_pages *pages = one->tally.pages + row->id;

	row->rss = pages->now * LEDGER_PAGE_BYTES;
	row->growth = row->rss - (__s64)(pages->then * LEDGER_PAGE_BYTES);
	if (!owns_stack(one, row->id))
		row->faulted = row->freed = 0;
}

static bool fill_row(struct stack_row *row, const struct window *window,
		     const struct one_process *one, __u32 id)
{
	const struct stack_pages none = { 0 };
	const struct stack_pages *now = window->to->stacks + id;
	const struct stack_pages *then =
		id < window->from->nr_stacks ? window->from->stacks + id : &none;

	*row = (struct stack_row){
		.id = id,
		.end = end_of(session__stack(window->session, id)),
		.named_by = -1,
		.rss = now->rss * LEDGER_PAGE_BYTES,
		.growth = (__s64)(now->rss - then->rss) * (__s64)LEDGER_PAGE_BYTES,
		.faulted = (__s64)(now->faulted - then->faulted) * (__s64)LEDGER_PAGE_BYTES,
		.freed = (__s64)(now->freed - then->freed) * (__s64)LEDGER_PAGE_BYTES,
	};
	row->complete = row->end == STACK_END_ROOT;
	if (one)
		keep_process(row, one);
	return row->rss || row->growth || row->faulted || row->freed;
}

/* Stacks that hold nothing and did nothing in the window are not rows. Returns how many are. */
static __u32 fill_rows(struct view *view, const struct window *window,
		       const struct one_process *one)
{
	__u32 nr = 0;

	for (__u32 id = OWNER_FIRST_STACK; id < window->to->nr_stacks; id++)
		nr += fill_row(view->stacks + nr, window, one, id);
	return nr;
}

static void walk_ends__add(struct walk_ends *ends, enum stack_end end, __s64 bytes)
{
	ends->bytes += bytes;
	ends->by_end[end] += bytes;
	if (end != STACK_END_ROOT)
		ends->incomplete += bytes;
}

const struct walk_ends *view__walk_ends(const struct view *view)
{
	return view->to_ns > view->from_ns ? &view->faulted_walks : &view->resident_walks;
}

/* What was taken by chance stands for what was not. Returns how many rows are left. */
static __u32 share_rows(struct view *view, const struct window *window,
			const struct one_process *one, __u32 nr)
{
	double variance = 0;
	__u32 left = 0;

	view->unsampled = sampled__share_rows(window, view->stacks, nr) + (one ? one->none : 0);
	for (__u32 i = 0; i < nr; i++) {
		struct stack_row *row = view->stacks + i;
		double own = sampled__variance(window, row->id, window->to->stacks[row->id].rss);

		row->error = (__s64)(sqrt(own) * LEDGER_PAGE_BYTES);
		variance += own;
		if (sampled__is_none(window->session, row->id)) {
			if (!says_something(row->rss, row->growth, row->faulted, row->freed))
				continue;
		} else {
			walk_ends__add(&view->resident_walks, row->end, row->rss);
			walk_ends__add(&view->faulted_walks, row->end, row->faulted);
		}
		view->stacks[left++] = *row;
	}
	view->sampling_error = (__s64)(sqrt(variance) * LEDGER_PAGE_BYTES);
	return left;
}

int stack_row__compare(const void *pa, const void *pb)
{
	const struct stack_row *a = pa, *b = pb;
	int order = DESCENDING(a->growth, b->growth);

	order = order ? order : DESCENDING(a->rss, b->rss);
	if (a->growth == UNKNOWN_BYTES)
		order = order ? order : DESCENDING(a->faulted, b->faulted);
	return order ? order : DESCENDING(b->id, a->id);
}

static void sum_other(struct other_row *other, const struct stack_row *rows, __u32 nr)
{
	other->nr = nr;
	for (__u32 i = 0; i < nr; i++) {
		other->rss += rows[i].rss;
		other->growth += rows[i].growth;
		other->faulted += rows[i].faulted;
		other->freed += rows[i].freed;
	}
}

int view__add_stacks(struct view *view, const struct window *window)
{
	struct one_process one;
	__u32 nr;
	int ret = 0;

	view->stacks = calloc(window->to->nr_stacks + 1, sizeof(*view->stacks));
	if (!view->stacks)
		return -ENOMEM;
	if (window->pid) {
		ret = one_process__init(&one, window);
		if (ret)
			return ret;
	}
	nr = fill_rows(view, window, window->pid ? &one : NULL);
	nr = share_rows(view, window, window->pid ? &one : NULL, nr);
	if (window->pid)
		owner_tally__fini(&one.tally);
	qsort(view->stacks, nr, sizeof(*view->stacks), stack_row__compare);
	view->nr_stacks = window__shown(window, nr);
	sum_other(&view->other_stacks, view->stacks + view->nr_stacks, nr - view->nr_stacks);
	for (__u32 i = 0; i < view->nr_stacks && !ret && !window->unnamed_stacks; i++)
		ret = stack_row__name(view->stacks + i, window->session);
	return ret;
}
