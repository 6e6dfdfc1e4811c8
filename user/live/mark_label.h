/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Labels come from anywhere: what a mark holds is short, valid UTF-8 of one line. */
#ifndef RSSTRACE_LIVE_MARK_LABEL_H
#define RSSTRACE_LIVE_MARK_LABEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "record_abi.h"

/*
 * mark_label__clean() - @len bytes as a label in @label: blanks at both ends go, control characters
 * and what is not UTF-8 become '?', a byte each, and what is too long is cut between two
 * characters. False when nothing is left.
 */
bool mark_label__clean(char label[MARK_LABEL_MAX], const char *bytes, size_t len);

/* The string at @addr of process @pid, or what there is of it, NUL-terminated; "" when it cannot be
 * read. */
void mark_label__read(char text[MARK_LABEL_MAX], pid_t pid, __u64 addr);

#endif
