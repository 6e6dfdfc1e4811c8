// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include "mutate.h"
#include "record_abi.h"

#define MAX_RECORDS 4096

struct stream {
	uint8_t *data;
	size_t size, max;
	unsigned int seed;
	unsigned int nr;
	size_t at[MAX_RECORDS + 1]; /* where each begins, and the end of the last */
};

static unsigned int dice(struct stream *stream, unsigned int sides)
{
	stream->seed = stream->seed * 1103515245 + 12345;
	return (stream->seed >> 8) % sides;
}

static void find_records(struct stream *stream)
{
	size_t at = 0;

	while (stream->nr < MAX_RECORDS && stream->size - at >= sizeof(struct rec)) {
		struct rec rec;

		memcpy(&rec, stream->data + at, sizeof(rec));
		if (rec.size < sizeof(rec) || rec.size % 8 || rec.size > stream->size - at)
			break;
		stream->at[stream->nr++] = at;
		at += rec.size;
	}
	stream->at[stream->nr] = at;
}

static size_t length(const struct stream *stream, unsigned int i)
{
	return stream->at[i + 1] - stream->at[i];
}

static void drop(struct stream *stream, unsigned int i)
{
	memmove(stream->data + stream->at[i], stream->data + stream->at[i + 1],
		stream->size - stream->at[i + 1]);
	stream->size -= length(stream, i);
}

/* A copy of record @i before record @before. */
static void copy(struct stream *stream, unsigned int i, unsigned int before)
{
	uint8_t record[RSST_REC_MAX];
	size_t len = length(stream, i), at = stream->at[before];

	if (len > sizeof(record) || stream->size + len > stream->max)
		return;
	memcpy(record, stream->data + stream->at[i], len);
	memmove(stream->data + at + len, stream->data + at, stream->size - at);
	memcpy(stream->data + at, record, len);
	stream->size += len;
}

/* Content alone; the header's type and size stay. */
static void change_inside(struct stream *stream, unsigned int i)
{
	size_t head = offsetof(struct rec, ts), len = length(stream, i) - head;
	uint8_t *at = stream->data + stream->at[i] + head;

	LLVMFuzzerMutate(at, len, len);
}

/* A field of four or eight bytes takes the value of another place in the stream, or one at a limit.
 */
static void set_field(struct stream *stream, unsigned int i)
{
	static const uint64_t limits[] = { 0,	       1,	   4095,
					   4096,       1ULL << 20, 1ULL << 26,
					   1ULL << 36, 1ULL << 47, (1ULL << 47) - 4096,
					   1ULL << 63, ~0ULL,	   0x7f0000000000 };
	unsigned int from = dice(stream, stream->nr), width = dice(stream, 2) ? 8 : 4;
	size_t at = stream->at[i] + width * dice(stream, length(stream, i) / width);
	uint64_t value = limits[dice(stream, sizeof(limits) / sizeof(limits[0]))];

	if (dice(stream, 2))
		memcpy(&value,
		       stream->data + stream->at[from] +
			       width * dice(stream, length(stream, from) / width),
		       width);
	memcpy(stream->data + at, &value, width);
}

/* Longer or shorter at its end, and its size says so. */
static void resize(struct stream *stream, unsigned int i)
{
	size_t end = stream->at[i + 1], by = 8 * (1 + dice(stream, 8));
	uint32_t len = length(stream, i);

	if (dice(stream, 2) && len >= sizeof(struct rec) + by) {
		memmove(stream->data + end - by, stream->data + end, stream->size - end);
		stream->size -= by;
		len -= by;
	} else if (stream->size + by <= stream->max) {
		memmove(stream->data + end + by, stream->data + end, stream->size - end);
		memset(stream->data + end, (int)dice(stream, 256), by);
		stream->size += by;
		len += by;
	}
	memcpy(stream->data + stream->at[i] + offsetof(struct rec, size), &len, sizeof(len));
}

size_t mutate__records(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	static struct stream stream;
	unsigned int i;

	stream = (struct stream){ .data = data, .size = size, .max = max, .seed = seed };
	find_records(&stream);
	if (!stream.nr)
		return LLVMFuzzerMutate(data, size, max);
	i = dice(&stream, stream.nr);
	switch (dice(&stream, 8)) {
	case 0:
		drop(&stream, i);
		break;
	case 1:
		copy(&stream, i, dice(&stream, stream.nr));
		break;
	case 2:
		copy(&stream, i, i);
		break;
	case 3:
		resize(&stream, i);
		break;
	case 4:
	case 5:
		set_field(&stream, i);
		break;
	default:
		change_inside(&stream, i);
	}
	return stream.size;
}
