// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The pieces of a checkpoint. What they refer to by number is checked where they are taken over. */
#include <string.h>
#include "checkpoint_abi.h"
#include "model/calls.h"
#include "model/decode.h"
#include "model/page_ledger.h"
#include "model/vma_map.h"

#define VARIANCE_MAX (1ULL << 62)
#define GAINS_MAX (1U << 26) /* of a call that populates */

typedef const char *check_items_fn(const struct rec_state *state, const void *items);

static const char *const bad_range = "range of addresses";
static const char *const bad_number = "number out of range";
static const char *const bad_amount = "too many pages";

static bool are_within(const __s64 *sums, __u32 nr, __s64 most)
{
	for (__u32 i = 0; i < nr; i++)
		if (sums[i] > most || sums[i] < -most)
			return false;
	return true;
}

static bool are_sums(const __s64 *sums, __u32 nr)
{
	return are_within(sums, nr, PAGES_SUM_MAX);
}

static bool is_range(__u64 start, __u64 end)
{
	return start < end && end <= ADDRESS_END && !((start | end) & 4095);
}

static bool ends_in_string(const struct rec_state *state, const char *text)
{
	return memchr(text, 0, (const char *)state + state->h.size - text);
}

static const char *check_names(const struct rec_state *state, const void *items)
{
	const char *at = items, *end = (const char *)state + state->h.size;

	for (__u32 i = 0; i < state->nr; i++) {
		const char *nul = at < end ? memchr(at, 0, end - at) : NULL;

		if (!nul || nul == at)
			return "a name without text or end";
		at = nul + 1;
	}
	return NULL;
}

static const char *check_object(const struct rec_state *state, const void *items)
{
	const struct state_object *object = items;

	if (state->nr != 1 || object->build_id_len > sizeof(object->build_id))
		return bad_number;
	return ends_in_string(state, object->path) ? NULL : "its string is not terminated";
}

static const char *check_frames(const struct rec_state *state, const void *items)
{
	const struct state_frame *frames = items;

	for (__u32 i = 0; i < state->nr; i++)
		if (frames[i].space >= SPACE_MAX)
			return bad_number;
	return NULL;
}

/* The sum of @nr amounts; beyond PAGES_SUM_MAX when one of them is. */
static __u64 sum_of(const __u64 *amounts, __u32 nr)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < nr; i++) {
		if (amounts[i] > PAGES_SUM_MAX)
			return ~0ULL;
		sum += amounts[i];
	}
	return sum;
}

static __u64 sum_of_threads(const struct state_thread *threads, __u32 nr)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < nr; i++) {
		if (threads[i].pages > PAGES_SUM_MAX)
			return ~0ULL;
		sum += threads[i].pages;
	}
	return sum;
}

__u64 decode__state_weight(const struct rec_state *state)
{
	const void *items = state + 1;

	switch (state->sort) {
	case STATE_STACK:
		return sum_of(&((const struct state_stack *)items)->pages.rss, 3);
	case STATE_CAUSES:
		return sum_of(items, state->nr * 2 * RSST_NR_MEMBERS);
	case STATE_FINAL_STACK:
		return sum_of(items, state->nr * 3);
	case STATE_THREAD:
		return sum_of_threads(items, state->nr);
	case STATE_FINAL_THREAD:
		return sum_of(items, state->nr);
	default:
		return 0;
	}
}

/* Amounts of pages that can only grow. */
static const char *check_amounts(const struct rec_state *state, const void *items)
{
	(void)items;
	return decode__state_weight(state) > PAGES_SUM_MAX ? bad_amount : NULL;
}

static const char *check_stack(const struct rec_state *state, const void *items)
{
	const struct state_stack *stack = items;

	if (!stack->id || stack->space >= SPACE_MAX || stack->end >= NR_STACK_ENDS ||
	    state->nr > RSST_MAX_FRAMES || (state->nr && !stack->end))
		return bad_number;
	return check_amounts(state, items);
}

