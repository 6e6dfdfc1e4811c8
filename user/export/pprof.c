// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * profile.proto, gzipped: `go tool pprof`, speedscope, Pyroscope, Parca. A sample for each stack
 * and region. inuse_space and alloc_space are resident and faulted under the names heap profiles
 * use, for viewers that know no others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/units.h"
#include "export/exporter.h"
#include "export/frame_text.h"
#include "export/gzip.h"
#include "export/pool.h"
#include "report/whole_stacks.h"
#include "pprof.pb-c.h"

static const struct value_type {
	const char *name;
	enum sample_value value;
} value_types[] = {
	{ "alloc_space", VALUE_FAULTED }, { "inuse_space", VALUE_RESIDENT },
	{ "faulted", VALUE_FAULTED },	  { "freed", VALUE_FREED },
	{ "growth", VALUE_GROWTH },	  { "resident", VALUE_RESIDENT },
};

#define NR_VALUE_TYPES (sizeof(value_types) / sizeof(value_types[0]))
#define DEFAULT_TYPE "inuse_space"
#define MAX_LABELS 4

/* The profile while it is built. */
struct builder {
	struct pool pool;
	const struct view *view;
	struct pool_list strings, samples, mappings, locations, functions;
	struct intern_table string_numbers, mapping_numbers, location_numbers, function_numbers;
};

#define ADD(builder, list, Type, INIT)                                                             \
	({                                                                                         \
		Type *item_ = pool_list__add(&(builder)->list, &(builder)->pool, sizeof(*item_));  \
		if (item_)                                                                         \
			*item_ = (Type)INIT;                                                       \
		item_;                                                                             \
	})

/* Index in the string table, whose first string is the empty one. */
static __s64 text_index(struct builder *builder, const char *text)
{
	bool is_new;
	__u64 number;

	if (!*text)
		return 0;
	number = intern_table__number(&builder->string_numbers, &builder->pool, text, strlen(text),
				      &is_new);
	if (is_new && number) {
		char *copy = pool_list__add(&builder->strings, &builder->pool, strlen(text) + 1);

		if (copy)
			strcpy(copy, text);
	}
	return (__s64)number;
}

static __s64 text_index_free(struct builder *builder, char *text)
{
	__s64 index = text ? text_index(builder, text) : 0;

	builder->pool.failed |= !text;
	free(text);
	return index;
}

static __s64 clean_text_index(struct builder *builder, const char *text)
{
	return text_index_free(builder, frame_text__clean(text));
}

static __s64 build_id_index(struct builder *builder, const struct object *object)
{
	char hex[2 * sizeof(object->build_id) + 1] = "";

	for (__u32 i = 0; i < object->build_id_len && i < sizeof(object->build_id); i++)
		sprintf(hex + 2 * i, "%02x", object->build_id[i]);
	return text_index(builder, hex);
}

struct code_range {
	const struct object *object;
	__u64 start, end, pgoff;
};

/* A mapping's number is its place in the list: mappings are told apart by object and address. */
static Pprof__Mapping *add_mapping(struct builder *builder, const struct code_range *range)
{
	Pprof__Mapping *mapping;
	bool is_new;
	__u64 id = intern_table__number(&builder->mapping_numbers, &builder->pool, range,
					sizeof(*range), &is_new);

	if (!id || !is_new)
		return id ? builder->mappings.items[id - 1] : NULL;
	mapping = ADD(builder, mappings, Pprof__Mapping, PPROF__MAPPING__INIT);
	if (!mapping)
		return NULL;
	mapping->id = id;
	mapping->memory_start = range->start;
	mapping->memory_limit = range->end;
	mapping->file_offset = range->pgoff;
	mapping->filename_text = clean_text_index(builder, range->object->path);
	mapping->build_id_text = build_id_index(builder, range->object);
	return mapping;
}

static bool holds(const struct region_row *region, const struct frame_row *frame)
{
	return region->object == frame->object && region->perms[2] == 'x' &&
	       frame->offset >= region->pgoff &&
	       frame->offset - region->pgoff < region->end - region->start;
}

/*
 * Where the frame's code was mapped. Mappings that are gone have no address any more: one of the
 * file as it is, from 0, stands for them, as large as a file may be.
 */
