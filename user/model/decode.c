// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "checkpoint_abi.h"
#include "model/decode.h"
#include "model/vma_map.h"

typedef const char *check_fn(const void *record); /* NULL, or what is wrong */

#define OVERHEAD_NS_MAX (1ULL << 56) /* of one record: two years */

struct shape {
	const char *name;
	__u16 min_bytes;
	__u16 string_at; /* where the string at the record's end starts; 0: none */
	bool space;	 /* an address-space id follows the header */
	check_fn *check;
};

static const char *const bad_member = "no such counter";
static const char *const bad_cause = "no such cause";
static const char *const bad_op = "no such call";
static const char *const bad_amount = "too many pages";
static const char *const bad_address = "address out of range";
static const char *const bad_sampling = "no such sampling";
static const char *const bad_space = "address-space id out of range";

static bool in_address_space(__u64 addr, __u64 pages)
{
	return !(addr & 4095) && addr < ADDRESS_END && pages <= (ADDRESS_END - addr) >> 12;
}

static bool counters_in_range(const __s64 *pages)
{
	for (int m = 0; m < RSST_NR_MEMBERS; m++)
		if (pages[m] > RECORD_COUNT_MAX || pages[m] < -RECORD_COUNT_MAX)
			return false;
	return true;
}

static bool is_cause(__u8 cause)
{
	return cause > CAUSE_INVALID && cause < NR_CAUSES;
}

static const char *check_fault(const void *record)
{
	const struct rec_fault *fault = record;

	if (fault->member >= RSST_NR_MEMBERS)
		return bad_member;
	if (fault->flags & FAULT_COW && fault->cow_member >= RSST_NR_MEMBERS)
		return bad_member;
	if (!is_cause(fault->cause))
		return bad_cause;
	if (SAMPLE_SHIFT(fault->flags) > SAMPLE_SHIFT_MAX)
		return bad_sampling;
	if (fault->nr_pages > FAULT_PAGES_MAX || (fault->flags & FAULT_COW && fault->nr_pages != 1))
		return bad_amount;
	return in_address_space(fault->addr, fault->nr_pages) ? NULL : bad_address;
}

static const char *check_overhead(const void *record)
{
	const struct rec_overhead *overhead = record;

	if (overhead->target_ns > OVERHEAD_NS_MAX || overhead->kernel_ns > OVERHEAD_NS_MAX ||
	    overhead->tracer_ns > OVERHEAD_NS_MAX)
		return "more time than there is";
	return overhead->shift > SAMPLE_SHIFT_MAX ? bad_sampling : NULL;
}

static const char *check_release(const void *record)
{
	const struct rec_release *release = record;

	if (release->member >= RSST_NR_MEMBERS)
		return bad_member;
	if (!is_cause(release->cause))
		return bad_cause;
	if (release->op >= NR_VM_OPS)
		return bad_op;
	if (release->nr_pages < 0 && !(release->flags & RELEASE_SOFT))
		return bad_amount;
	return (__u64)llabs(release->nr_pages) > RECORD_PAGES_MAX ? bad_amount : NULL;
}

static const char *check_populate(const void *record)
{
	const struct rec_populate *populate = record;

	if (populate->member >= RSST_NR_MEMBERS)
		return bad_member;
	if (!is_cause(populate->cause))
		return bad_cause;
	if (populate->op >= NR_VM_OPS)
		return bad_op;
	if (SAMPLE_SHIFT(populate->flags) > SAMPLE_SHIFT_MAX)
		return bad_sampling;
	return populate->nr_pages > RECORD_PAGES_MAX ? bad_amount : NULL;
}

static const char *check_delta(const void *record)
{
	const struct rec_delta *delta = record;

	if (delta->member >= RSST_NR_MEMBERS)
		return bad_member;
	return is_cause(delta->cause) ? NULL : bad_cause;
}

static const char *check_call(const void *record)
{
	const struct rec_call *call = record;

	if (call->op == VM_OP_NONE || call->op >= NR_VM_OPS)
		return bad_op;
	return call->backing > BACKING_SPECIAL ? "no such backing" : NULL;
}

