// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One HTML page that needs nothing but a browser: flamegraph.html with the window as JSON in it.
 * The page builds its pictures from the samples. Names in a trace are whatever a target likes: in
 * the JSON no character is left that means something to HTML, and the page shows text as text.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "export/exporter.h"
#include "export/frame_text.h"
#include "export/pool.h"
#include "report/json_stream.h"
#include "report/whole_stacks.h"

/* The build makes a string of flamegraph.html. */
static const char page[] =
#include "flamegraph_html.h"
	;

#define DATA_MARK "@DATA@"
#define NO_STACK (-4) /* [stack lost] in the page */

struct builder {
	struct pool pool;
	FILE *out; /* the JSON */
	struct intern_table strings, frames, regions;
	struct pool_list texts;	     /* strings by number - 1 */
	struct pool_list frame_keys; /* struct frame_key by number - 1 */
	struct pool_list region_keys;
	__s64 *stack_places; /* by row of the view: its place in "stacks" */
};

/* Numbers of strings, from 0; -1: none. As the page reads them. */
struct frame_key {
	__s32 name, symbol, module, file, line, inlined, internal;
};

struct region_key {
	__s32 name, note;
};

static __s32 text_number(struct builder *builder, char *text)
{
	__u64 number;
	bool is_new;

	if (!text) {
		builder->pool.failed = true;
		return -1;
	}
	number = intern_table__number(&builder->strings, &builder->pool, text, strlen(text),
				      &is_new);
	if (is_new && number) {
		char *copy = pool_list__add(&builder->texts, &builder->pool, strlen(text) + 1);

		if (copy)
			strcpy(copy, text);
	}
	free(text);
	return (__s32)number - 1;
}

static __s32 optional_number(struct builder *builder, const char *text)
{
	return text && *text ? text_number(builder, frame_text__clean(text)) : -1;
}

/* The place of @key in the list of its kind. */
static __s64 key_place(struct builder *builder, struct intern_table *table, struct pool_list *list,
		       const void *key, size_t len)
{
	bool is_new;
	__u64 number = intern_table__number(table, &builder->pool, key, len, &is_new);
	void *copy = is_new && number ? pool_list__add(list, &builder->pool, len) : NULL;

	if (copy)
		memcpy(copy, key, len);
	return (__s64)number - 1;
}

static __s64 frame_place(struct builder *builder, const struct frame_row *frame)
{
	const struct frame_key key = {
		.name = text_number(builder, frame_text__name(frame)),
		.symbol = text_number(builder, frame_text__symbol(frame)),
		.module = optional_number(builder, frame->module),
		.file = optional_number(builder, frame->file),
		.line = (__s32)frame->line,
		.inlined = frame->inlined,
		.internal = frame_row__is_internal(frame),
	};

	return key_place(builder, &builder->frames, &builder->frame_keys, &key, sizeof(key));
}

static __s64 region_place(struct builder *builder, const struct region_row *region)
{
	struct region_key key;

	if (!region)
		return -1;
	key.name = text_number(builder, frame_text__region(region));
	key.note = text_number(builder, strdup(kind_name(region->kind)));
	return key_place(builder, &builder->regions, &builder->region_keys, &key, sizeof(key));
}

/* Outermost frame first. */
static void put_stack(struct builder *builder, const struct stack_row *stack)
{
	fputc('[', builder->out);
	for (__u32 i = stack->nr_frames; i--;)
		fprintf(builder->out, "%lld%s", (long long)frame_place(builder, stack->frames + i),
			i ? "," : "");
	fputc(']', builder->out);
}

/* 0, or why the walk ended early. */
static void put_cut(FILE *out, const struct stack_row *stack, bool first)
{
	fputs(first ? "" : ",", out);
	if (stack->complete)
		fputc('0', out);
	else
		fprintf(out, "\"%s\"", stack_end_name(stack->end));
}

static int put_stacks(struct builder *builder, const struct view *view)
{
	__s64 nr = 0;

	builder->stack_places = pool__take(&builder->pool, (view->nr_stacks + 1) * sizeof(__s64));
	if (!builder->stack_places)
		return -ENOMEM;
	fputs(",\n\"stacks\":[", builder->out);
	for (__u32 i = 0; i < view->nr_stacks; i++) {
		builder->stack_places[i] = NO_STACK;
		if (!view->stacks[i].nr_frames)
			continue;
		fputs(nr ? ",\n" : "\n", builder->out);
		put_stack(builder, view->stacks + i);
		builder->stack_places[i] = nr++;
	}
	fputs("],\n\"cut\":[", builder->out);
	for (__u32 i = 0, n = 0; i < view->nr_stacks; i++)
		if (builder->stack_places[i] >= 0)
			put_cut(builder->out, view->stacks + i, n++ == 0);
	fputc(']', builder->out);
	return 0;
}

static __s64 who(const struct builder *builder, const struct view *view,
		 const struct sample *sample)
{
	if (sample->origin != ORIGIN_STACK)
		return -(__s64)sample->origin;
	return sample->stack ? builder->stack_places[sample->stack - view->stacks] : NO_STACK;
}

