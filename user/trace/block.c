// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include <zlib.h>
#include "record_abi.h"
#include "trace/block.h"

__u32 trace_crc(const void *bytes, size_t len)
{
	return crc32_z(0, bytes, len);
}

bool trace_record_size_ok(__u32 size)
{
	return size >= sizeof(struct rec) && size <= RSST_REC_MAX && !(size % 8);
}

void block__seal(struct trace_block_header *header)
{
	memcpy(header->magic, TRACE_BLOCK_MAGIC, TRACE_MAGIC_LEN);
	header->header_crc = trace_crc(header, offsetof(struct trace_block_header, header_crc));
}

bool block__read_header(struct trace_block_header *header, const void *bytes)
{
	memcpy(header, bytes, sizeof(*header));
	if (memcmp(header->magic, TRACE_BLOCK_MAGIC, TRACE_MAGIC_LEN) ||
	    header->header_crc !=
		    trace_crc(header, offsetof(struct trace_block_header, header_crc)))
		return false;
	return header->raw_bytes >= sizeof(struct rec) && !(header->raw_bytes % 8) &&
	       header->raw_bytes <= TRACE_BLOCK_RAW_MAX && header->nr_records &&
	       header->stored_bytes && header->stored_bytes <= TRACE_BLOCK_STORED_MAX;
}

/* Whole records, back to back, as many as the header says. */
static bool records_fill(const struct trace_block_header *header, const __u8 *raw)
{
	__u32 at = 0, nr = 0;

	while (header->raw_bytes - at >= sizeof(struct rec)) {
		const struct rec *rec = (const struct rec *)(raw + at);

		if (!trace_record_size_ok(rec->size) || rec->size > header->raw_bytes - at)
			return false;
		at += rec->size;
		nr++;
	}
	return at == header->raw_bytes && nr == header->nr_records;
}

/* The output's size bounds what a frame can make of itself: zstd stops there, whatever the frame
 * declares. */
bool block__unpack(ZSTD_DCtx *unpacker, const struct trace_block_header *header,
		   const void *payload, void *raw)
{
	size_t len;

	if (header->payload_crc != trace_crc(payload, header->stored_bytes))
		return false;
	len = ZSTD_findFrameCompressedSize(payload, header->stored_bytes);
	if (ZSTD_isError(len) || len != header->stored_bytes) /* one frame, nothing behind it */
		return false;
	len = ZSTD_decompressDCtx(unpacker, raw, header->raw_bytes, payload, header->stored_bytes);
	return !ZSTD_isError(len) && len == header->raw_bytes && records_fill(header, raw);
}