static Pprof__Mapping *find_mapping(struct builder *builder, const struct frame_row *frame)
{
	struct code_range range = { .object = frame->object, .end = 1ULL << 47 };

	for (__u32 i = 0; i < builder->view->nr_regions; i++) {
		const struct region_row *region = builder->view->regions + i;

		if (!holds(region, frame))
			continue;
		range.start = region->start;
		range.end = region->end;
		range.pgoff = region->pgoff;
		break;
	}
	return add_mapping(builder, &range);
}

static __u64 function_id(struct builder *builder, __s64 name, __s64 file)
{
	const __s64 key[] = { name, file };
	Pprof__Function *function;
	bool is_new;
	__u64 id = intern_table__number(&builder->function_numbers, &builder->pool, key,
					sizeof(key), &is_new);

	function = is_new && id ? ADD(builder, functions, Pprof__Function, PPROF__FUNCTION__INIT)
				: NULL;
	if (function) {
		function->id = id;
		function->name_text = function->system_name_text = name;
		function->filename_text = file;
	}
	return id;
}

/* Levels of the frame that begins at @frame: the inlined ones and the function they are in. */
static __u32 nr_levels(const struct frame_row *frame, __u32 nr_left)
{
	__u32 nr = 1;

	while (nr < nr_left && frame[nr - 1].inlined)
		nr++;
	return nr;
}

static Pprof__Line *new_line(struct builder *builder, const struct frame_row *frame)
{
	Pprof__Line *line = pool__take(&builder->pool, sizeof(*line));
	__s64 name, file;

	if (!line)
		return NULL;
	name = text_index_free(builder, frame_text__symbol(frame));
	file = clean_text_index(builder, frame->file ? frame->file : "");
	*line = (Pprof__Line)PPROF__LINE__INIT;
	line->function_id = function_id(builder, name, file);
	line->line = frame->line;
	return line;
}

static void set_lines(struct builder *builder, Pprof__Location *location,
		      const struct frame_row *frames, __u32 nr)
{
	location->line = pool__take(&builder->pool, nr * sizeof(*location->line));
	for (__u32 i = 0; i < nr && location->line; i++) {
		location->line[i] = new_line(builder, frames + i);
		if (!location->line[i])
			return;
		location->n_line++;
	}
}

/* A nameless place has no lines: pprof then shows, and may look up, the address. */
static void fill_location(struct builder *builder, Pprof__Location *location,
			  const struct frame_row *frames, __u32 nr)
{
	Pprof__Mapping *mapping = frames->object ? find_mapping(builder, frames) : NULL;

	location->address = frames->offset;
	if (frames->symbol)
		set_lines(builder, location, frames, nr);
	if (!mapping)
		return;
	location->mapping_id = mapping->id;
	location->address += mapping->memory_start - mapping->file_offset;
	mapping->has_functions |= frames->symbol != NULL;
	mapping->has_filenames |= frames->file != NULL;
	mapping->has_line_numbers |= frames->line != 0;
	mapping->has_inline_frames |= nr > 1;
}

static __u64 location_id(struct builder *builder, const struct frame_row *frames, __u32 nr)
{
	const struct {
		const struct object *object;
		const char *symbol; /* code in no file may differ between processes */
		__u64 offset;
	} key = { frames->object, frames->symbol, frames->offset };
	Pprof__Location *location;
	bool is_new;
	__u64 id = intern_table__number(&builder->location_numbers, &builder->pool, &key,
					sizeof(key), &is_new);

	location = is_new && id ? ADD(builder, locations, Pprof__Location, PPROF__LOCATION__INIT)
				: NULL;
	if (location) {
		location->id = id;
		fill_location(builder, location, frames, nr);
	}
	return id;
}

/* A place that is only a name: what stands for no stack, or for a region. */
static __u64 name_id(struct builder *builder, const char *name)
{
	const struct frame_row frame = { .symbol = name };
	bool is_new;
	__s64 text = text_index(builder, name);
	__u64 id = intern_table__number(&builder->location_numbers, &builder->pool, &text,
					sizeof(text), &is_new);
	Pprof__Location *location;

	location = is_new && id ? ADD(builder, locations, Pprof__Location, PPROF__LOCATION__INIT)
				: NULL;
	if (location) {
		location->id = id;
		set_lines(builder, location, &frame, 1);
	}
	return id;
}

