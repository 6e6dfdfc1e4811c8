// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Folded stacks: `outer;inner BYTES`, one line each, as flamegraph.pl, speedscope, the Firefox
 * Profiler and Pyroscope read them. The format knows no negative numbers: --value shrunk is the
 * other half of --value growth.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "export/exporter.h"
#include "export/frame_text.h"

struct line {
	char *stack;
	__s64 bytes; /* of VALUE_SHRUNK: growth */
};

/* A name as a part of a line: no separator in it. Frees @name. */
static int put_part(FILE *line, char *name)
{
	if (!name)
		return -ENOMEM;
	for (char *at = name; (at = strchr(at, ';')); at++)
		*at = ',';
	fputs(name, line);
	free(name);
	return 0;
}

static int put_frames(FILE *line, const struct stack_row *stack)
{
	int code = 0;

	for (__u32 i = stack->nr_frames; i-- && !code;) {
		code = put_part(line, frame_text__name(stack->frames + i));
		if (i)
			fputc(';', line);
	}
	return code;
}

static int put_stack(FILE *line, const struct sample *sample, bool by_region)
{
	bool frames = sample__has_frames(sample);
	int code = 0;

	if (by_region || (!frames && sample->region)) {
		/* with nothing but the region known, the region is the leaf */
		if (!frames)
			fprintf(line, "%s;", frame_text__origin(sample));
		code = put_part(line, sample->region ? frame_text__region(sample->region)
						     : strdup("[no region]"));
		if (frames && !code)
			fputc(';', line);
	} else if (!frames) {
		fputs(frame_text__origin(sample), line);
	}
	return frames && !code ? put_frames(line, sample->stack) : code;
}

static int make_line(struct line *line, const struct sample *sample, enum sample_value value,
		     bool by_region)
{
	size_t len;
	FILE *text = open_memstream(&line->stack, &len);
	int code;

	if (!text)
		return -ENOMEM;
	code = put_stack(text, sample, by_region);
	line->bytes = sample->bytes[value == VALUE_SHRUNK ? VALUE_GROWTH : value];
	return fclose(text) || !line->stack ? -ENOMEM : code;
}

static int compare_lines(const void *pa, const void *pb)
{
	const struct line *a = pa, *b = pb;

	return strcmp(a->stack, b->stack);
}

/* Stacks that read the same are one line. */
static void print_lines(FILE *out, const struct line *lines, __u32 nr, enum sample_value value)
{
	for (__u32 i = 0; i < nr;) {
		const char *stack = lines[i].stack;
		__s64 bytes = 0;

		for (; i < nr && !strcmp(lines[i].stack, stack); i++)
			bytes += lines[i].bytes;
		if (value == VALUE_SHRUNK)
			bytes = -bytes;
		if (bytes > 0)
			fprintf(out, "%s %lld\n", stack, (long long)bytes);
	}
}

static int print_samples(const struct export_run *run, const struct samples *samples)
{
	struct line *lines = calloc(samples->nr + 1, sizeof(*lines));
	enum sample_value value = run->options.value;
	__u32 nr = 0;
	int code = lines ? 0 : -ENOMEM;

	while (nr < samples->nr && !code) {
		code = make_line(lines + nr, samples->all + nr, value, run->options.by_region);
		nr++;
	}
	if (!code) {
		qsort(lines, nr, sizeof(*lines), compare_lines);
		print_lines(run->out, lines, nr, value);
	}
	for (__u32 i = 0; i < nr; i++)
		free(lines[i].stack);
	free(lines);
	return code;
}

static int write_folded(struct export_run *run, const struct view *view, struct err *err)
{
	struct samples samples;
	int code = samples__init(&samples, view);

	if (!code) {
		code = print_samples(run, &samples);
		samples__fini(&samples);
	}
	return code ? err__set(err, code, "out of memory") : 0;
}

const struct exporter export_folded = {
	.name = "folded",
	.what = "a line a stack, `outer;inner BYTES`: flamegraph.pl, speedscope, Firefox Profiler",
	.flags = EXPORT_TAKES_VALUE | EXPORT_TAKES_REGIONS,
	.write = write_folded,
};
