// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A trace as a record source. include/README.md says what whole, cut and damaged mean. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "checkpoint_abi.h"
#include "trace/block.h"
#include "trace/byte_window.h"
#include "trace/file_header.h"
#include "trace/file_failed.h"
#include "trace/index_search.h"
#include "trace/reader.h"

#define HEADER_BYTES sizeof(struct trace_block_header)

/*
 * Invariants
 *  - gap_bytes counts the bytes directly before the window's place that belong to no block and are
 *    not yet in health.
 *  - raw[raw_at, raw_len) are checked, whole records.
 */
struct trace_source {
	struct record_source source;
	struct byte_window window;
	struct trace_health health;
	ZSTD_DCtx *unpacker;
	__u8 *raw;
	__u32 raw_at, raw_len;
	__u64 next_seq;
	__u64 gap_bytes;
	bool gap_is_zero;
	__u64 last_ts;	    /* highest of the last whole block */
	__u64 missing_from; /* health.damaged_* when the last whole block was taken */
	__u64 missing_bytes_from;
	bool at_start;	  /* nothing but REC_START was given */
	bool needs_state; /* since a gap, until a checkpoint */
	bool in_state;	  /* inside that checkpoint */
	bool entered;	  /* at a segment: REC_START comes first */
	bool gap_pending;
	struct rec_gap gap;
	struct rec_start start;
	struct trace_index index;
	bool indexed;
	__u64 file_header_bytes;
};

static size_t left(const struct trace_source *source)
{
	return byte_window__left(&source->window);
}

static const __u8 *here(const struct trace_source *source)
{
	return byte_window__here(&source->window);
}

/* Have @want bytes in the window, or all there are. 0 or -errno with a sentence. */
static int fill(struct trace_source *source, size_t want, struct err *err)
{
	struct byte_window *window = &source->window;
	__u64 before = window->taken_bytes;
	int code = byte_window__fill(window, want, err);

	source->health.taken_bytes += window->taken_bytes - before;
	if (source->health.file_bytes < window->offset + left(source))
		source->health.file_bytes = window->offset + left(source);
	return code;
}

static void pass(struct trace_source *source, size_t len)
{
	byte_window__pass(&source->window, len);
}

/* Pass bytes that belong to no block. */
static void skip(struct trace_source *source, size_t len)
{
	const __u8 *byte = here(source), *end = byte + len;

	if (!source->gap_bytes)
		source->gap_is_zero = true;
	while (byte < end && !*byte)
		byte++;
	source->gap_is_zero = source->gap_is_zero && byte == end;
	source->gap_bytes += len;
	pass(source, len);
}

/* With the block magic, or with the prefix of it the file ends with. */
static bool starts_with_magic(const struct trace_source *source)
{
	size_t len = left(source) < TRACE_MAGIC_LEN ? left(source) : TRACE_MAGIC_LEN;

	return !memcmp(here(source), TRACE_BLOCK_MAGIC, len);
}

/* Skip to the next block magic, to the prefix of it the file ends with, or to the end. */
static int resync(struct trace_source *source, struct err *err)
{
	skip(source, 1);
	for (;;) {
		int code = fill(source, TRACE_MAGIC_LEN, err);
		const __u8 *found;

		if (code || !left(source))
			return code;
		found = memchr(here(source), TRACE_BLOCK_MAGIC[0] & 0xff, left(source));
		skip(source, found ? (size_t)(found - here(source)) : left(source));
		code = fill(source, TRACE_MAGIC_LEN, err);
		if (code || !left(source))
			return code;
		if (starts_with_magic(source))
			return 0;
		if (found)
			skip(source, 1);
	}
}

/* A sound header tells how much is missing before it. */
static void close_gap(struct trace_source *source, __u64 seq)
{
	__u64 missing = seq > source->next_seq ? seq - source->next_seq : 0;

	if (!missing && source->gap_bytes)
		missing = 1;
	source->health.damaged_blocks += missing;
	source->health.damaged_bytes += source->gap_bytes;
	source->gap_bytes = 0;
	if (seq >= source->next_seq)
		source->next_seq = seq == UINT64_MAX ? seq : seq + 1;
}

/* No more blocks; @cut: inside one. 0, so that it can be returned. */
static int end(struct trace_source *source, bool cut)
{
	if (source->gap_bytes && source->gap_is_zero) {
		cut = true;
	} else if (source->gap_bytes) {
		source->health.damaged_blocks++;
		source->health.damaged_bytes += source->gap_bytes;
	}
	source->gap_bytes = 0;
	source->health.cut |= cut;
	pass(source, left(source));
	return 0;
}

/* Is something missing between the last whole block and where the reader is? */
static bool is_behind_damage(const struct trace_source *source)
{
	return source->health.damaged_blocks != source->missing_from;
}

