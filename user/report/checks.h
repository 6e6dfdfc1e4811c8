/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The answers of `rsstrace doctor`. */
#ifndef RSSTRACE_REPORT_CHECKS_H
#define RSSTRACE_REPORT_CHECKS_H

#include <stdio.h>
#include "live/features.h"
#include "report/report.h"

/* {"schema":"rsstrace/1","kind":"doctor","checks":[{"name","ok","needed","detail","cost","fix"}]};
 * 0 or -errno. */
int checks__json(FILE *out, const struct feature_answer *answers, size_t nr);

/* A line a check; below a missing one what it costs and what to do; at the end whether tracing can
 * work. */
void checks__text(FILE *out, const struct feature_answer *answers, size_t nr,
		  const struct report_style *style);

#endif
