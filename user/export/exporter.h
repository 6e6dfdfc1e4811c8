/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A trace as another program's format. Each format is one struct exporter in a file of its own; to
 * add one: declare it below and list it in exporters.c. All write to run->out and nowhere else, and
 * all show the same bytes: the totals of every format are those of `rsstrace report` for the same
 * window.
 */
#ifndef RSSTRACE_EXPORT_EXPORTER_H
#define RSSTRACE_EXPORT_EXPORTER_H

#include <stdbool.h>
#include <stdio.h>
#include "base/err.h"
#include "export/samples.h"
#include "view/query.h"

struct export_options {
	enum sample_value value; /* of formats that hold one */
	bool by_region;		 /* stacks below a frame that names their region */
	__u32 top;		 /* regions with a counter of their own; 0: all */
	__u64 interval_ns;	 /* between two moments of a series; 0: every tick */
};

/* One export on its way. */
struct export_run {
	FILE *out;
	const struct session *session;
	struct export_options options;
	__u64 from_ns, to_ns; /* the window, since the start of the trace */
	void *state;	      /* the exporter's own */
};

#define EXPORT_TAKES_VALUE (1 << 0)
#define EXPORT_TAKES_REGIONS (1 << 1) /* by_region */
#define EXPORT_TAKES_TOP (1 << 2)
#define EXPORT_TAKES_INTERVAL (1 << 3)
#define EXPORT_IS_BINARY (1 << 4) /* nothing for a terminal */

/* Each function: 0 or -errno with a sentence; a failed write to run->out may be left to the caller.
 */
struct exporter {
	const char *name;
	const char *what;   /* what it is and what opens it; one line */
	unsigned int flags; /* EXPORT_* */
	/* Before all others; NULL: nothing to prepare. */
	int (*begin)(struct export_run *run, struct err *err);
	/* A record the model accepted; @inside: of the window. NULL: does not look at records. */
	int (*record)(struct export_run *run, const struct rec *rec, bool inside, struct err *err);
	/*
	 * A moment of the window. @view: what changed since the moment before (at the first: since
	 * itself), with all rows, its stacks unnamed. NULL: wants no series.
	 */
	int (*tick)(struct export_run *run, const struct view *view, struct err *err);
	/* The window as a whole; NULL: nothing to add. */
	int (*write)(struct export_run *run, const struct view *view, struct err *err);
	/* Frees run->state; also after a failure. */
	void (*end)(struct export_run *run);
};

/* One a file. */
extern const struct exporter export_flamegraph, export_pprof, export_folded, export_massif,
	export_perfetto, export_sqlite, export_csv, export_jsonl;

/* All of them, NULL-terminated. */
extern const struct exporter *const exporters[];

/* exporter__find() - NULL: no such format. */
const struct exporter *exporter__find(const char *name);

#endif