static void put_samples(struct builder *builder, const struct view *view,
			const struct samples *samples)
{
	fputs(",\n\"samples\":[", builder->out);
	for (__u32 i = 0; i < samples->nr; i++) {
		const struct sample *sample = samples->all + i;

		fprintf(builder->out, "%s[%lld,%lld,%lld,%lld,%lld,%lld]", i ? ",\n" : "\n",
			(long long)who(builder, view, sample),
			(long long)region_place(builder, sample->region),
			sample->bytes[VALUE_RESIDENT], sample->bytes[VALUE_GROWTH],
			sample->bytes[VALUE_FAULTED], sample->bytes[VALUE_FREED]);
	}
	fputc(']', builder->out);
}

static void put_tables(struct builder *builder)
{
	FILE *out = builder->out;

	fputs(",\n\"frames\":[", out);
	for (size_t i = 0; i < builder->frame_keys.nr; i++) {
		const struct frame_key *key = builder->frame_keys.items[i];

		fprintf(out, "%s[%d,%d,%d,%d,%d,%d,%d]", i ? ",\n" : "\n", key->name, key->symbol,
			key->module, key->file, key->line, key->inlined, key->internal);
	}
	fputs("],\n\"regions\":[", out);
	for (size_t i = 0; i < builder->region_keys.nr; i++) {
		const struct region_key *key = builder->region_keys.items[i];

		fprintf(out, "%s[%d,%d]", i ? ",\n" : "\n", key->name, key->note);
	}
	fputs("],\n\"strings\":[", out);
	for (size_t i = 0; i < builder->texts.nr; i++) {
		struct json_object *text = json_text_or_empty(builder->texts.items[i]);

		fprintf(out, "%s%s", i ? ",\n" : "\n", json_object_to_json_string(text));
		json_object_put(text);
	}
	fputs("]}\n", out);
}

static void put_text(FILE *out, const char *before, const char *text)
{
	struct json_object *value = json_text_or_empty(text);

	fprintf(out, "%s%s", before, json_object_to_json_string(value));
	json_object_put(value);
}

static void put_window(FILE *out, const struct view *view)
{
	char from[UNITS_LEN], to[UNITS_LEN], duration[UNITS_LEN];
	char *text;

	units__duration(duration, view->to_ns - view->from_ns);
	if (asprintf(&text, "%s to %s (%s)", units__iso8601(from, view->from_wall_ns),
		     units__iso8601(to, view->to_wall_ns), duration) < 0)
		return;
	put_text(out, ",\n\"window\":{\"text\":", view->to_wall_ns ? text : duration);
	fprintf(out, ",\"from_ns\":%llu,\"to_ns\":%llu}", view->from_ns, view->to_ns);
	free(text);
}

static void put_facts(FILE *out, const struct view *view)
{
	const struct walk_ends *walks = view__walk_ends(view);
	char whole[UNITS_LEN];

	fprintf(out, "{\"target\":{\"pid\":%u", view->pid);
	put_text(out, ",\"comm\":", view->comm);
	put_text(out, ",\"exe\":", view->exe);
	fputc('}', out);
	put_window(out, view);
	fprintf(out, ",\n\"rss\":{\"total\":%lld,\"peak_total\":%llu}", view->rss.total,
		view->peak_total);
	fprintf(out, ",\n\"growth\":{\"total\":%lld}", view->growth.total);
	fprintf(out,
		",\n\"ledger\":{\"attributed\":%lld,\"before_attach\":%lld,\"unattributed\":%lld,"
		"\"error\":%lld}",
		view->attributed, view->before_attach, view->unattributed, view->error);
	fprintf(out, ",\n\"events\":{\"lost\":%llu}", view->lost);
	put_text(out, ",\n\"whole\":", whole_stacks__text(whole, walks));
	put_text(out, ",\n\"whole_of\":",
		 walks == &view->faulted_walks ? "of what was brought in during the window"
					       : "of what is resident");
}

/* Markup has no place in JSON but inside strings, where an escape says the same. */
static void put_escaped(FILE *out, const char *json, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr("<>&", json[i]) && json[i])
			fprintf(out, "\\u%04x", json[i]);
		else
			fputc(json[i], out);
	}
}

static int build_json(struct builder *builder, const struct view *view)
{
	struct samples samples;
	int code = samples__init(&samples, view);

	if (code)
		return code;
	put_facts(builder->out, view);
	code = put_stacks(builder, view);
	if (!code) {
		put_samples(builder, view, &samples);
		put_tables(builder);
	}
	samples__fini(&samples);
	return builder->pool.failed ? -ENOMEM : code;
}

static void put_page(FILE *out, const char *json, size_t len)
{
	const char *mark = strstr(page, DATA_MARK);

	fwrite(page, 1, mark - page, out);
	put_escaped(out, json, len);
	fputs(mark + strlen(DATA_MARK), out);
}

static int write_flamegraph(struct export_run *run, const struct view *view, struct err *err)
{
	struct builder builder = { 0 };
	char *json = NULL;
	size_t len = 0;
	int code = -ENOMEM;

	builder.out = open_memstream(&json, &len);
	if (builder.out) {
		code = build_json(&builder, view);
		if (fclose(builder.out))
			code = -ENOMEM;
	}
	if (!code)
		put_page(run->out, json, len);
	free(json);
	intern_table__fini(&builder.strings);
	intern_table__fini(&builder.frames);
	intern_table__fini(&builder.regions);
	pool__fini(&builder.pool);
	return code ? err__set(err, code, "out of memory") : 0;
}

const struct exporter export_flamegraph = {
	.name = "flamegraph",
	.what = "one HTML page for any browser, offline: zoom, search, resident / growth / faulted",
	.write = write_flamegraph,
};