static const char *check_area(const void *record)
{
	const struct rec_area *area = record;

	return area->op >= NR_VM_OPS ? bad_op : NULL;
}

static const char *check_named(const void *record)
{
	const struct rec_named *named = record;

	return strlen(named->name) < NAMED_MAX ? NULL : "its name is too long";
}

static const char *check_stack(const void *record)
{
	const struct rec_stack *stack = record;

	if (!stack->id)
		return "stack id 0";
	if (stack->space >= SPACE_MAX)
		return bad_space;
	if (stack->end == STACK_END_INVALID || stack->end >= NR_STACK_ENDS)
		return "no such end of a stack";
	if (stack->nr_frames > RSST_MAX_FRAMES ||
	    sizeof(*stack) + stack->nr_frames * 8ULL > stack->h.size)
		return "frames beyond its end";
	return NULL;
}

static const char *check_fork(const void *record)
{
	const struct rec_fork *fork = record;

	if (fork->child_space >= SPACE_MAX)
		return bad_space;
	return counters_in_range(fork->pages) ? NULL : bad_amount;
}

static const char *check_exec(const void *record)
{
	const struct rec_exec *exec = record;

	if (exec->new_space >= SPACE_MAX || exec->new_space == exec->old_space)
		return bad_space;
	return counters_in_range(exec->pages) ? NULL : bad_amount;
}

static const char *check_counters(const void *record)
{
	const struct rec_counters *counters = record;

	return counters_in_range(counters->pages) && counters_in_range(counters->lost) ? NULL
										       : bad_amount;
}

static const char *check_start(const void *record)
{
	const struct rec_start *start = record;

	return start->page_bytes == 4096 ? NULL : "pages are not of 4096 bytes";
}

static const char *check_process(const void *record)
{
	const struct rec_process *process = record;

	return counters_in_range(process->pages) ? NULL : bad_amount;
}

static const char *check_map(const void *record)
{
	const struct rec_map *map = record;

	if (map->backing > BACKING_SPECIAL)
		return "no such backing";
	if (map->start == map->end && map->flags & MAP_SNAPSHOT_RESET)
		return NULL;
	/* [vsyscall] lies in the upper half: accepted here, left out by the model */
	if (map->start >= map->end || (map->start | map->end) & 4095)
		return bad_address;
	return NULL;
}

static const char *check_pages(const void *record)
{
	const struct rec_pages *pages = record;

	if (pages->why == PAGES_INVALID || pages->why > PAGES_SEEN)
		return "no such reason";
	if (pages->member >= RSST_NR_MEMBERS)
		return bad_member;
	if (pages->why != PAGES_SEEN && pages->why != PAGES_GONE &&
	    pages->nr_pages > RECORD_PAGES_MAX)
		return bad_amount;
	return in_address_space(pages->addr, pages->nr_pages) ? NULL : bad_address;
}

static const char *check_object(const void *record)
{
	const struct rec_object *object = record;

	return object->build_id_len > sizeof(object->build_id) ? "build-id too long" : NULL;
}

static const char *check_symbol(const void *record)
{
	const struct rec_symbol *symbol = record;
	size_t left = symbol->h.size - sizeof(*symbol);
	const __u8 *at = symbol->entries;

	if (!symbol->ino && !symbol->dev && symbol->space >= SPACE_MAX)
		return bad_space;
	for (__u32 i = 0; i < symbol->nr; i++) {
		__u16 lengths[2];
		size_t text;

		if (left < 8)
			return "entries beyond its end";
		memcpy(lengths, at + 4, sizeof(lengths));
		text = (size_t)lengths[0] + lengths[1];
		if (left - 8 < text)
			return "names beyond its end";
		if (memchr(at + 8, 0, text))
			return "a name with a NUL";
		at += 8 + text;
		left -= 8 + text;
	}
	return NULL;
}

static const char *check_stats(const void *record)
{
	const struct rec_stats *stats = record;

	return stats->nr > (stats->h.size - sizeof(*stats)) / 8 ? "values beyond its end" : NULL;
}

static const char *check_mark(const void *record)
{
	const struct rec_mark *mark = record;
	size_t len = strlen(mark->label); /* check_shape() has seen its end */

	if (mark->from == MARK_INVALID || mark->from >= NR_MARK_FROMS)
		return "no such source of a mark";
	return len && len < MARK_LABEL_MAX ? NULL : "its label is empty or too long";
}