static void add_frames(struct builder *builder, Pprof__Sample *to, const struct stack_row *stack)
{
	for (__u32 i = 0; i < stack->nr_frames;) {
		const struct frame_row *frame = stack->frames + i;
		__u32 nr = nr_levels(frame, stack->nr_frames - i);

		to->location_id[to->n_location_id++] = location_id(builder, frame, nr);
		i += nr;
	}
}

static void set_locations(struct builder *builder, Pprof__Sample *to, const struct sample *sample,
			  bool by_region)
{
	__u32 nr_frames = sample__has_frames(sample) ? sample->stack->nr_frames : 1;

	to->location_id = pool__take(&builder->pool, (nr_frames + 1) * sizeof(*to->location_id));
	if (!to->location_id)
		return;
	if (sample__has_frames(sample))
		add_frames(builder, to, sample->stack);
	else
		to->location_id[to->n_location_id++] = name_id(builder, frame_text__origin(sample));
	if (by_region) {
		char *name =
			sample->region ? frame_text__region(sample->region) : strdup("[no region]");

		builder->pool.failed |= !name;
		to->location_id[to->n_location_id++] = name_id(builder, name ? name : "");
		free(name);
	}
}

static void set_values(struct builder *builder, Pprof__Sample *to, const struct sample *sample)
{
	to->value = pool__take(&builder->pool, NR_VALUE_TYPES * sizeof(*to->value));
	if (!to->value)
		return;
	to->n_value = NR_VALUE_TYPES;
	for (size_t i = 0; i < NR_VALUE_TYPES; i++)
		to->value[i] = sample->bytes[value_types[i].value];
}

static Pprof__Label *add_label(struct builder *builder, Pprof__Sample *to, const char *key)
{
	Pprof__Label *label = pool__take(&builder->pool, sizeof(*label));

	if (!label)
		return NULL;
	*label = (Pprof__Label)PPROF__LABEL__INIT;
	label->key_text = text_index(builder, key);
	to->label[to->n_label++] = label;
	return label;
}

static void add_text_label(struct builder *builder, Pprof__Sample *to, const char *key, __s64 text)
{
	Pprof__Label *label = text ? add_label(builder, to, key) : NULL;

	if (label)
		label->str_text = text;
}

static void set_labels(struct builder *builder, Pprof__Sample *to, const struct sample *sample)
{
	const struct region_row *region = sample->region;
	Pprof__Label *pid;

	to->label = pool__take(&builder->pool, MAX_LABELS * sizeof(*to->label));
	if (!to->label)
		return;
	add_text_label(builder, to, "origin",
		       text_index(builder, sample_origin__name(sample->origin)));
	if (!region)
		return;
	add_text_label(builder, to, "region", text_index_free(builder, frame_text__region(region)));
	add_text_label(builder, to, "kind", text_index(builder, kind_name(region->kind)));
	pid = add_label(builder, to, "pid");
	if (pid)
		pid->num = region->pid;
}

static void add_sample(struct builder *builder, const struct sample *sample, bool by_region)
{
	Pprof__Sample *to = ADD(builder, samples, Pprof__Sample, PPROF__SAMPLE__INIT);

	if (!to)
		return;
	set_locations(builder, to, sample, by_region);
	set_values(builder, to, sample);
	set_labels(builder, to, sample);
}

/* The program's own code comes first: pprof takes that mapping's name for the profile's. */
static void add_main_mapping(struct builder *builder)
{
	for (__u32 i = 0; i < builder->view->nr_regions; i++) {
		const struct region_row *region = builder->view->regions + i;
		struct code_range range = { region->object, region->start, region->end,
					    region->pgoff };

		if (!region->object || region->perms[2] != 'x' ||
		    strcmp(region->name, builder->view->exe))
			continue;
		add_mapping(builder, &range);
		return;
	}
}

static void set_types(struct builder *builder, Pprof__Profile *profile,
		      Pprof__ValueType types[NR_VALUE_TYPES + 1],
		      Pprof__ValueType *pointers[NR_VALUE_TYPES])
{
	for (size_t i = 0; i <= NR_VALUE_TYPES; i++) {
		types[i] = (Pprof__ValueType)PPROF__VALUE_TYPE__INIT;
		types[i].type_text =
			text_index(builder, i < NR_VALUE_TYPES ? value_types[i].name : "space");
		types[i].unit_text = text_index(builder, "bytes");
		if (i < NR_VALUE_TYPES)
			pointers[i] = types + i;
	}
	profile->sample_type = pointers;
	profile->n_sample_type = NR_VALUE_TYPES;
	profile->period_type = types + NR_VALUE_TYPES;
	profile->period = 1; /* nothing is sampled */
	profile->default_sample_type_text = text_index(builder, DEFAULT_TYPE);
}

