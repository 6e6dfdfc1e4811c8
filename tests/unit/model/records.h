/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records as a test wants to write them: RECORD(fault, FAULT, .addr = ..., .nr_pages = 4) is a
 * struct rec_fault with its header filled in; the record_* functions build those that end in a
 * string or an array, in a static buffer that the next call overwrites.
 */
#ifndef RSSTRACE_TESTS_UNIT_MODEL_RECORDS_H
#define RSSTRACE_TESTS_UNIT_MODEL_RECORDS_H

#include <stdio.h>
#include <string.h>
#include "checkpoint_abi.h"
#include "record_abi.h"

#define PAGE 4096ULL
#define TABLE (1ULL << 21)

#define RECORD(name, type_, ...)                                                                   \
	((struct rec_##name){ .h = { REC_##type_, 0, sizeof(struct rec_##name), 0 }, __VA_ARGS__ })

/* Copies @head (of @bytes) and @tail behind it into the buffer; the size is rounded to 8. */
static inline struct rec *record_join(const void *head, size_t bytes, const void *tail,
				      size_t tail_bytes)
{
	static __u64 buffer[RSST_REC_MAX / 8];
	struct rec *rec = (struct rec *)buffer;

	memset(buffer, 0, sizeof(buffer));
	memcpy(buffer, head, bytes);
	memcpy((char *)buffer + bytes, tail, tail_bytes);
	rec->size = (bytes + tail_bytes + 7) / 8 * 8;
	return rec;
}

static inline struct rec *record_process(__u32 space, __u32 pid, __u32 flags, const __s64 *pages,
					 const char *comm, const char *exe)
{
	struct rec_process head =
		RECORD(process, PROCESS, .space = space, .pid = pid, .ppid = 1, .flags = flags);

	if (pages)
		memcpy(head.pages, pages, sizeof(head.pages));
	snprintf(head.comm, sizeof(head.comm), "%s", comm);
	return record_join(&head, sizeof(head), exe, strlen(exe) + 1);
}

static inline struct rec *record_mark(__u32 from, __u32 pid, const char *label)
{
	struct rec_mark head = RECORD(mark, MARK, .from = from, .pid = pid);

	return record_join(&head, sizeof(head), label, strlen(label) + 1);
}

static inline struct rec *record_map(const struct rec_map *head, const char *name)
{
	return record_join(head, sizeof(*head), name, strlen(name) + 1);
}

static inline struct rec *record_named(const struct rec_named *head, const char *name)
{
	return record_join(head, sizeof(*head), name, strlen(name) + 1);
}

static inline struct rec *record_stack(__u32 space, __u64 id, __u8 end, __u16 nr, const __u64 *pcs)
{
	struct rec_stack head =
		RECORD(stack, STACK, .id = id, .space = space, .nr_frames = nr, .end = end);

	return record_join(&head, sizeof(head), pcs, nr * sizeof(*pcs));
}

static inline struct rec *record_object(__u32 dev, __u64 ino, __u32 flags, const char *path)
{
	struct rec_object head = RECORD(object, OBJECT, .ino = ino, .dev = dev, .flags = flags);

	return record_join(&head, sizeof(head), path, strlen(path) + 1);
}

/* One entry: @function in @file at @line. */
static inline struct rec *record_symbol(const struct rec_symbol *like, const char *function,
					const char *file, __u32 line)
{
	struct rec_symbol head = *like;
	char tail[512];
	__u16 lengths[2] = { strlen(function), strlen(file) };

	head.nr = 1;
	memcpy(tail, &line, 4);
	memcpy(tail + 4, lengths, 4);
	memcpy(tail + 8, function, lengths[0]);
	memcpy(tail + 8 + lengths[0], file, lengths[1]);
	return record_join(&head, sizeof(head), tail, 8 + lengths[0] + lengths[1]);
}

static inline struct rec *record_stats(__u32 nr, const __u64 *values)
{
	struct rec_stats head = RECORD(stats, STATS, .nr = nr);

	return record_join(&head, sizeof(head), values, nr * sizeof(*values));
}

#endif
