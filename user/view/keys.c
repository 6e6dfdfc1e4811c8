// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "view/keys.h"

const char *path_last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void print_frame(FILE *out, const struct frame_row *frame)
{
	if (frame->symbol)
		fputs(frame->symbol, out);
	else if (frame->module)
		fprintf(out, "%s+0x%llx", path_last_part(frame->module), frame->offset);
	else
		fprintf(out, "0x%llx", frame->offset);
}

char *frame_key(const struct frame_row *frame)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	print_frame(out, frame);
	return fclose(out) ? NULL : text;
}

char *place_key(const struct frame_row *frame)
{
	char *text;

	if (!frame->file)
		return frame_key(frame);
	return asprintf(&text, "%s:%u", frame->file, frame->line) < 0 ? NULL : text;
}

char *stack_key(const struct stack_row *named)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (__u32 i = named->nr_frames; i--;) {
		print_frame(out, named->frames + i);
		if (i)
			fputc(';', out);
	}
	return fclose(out) ? NULL : text;
}

static char *mapped_by_key(const struct session *session, const struct region_row *row)
{
	struct stack_row mapper = { .id = row->mapped_by };
	char *function = NULL, *text = NULL;

	if (stack_row__name(&mapper, session))
		return NULL;
	if (mapper.named_by >= 0)
		function = frame_key(mapper.frames + mapper.named_by);
	else
		function = strdup("an unknown stack");
	stack_row__fini(&mapper);
	if (function && asprintf(&text, "[%s] mapped by %s", kind_name(row->kind), function) < 0)
		text = NULL;
	free(function);
	return text;
}

char *region_key(const struct session *session, const struct region_row *row, bool addresses)
{
	char *text;
	int len;

	if (*row->name)
		return strdup(row->name);
	if (row->mapped_by >= OWNER_FIRST_STACK)
		return mapped_by_key(session, row);
	if (addresses)
		len = asprintf(&text, "[%s] %llx-%llx", kind_name(row->kind), row->start, row->end);
	else
		len = asprintf(&text, "[%s]", kind_name(row->kind));
	return len < 0 ? NULL : text;
}
