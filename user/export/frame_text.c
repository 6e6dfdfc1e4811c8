// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "export/frame_text.h"
#include "report/utf8.h"
#include "view/symbol_name.h"

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

char *frame_text__clean(const char *text)
{
	return utf8__clean(text, true);
}

char *frame_text__clean_free(char *text)
{
	char *clean = text ? utf8__clean(text, true) : NULL;

	free(text);
	return clean;
}

static char *place_name(const struct frame_row *frame)
{
	char *text;
	int len;

	if (frame->module)
		len = asprintf(&text, "%s+0x%llx", last_part(frame->module), frame->offset);
	else
		len = asprintf(&text, "0x%llx", frame->offset);
	return frame_text__clean_free(len < 0 ? NULL : text);
}

char *frame_text__name(const struct frame_row *frame)
{
	struct symbol_span span;

	if (!frame->symbol || !*frame->symbol)
		return place_name(frame);
	span = symbol_name__find(frame->symbol);
	return frame_text__clean_free(strndup(span.start, span.len));
}

char *frame_text__symbol(const struct frame_row *frame)
{
	if (!frame->symbol || !*frame->symbol)
		return place_name(frame);
	return frame_text__clean(frame->symbol);
}

char *frame_text__region(const struct region_row *region)
{
	char *text;

	if (*region->name)
		return frame_text__clean(region->name);
	return asprintf(&text, "[%s]", kind_name(region->kind)) < 0 ? NULL : text;
}

const char *frame_text__origin(const struct sample *sample)
{
	switch (sample->origin) {
	case ORIGIN_BEFORE:
		return "[before attach]";
	case ORIGIN_UNATTRIBUTED:
		return "[unattributed]";
	case ORIGIN_ERROR:
		return "[books off]";
	case ORIGIN_STACK:
		break;
	}
	return "[stack lost]";
}
