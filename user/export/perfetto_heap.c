// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is resident at the window's end in the form of a heapprofd dump, which every Perfetto shows
 * as a flame graph: bytes "allocated" are resident bytes, and none is freed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "export/frame_text.h"
#include "export/perfetto_packet.h"
#include "export/pool.h"

#define NEEDS_STATE 2
#define HEAP_NAME "resident pages"

/* What frames and stacks refer to by number; each list is one of InternedData. */
struct builder {
	struct pool pool;
	struct intern_table name_numbers, path_numbers, mapping_numbers, frame_numbers,
		stack_numbers, pid_numbers;
	struct pool_list names, paths, mappings, frames, stacks, dumps;
	__u32 stack_cap;
	__u64 *stack; /* of the sample in hand, outermost first */
};

/* A process's samples; the list grows beside the message. */
struct dump {
	Perfetto__ProfilePacket__ProcessHeapSamples message; /* first: lists hold messages */
	struct pool_list samples;
};

static __u64 string_iid(struct builder *builder, struct intern_table *numbers,
			struct pool_list *list, const char *text)
{
	Perfetto__InternedString *string;
	bool is_new;
	__u64 iid = intern_table__number(numbers, &builder->pool, text, strlen(text), &is_new);

	string = is_new && iid ? pool_list__add(list, &builder->pool, sizeof(*string)) : NULL;
	if (string) {
		*string = (Perfetto__InternedString)PERFETTO__INTERNED_STRING__INIT;
		PERFETTO_SET(string, iid, iid);
		string->has_str = true;
		string->str.len = strlen(text);
		string->str.data = (uint8_t *)pool__copy(&builder->pool, text);
	}
	return iid;
}

/* Older importers want a mapping for each frame. @path: cleaned. */
static __u64 mapping_iid(struct builder *builder, const char *path)
{
	__u64 path_iid = string_iid(builder, &builder->path_numbers, &builder->paths, path);
	Perfetto__Mapping *mapping;
	bool is_new;
	__u64 iid = intern_table__number(&builder->mapping_numbers, &builder->pool, &path_iid,
					 sizeof(path_iid), &is_new);

	mapping = is_new && iid
			  ? pool_list__add(&builder->mappings, &builder->pool, sizeof(*mapping))
			  : NULL;
	if (mapping) {
		*mapping = (Perfetto__Mapping)PERFETTO__MAPPING__INIT;
		PERFETTO_SET(mapping, iid, iid);
		mapping->path_string_ids =
			pool__take(&builder->pool, sizeof(*mapping->path_string_ids));
		if (mapping->path_string_ids)
			mapping->path_string_ids[mapping->n_path_string_ids++] = path_iid;
	}
	return iid;
}

static __u64 frame_iid(struct builder *builder, const char *name, const char *path, __u64 offset)
{
	const __u64 key[] = {
		string_iid(builder, &builder->name_numbers, &builder->names, name),
		mapping_iid(builder, path),
		offset,
	};
	Perfetto__Frame *frame;
	bool is_new;
	__u64 iid = intern_table__number(&builder->frame_numbers, &builder->pool, key, sizeof(key),
					 &is_new);

	frame = is_new && iid ? pool_list__add(&builder->frames, &builder->pool, sizeof(*frame))
			      : NULL;
	if (frame) {
		*frame = (Perfetto__Frame)PERFETTO__FRAME__INIT;
		PERFETTO_SET(frame, iid, iid);
		PERFETTO_SET(frame, function_name_id, key[0]);
		PERFETTO_SET(frame, mapping_id, key[1]);
		PERFETTO_SET(frame, rel_pc, offset);
	}
	return iid;
}

static __u64 row_iid(struct builder *builder, const struct frame_row *row)
{
	char *name = frame_text__name(row), *path = frame_text__clean(row->module ?: "[no file]");
	__u64 iid = 0;

	/* importers put a slash before each part of a path */
	if (name && path)
		iid = frame_iid(builder, name, path + (path[0] == '/'), row->offset);
	builder->pool.failed |= !name || !path;
	free(name);
	free(path);
	return iid;
}

static __u64 region_iid(struct builder *builder, const struct region_row *region)
{
	char *name = frame_text__region(region);
	__u64 iid = name ? frame_iid(builder, name, "[no code]", 0) : 0;

	builder->pool.failed |= !name;
	free(name);
	return iid;
}

static bool reserve(struct builder *builder, __u32 nr)
{
	if (nr <= builder->stack_cap)
		return true;
	builder->stack = pool__take(&builder->pool, 2 * nr * sizeof(*builder->stack));
	builder->stack_cap = builder->stack ? 2 * nr : 0;
	return builder->stack;
}

/* Fills builder->stack; returns the frames in it. */
static __u32 make_stack(struct builder *builder, const struct sample *sample)
{
	__u32 nr = 0, nr_frames = sample__has_frames(sample) ? sample->stack->nr_frames : 2;

	if (!reserve(builder, nr_frames))
		return 0;
	if (sample__has_frames(sample)) {
		for (__u32 i = nr_frames; i--;)
			builder->stack[nr++] = row_iid(builder, sample->stack->frames + i);
		return nr;
	}
	builder->stack[nr++] = frame_iid(builder, frame_text__origin(sample), "[no code]", 0);
	if (sample->region)
		builder->stack[nr++] = region_iid(builder, sample->region);
	return nr;
}