static const char *check_space(const struct rec_state *state, const void *items)
{
	const struct state_space *space = items;

	if (state->nr != 1 || state->of >= SPACE_MAX || space->brk_end > ADDRESS_END)
		return bad_number;
	if (!are_within(space->counted, RSST_NR_MEMBERS, RECORD_COUNT_MAX) ||
	    !are_within(space->carried, RSST_NR_MEMBERS, 2 * RECORD_COUNT_MAX) ||
	    !are_sums(space->lost, RSST_NR_MEMBERS) || !are_sums(space->placed, RSST_NR_MEMBERS) ||
	    !are_sums(space->surplus, RSST_NR_MEMBERS) || !are_sums(space->by_class, 3))
		return bad_amount;
	return ends_in_string(state, space->exe) ? NULL : "its string is not terminated";
}

static const char *check_vma(const struct state_vma *vma)
{
	if (!is_range(vma->start, vma->end))
		return bad_range;
	if (vma->prot > 7 || vma->shared > 1 || vma->kind == KIND_INVALID ||
	    vma->kind >= NR_KINDS || vma->backing > BACKING_SPECIAL)
		return bad_number;
	return NULL;
}

static const char *check_vmas(const struct rec_state *state, const void *items)
{
	const struct state_vma *vmas = items;
	const char *wrong = NULL;

	for (__u32 i = 0; !wrong && i < state->nr; i++)
		wrong = check_vma(&vmas[i]);
	return wrong;
}

static const char *check_table(const struct rec_state *state, const void *items)
{
	const struct state_table *table = items;
	__u32 next = 0;

	if (table->key >= ADDRESS_END >> LEDGER_TABLE_SHIFT ||
	    table->guess_first > LEDGER_TABLE_PAGES || table->guess_end > LEDGER_TABLE_PAGES)
		return bad_number;
	for (__u32 i = 0; i < state->nr; i++) {
		const struct state_run *run = &table->runs[i];

		if (run->first < next || !run->nr || run->first + run->nr > LEDGER_TABLE_PAGES)
			return "pages out of order";
		if (run->member == RSST_SWAP ||
		    (run->member >= RSST_NR_MEMBERS && run->member != MEMBER_NONE) || !run->owner)
			return bad_number;
		next = run->first + run->nr;
	}
	return NULL;
}

static const char *check_calls(const struct rec_state *state, const void *items)
{
	const struct state_call *calls = items;
	const char *wrong = NULL;

	for (__u32 i = 0; !wrong && i < state->nr; i++) {
		const struct state_call *call = &calls[i];

		if (call->space >= SPACE_MAX || (call->populate_base | call->populate_at) & 4095 ||
		    call->populate_base > ADDRESS_END || call->populate_at > ADDRESS_END)
			return bad_number;
		wrong = call->has_vma ? check_vma(&call->vma) : NULL;
	}
	return wrong;
}

static const char *check_queued(const struct rec_state *state, const void *items)
{
	const struct state_queued *queued = items;

	for (__u32 i = 0; i < state->nr; i++)
		if (queued[i].unit > RECORD_PAGES_MAX || queued[i].times > GAINS_MAX ||
		    queued[i].member >= RSST_NR_MEMBERS || queued[i].member == RSST_SWAP)
			return bad_number;
	return NULL;
}

static const char *check_stashed(const struct rec_state *state, const void *items)
{
	const struct state_stashed *stashed = items;

	for (__u32 i = 0; i < state->nr; i++)
		if (stashed[i].offset >= ADDRESS_END || stashed[i].offset & 4095 ||
		    stashed[i].member >= RSST_NR_MEMBERS || stashed[i].member == RSST_SWAP)
			return bad_number;
	return NULL;
}

static const char *check_found(const struct rec_state *state, const void *items)
{
	const struct state_found *found = items;

	for (__u32 i = 0; i < state->nr; i++)
		if (found[i].start > found[i].end || found[i].end > ADDRESS_END ||
		    (found[i].start | found[i].end) & 4095)
			return bad_range;
	return NULL;
}

static const char *check_marks(const struct rec_state *state, const void *items)
{
	const struct state_mark *marks = items;
	bool open = false; /* once one is, those behind are */

	for (__u32 i = 0; i < state->nr; i++) {
		if (marks[i].from == MARK_INVALID || marks[i].from >= NR_MARK_FROMS ||
		    !marks[i].label[0] || !memchr(marks[i].label, 0, MARK_LABEL_MAX))
			return bad_number;
		if (open && marks[i].tick_ns != MARK_OPEN)
			return "marks out of order";
		open = marks[i].tick_ns == MARK_OPEN;
	}
	return NULL;
}

