/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Traces made by hand, byte by byte if need be, and a reading of what a reader makes of them. */
#ifndef RSSTRACE_TESTS_MADE_TRACE_H
#define RSSTRACE_TESTS_MADE_TRACE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <cmocka.h>
#include "base/units.h"
#include "checkpoint_abi.h"
#include "record_abi.h"
#include "trace/reader.h"
#include "trace/writer.h"
#include "trace_format.h"

#define MADE __attribute__((unused)) static
#define NR(array) (sizeof(array) / sizeof((array)[0]))
#define FILE_HEADER_BYTES sizeof(struct trace_file_header)
#define BLOCK_HEADER_BYTES sizeof(struct trace_block_header)

struct bytes {
	__u8 *at;
	size_t len, cap;
};

MADE void bytes__add(struct bytes *bytes, const void *more, size_t len)
{
	if (bytes->len + len > bytes->cap) {
		bytes->cap = 2 * (bytes->len + len);
		bytes->at = realloc(bytes->at, bytes->cap);
		assert_non_null(bytes->at);
	}
	memcpy(bytes->at + bytes->len, more, len);
	bytes->len += len;
}

MADE void bytes__free(struct bytes *bytes)
{
	free(bytes->at);
	*bytes = (struct bytes){ 0 };
}

MADE struct bytes bytes__of_file(const char *path)
{
	FILE *file = fopen(path, "re");
	struct bytes bytes = { 0 };
	char buf[4096];
	size_t n;

	assert_non_null(file);
	while ((n = fread(buf, 1, sizeof(buf), file)))
		bytes__add(&bytes, buf, n);
	fclose(file);
	return bytes;
}

MADE void bytes__to_file(const struct bytes *bytes, const char *path)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	if (bytes->len)
		assert_int_equal(fwrite(bytes->at, 1, bytes->len, file), bytes->len);
	fclose(file);
}

/* A path in a directory of this test's own; static, overwritten by the next call. */
MADE const char *scratch(const char *name)
{
	static char dir[64], path[192];

	if (!*dir) {
		strcpy(dir, "/tmp/rsst-test-XXXXXX");
		assert_non_null(mkdtemp(dir));
	}
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

MADE void remove_scratch(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", scratch(""));
	assert_int_equal(system(command), 0);
}

union any_record {
	struct rec h;
	__u8 bytes[RSST_REC_MAX];
};

/* @noise: content that does not compress. */
MADE const struct rec *record(__u16 type, __u32 size, __u64 ts, bool noise)
{
	static union any_record any;
	static __u32 seed = 1;

	memset(&any, 0, sizeof(any));
	for (size_t i = sizeof(struct rec); i < size && i < sizeof(any); i++) {
		seed = seed * 1664525 + 1013904223;
		any.bytes[i] = noise ? seed >> 24 : (__u8)i;
	}
	any.h = (struct rec){ .type = type, .size = size, .ts = ts };
	return &any.h;
}

/* What a reader made of some bytes. */
struct reading {
	bool opened;
	int code;	  /* of the last next() */
	__u64 nr_records; /* of the file: gaps are the reader's own */
	__u64 nr_gaps, gap_blocks;
	__u32 crc; /* of all records */
	__u16 last_type;
	struct trace_health health;
	struct err err;
};

MADE struct reading reading__of(struct byte_source *bytes)
{
	struct reading reading = { .crc = crc32(0, NULL, 0) };
	struct record_source *source = trace_source__open(bytes, "made.rsst", &reading.err);
	const struct rec *rec;

	if (!source)
		return reading;
	reading.opened = true;
	while ((reading.code = source->next(source, &rec, &reading.err)) > 0) {
		assert_true(rec->size >= sizeof(*rec) && rec->size <= RSST_REC_MAX);
		assert_int_equal((uintptr_t)rec % 8, 0);
		if (rec->type == REC_GAP) {
			reading.nr_gaps++;
			reading.gap_blocks += ((const struct rec_gap *)rec)->nr_blocks;
			continue;
		}
		reading.crc = crc32(reading.crc, (const __u8 *)rec, rec->size);
		reading.nr_records++;
		reading.last_type = rec->type;
	}
	assert_int_equal(source->next(source, &rec, &reading.err), reading.code);
	reading.health = *trace_source__health(source);
	source->free(source);
	return reading;
}

MADE struct reading reading__of_bytes(const __u8 *at, size_t len)
{
	/* a copy of the exact length, so that the address sanitizer sees a step too far */
	__u8 *copy = malloc(len ? len : 1);
	struct reading reading;

	assert_non_null(copy);
	if (len)
		memcpy(copy, at, len);
	reading = reading__of(byte_source__memory(copy, len));
	free(copy);
	return reading;
}

MADE void seal_file_header(struct trace_file_header *header)
{
	header->crc = crc32(0, (const __u8 *)header, offsetof(struct trace_file_header, crc));
}

MADE void seal_block_header(struct trace_block_header *header)
{
	header->header_crc =
		crc32(0, (const __u8 *)header, offsetof(struct trace_block_header, header_crc));
}

MADE struct trace_file_header made_file_header(void)
{
	struct trace_file_header header = { .major = TRACE_MAJOR,
					    .minor = TRACE_MINOR,
					    .header_bytes = sizeof(header) };

	memcpy(header.magic, TRACE_FILE_MAGIC, TRACE_MAGIC_LEN);
	seal_file_header(&header);
	return header;
}

/* A block of @raw (nr records) at the end of @bytes; gives where its header lies, to be spoilt. */
MADE size_t add_block(struct bytes *bytes, __u64 seq, const void *raw, size_t len, __u32 nr)
{
	struct trace_block_header header = { .seq = seq, .nr_records = nr, .raw_bytes = len };
	size_t at = bytes->len, cap = ZSTD_compressBound(len);
	void *payload = malloc(cap);

	assert_non_null(payload);
	memcpy(header.magic, TRACE_BLOCK_MAGIC, TRACE_MAGIC_LEN);
	header.stored_bytes = ZSTD_compress(payload, cap, raw, len, 3);
	assert_true(header.stored_bytes <= cap);
	header.payload_crc = crc32(0, payload, header.stored_bytes);
	seal_block_header(&header);
	bytes__add(bytes, &header, sizeof(header));
	bytes__add(bytes, payload, header.stored_bytes);
	free(payload);
	return at;
}

/* A block of one small record. */
MADE size_t add_record_block(struct bytes *bytes, __u64 seq, __u16 type)
{
	return add_block(bytes, seq, record(type, 24, seq, false), 24, 1);
}

/* File header and block 0 with REC_START. */
MADE struct bytes made_start(void)
{
	struct trace_file_header header = made_file_header();
	struct bytes bytes = { 0 };

	bytes__add(&bytes, &header, sizeof(header));
	add_block(&bytes, 0, record(REC_START, sizeof(struct rec_start), 0, false),
		  sizeof(struct rec_start), 1);
	return bytes;
}

#endif
