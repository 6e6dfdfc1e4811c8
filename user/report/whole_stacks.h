/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which share of the bytes has a stack that reaches its root, and why the others do not: of what
 * was brought in over the window, also what has left since; at an instant of what is resident.
 */
#ifndef RSSTRACE_REPORT_WHOLE_STACKS_H
#define RSSTRACE_REPORT_WHOLE_STACKS_H

#include <json-c/json.h>
#include <stdio.h>
#include "view/query.h"

/* Parts of a million, rounded down: 1000000 only when every byte is. -1: there are no bytes. */
__s64 whole_stacks__ppm(const struct walk_ends *ends);

/*
 * "100 %" only when every byte is; "99.98 %" from 99 on, where a whole percent would hide what
 * is missing; "87 %"; "< 1 %"; "-" of nothing. @buf holds UNITS_LEN.
 */
char *whole_stacks__text(char *buf, const struct walk_ends *ends);

/*
 * "@who incomplete stacks brought in 1.20 MiB: no rule 1.00 MiB · depth 205 KiB", the largest
 * first; nothing when all are whole.
 */
void report__incomplete(FILE *out, __u32 width, const char *who, const struct view *view);

/*
 * {"complete_share","of","rss","incomplete","faulted","incomplete_faulted","ends"}: bytes by
 * stacks and how many of them by stacks that are not complete, of what is resident and of what was
 * brought in; which of the two the share (from 0 to 1, null of nothing) is "of". ends:
 * [{"end","rss","faulted"}] of those that are not complete.
 */
struct json_object *json_walks(const struct view *view);

#endif
