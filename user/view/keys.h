/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What code, stacks and regions are called so that two runs call them alike: no addresses, no ids.
 * A function is its symbol; without one, its module's name and an offset. All return a string to
 * free(), NULL on ENOMEM.
 */
#ifndef RSSTRACE_VIEW_KEYS_H
#define RSSTRACE_VIEW_KEYS_H

#include "view/query.h"

char *frame_key(const struct frame_row *frame); /* "cache_put(int)", "libfoo.so+0x12", "0x7f.." */
char *place_key(const struct frame_row *frame); /* "src/cache.c:211"; else as frame_key() */

/* Frames of a named stack, the outermost first, by ';'. */
char *stack_key(const struct stack_row *named);

/*
 * Its name; else "[anon] mapped by FUNCTION"; else "[anon]", with @addresses "[anon]
 * 7f00-7f10": these only make sense in one run.
 */
char *region_key(const struct session *session, const struct region_row *row, bool addresses);

/* The last part of a path; @path itself when it has no parts. */
const char *path_last_part(const char *path);

#endif