/* Say so, with the first whole block behind it. */
static void note_gap(struct trace_source *source, const struct trace_block_header *header)
{
	if (!is_behind_damage(source))
		return;
	source->gap = (struct rec_gap){
		.h = { .type = REC_GAP, .size = sizeof(source->gap), .ts = source->last_ts },
		.from_ts = source->last_ts,
		.to_ts = header->first_ts > source->last_ts ? header->first_ts : source->last_ts,
		.nr_blocks = source->health.damaged_blocks - source->missing_from,
		.bytes = source->health.damaged_bytes - source->missing_bytes_from,
	};
	source->gap_pending = true;
	source->missing_from = source->health.damaged_blocks;
	source->missing_bytes_from = source->health.damaged_bytes;
}

/* Does somebody need what the block holds? Checkpoints only where nothing better is known. */
static bool is_wanted(struct trace_source *source, __u32 flags)
{
	if (is_behind_damage(source)) {
		source->needs_state = true;
		source->in_state = false;
	}
	if (flags & BLOCK_INDEX)
		return false;
	if (flags & BLOCK_STATE) {
		source->in_state |= source->needs_state && flags & BLOCK_STATE_FIRST;
		return source->at_start || source->needs_state;
	}
	if (source->in_state)
		source->needs_state = source->in_state = false;
	return true;
}

static bool unpack(struct trace_source *source, const struct trace_block_header *header)
{
	source->health.nr_unpacked++;
	return block__unpack(source->unpacker, header, here(source) + HEADER_BYTES, source->raw);
}

/* A block nobody needs is whole when it is stored as it was written. */
static bool check_stored(const struct trace_source *source, const struct trace_block_header *header)
{
	return header->payload_crc == trace_crc(here(source) + HEADER_BYTES, header->stored_bytes);
}

/* @spare: what the block held is needed by nobody, so that nothing is missing of the stream. */
static void count_damaged(struct trace_source *source, size_t len, bool spare)
{
	source->health.damaged_blocks++;
	source->health.damaged_bytes += len;
	if (!spare)
		return;
	source->health.spare_blocks++;
	source->missing_from++;
	source->missing_bytes_from += len;
}

/* The block behind a sound header is all in the window: take it, or count it. True when it is
 * whole. *@wanted: its records are in raw. */
static bool take_block(struct trace_source *source, const struct trace_block_header *header,
		       bool fresh, bool *wanted)
{
	size_t len = HEADER_BYTES + header->stored_bytes;
	bool whole;

	*wanted = is_wanted(source, header->flags);
	whole = fresh && (*wanted ? unpack(source, header) : check_stored(source, header));
	pass(source, len);
	if (!whole) {
		count_damaged(source, len, fresh && !*wanted);
		return false;
	}
	note_gap(source, header);
	if (!(header->flags & (BLOCK_STATE | BLOCK_INDEX)))
		source->at_start = source->at_start && !header->seq && header->nr_records == 1;
	if (!(header->flags & BLOCK_INDEX) && header->last_ts > source->last_ts)
		source->last_ts = header->last_ts;
	source->raw_at = 0;
	source->raw_len = *wanted ? header->raw_bytes : 0;
	source->health.nr_blocks++;
	source->health.read_bytes = source->window.offset;
	return true;
}

/* 1: the next whole block that is wanted is in raw, or a gap is to be told; 0: there is none,
 * -errno with a sentence. */
static int load_block(struct trace_source *source, struct err *err)
{
	struct trace_block_header header;
	bool fresh, wanted;
	int code;

	for (;;) {
		code = fill(source, HEADER_BYTES, err);
		if (code)
			return code;
		if (left(source) < HEADER_BYTES && starts_with_magic(source))
			return end(source, left(source) > 0);
		if (left(source) < HEADER_BYTES || !block__read_header(&header, here(source))) {
			code = resync(source, err);
			if (code)
				return code;
			continue;
		}
		fresh = header.seq >= source->next_seq;
		close_gap(source, header.seq);
		code = fill(source, HEADER_BYTES + header.stored_bytes, err);
		if (code)
			return code;
		if (left(source) < HEADER_BYTES + header.stored_bytes)
			return end(source, true);
		if (take_block(source, &header, fresh, &wanted) && (wanted || source->gap_pending))
			return 1;
	}
}

static int trace__next(struct record_source *base, const struct rec **rec, struct err *err)
{
	struct trace_source *source = (struct trace_source *)base;

	if (source->entered) {
		source->entered = false;
		*rec = &source->start.h;
		return 1;
	}
	while (source->raw_at == source->raw_len && !source->gap_pending) {
		int code = load_block(source, err);

		if (code <= 0)
			return code;
	}
	if (source->gap_pending) {
		source->gap_pending = false;
		*rec = &source->gap.h;
		return 1;
	}
	*rec = (const struct rec *)(source->raw + source->raw_at);
	source->raw_at += (*rec)->size;
	return 1;
}

static void trace__free(struct record_source *base)
{
	struct trace_source *source = (struct trace_source *)base;

	byte_window__fini(&source->window);
	ZSTD_freeDCtx(source->unpacker);
	trace_index__fini(&source->index);
	free(source->raw);
	free(source);
}

