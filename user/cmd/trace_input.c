// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "base/units.h"
#include "cmd/trace_input.h"
#include "trace/reader.h"

#define PATIENCE_NS (NSEC_PER_SEC / 2)

static __u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

int trace_input__open(struct trace_input *input, const char *path, bool progress, struct err *err)
{
	struct byte_source *bytes = byte_source__file(path, err);

	*input = (struct trace_input){
		.source = bytes ? trace_source__open(bytes, path, err) : NULL,
		.opened_ns = now_ns(),
		.progress = progress && isatty(STDERR_FILENO),
	};
	return input->source ? 0 : -EINVAL;
}

static void clear_progress(struct trace_input *input)
{
	if (input->shown)
		fputs("\r\033[K", stderr);
	input->shown = false;
}

void trace_input__close(struct trace_input *input)
{
	clear_progress(input);
	if (input->source)
		input->source->free(input->source);
	input->source = NULL;
}

/* At most once a block. */
static void show_progress(struct trace_input *input)
{
	const struct trace_health *health = trace_source__health(input->source);

	if (health->read_bytes == input->seen_bytes)
		return;
	input->seen_bytes = health->read_bytes;
	if (!health->file_bytes || now_ns() - input->opened_ns < PATIENCE_NS)
		return;
	input->shown = true;
	fprintf(stderr, "\rrsstrace: reading the trace: %d %%",
		(int)(100.0 * health->read_bytes / health->file_bytes));
}

int trace_input__next(struct trace_input *input, const struct rec **rec, struct err *err)
{
	int code = input->source->next(input->source, rec, err);

	if (code <= 0)
		clear_progress(input);
	else if (input->progress)
		show_progress(input);
	return code;
}

/* How much is missing, in blocks, bytes and time, and what that means for the books. */
static void tell_damage(const struct trace_health *health, const struct session *session, char *buf)
{
	struct stream_gaps gaps = session__gaps(session);
	char from[UNITS_LEN], to[UNITS_LEN], time[UNITS_LEN], bytes[UNITS_LEN];
	const char *books = "the books lack what they held";

	if (health->spare_blocks == health->damaged_blocks) {
		snprintf(buf, HEALTH_LEN,
			 "damaged: %llu of its blocks (%s) are skipped; they held checkpoints or "
			 "the index, the books are whole%s",
			 (unsigned long long)health->damaged_blocks,
			 units__bytes(bytes, health->damaged_bytes),
			 health->cut ? "; cut at its end" : "");
		return;
	}
	if (gaps.nr && gaps.blocks + health->spare_blocks == health->damaged_blocks)
		books = gaps.open ? "no checkpoint follows: what moved meanwhile has no stack"
				  : "the books are right again behind the next checkpoint";
	snprintf(buf, HEALTH_LEN,
		 "damaged: %llu of its blocks (%s, at most %s between %s and %s) are skipped, what "
		 "they held is missing; %s%s",
		 (unsigned long long)health->damaged_blocks,
		 units__bytes(bytes, health->damaged_bytes), units__duration(time, gaps.ns),
		 units__duration(from, gaps.from_ns), units__duration(to, gaps.to_ns), books,
		 health->cut ? "; cut at its end" : "");
}

const char *trace_input__health(const struct trace_input *input, const struct session *session,
				char *buf)
{
	const struct trace_health *health = trace_source__health(input->source);
	char duration[UNITS_LEN];

	units__duration(duration, session__now(session));
	if (health->damaged_blocks)
		tell_damage(health, session, buf);
	else if (health->cut)
		snprintf(buf, HEALTH_LEN,
			 "cut after %s: the file ends inside a block (tracer killed, disk full)",
			 duration);
	else if (!session__end(session))
		snprintf(buf, HEALTH_LEN, "cut after %s: it was never closed (tracer killed, disk full)",
			 duration);
	else
		return NULL;
	return buf;
}

const char *trace_input__health_so_far(const struct trace_input *input, bool closed, char *buf)
{
	const struct trace_health *health = trace_source__health(input->source);

	if (health->damaged_blocks)
		snprintf(buf, HEALTH_LEN, "damaged: %llu blocks near these moments are skipped",
			 (unsigned long long)health->damaged_blocks);
	else if (!closed)
		snprintf(buf, HEALTH_LEN, "cut: it was never closed (tracer killed, disk full)");
	else
		return NULL;
	return buf;
}
