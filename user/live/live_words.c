// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What -v says of the live source itself. */
#include <stdio.h>
#include <string.h>
#include "base/units.h"
#include "live/live_state.h"

const char *live_source__self(const struct record_source *source)
{
	struct live_source *live = (struct live_source *)source;
	char most[UNITS_LEN], maps[UNITS_LEN], names[UNITS_LEN];

	snprintf(live->self, sizeof(live->self),
		 "%s of its own at most, symbol tables among them %s; kernel maps %s",
		 units__bytes(most, live->most_memory),
		 units__bytes(names, names__memory_bytes(live->names)),
		 units__bytes(maps, kernel_side__map_bytes(live->kernel)));
	return live->self;
}

const char *live_source__times(const struct record_source *source)
{
	struct live_source *live = (struct live_source *)source;
	struct unwind_upload_stats tables = unwind_watch__stats(live->unwind);
	char attach[UNITS_LEN], build[UNITS_LEN], names[UNITS_LEN] = "-", left[160] = "";

	if (live->times_ns.named)
		units__duration(names, live->times_ns.named - live->times_ns.first_stack);
	if (tables.nr_left_out || tables.nr_cut || tables.nr_no_set || tables.nr_untold)
		snprintf(left, sizeof(left),
			 "; %zu tables did not fit, nor %zu mappings, %zu processes, and %zu files "
			 "the kernel side has to ask for",
			 tables.nr_left_out, tables.nr_cut, tables.nr_no_set, tables.nr_untold);
	snprintf(live->times, sizeof(live->times),
		 "attached in %s, %s of it for unwind tables (by now %zu files, %zu of them copies "
		 "of others, %zu of %zu rows%s); first names %s after the first stack; faults are "
		 "found %s",
		 units__duration(attach, live->times_ns.attached - live->times_ns.opened),
		 units__duration(build, live->times_ns.tables), tables.objects, tables.nr_shared,
		 tables.rows, tables.max_rows, left, names,
		 kernel_side__finds_faults(live->kernel) ? "on the kernel's stack"
							 : "by their tracepoint");
	return live->times;
}

const char *live_source__fetched(const struct record_source *source)
{
	struct live_source *live = (struct live_source *)source;
	struct debug_fetch_stats stats = names__fetched(live->names);

	live->fetched[0] = '\0';
	if (!stats.nr_asked)
		return live->fetched;
	snprintf(live->fetched, sizeof(live->fetched),
		 "%u of %u debug files came; %u the servers do not have, %u were late, %u "
		 "failed%s%s",
		 stats.nr_came, stats.nr_asked, stats.nr_missing, stats.nr_late, stats.nr_failed,
		 stats.error ? ": " : "", stats.error ? strerror(-stats.error) : "");
	return live->fetched;
}