static __s64 ledger_comment(struct builder *builder)
{
	const struct view *view = builder->view;
	char *text, whole[UNITS_LEN];

	if (asprintf(&text,
		     "RSS %lld = attributed %lld + before attach %lld + unattributed %lld + error "
		     "%lld bytes; growth %lld; %llu records lost, %llu stacks truncated, "
		     "stacks %s whole by bytes (incomplete: %lld resident, %lld of %lld faulted)",
		     view->rss.total, view->attributed, view->before_attach, view->unattributed,
		     view->error, view->growth.total, view->lost, view->stacks_truncated,
		     whole_stacks__text(whole, view__walk_ends(view)),
		     view->resident_walks.incomplete, view->faulted_walks.incomplete,
		     view->faulted_walks.bytes) < 0)
		text = NULL;
	return text_index_free(builder, text);
}

static __s64 target_comment(struct builder *builder)
{
	const struct view *view = builder->view;
	char *text;

	if (asprintf(&text,
		     "rsstrace " RSSTRACE_VERSION ": %s (%u), %llu ns to %llu ns of the trace",
		     view->comm, view->pid, view->from_ns, view->to_ns) < 0)
		text = NULL;
	builder->pool.failed |= !text;
	return text_index_free(builder, text ? frame_text__clean_free(text) : NULL);
}

static int pack(struct builder *builder, Pprof__Profile *profile, FILE *out)
{
	size_t len = pprof__profile__get_packed_size(profile);
	unsigned char *bytes = builder->pool.failed ? NULL : malloc(len);
	int code;

	if (!bytes)
		return -ENOMEM;
	pprof__profile__pack(profile, bytes);
	code = gzip__write(out, bytes, len);
	free(bytes);
	return code;
}

static int finish(struct builder *builder, FILE *out)
{
	Pprof__ValueType types[NR_VALUE_TYPES + 1], *pointers[NR_VALUE_TYPES];
	Pprof__Profile profile = PPROF__PROFILE__INIT;
	__s64 comments[2] = { target_comment(builder), ledger_comment(builder) };

	set_types(builder, &profile, types, pointers);
	profile.comment_text = (int64_t *)comments;
	profile.n_comment_text = 2;
	profile.time_nanos = builder->view->from_wall_ns;
	profile.duration_nanos = builder->view->to_ns - builder->view->from_ns;
	profile.sample = (Pprof__Sample **)builder->samples.items;
	profile.n_sample = builder->samples.nr;
	profile.mapping = (Pprof__Mapping **)builder->mappings.items;
	profile.n_mapping = builder->mappings.nr;
	profile.location = (Pprof__Location **)builder->locations.items;
	profile.n_location = builder->locations.nr;
	profile.function = (Pprof__Function **)builder->functions.items;
	profile.n_function = builder->functions.nr;
	profile.string_table = (char **)builder->strings.items;
	profile.n_string_table = builder->strings.nr;
	return pack(builder, &profile, out);
}

static void builder__fini(struct builder *builder)
{
	intern_table__fini(&builder->string_numbers);
	intern_table__fini(&builder->mapping_numbers);
	intern_table__fini(&builder->location_numbers);
	intern_table__fini(&builder->function_numbers);
	pool__fini(&builder->pool);
}

static int write_pprof(struct export_run *run, const struct view *view, struct err *err)
{
	struct builder builder = { .view = view };
	struct samples samples;
	int code = samples__init(&samples, view);

	if (!code) {
		pool_list__add(&builder.strings, &builder.pool, 1); /* string 0 is "" */
		add_main_mapping(&builder);
		for (__u32 i = 0; i < samples.nr; i++)
			add_sample(&builder, samples.all + i, run->options.by_region);
		code = finish(&builder, run->out);
		builder__fini(&builder);
		samples__fini(&samples);
	}
	return code ? err__set(err, code, "out of memory") : 0;
}

const struct exporter export_pprof = {
	.name = "pprof",
	.what = "go tool pprof, speedscope, Pyroscope, Parca",
	.flags = EXPORT_TAKES_REGIONS | EXPORT_IS_BINARY,
	.write = write_pprof,
};
