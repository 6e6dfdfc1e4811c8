/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One block of a trace: what makes it sound and whole, as include/README.md says. */
#ifndef RSSTRACE_TRACE_BLOCK_H
#define RSSTRACE_TRACE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <zstd.h>
#include "trace_format.h"

/* CRC-32 of zlib over @len bytes. */
__u32 trace_crc(const void *bytes, size_t len);

/* True when @size is one a record can have (bytes). */
bool trace_record_size_ok(__u32 size);

/* block__seal() - fill in magic and header_crc; all other fields are set. */
void block__seal(struct trace_block_header *header);

/* block__read_header() - copy the header at @bytes (any alignment); true when it is sound: magic,
 * CRC, limits. */
bool block__read_header(struct trace_block_header *header, const void *bytes);

/*
 * block__unpack() - the records of @payload (@header->stored_bytes long) into @raw
 * (TRACE_BLOCK_RAW_MAX bytes, aligned to 8).
 * @header is sound. True when the block is whole: CRC, length, and every record's size. Writes at
 * most raw_bytes.
 */
bool block__unpack(ZSTD_DCtx *unpacker, const struct trace_block_header *header,
		   const void *payload, void *raw);

#endif