static __u64 stack_iid(struct builder *builder, const struct sample *sample)
{
	__u32 nr = make_stack(builder, sample);
	Perfetto__Callstack *stack;
	bool is_new;
	__u64 iid;

	if (!nr)
		return 0;
	iid = intern_table__number(&builder->stack_numbers, &builder->pool, builder->stack,
				   nr * sizeof(*builder->stack), &is_new);
	stack = is_new && iid ? pool_list__add(&builder->stacks, &builder->pool, sizeof(*stack))
			      : NULL;
	if (stack) {
		*stack = (Perfetto__Callstack)PERFETTO__CALLSTACK__INIT;
		PERFETTO_SET(stack, iid, iid);
		stack->frame_ids = pool__take(&builder->pool, nr * sizeof(*stack->frame_ids));
		if (stack->frame_ids)
			memcpy(stack->frame_ids, builder->stack, nr * sizeof(*stack->frame_ids));
		stack->n_frame_ids = stack->frame_ids ? nr : 0;
	}
	return iid;
}

static struct dump *dump_of(struct builder *builder, __u32 pid, __u64 timestamp)
{
	struct dump *dump;
	bool is_new;
	__u64 number = intern_table__number(&builder->pid_numbers, &builder->pool, &pid,
					    sizeof(pid), &is_new);

	if (!number)
		return NULL;
	if (!is_new)
		return number <= builder->dumps.nr ? builder->dumps.items[number - 1] : NULL;
	dump = pool_list__add(&builder->dumps, &builder->pool, sizeof(*dump));
	if (!dump)
		return NULL;
	dump->message = (Perfetto__ProfilePacket__ProcessHeapSamples)
		PERFETTO__PROFILE_PACKET__PROCESS_HEAP_SAMPLES__INIT;
	PERFETTO_SET(&dump->message, pid, pid);
	PERFETTO_SET(&dump->message, timestamp, timestamp);
	PERFETTO_SET(&dump->message, sampling_interval_bytes, 1);
	dump->message.heap_name = HEAP_NAME;
	return dump;
}

static void add_sample(struct builder *builder, const struct sample *sample, __u32 pid,
		       __u64 timestamp)
{
	__u64 bytes = sample__positive(sample, VALUE_RESIDENT);
	Perfetto__ProfilePacket__HeapSample *heap;
	struct dump *dump;

	if (!bytes)
		return;
	dump = dump_of(builder, sample->region ? sample->region->pid : pid, timestamp);
	heap = dump ? pool_list__add(&dump->samples, &builder->pool, sizeof(*heap)) : NULL;
	if (!heap)
		return;
	*heap = (Perfetto__ProfilePacket__HeapSample)PERFETTO__PROFILE_PACKET__HEAP_SAMPLE__INIT;
	PERFETTO_SET(heap, callstack_id, stack_iid(builder, sample));
	PERFETTO_SET(heap, self_allocated, bytes);
	PERFETTO_SET(heap, self_freed, 0);
}

static int put_packet(struct builder *builder, const struct export_run *run, __u64 ns)
{
	Perfetto__TracePacket packet = perfetto_packet(run, ns);
	Perfetto__InternedData data = PERFETTO__INTERNED_DATA__INIT;
	Perfetto__ProfilePacket profile = PERFETTO__PROFILE_PACKET__INIT;

	for (size_t i = 0; i < builder->dumps.nr; i++) {
		struct dump *dump = builder->dumps.items[i];

		dump->message.samples = (void *)dump->samples.items;
		dump->message.n_samples = dump->samples.nr;
	}
	data.function_names = (void *)builder->names.items;
	data.n_function_names = builder->names.nr;
	data.mapping_paths = (void *)builder->paths.items;
	data.n_mapping_paths = builder->paths.nr;
	data.mappings = (void *)builder->mappings.items;
	data.n_mappings = builder->mappings.nr;
	data.frames = (void *)builder->frames.items;
	data.n_frames = builder->frames.nr;
	data.callstacks = (void *)builder->stacks.items;
	data.n_callstacks = builder->stacks.nr;
	profile.process_dumps = (void *)builder->dumps.items;
	profile.n_process_dumps = builder->dumps.nr;
	PERFETTO_SET(&profile, index, 0);
	packet.interned_data = &data;
	packet.profile_packet = &profile;
	PERFETTO_SET(&packet, sequence_flags, NEEDS_STATE);
	return perfetto_packet__put(run->out, &packet);
}

static void builder__fini(struct builder *builder)
{
	intern_table__fini(&builder->name_numbers);
	intern_table__fini(&builder->path_numbers);
	intern_table__fini(&builder->mapping_numbers);
	intern_table__fini(&builder->frame_numbers);
	intern_table__fini(&builder->stack_numbers);
	intern_table__fini(&builder->pid_numbers);
	pool__fini(&builder->pool);
}

int perfetto__put_heap(const struct export_run *run, const struct view *view)
{
	__u64 timestamp = perfetto_packet(run, view->to_ns).timestamp;
	struct builder builder = { 0 };
	struct samples samples;
	int code = samples__init(&samples, view);

	if (code)
		return code;
	for (__u32 i = 0; i < samples.nr; i++)
		add_sample(&builder, samples.all + i, view->pid, timestamp);
	code = builder.pool.failed ? -ENOMEM : put_packet(&builder, run, view->to_ns);
	builder__fini(&builder);
	samples__fini(&samples);
	return code;
}
