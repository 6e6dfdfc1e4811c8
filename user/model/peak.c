// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/session_state.h"

static void rss_peak__raise(struct rss_peak *peak, const struct space_history *history)
{
	if (history->peak_pages <= peak->pages)
		return;
	peak->pages = history->peak_pages;
	peak->ts = history->peak_ts;
}

struct rss_peak snapshot__peak(const struct snapshot *snapshot, __u32 pid)
{
	struct rss_peak peak = { 0 };

	if (!pid)
		return (struct rss_peak){ snapshot->peak_pages, snapshot->peak_ts };
	for (__u32 i = 0; i < snapshot->nr_spaces; i++)
		if (snapshot->spaces[i].pid == pid)
			rss_peak__raise(&peak, &snapshot->spaces[i].history);
	return peak;
}

struct rss_peak session__peak(const struct session *session, __u32 pid)
{
	struct rss_peak peak = { 0 };

	if (session__is_over(session))
		return snapshot__peak(session->final, pid);
	if (!pid)
		return (struct rss_peak){ session->peak_pages, session->peak_ts };
	for (__u32 id = 0; id < session->nr_spaces; id++)
		if (session->spaces[id] && session->spaces[id]->pid == pid)
			rss_peak__raise(&peak, &session->spaces[id]->history);
	return peak;
}

bool session__is_at_peak(const struct session *session, __u32 pid, const struct rss_peak *peak)
{
	struct rss_peak now;

	if (session->record_ts != peak->ts)
		return false;
	now = session__peak(session, pid);
	return now.ts == peak->ts && now.pages == peak->pages;
}
