// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "report/label.h"
#include "report/table.h"
#include "report/utf8.h"
#include "view/symbol_name.h"

/* And as many callees: a line is for recognising, the JSON is for reading the whole stack. */
#define MAX_CALLERS 3

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void print_clean(FILE *out, const char *text, size_t len)
{
	char *copy = strndup(text, len), *clean = copy ? utf8__clean(copy, true) : NULL;

	fputs(clean ? clean : "?", out);
	free(clean);
	free(copy);
}

static void print_name(FILE *out, const struct frame_row *frame)
{
	struct symbol_span span;

	if (frame->symbol) {
		span = symbol_name__find(frame->symbol);
		print_clean(out, span.start, span.len);
		return;
	}
	if (frame->module)
		print_clean(out, last_part(frame->module), strlen(frame->module));
	fprintf(out, "%s0x%llx", frame->module ? "+" : "", frame->offset);
}

static void print_place(FILE *out, const struct frame_row *frame)
{
	if (frame->file) {
		fputs(PART_WIDE, out);
		print_clean(out, last_part(frame->file), strlen(frame->file));
		if (frame->line)
			fprintf(out, ":%u", frame->line);
	} else if (frame->symbol && frame->module) {
		fputs(PART_WIDE "(", out);
		print_clean(out, last_part(frame->module), strlen(frame->module));
		fputc(')', out);
	}
}

static bool same_name(const struct frame_row *a, const struct frame_row *b)
{
	return a->symbol && b->symbol && !strcmp(a->symbol, b->symbol);
}

/* From the frame the row is named by inwards. */
static void print_callees(FILE *out, const struct stack_row *row, __u32 shown)
{
	const struct frame_row *last = row->frames + row->named_by;
	int nr = 0;

	for (__s32 i = row->named_by - 1; i >= 0 && nr < MAX_CALLERS; i--) {
		const struct frame_row *frame = row->frames + i;

		if (!stack_row__shows(row, i, shown) || same_name(frame, last))
			continue;
		fprintf(out, "%s→ ", nr++ ? PART_NEAR : PART_WIDE);
		print_name(out, frame);
		last = frame;
	}
}

static void print_callers(FILE *out, const struct stack_row *row, __u32 shown)
{
	const struct frame_row *last = row->frames + row->named_by;
	bool script = !(shown & FRAME_RUNTIME) && frame_row__is_script(last);
	int nr = 0;

	for (__u32 i = row->named_by + 1; i < row->nr_frames && nr < MAX_CALLERS; i++) {
		const struct frame_row *frame = row->frames + i;

		if (!stack_row__shows(row, i, shown) || same_name(frame, last) ||
		    (script && !frame_row__is_script(frame)))
			continue;
		fprintf(out, "%s← ", nr++ ? PART_NEAR : PART_WIDE);
		print_name(out, frame);
		last = frame;
	}
}

static void print_stack(FILE *out, const struct stack_row *row, __u32 shown)
{
	if (row->named_by < 0) {
		if (row->end == STACK_END_UNSAMPLED)
			fputs("not sampled", out);
		else
			fprintf(out, "stack %u" PART_WIDE "its frames were lost", row->id);
		return;
	}
	print_name(out, row->frames + row->named_by);
	if (!row->complete)
		fputs(PART_KEEP "(incomplete)", out);
	print_place(out, row->frames + row->named_by);
	print_callees(out, row, shown);
	print_callers(out, row, shown);
}

char *label__stack(const struct session *session, __u32 stack, __u32 shown)
{
	struct stack_row row = { .id = stack };
	char *text = NULL;
	size_t len;
	FILE *out;

	if (stack_row__name(&row, session))
		return NULL;
	out = open_memstream(&text, &len);
	if (out) {
		print_stack(out, &row, shown);
		fclose(out);
	}
	stack_row__fini(&row);
	return text;
}

char *label__frame(const struct frame_row *frame, bool place)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	print_name(out, frame);
	if (place)
		print_place(out, frame);
	fclose(out);
	return text;
}

char *label__place(const struct frame_row *frame)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	print_clean(out, last_part(frame->file), strlen(frame->file));
	fprintf(out, ":%u" PART_WIDE, frame->line);
	print_name(out, frame);
	fclose(out);
	return text;
}

char *label__function(const struct session *session, __u32 stack)
{
	struct stack_row row = { .id = stack };
	char *text = NULL;
	size_t len;
	FILE *out;

	if (stack_row__name(&row, session))
		return NULL;
	out = row.named_by >= 0 ? open_memstream(&text, &len) : NULL;
	if (out) {
		print_name(out, row.frames + row.named_by);
		fclose(out);
	} else {
		text = strdup("an unknown stack");
	}
	stack_row__fini(&row);
	return text;
}
