// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "checkpoint_abi.h"
#include "trace/block.h"
#include "trace/index_search.h"

#define HEADER_BYTES sizeof(struct trace_block_header)
#define BLOCK_BYTES (HEADER_BYTES + TRACE_BLOCK_STORED_MAX)
#define SEARCH_BYTES 256

/* Up to @len bytes at @offset; how many there are, or -errno. */
static long read_at(struct index_search *search, __u64 offset, __u8 *buf, size_t len)
{
	size_t got = 0;
	long n = search->bytes->seek(search->bytes, offset);

	while (!n && got < len) {
		n = search->bytes->read(search->bytes, buf + got, len - got);
		if (n <= 0)
			break;
		got += n;
		search->taken_bytes += n;
		n = 0;
	}
	return n < 0 ? n : (long)got;
}

/* 1: a sound header stands at @offset and its block ends in the file; 0: it does not; -errno. */
static int header_at(struct index_search *search, __u64 offset, struct trace_block_header *header)
{
	long n;

	if (offset > search->file_bytes || search->file_bytes - offset < HEADER_BYTES)
		return 0;
	n = read_at(search, offset, search->stored, HEADER_BYTES);
	if (n < 0)
		return n;
	return n == HEADER_BYTES && block__read_header(header, search->stored) &&
	       header->stored_bytes <= search->file_bytes - offset - HEADER_BYTES;
}

/* 1: the records of the block at @offset are in raw; 0: it is not whole; -errno. */
static int unpack_at(struct index_search *search, __u64 offset,
		     const struct trace_block_header *header)
{
	long n = read_at(search, offset + HEADER_BYTES, search->stored, header->stored_bytes);

	if (n < 0)
		return n;
	return n == header->stored_bytes &&
	       block__unpack(search->unpacker, header, search->stored, search->raw);
}

/* 1: the file ends with a block at *@offset; 0: no; -errno. */
static int last_block(struct index_search *search, __u64 *offset, struct trace_block_header *header)
{
	size_t len = search->file_bytes < BLOCK_BYTES ? search->file_bytes : BLOCK_BYTES;
	long n = read_at(search, search->file_bytes - len, search->stored, len);

	if (n < 0 || n != (long)len)
		return n < 0 ? n : 0;
	for (long at = n - (long)HEADER_BYTES; at >= 0; at--) {
		if (search->stored[at] != (TRACE_BLOCK_MAGIC[0] & 0xff) ||
		    !block__read_header(header, search->stored + at) ||
		    at + HEADER_BYTES + header->stored_bytes != len)
			continue;
		*offset = search->file_bytes - len + at;
		return 1;
	}
	return 0;
}

static int take_records(struct index_search *search, const struct trace_block_header *header,
			struct trace_index *index, __u64 start)
{
	int code = 0;

	for (__u32 at = 0; !code && at < header->raw_bytes;) {
		const struct rec *rec = (const struct rec *)(search->raw + at);

		code = trace_index__take(index, rec, start);
		at += rec->size;
	}
	return code;
}

/* The index blocks from @start to the end of the file. 0: taken, -EBADMSG: no, or -errno. */
static int take_blocks(struct index_search *search, struct trace_index *index, __u64 start)
{
	struct trace_block_header header;
	__u64 at = start;
	int code = 0;

	while (!code && at < search->file_bytes) {
		code = header_at(search, at, &header);
		if (code == 1 && header.flags & BLOCK_INDEX)
			code = unpack_at(search, at, &header);
		else if (code == 1)
			code = 0;
		if (code < 0)
			return code;
		code = code ? take_records(search, &header, index, start) : -EBADMSG;
		at += HEADER_BYTES + header.stored_bytes;
	}
	return code || index->closed ? code : -EBADMSG;
}

