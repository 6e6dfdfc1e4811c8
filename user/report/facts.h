/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Short facts side by side, on as many lines as the terminal's width asks for. Nothing is cut. */
#ifndef RSSTRACE_REPORT_FACTS_H
#define RSSTRACE_REPORT_FACTS_H

#include <stdio.h>
#include <linux/types.h>

struct facts {
	FILE *out;
	const char *gap; /* between two facts of a line */
	__u32 width;	 /* 0: unlimited */
	__u32 indent;	 /* of the lines after the first */
	__u32 column;	 /* where the line stands */
};

/* Start with @lead ("" for none), which is no fact: no gap follows it. */
struct facts facts__begin(FILE *out, __u32 width, const char *gap, const char *lead, __u32 indent);
void facts__add(struct facts *facts, const char *format, ...) __attribute__((format(printf, 2, 3)));
void facts__finish(struct facts *facts);

/* A sentence (or more), broken between words. */
void facts__say(FILE *out, __u32 width, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
