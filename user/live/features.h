/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this kernel and these privileges allow: a table of things to ask for, each with what its
 * lack costs. */
#ifndef RSSTRACE_LIVE_FEATURES_H
#define RSSTRACE_LIVE_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

#define FEATURE_DETAIL_LEN 160

enum feature_need {
	NEED_TRACING, /* nothing can be traced without */
	NEED_BETTER,  /* tracing works, and tells less or costs more */
	NEED_NOTE,    /* worth knowing */
};

struct feature {
	const char *name;
	enum feature_need need;
	const char *cost; /* what its lack costs */
	const char *fix;  /* what to do about it */
	/* Is it there? @detail (FEATURE_DETAIL_LEN, "" on entry): what was found. */
	bool (*probe)(const struct feature *feature, char *detail);
	const char *subject; /* for probe: a tracepoint, a hook */
	int number;	     /* for probe: a capability, an argument count */
};

struct feature_answer {
	const struct feature *feature;
	bool ok;
	char detail[FEATURE_DETAIL_LEN];
};

/* The table; its length in *@nr. */
const struct feature *features__table(size_t *nr);

/* Ask about one; has no lasting effect. */
void features__ask(const struct feature *feature, struct feature_answer *answer);

#endif
