// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as a trace: read to its end, entered at its segments, reported. */
#include <stdlib.h>
#include <string.h>
#include "drive.h"
#include "mutate.h"
#include "trace/reader.h"

#define SEGMENTS 4

/* To the end of the source, or until enough is read. */
static void read_all(struct record_source *source, struct drive *drive)
{
	const struct rec *rec;
	__u64 bytes = 0;

	while (bytes < DRIVE_BYTES_MAX && source->next(source, &rec, NULL) > 0) {
		bytes += rec->size;
		drive__feed(drive, rec, rec->size);
	}
}

/* As `report --from --to` does: each moment in a session of its own, rows of both. */
static void enter(struct record_source *source, __u32 nr)
{
	struct drive first, last;

	for (__u32 i = 0; i < nr && i < SEGMENTS; i++) {
		if (trace_source__enter(source, i / 2, NULL))
			continue;
		drive__begin(&first);
		read_all(source, &first);
		if (trace_source__enter(source, nr - 1 - i / 2, NULL)) {
			drive__end(&first);
			continue;
		}
		drive__begin(&last);
		read_all(source, &last);
		drive__report_between(&first, &last);
		drive__end(&last);
		drive__end(&first);
	}
}

static struct record_source *open_bytes(const uint8_t *data, size_t size)
{
	struct err err;

	return trace_source__open(byte_source__memory(data, size), "fuzzed", &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_source *source = open_bytes(data, size);
	const struct trace_index *index;
	struct drive drive;

	if (!source)
		return 0;
	drive__begin(&drive);
	read_all(source, &drive);
	drive__report(&drive, size);
	drive__end(&drive);
	index = trace_source__index(source, NULL);
	if (index && index->nr > 1)
		enter(source, index->nr);
	source->free(source);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	return mutate__trace(data, size, max, seed);
}