static const char *check_series(const struct rec_state *state, const void *items)
{
	const struct state_series *series = items;

	for (__u32 i = 0; i < state->nr; i++)
		if (!are_sums(series->points[i].pages, RSST_NR_MEMBERS))
			return bad_amount;
	return NULL;
}

static const char *check_sampled(const struct rec_state *state, const void *items)
{
	const struct state_sampled *sampled = items;

	for (__u32 i = 0; i < state->nr; i++)
		if (sampled[i].stands_for > PAGES_SUM_MAX || sampled[i].variance > VARIANCE_MAX)
			return bad_amount;
	return NULL;
}

static const char *check_overhead(const struct rec_state *state, const void *items)
{
	const struct state_overhead *overhead = items;

	(void)state;
	return overhead->shift > SAMPLE_SHIFT_MAX ? bad_number : NULL;
}

/* `head` bytes once, then `item` bytes nr times. */
static const struct {
	__u16 head, item;
	bool space; /* `of` is one */
	check_items_fn *check;
} sorts[NR_STATES] = {
	[STATE_NAME] = { 0, 1, false, check_names },
	[STATE_OBJECT] = { sizeof(struct state_object), 0, false, check_object },
	[STATE_FRAME] = { 0, sizeof(struct state_frame), false, check_frames },
	[STATE_ENTRY] = { 0, sizeof(struct state_entry), false, NULL },
	[STATE_STACK] = { sizeof(struct state_stack), sizeof(__u32), false, check_stack },
	[STATE_CAUSES] = { 0, sizeof(struct state_causes), false, check_amounts },
	[STATE_COUNTERS] = { 0, sizeof(__u64), false, NULL },
	[STATE_SPACE] = { sizeof(struct state_space), 0, true, check_space },
	[STATE_VMA] = { 0, sizeof(struct state_vma), true, check_vmas },
	[STATE_TABLE] = { sizeof(struct state_table), sizeof(struct state_run), true, check_table },
	[STATE_PROCESS] = { 0, sizeof(struct state_process), false, NULL },
	[STATE_CALL] = { 0, sizeof(struct state_call), false, check_calls },
	[STATE_QUEUED] = { 0, sizeof(struct state_queued), false, check_queued },
	[STATE_STASHED] = { 0, sizeof(struct state_stashed), false, check_stashed },
	[STATE_FOUND] = { 0, sizeof(struct state_found), false, check_found },
	[STATE_FINAL] = { sizeof(struct state_final), 0, false, NULL },
	[STATE_FINAL_STACK] = { 0, sizeof(struct state_pages), false, check_amounts },
	[STATE_THREAD] = { 0, sizeof(struct state_thread), false, check_amounts },
	[STATE_THREAD_NAME] = { 0, sizeof(struct state_thread_name), false, NULL },
	[STATE_MARK] = { 0, sizeof(struct state_mark), false, check_marks },
	[STATE_SERIES] = { sizeof(struct state_series), sizeof(struct state_point), false,
			   check_series },
	[STATE_FINAL_THREAD] = { 0, sizeof(__u64), false, check_amounts },
	[STATE_SAMPLED] = { 0, sizeof(struct state_sampled), false, check_sampled },
	[STATE_OVERHEAD] = { sizeof(struct state_overhead), 0, false, check_overhead },
};

const char *decode__check_state(const void *record)
{
	const struct rec_state *state = record;
	size_t room = state->h.size - sizeof(*state);

	if (state->sort == STATE_INVALID || state->sort >= NR_STATES)
		return "no such sort of state";
	if (room < sorts[state->sort].head ||
	    (__u64)state->nr * sorts[state->sort].item > room - sorts[state->sort].head)
		return "items beyond its end";
	if (sorts[state->sort].space && state->of >= SPACE_MAX)
		return bad_number;
	return sorts[state->sort].check ? sorts[state->sort].check(state, state + 1) : NULL;
}

const char *decode__check_checkpoint(const void *record)
{
	const struct rec_checkpoint *checkpoint = record;

	return are_sums(&checkpoint->rss_pages, 1) ? NULL : bad_amount;
}
