// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A trace as a record source. include/README.md says what whole, cut and damaged mean. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "trace/block.h"
#include "trace/file_failed.h"
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

/* The block behind a sound header is all in the window: take it, or count it. True when it is
 * whole. */
static bool take_block(struct trace_source *source, const struct trace_block_header *header,
		       bool fresh)
{
	size_t len = HEADER_BYTES + header->stored_bytes;
	bool whole = fresh && block__unpack(source->unpacker, header, here(source) + HEADER_BYTES,
					    source->raw);

	pass(source, len);
	if (!whole) {
		source->health.damaged_blocks++;
		source->health.damaged_bytes += len;
		return false;
	}
	source->raw_at = 0;
	source->raw_len = header->raw_bytes;
	source->health.nr_blocks++;
	source->health.read_bytes = source->offset;
	return true;
}

/* 1: the next whole block is in raw, 0: there is none, -errno with a sentence. */
static int load_block(struct trace_source *source, struct err *err)
{
	struct trace_block_header header;
	bool fresh;
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
		if (take_block(source, &header, fresh))
			return 1;
	}
}

static int trace__next(struct record_source *base, const struct rec **rec, struct err *err)
{
	struct trace_source *source = (struct trace_source *)base;

	if (source->raw_at == source->raw_len) {
		int code = load_block(source, err);

		if (code <= 0)
			return code;
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
	source->health.read_bytes = source->offset;
	return 0;
}

/* Without the start record nothing in a trace can be placed in time. */
static int read_start(struct trace_source *source, struct err *err)
{
	const char *why = "it was not written by 'rsstrace record'";
	int code = load_block(source, err);

	if (code < 0)
		return code;
	if (code && ((const struct rec *)source->raw)->type == REC_START)
		return 0;
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
	if (!read_header(source, err) && !read_start(source, err))
		return &source->source;
	trace__free(&source->source);
	return NULL;
}

const struct trace_health *trace_source__health(const struct record_source *base)
{
	return &((const struct trace_source *)base)->health;
}
