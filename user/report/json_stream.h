/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * JSON written as it is made: json-c does the values and their escaping, the frame around them goes
 * out piece by piece, so a report of a million rows needs the memory of one. The same calls give
 * the same bytes.
 */
#ifndef RSSTRACE_REPORT_JSON_STREAM_H
#define RSSTRACE_REPORT_JSON_STREAM_H

#include <stdbool.h>
#include <stdio.h>
#include <json-c/json.h>
#include <linux/types.h>

struct json_stream {
	FILE *out;
	bool one_line; /* else indented by two spaces */
	__u32 depth;
	bool empty; /* nothing in the innermost open object or array yet */
};

/* @bracket is '{' or '['. @key is NULL inside an array and for the outermost. Keys are ASCII that
 * needs no escape. */
void json_stream__open(struct json_stream *json, const char *key, char bracket);
void json_stream__close(struct json_stream *json, char bracket);

/* Write @value and free it; NULL is null. */
void json_stream__put(struct json_stream *json, const char *key, struct json_object *value);

/* Values; each NULL stands for null. @text: NULL and "" are unknown; bytes that are not UTF-8
 * become U+FFFD. */
struct json_object *json_text(const char *text);
struct json_object *json_text_or_empty(const char *text); /* "" stays "" */
struct json_object *json_address(__u64 address);	  /* "0x7f12..." */

#endif
