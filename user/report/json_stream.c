// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "report/json_stream.h"
#include "report/utf8.h"

#define INDENT 2

static void new_line(struct json_stream *json)
{
	if (!json->one_line)
		fprintf(json->out, "\n%*s", (int)json->depth * INDENT, "");
}

static void begin_item(struct json_stream *json, const char *key)
{
	if (!json->empty && json->depth)
		fputc(',', json->out);
	if (json->depth)
		new_line(json);
	if (key)
		fprintf(json->out, json->one_line ? "\"%s\":" : "\"%s\": ", key);
	json->empty = false;
}

void json_stream__open(struct json_stream *json, const char *key, char bracket)
{
	begin_item(json, key);
	fputc(bracket, json->out);
	json->depth++;
	json->empty = true;
}

void json_stream__close(struct json_stream *json, char bracket)
{
	json->depth--;
	if (!json->empty)
		new_line(json);
	fputc(bracket, json->out);
	json->empty = false;
	if (!json->depth)
		fputc('\n', json->out);
}

/* json-c indents from column 0; a line break in its text is never inside a string. */
static void write_indented(struct json_stream *json, const char *text)
{
	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		fwrite(text, 1, end - text, json->out);
		new_line(json);
	}
	fputs(text, json->out);
}

void json_stream__put(struct json_stream *json, const char *key, struct json_object *value)
{
	int style = json->one_line ? JSON_C_TO_STRING_PLAIN
				   : JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;

	begin_item(json, key);
	write_indented(json, json_object_to_json_string_ext(
				     value, style | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(value);
}

struct json_object *json_text_or_empty(const char *text)
{
	char *clean = utf8__clean(text, false);
	struct json_object *value = clean ? json_object_new_string(clean) : NULL;

	free(clean);
	return value;
}

struct json_object *json_text(const char *text)
{
	return text && *text ? json_text_or_empty(text) : NULL;
}

struct json_object *json_address(__u64 address)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", address);
	return json_object_new_string(text);
}
