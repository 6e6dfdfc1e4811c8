// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A trace as a record source. include/README.md says what whole, cut and damaged mean. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "checkpoint_abi.h"
#include "trace/block.h"
#include "trace/file_failed.h"
#include "trace/index_search.h"
#include "trace/reader.h"

#define HEADER_BYTES sizeof(struct trace_block_header)
#define WINDOW_BYTES (HEADER_BYTES + TRACE_BLOCK_STORED_MAX)

/*
 * Invariants
 *  - window[at, len) are the bytes of the file from `offset` on; nothing is kept of those before.
 *  - gap_bytes counts the bytes directly before `offset` that belong to no block and are not yet in
 * health.
 *  - raw[raw_at, raw_len) are checked, whole records.
 */
struct trace_source {
	struct record_source source;
	struct byte_source *bytes;
	struct trace_health health;
	char *name;
	ZSTD_DCtx *unpacker;
	__u8 *window;
	size_t at, len;
	__u64 offset;
	bool at_end; /* the bytes behind the window are none */
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
	return source->len - source->at;
}

static const __u8 *here(const struct trace_source *source)
{
	return source->window + source->at;
}

/* Have @want bytes in the window, or all there are. 0 or -errno with a sentence. */
static int fill(struct trace_source *source, size_t want, struct err *err)
{
	if (left(source) < want && source->at + want > WINDOW_BYTES) {
		memmove(source->window, here(source), left(source));
		source->len = left(source);
		source->at = 0;
	}
	while (left(source) < want && !source->at_end) {
		long n = source->bytes->read(source->bytes, source->window + source->len,
					     WINDOW_BYTES - source->len);

		if (n < 0)
			return file_failed(n, "read", source->name, "", err);
		source->at_end = !n;
		source->len += n;
		source->health.taken_bytes += n;
		if (source->health.file_bytes < source->offset + left(source))
			source->health.file_bytes = source->offset + left(source);
	}
	return 0;
}

