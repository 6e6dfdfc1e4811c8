// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "cmd/instants.h"

#define MARK_NTH_MAX 8 /* "#65536" and the NUL */

int instant__parse(struct instant *instant, const char *text, struct err *err)
{
	static const struct {
		const char *word;
		enum instant_kind kind;
	} words[] = { { "start", INSTANT_START },
		      { "end", INSTANT_END },
		      { "peak", INSTANT_PEAK } };

	*instant = (struct instant){ .kind = INSTANT_SINCE };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i].word))
			continue;
		instant->kind = words[i].kind;
		return 0;
	}
	if (*text == '-') {
		instant->kind = INSTANT_BEFORE;
		if (!units__parse_duration(text + 1, &instant->ns))
			return 0;
	} else if (!units__parse_duration(text, &instant->ns)) {
		return 0;
	} else if (!units__parse_iso8601(text, &instant->ns)) {
		instant->kind = INSTANT_WALL;
		return 0;
	}
	if (!strncmp(text, "mark:", 5))
		text += 5;
	else if (*text == '-')
		text = "";
	*instant = (struct instant){ .kind = INSTANT_MARK, .label = text };
	if (*text && strlen(text) < MARK_LABEL_MAX + MARK_NTH_MAX)
		return 0;
	return err__set(
		err, -EINVAL,
		"not a moment: 90s (since the start), -10s (before the end), 2026-11-20T14:03:10Z, "
		"start, end or peak, or the label of a mark");
}

static bool is_label(const struct mark *mark, const char *label, size_t len)
{
	return strlen(mark->label) == len && !memcmp(mark->label, label, len);
}

/* Behind the last '#'; 0: none. */
static __u32 nth_of(const char *label, size_t *len)
{
	const char *hash = strrchr(label, '#');
	char *stop;
	unsigned long nth;

	if (!hash || hash[1] < '1' || hash[1] > '9')
		return 0;
	nth = strtoul(hash + 1, &stop, 10);
	*len = hash - label;
	return *stop || nth > MARKS_MAX ? 0 : nth;
}

const struct mark *timeline__mark(const struct timeline *timeline, const char *label)
{
	size_t len = strlen(label);
	__u32 nth;

	for (__u32 i = timeline->nr_marks; i--;)
		if (is_label(timeline->marks + i, label, len))
			return timeline->marks + i;
	nth = nth_of(label, &len);
	for (__u32 i = 0; nth && i < timeline->nr_marks; i++)
		if (is_label(timeline->marks + i, label, len) && !--nth)
			return timeline->marks + i;
	return NULL;
}

int timeline__add(struct timeline *timeline, __u64 tick_ns)
{
	if (timeline->nr && tick_ns < timeline->ticks[timeline->nr - 1])
		tick_ns = timeline->ticks[timeline->nr - 1];
	if (timeline->nr == timeline->cap) {
		size_t cap = timeline->cap ? 2 * timeline->cap : 1024;
		__u64 *more = realloc(timeline->ticks, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		timeline->ticks = more;
		timeline->cap = cap;
	}
	timeline->ticks[timeline->nr++] = tick_ns;
	return 0;
}

void timeline__fini(struct timeline *timeline)
{
	free(timeline->ticks);
	memset(timeline, 0, sizeof(*timeline));
}

static __u64 behind(__u64 ns, __u64 origin)
{
	return ns > origin ? ns - origin : 0;
}

static __u64 instant_ns(const struct timeline *timeline, const struct instant *instant)
{
	__u64 end = timeline->ticks[timeline->nr - 1];

	switch (instant->kind) {
	case INSTANT_START:
		return timeline->ticks[0];
	case INSTANT_END:
		return end;
	case INSTANT_PEAK:
		return timeline->peak_ns;
	case INSTANT_SINCE:
		return instant->ns;
	case INSTANT_BEFORE:
		return behind(end, instant->ns);
	case INSTANT_WALL:
		return behind(instant->ns, timeline->wall_ns);
	case INSTANT_MARK:
		return timeline__mark(timeline, instant->label)->tick_ns;
	}
	return end;
}

size_t timeline__find(const struct timeline *timeline, const struct instant *instant)
{
	__u64 ns = instant_ns(timeline, instant);
	size_t low = 0,
	       high = timeline->nr; /* ticks[low] <= ns < ticks[high], but for the first tick */

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (timeline->ticks[middle] <= ns)
			low = middle;
		else
			high = middle;
	}
	return low;
}