#define SHAPE(type, has_space, fn)                                                                 \
	{                                                                                          \
#type, sizeof(struct rec_##type), 0, has_space, fn                                 \
	}
#define SHAPE_STRING(type, member, has_space, fn)                                                  \
	{                                                                                          \
#type, sizeof(struct rec_##type), offsetof(struct rec_##type, member), has_space,  \
			fn                                                                         \
	}

static const struct shape shapes[NR_REC_TYPES] = {
	[REC_FAULT] = SHAPE(fault, true, check_fault),
	[REC_RELEASE] = SHAPE(release, true, check_release),
	[REC_POPULATE] = SHAPE(populate, true, check_populate),
	[REC_DELTA] = SHAPE(delta, true, check_delta),
	[REC_CALL] = SHAPE(call, true, check_call),
	[REC_AREA] = SHAPE(area, true, check_area),
	[REC_NAMED] = SHAPE_STRING(named, name, true, check_named),
	[REC_STACK] = SHAPE(stack, false, check_stack),
	[REC_FORK] = SHAPE(fork, true, check_fork),
	[REC_EXEC] = SHAPE(exec, true, check_exec),
	[REC_EXIT] = SHAPE(exit, true, NULL),
	[REC_SPACE_END] = SHAPE(space_end, true, NULL),
	[REC_COUNTERS] = SHAPE(counters, true, check_counters),
	[REC_THREAD] = SHAPE(thread, true, NULL),
	[REC_START] = SHAPE(start, false, check_start),
	[REC_PROCESS] = SHAPE_STRING(process, exe, true, check_process),
	[REC_MAP] = SHAPE_STRING(map, name, true, check_map),
	[REC_PAGES] = SHAPE(pages, true, check_pages),
	[REC_OBJECT] = SHAPE_STRING(object, path, false, check_object),
	[REC_SYMBOL] = SHAPE(symbol, false, check_symbol),
	[REC_STATS] = SHAPE(stats, false, check_stats),
	[REC_TICK] = SHAPE(tick, false, NULL),
	[REC_END] = SHAPE(end, false, NULL),
	[REC_OVERHEAD] = SHAPE(overhead, false, check_overhead),
	[REC_MARK] = SHAPE_STRING(mark, label, false, check_mark),
	[REC_CHECKPOINT] = SHAPE(checkpoint, false, decode__check_checkpoint),
	[REC_STATE] = SHAPE(state, false, decode__check_state),
	[REC_CHECKPOINT_END] = SHAPE(checkpoint_end, false, NULL),
	[REC_GAP] = SHAPE(gap, false, NULL),
};

static const char *check_shape(const struct shape *shape, const struct rec *rec)
{
	const __u8 *bytes = (const __u8 *)rec;
	__u32 space;

	if (rec->size < shape->min_bytes)
		return "too short";
	if (shape->string_at && !memchr(bytes + shape->string_at, 0, rec->size - shape->string_at))
		return "its string is not terminated";
	if (shape->space) {
		memcpy(&space, bytes + sizeof(*rec), sizeof(space));
		if (space >= SPACE_MAX)
			return bad_space;
	}
	return shape->check ? shape->check(rec) : NULL;
}

int decode__check(const struct rec *rec, size_t len, struct err *err)
{
	const struct shape *shape;
	const char *wrong;

	if (len < sizeof(*rec))
		return err__set(err, -EBADMSG, "record of %zu bytes has no header", len);
	if (rec->size != len || len % 8 || len > RSST_REC_MAX)
		return err__set(err, -EBADMSG, "record of %zu bytes claims to have %u", len,
				rec->size);
	if (rec->type == REC_INVALID)
		return err__set(err, -EBADMSG, "record of type 0");
	if (rec->type >= NR_REC_TYPES || !shapes[rec->type].name)
		return 1;
	shape = &shapes[rec->type];
	wrong = check_shape(shape, rec);
	if (wrong)
		return err__set(err, -EBADMSG, "damaged \"%s\" record: %s", shape->name, wrong);
	return 0;
}