static void pass(struct trace_source *source, size_t len)
{
	source->at += len;
	source->offset += len;
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

static bool starts_with_magic(const __u8 *bytes, size_t len, const char *magic)
{
	return !memcmp(bytes, magic, len < TRACE_MAGIC_LEN ? len : TRACE_MAGIC_LEN);
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
		if (starts_with_magic(here(source), left(source), TRACE_BLOCK_MAGIC))
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
		source->health.damaged_blocks++;
		source->health.damaged_bytes += len;
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
	source->health.read_bytes = source->offset;
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
		if (left(source) < HEADER_BYTES &&
		    starts_with_magic(here(source), left(source), TRACE_BLOCK_MAGIC))
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

	if (source->bytes)
		source->bytes->close(source->bytes);
	ZSTD_freeDCtx(source->unpacker);
	free(source->window);
	trace_index__fini(&source->index);
	free(source->raw);
	free(source->name);
	free(source);
}

static int header_damaged(const struct trace_source *source, struct err *err)
{
	return err__set(err, -EBADMSG,
			"the header of \"%s\" is damaged: use another copy, or record again",
			source->name);
}

/* The file header's bytes are all in the window. */
static int check_header(struct trace_source *source, const struct trace_file_header *header,
			struct err *err)
{
	size_t covered = header->header_bytes - sizeof(header->crc);
	__u32 crc;

	memcpy(&crc, here(source) + covered, sizeof(crc));
	if (crc != trace_crc(here(source), covered) || !header->major)
		return header_damaged(source, err);
	return 0;
}

static int header_cut(const struct trace_source *source, struct err *err)
{
	if (!source->len)
		return err__set(err, -ENODATA,
				"\"%s\" is empty: no trace was written; record again",
				source->name);
	return err__set(err, -ENODATA, "\"%s\" is cut inside its header: record again",
			source->name);
}

static int read_header(struct trace_source *source, struct err *err)
{
	struct trace_file_header header;
	int code = fill(source, sizeof(header), err);

	if (code)
		return code;
	if (!starts_with_magic(here(source), left(source), TRACE_FILE_MAGIC))
		return err__set(err, -EINVAL,
				"\"%s\" is not a trace: name a file that 'rsstrace record' wrote",
				source->name);
	if (left(source) < sizeof(header))
		return header_cut(source, err);
	memcpy(&header, here(source), sizeof(header));
	/* before the CRC: what that covers may be another matter by then */
	if (header.major > TRACE_MAJOR)
		return err__set(
			err, -EPROTONOSUPPORT,
			"\"%s\" has the newer format version %u.%u, this rsstrace reads up to "
			"%d: use a newer rsstrace",
			source->name, header.major, header.minor, TRACE_MAJOR);
	if (header.header_bytes < sizeof(header) || header.header_bytes > TRACE_HEADER_MAX ||
	    header.header_bytes % 8)
		return header_damaged(source, err);
	code = fill(source, header.header_bytes, err);
	if (code)
		return code;
	if (left(source) < header.header_bytes)
		return header_cut(source, err);
	code = check_header(source, &header, err);
	if (code)
		return code;
	pass(source, header.header_bytes);
	source->file_header_bytes = header.header_bytes;
	source->health.read_bytes = source->offset;
	return 0;
}

/* Entering a segment needs it again. */
static void keep_start(struct trace_source *source)
{
	const struct rec *rec = (const struct rec *)source->raw;
	__u32 size = rec->size < sizeof(source->start) ? rec->size : sizeof(source->start);

	memcpy(&source->start, rec, size);
	source->start.h.size = size;
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
	return err__set(err, -ENODATA, "\"%s\" holds no start record: %s", source->name, why);
}

static struct trace_source *allocate(const char *name)
{
	struct trace_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->source = (struct record_source){ .next = trace__next, .free = trace__free };
	source->name = strdup(name);
	source->unpacker = ZSTD_createDCtx();
	source->window = malloc(WINDOW_BYTES);
	source->raw = malloc(TRACE_BLOCK_RAW_MAX);
	if (source->name && source->unpacker && source->window && source->raw)
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
	source = allocate(name);
	if (!source) {
		bytes->close(bytes);
		file_failed(-ENOMEM, "read", name, "", err);
		return NULL;
	}
	source->bytes = bytes;
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
	int code = source->bytes->seek(source->bytes, source->offset + left(source));

	return code ? file_failed(code, "read", source->name, "", err) : 0;
}

const struct trace_index *trace_source__index(struct record_source *base, struct err *err)
{
	struct trace_source *source = (struct trace_source *)base;
	struct index_search search = {
		.bytes = source->bytes,
		.file_bytes = source->health.file_bytes,
		.first_block = source->file_header_bytes,
		.start_ts = source->start.h.ts,
		.unpacker = source->unpacker,
	};
	int code;

	if (source->indexed)
		return &source->index;
	if (!source->bytes->seek || !source->bytes->size_bytes) {
		err__set(err, -ESPIPE, "\"%s\" can only be read from its start", source->name);
		return NULL;
	}
	code = index_search__run(&search, &source->index);
	source->health.taken_bytes += search.taken_bytes;
	if (code)
		file_failed(code, "read", source->name, "", err);
	if (come_back(source, err) || code)
		return NULL;
	source->indexed = true;
	return &source->index;
}

/* Nothing is known of what lies before @segment, and nothing missed. */
static int go_to(struct trace_source *source, const struct index_segment *segment, struct err *err)
{
	int code = source->bytes->seek(source->bytes, segment->offset);

	if (code)
		return file_failed(code, "read", source->name, "", err);
	source->at = source->len = 0;
	source->raw_at = source->raw_len = 0;
	source->offset = segment->offset;
	source->at_end = false;
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
	    header.flags & BLOCK_STATE_FIRST && header.seq == index->segments[at].seq)
		return 0;
	code = go_to(source, &index->segments[0], err);
	return code ? code
		    : err__set(err, -EBADMSG, "the index of \"%s\" is damaged", source->name);
}

const struct trace_health *trace_source__health(const struct record_source *base)
{
	return &((const struct trace_source *)base)->health;
}
