// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "view/filter.h"
#include "view/query.h"
#include "view/symbol_name.h"

static const struct {
	const char *name;
	enum filter_field field;
} fields[] = { { "region", FILTER_REGION },
	       { "kind", FILTER_KIND },
	       { "symbol", FILTER_SYMBOL },
	       { "module", FILTER_MODULE },
	       { "thread", FILTER_THREAD } };

static enum filter_field find_field(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if (strlen(fields[i].name) == len && !strncmp(fields[i].name, name, len))
			return fields[i].field;
	}
	return 0;
}

static bool is_kind(const char *name)
{
	for (int kind = KIND_INVALID + 1; kind < NR_KINDS; kind++) {
		if (!strcmp(kind_name(kind), name))
			return true;
	}
	return false;
}

int filter__add(struct filter *filter, const char *text, struct err *err)
{
	size_t len = strcspn(text, "=!~");
	const char *at = text + len;
	struct filter_term term = { .field = find_field(text, len), .text = text };

	if (!term.field)
		return err__set(err, -EINVAL,
				"a filter begins with region, kind, symbol, module or thread");
	term.negated = *at == '!';
	at += term.negated;
	term.contains = *at == '~';
	if ((*at != '=' && *at != '~') || !at[1])
		return err__set(
			err, -EINVAL,
			"a filter is FIELD=VALUE, FIELD~TEXT, or with != or !~ the opposite");
	term.value = at + 1;
	if (term.field == FILTER_KIND && !term.contains && !is_kind(term.value))
		return err__set(err, -EINVAL,
				"a kind is heap, stack, anon, file, shmem, hugetlb or special");
	if (filter->nr == FILTER_MAX)
		return err__set(err, -EINVAL, "at most %d filters", FILTER_MAX);
	filter->terms[filter->nr++] = term;
	filter->fields |= term.field;
	return 0;
}

static bool holds(const struct filter_term *term, const char *text)
{
	return term->contains ? strstr(text, term->value) != NULL : !strcmp(text, term->value);
}

/* Of a path the last part alone is as good. */
static bool path_holds(const struct filter_term *term, const char *path)
{
	const char *slash = strrchr(path, '/');

	return holds(term, path) || (*path == '/' && holds(term, slash + 1));
}

/* A nameless region is called by its kind: "[anon]". */
static bool region_holds(const struct filter_term *term, const struct region_row *row)
{
	char kind[16];

	if (*row->name)
		return path_holds(term, row->name);
	snprintf(kind, sizeof(kind), "[%s]", kind_name(row->kind));
	return holds(term, kind);
}

bool filter__region(const struct filter *filter, const struct region_row *row)
{
	for (__u32 i = 0; i < filter->nr; i++) {
		const struct filter_term *term = filter->terms + i;
		bool found;

		if (!(term->field & FILTER_OF_REGIONS))
			continue;
		found = term->field == FILTER_KIND ? holds(term, kind_name(row->kind))
						   : region_holds(term, row);
		if (found == term->negated)
			return false;
	}
	return true;
}

static bool symbol_holds(const struct filter_term *term, const char *symbol)
{
	struct symbol_span span = symbol_name__find(symbol);

	if (holds(term, symbol))
		return true;
	return !term->contains && strlen(term->value) == span.len &&
	       !strncmp(span.start, term->value, span.len);
}

static bool frame_holds(const struct filter_term *term, const struct frame_row *frame)
{
	if (term->field == FILTER_SYMBOL)
		return frame->symbol && symbol_holds(term, frame->symbol);
	return frame->module && path_holds(term, frame->module);
}

bool filter__stack(const struct filter *filter, const struct stack_row *named)
{
	for (__u32 i = 0; i < filter->nr; i++) {
		const struct filter_term *term = filter->terms + i;
		bool found = false;

		if (!(term->field & FILTER_OF_STACKS))
			continue;
		for (__u32 f = 0; f < named->nr_frames && !found; f++)
			found = frame_holds(term, named->frames + f);
		if (found == term->negated || !named->nr_frames)
			return false;
	}
	return true;
}

bool filter__thread(const struct filter *filter, __u32 tid, const char *comm)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", tid);
	for (__u32 i = 0; i < filter->nr; i++) {
		const struct filter_term *term = filter->terms + i;

		if (term->field == FILTER_THREAD &&
		    ((!term->contains && !strcmp(number, term->value)) || holds(term, comm)) ==
			    term->negated)
			return false;
	}
	return true;
}