/* Entering a segment needs it again. */
static void keep_start(struct trace_source *source)
{
	const struct rec *rec = (const struct rec *)source->raw;
	__u32 size = rec->size < sizeof(source->start) ? rec->size : sizeof(source->start);

	memcpy(&source->start, rec, size);
	source->start.h.size = size;
}

static int read_header(struct trace_source *source, struct err *err)
{
	int code = file_header__read(&source->window, err);

	source->health.taken_bytes = source->window.taken_bytes;
	source->file_header_bytes = source->health.read_bytes = source->window.offset;
	return code;
}

/* Without the start record nothing in a trace can be placed in time. */
static int read_start(struct trace_source *source, struct err *err)
{
	const char *why = "it was not written by 'rsstrace record'";
	int code = load_block(source, err);

	if (code < 0)
		return code;
	if (code && ((const struct rec *)source->raw)->type == REC_START) {
		keep_start(source);
		return 0;
	}
	if (source->health.damaged_blocks)
		why = "its first block is damaged; use another copy, or record again";
	else if (!code)
		why = "it is cut before the end of its first block; record again";
	return err__set(err, -ENODATA, "\"%s\" holds no start record: %s", source->window.name,
			why);
}

/* Takes ownership of @bytes when it succeeds. */
static struct trace_source *allocate(struct byte_source *bytes, const char *name)
{
	struct trace_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->source = (struct record_source){ .next = trace__next, .free = trace__free };
	source->unpacker = ZSTD_createDCtx();
	source->raw = malloc(TRACE_BLOCK_RAW_MAX);
	if (source->unpacker && source->raw && !byte_window__init(&source->window, bytes, name))
		return source;
	trace__free(&source->source);
	return NULL;
}

struct record_source *trace_source__open(struct byte_source *bytes, const char *name,
					 struct err *err)
{
	struct trace_source *source;

	if (!bytes)
		return NULL;
	source = allocate(bytes, name);
	if (!source) {
		bytes->close(bytes);
		file_failed(-ENOMEM, "read", name, "", err);
		return NULL;
	}
	source->health.file_bytes = bytes->size_bytes;
	source->at_start = true;
	if (!read_header(source, err) && !read_start(source, err))
		return &source->source;
	trace__free(&source->source);
	return NULL;
}

/* Where the source stands in its bytes is its own business again. */
static int come_back(struct trace_source *source, struct err *err)
{
	struct byte_source *bytes = source->window.bytes;
	int code = bytes->seek(bytes, source->window.offset + left(source));

	return code ? file_failed(code, "read", source->window.name, "", err) : 0;
}

const struct trace_index *trace_source__index(struct record_source *base, struct err *err)
{
	struct trace_source *source = (struct trace_source *)base;
	struct index_search search = {
		.bytes = source->window.bytes,
		.file_bytes = source->health.file_bytes,
		.first_block = source->file_header_bytes,
		.start_ts = source->start.h.ts,
		.unpacker = source->unpacker,
	};
	int code;

	if (source->indexed)
		return &source->index;
	if (!search.bytes->seek || !search.bytes->size_bytes) {
		err__set(err, -ESPIPE, "\"%s\" can only be read from its start",
			 source->window.name);
		return NULL;
	}
	code = index_search__run(&search, &source->index);
	source->health.taken_bytes += search.taken_bytes;
	if (code)
		file_failed(code, "read", source->window.name, "", err);
	if (come_back(source, err) || code)
		return NULL;
	source->indexed = true;
	return &source->index;
}

/* Nothing is known of what lies before @segment, and nothing missed. */
static int go_to(struct trace_source *source, const struct index_segment *segment, struct err *err)
{
	int code = byte_window__go(&source->window, segment->offset, err);

	if (code)
		return code;
	source->raw_at = source->raw_len = 0;
	source->gap_bytes = 0;
	source->gap_pending = false;
	source->next_seq = segment->seq;
	source->last_ts = segment->ts;
	source->missing_from = source->health.damaged_blocks;
	source->missing_bytes_from = source->health.damaged_bytes;
	source->entered = source->needs_state = segment->model;
	source->at_start = !segment->model;
	source->in_state = false;
	return 0;
}

int trace_source__enter(struct record_source *base, __u32 at, struct err *err)
{
	struct trace_source *source = (struct trace_source *)base;
	const struct trace_index *index = trace_source__index(base, err);
	struct trace_block_header header;
	int code = index ? go_to(source, &index->segments[at < index->nr ? at : 0], err) : -EIO;

	if (!code && source->entered)
		code = fill(source, HEADER_BYTES, err);
	if (code || !source->entered)
		return code;
	if (left(source) >= HEADER_BYTES && block__read_header(&header, here(source)) &&
	    header.flags & BLOCK_STATE_FIRST && header.seq == index->segments[at].seq &&
	    header.first_ts == index->segments[at].ts)
		return 0;
	code = go_to(source, &index->segments[0], err);
	return code ? code
		    : err__set(err, -EBADMSG, "the index of \"%s\" is damaged",
			       source->window.name);
}

const struct trace_health *trace_source__health(const struct record_source *base)
{
	return &((const struct trace_source *)base)->health;
}
