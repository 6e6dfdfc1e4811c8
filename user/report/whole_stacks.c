// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include "base/units.h"
#include "report/facts.h"
#include "report/whole_stacks.h"

#define MILLION 1000000

__s64 whole_stacks__ppm(const struct walk_ends *ends)
{
	__s64 whole = ends->bytes - ends->incomplete, ppm;

	if (ends->bytes <= 0)
		return -1;
	if (ends->incomplete <= 0)
		return MILLION;
	ppm = whole > 0 ? (__s64)((double)whole / ends->bytes * MILLION) : 0;
	return ppm < MILLION ? ppm : MILLION - 1;
}

char *whole_stacks__text(char *buf, const struct walk_ends *ends)
{
	__s64 ppm = whole_stacks__ppm(ends), percent = ppm / 10000;

	if (ppm < 0)
		snprintf(buf, UNITS_LEN, "-");
	else if (ppm < MILLION && percent == 99)
		snprintf(buf, UNITS_LEN, "99.%02lld %%", ppm % 10000 / 100);
	else if (!percent && ends->incomplete < ends->bytes)
		snprintf(buf, UNITS_LEN, "< 1 %%");
	else
		snprintf(buf, UNITS_LEN, "%lld %%", percent);
	return buf;
}

struct part {
	enum stack_end end;
	__s64 bytes;
};

static int compare_parts(const void *pa, const void *pb)
{
	const struct part *a = pa, *b = pb;

	return a->bytes == b->bytes ? (int)a->end - (int)b->end : a->bytes < b->bytes ? 1 : -1;
}

/* The word of the JSON, as it reads in a list. */
static void end_words(char *buf, size_t len, enum stack_end end)
{
	snprintf(buf, len, "%s", stack_end_name(end));
	for (char *at = buf; *at; at++)
		*at = *at == '_' ? ' ' : *at;
}

void report__incomplete(FILE *out, __u32 width, const char *who, const struct view *view)
{
	const struct walk_ends *ends = view__walk_ends(view);
	bool faulted = ends == &view->faulted_walks;
	char bytes[UNITS_LEN], words[UNITS_LEN];
	struct part parts[NR_STACK_ENDS];
	struct facts facts;
	int nr = 0;

	if (ends->incomplete <= 0)
		return;
	for (int end = 0; end < NR_STACK_ENDS; end++)
		if (end != STACK_END_ROOT && ends->by_end[end] > 0)
			parts[nr++] = (struct part){ end, ends->by_end[end] };
	qsort(parts, nr, sizeof(*parts), compare_parts);
	facts = facts__begin(out, width, " ", "", 2);
	facts__add(&facts, "%sincomplete stacks %s %s:", who, faulted ? "brought in" : "hold",
		   units__bytes(bytes, ends->incomplete));
	for (int i = 0; i < nr; i++) {
		end_words(words, sizeof(words), parts[i].end);
		facts__add(&facts, "%s %s", words, units__bytes(bytes, parts[i].bytes));
		facts.gap = " · ";
	}
	facts__finish(&facts);
}

static void add_int(struct json_object *object, const char *key, __s64 value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

/* 1 only when every byte is; null of nothing. */
static struct json_object *complete_share(const struct walk_ends *ends)
{
	__s64 ppm = whole_stacks__ppm(ends);
	char text[UNITS_LEN];

	snprintf(text, sizeof(text), "%lld.%06lld", ppm / MILLION, ppm % MILLION);
	return ppm < 0 ? NULL : json_object_new_double_s((double)ppm / MILLION, text);
}

static struct json_object *incomplete_ends(const struct view *view)
{
	struct json_object *list = json_object_new_array();

	for (int end = 0; end < NR_STACK_ENDS; end++) {
		__s64 rss = view->resident_walks.by_end[end];
		__s64 faulted = view->faulted_walks.by_end[end];
		struct json_object *item;

		if (end == STACK_END_ROOT || (!rss && !faulted))
			continue;
		item = json_object_new_object();
		json_object_object_add(item, "end", json_object_new_string(stack_end_name(end)));
		add_int(item, "rss", rss);
		add_int(item, "faulted", faulted);
		json_object_array_add(list, item);
	}
	return list;
}

struct json_object *json_walks(const struct view *view)
{
	const struct walk_ends *ends = view__walk_ends(view);
	struct json_object *walks = json_object_new_object();
	const char *of = ends == &view->faulted_walks ? "faulted" : "rss";

	json_object_object_add(walks, "complete_share", complete_share(ends));
	json_object_object_add(walks, "of", json_object_new_string(of));
	add_int(walks, "rss", view->resident_walks.bytes);
	add_int(walks, "incomplete", view->resident_walks.incomplete);
	add_int(walks, "faulted", view->faulted_walks.bytes);
	add_int(walks, "incomplete_faulted", view->faulted_walks.incomplete);
	json_object_object_add(walks, "ends", incomplete_ends(view));
	return walks;
}