/* 1: @index is what the end of the trace says; 0: there is none to be believed; -errno. */
static int from_end(struct index_search *search, struct trace_index *index)
{
	struct trace_block_header header;
	const struct rec_index *rec = (const struct rec_index *)search->raw;
	__u64 offset = 0;
	int code = last_block(search, &offset, &header);

	if (code <= 0 || !(header.flags & BLOCK_INDEX))
		return code < 0 ? code : 0;
	code = unpack_at(search, offset, &header);
	if (code <= 0)
		return code;
	if (rec->h.type != REC_INDEX || rec->h.size < sizeof(*rec) || rec->offset > offset)
		return 0;
	code = take_blocks(search, index, rec->offset);
	if (!code && index->segments[0].offset == search->first_block)
		return 1;
	trace_index__fini(index);
	return code == -EBADMSG || !code ? 0 : code;
}

/*
 * The next place behind @offset where the magic stands; the file's end: none. Looks at little
 * first: where magics stand close by, each search begins behind the last.
 */
static int next_magic(struct index_search *search, __u64 *offset)
{
	size_t len = SEARCH_BYTES;

	for (__u64 at = *offset + 1;;) {
		long n = read_at(search, at, search->stored, len);
		const __u8 *found;

		if (n < 0)
			return n;
		found = n < TRACE_MAGIC_LEN
				? NULL
				: memmem(search->stored, n, TRACE_BLOCK_MAGIC, TRACE_MAGIC_LEN);
		*offset = found ? at + (found - search->stored) : search->file_bytes;
		if (found || n < (long)len)
			return 0;
		at += n - (TRACE_MAGIC_LEN - 1);
		len = 2 * len < BLOCK_BYTES ? 2 * len : BLOCK_BYTES;
	}
}

/* A checkpoint begins at @offset: a segment, if its first block is whole. */
static int add_checkpoint(struct index_search *search, struct trace_index *index, __u64 offset,
			  const struct trace_block_header *header)
{
	const struct rec_checkpoint *rec = (const struct rec_checkpoint *)search->raw;
	struct index_segment segment = { .offset = offset, .seq = header->seq };
	int code = unpack_at(search, offset, header);

	if (code <= 0 || rec->h.type != REC_CHECKPOINT || rec->h.size < sizeof(*rec) ||
	    !rec->model || index->nr == INDEX_SEGMENTS_MAX)
		return code < 0 ? code : 0;
	segment.ts = rec->h.ts;
	segment.model = rec->model;
	index->segments[index->nr - 1].peak_pages = rec->peak_pages;
	index->segments[index->nr - 1].peak_ts = rec->peak_ts;
	return trace_index__add(index, &segment);
}

static int add_block(struct index_search *search, struct trace_index *index, __u64 offset,
		     const struct trace_block_header *header)
{
	struct index_segment *segment;
	int code = 0;

	if (header->flags & BLOCK_INDEX)
		return 0;
	if (header->flags & BLOCK_STATE_FIRST)
		code = add_checkpoint(search, index, offset, header);
	segment = &index->segments[index->nr - 1];
	segment->nr_blocks++;
	if (header->last_ts > segment->last_ts)
		segment->last_ts = header->last_ts;
	return code;
}

static int from_headers(struct index_search *search, struct trace_index *index)
{
	struct trace_block_header header;
	__u64 next_seq = 0;
	int code = 0;

	for (__u64 at = search->first_block; !code && at < search->file_bytes;) {
		code = header_at(search, at, &header);
		if (code == 1 && header.seq >= next_seq) {
			code = add_block(search, index, at, &header);
			next_seq = header.seq + 1;
			at += HEADER_BYTES + header.stored_bytes;
		} else if (code == 1) {
			at += HEADER_BYTES + header.stored_bytes;
			code = 0;
		} else if (!code) {
			code = next_magic(search, &at);
		}
	}
	return code;
}

int index_search__run(struct index_search *search, struct trace_index *index)
{
	const struct index_segment start = { .offset = search->first_block,
					     .ts = search->start_ts };
	int code = -ENOMEM;

	search->stored = malloc(BLOCK_BYTES);
	search->raw = malloc(TRACE_BLOCK_RAW_MAX);
	if (search->stored && search->raw)
		code = from_end(search, index);
	if (!code)
		code = trace_index__add(index, &start);
	if (!code)
		code = from_headers(search, index);
	free(search->stored);
	free(search->raw);
	return code < 0 ? code : 0;
}
