// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdbool.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include "mutate.h"
#include "trace_format.h"

#define HEADER_BYTES sizeof(struct trace_block_header)
#define MAX_BLOCKS 1024

struct places {
	unsigned int nr;
	size_t at[MAX_BLOCKS];
};

static void find_blocks(struct places *places, const uint8_t *data, size_t size)
{
	const uint8_t *at = data, *end = data + size;

	places->nr = 0;
	while (places->nr < MAX_BLOCKS &&
	       (at = memmem(at, end - at, TRACE_BLOCK_MAGIC, TRACE_MAGIC_LEN))) {
		places->at[places->nr++] = at - data;
		at += TRACE_MAGIC_LEN;
	}
}

static void seal_file_header(uint8_t *data, size_t size)
{
	struct trace_file_header header;

	if (size < sizeof(header))
		return;
	memcpy(&header, data, sizeof(header));
	header.crc = crc32(0, (const Bytef *)&header, offsetof(struct trace_file_header, crc));
	memcpy(data, &header, sizeof(header));
}

static void seal_block(uint8_t *at, size_t left)
{
	struct trace_block_header header;

	if (left < HEADER_BYTES)
		return;
	memcpy(&header, at, HEADER_BYTES);
	if (header.stored_bytes <= left - HEADER_BYTES)
		header.payload_crc = crc32(0, at + HEADER_BYTES, header.stored_bytes);
	header.header_crc =
		crc32(0, (const Bytef *)&header, offsetof(struct trace_block_header, header_crc));
	memcpy(at, &header, HEADER_BYTES);
}

static void seal_all(uint8_t *data, size_t size)
{
	static struct places places;

	find_blocks(&places, data, size);
	seal_file_header(data, size);
	for (unsigned int i = 0; i < places.nr; i++)
		seal_block(data + places.at[i], size - places.at[i]);
}

/* The records of the block at @at, changed, in its place. The new size of all. */
static size_t change_records(uint8_t *data, size_t size, size_t max, size_t at, unsigned int seed)
{
	static uint8_t raw[TRACE_BLOCK_RAW_MAX], stored[TRACE_BLOCK_STORED_MAX];
	struct trace_block_header header;
	size_t rest, len, payload;

	if (size - at < HEADER_BYTES)
		return size;
	memcpy(&header, data + at, HEADER_BYTES);
	payload = at + HEADER_BYTES;
	if (header.stored_bytes > size - payload)
		return size;
	len = ZSTD_decompress(raw, sizeof(raw), data + payload, header.stored_bytes);
	if (ZSTD_isError(len))
		return size;
	len = mutate__records(raw, len, sizeof(raw), seed);
	rest = size - payload - header.stored_bytes;
	header.raw_bytes = len;
	header.nr_records = 0;
	for (size_t i = 0; i + sizeof(struct rec) <= len; header.nr_records++) {
		struct rec rec;

		memcpy(&rec, raw + i, sizeof(rec));
		i += rec.size ? rec.size : len;
	}
	len = ZSTD_compress(stored, sizeof(stored), raw, len, 1);
	if (ZSTD_isError(len) || payload + len + rest > max)
		return size;
	memmove(data + payload + len, data + payload + header.stored_bytes, rest);
	memcpy(data + payload, stored, len);
	header.stored_bytes = len;
	memcpy(data + at, &header, HEADER_BYTES);
	return payload + len + rest;
}

/* One field of the header at @at becomes another. */
static void change_header(uint8_t *data, size_t size, size_t at)
{
	size_t fields = HEADER_BYTES - TRACE_MAGIC_LEN - 8; /* the CRCs follow */

	if (size - at >= HEADER_BYTES)
		LLVMFuzzerMutate(data + at + TRACE_MAGIC_LEN, fields, fields);
}

size_t mutate__trace(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	static struct places places;
	unsigned int how = seed % 8;

	seed /= 8;
	find_blocks(&places, data, size);
	if (!places.nr || how == 0)
		return LLVMFuzzerMutate(data, size, max);
	if (how == 1)
		size = LLVMFuzzerMutate(data, size, max);
	else if (how == 2)
		change_header(data, size, places.at[seed % places.nr]);
	else
		size = change_records(data, size, max, places.at[seed % places.nr],
				      seed / places.nr);
	seal_all(data, size);
	return size;
}
