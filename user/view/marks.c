// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include "view/rows.h"

const char *mark_from_name(enum mark_from from)
{
	static const char *const names[NR_MARK_FROMS] = {
		[MARK_SOCKET] = "socket", [MARK_FIFO] = "fifo",	      [MARK_SIGNAL] = "signal",
		[MARK_PROBE] = "probe",	  [MARK_TRIGGER] = "trigger", [MARK_OOM] = "oom",
	};

	return from < NR_MARK_FROMS && names[from] ? names[from] : "unknown";
}

/* The one that opened the window is outside: what it names is what was there before. */
static bool is_inside(const struct mark *mark, const struct window *window)
{
	return mark->tick_ns > window->from->ts && mark->tick_ns <= window->to->ts;
}

int view__add_marks(struct view *view, const struct window *window)
{
	__u32 nr, kept = 0;
	const struct mark *marks = session__marks(window->session, &nr);

	for (__u32 i = 0; i < nr; i++)
		kept += is_inside(marks + i, window);
	view->marks = malloc((kept + !kept) * sizeof(*view->marks));
	if (!view->marks)
		return -ENOMEM;
	for (__u32 i = 0; i < nr; i++)
		if (is_inside(marks + i, window))
			view->marks[view->nr_marks++] = marks[i];
	return 0;
}
