// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Any bytes as a stream of records, behind a REC_START: decoded, fed, reported. What the session
 * then tells as a checkpoint, another takes, and holds the same.
 */
#include <stdlib.h>
#include <string.h>
#include "drive.h"
#include "mutate.h"

static void feed_start(struct drive *drive)
{
	struct rec_start start = { .h = { .type = REC_START, .size = sizeof(start) },
				   .page_bytes = 4096 };

	drive__feed(drive, &start.h, sizeof(start));
}

/* A copy of its exact length, so that the address sanitizer sees a step too far. */
static void feed_copy(struct drive *drive, struct session *twin, const uint8_t *data, size_t len)
{
	struct rec *rec = malloc(len);

	if (!rec)
		abort();
	memcpy(rec, data, len);
	drive__feed(drive, rec, len);
	if (twin)
		session__feed(twin, rec, len, NULL);
	free(rec);
}

/* Records as they say their sizes; what is left behind an impossible one is fed as it is. */
static void feed_all(struct drive *drive, const uint8_t *data, size_t size)
{
	struct session *twin = NULL;
	bool halfway = false;

	for (size_t at = 0; at < size;) {
		struct rec rec = { 0 };
		size_t left = size - at;

		memcpy(&rec, data + at, left < sizeof(rec) ? left : sizeof(rec));
		if (left >= sizeof(rec) && rec.size >= sizeof(rec) && rec.size <= left)
			left = rec.size;
		feed_copy(drive, twin, data + at, left);
		at += left;
		if (!halfway && at >= size / 2)
			twin = drive__twin(drive);
		halfway |= at >= size / 2;
	}
	drive__compare(drive, twin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct drive drive;

	drive__begin(&drive);
	feed_start(&drive);
	feed_all(&drive, data, size);
	drive__compare(&drive, drive__twin(&drive));
	drive__report(&drive, size);
	drive__end(&drive);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	return seed % 16 ? mutate__records(data, size, max, seed / 16)
			 : LLVMFuzzerMutate(data, size, max);
}
