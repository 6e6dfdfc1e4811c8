// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include "export/exporter.h"

/* clang-format off */
const struct exporter *const exporters[] = {
	&export_flamegraph,
	&export_pprof,
	&export_folded,
	&export_massif,
	&export_perfetto,
	&export_sqlite,
	&export_csv,
	&export_jsonl,
	NULL,
};
/* clang-format on */

const struct exporter *exporter__find(const char *name)
{
	for (const struct exporter *const *at = exporters; *at; at++)
		if (!strcmp((*at)->name, name))
			return *at;
	return NULL;
}
