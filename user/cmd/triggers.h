/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a recording watches for: RSS above an amount, growth above an amount within a time, the
 * target's end, SIGUSR2, the OOM killer. Judged at ticks, by record time and the model alone.
 */
#ifndef RSSTRACE_CMD_TRIGGERS_H
#define RSSTRACE_CMD_TRIGGERS_H

#include <stdbool.h>
#include "model/session.h"

#define TRIGGERS_MAX 8
#define TRIGGER_SAMPLES 64 /* of the time growth is measured over */

enum trigger_kind {
	TRIGGER_NONE = 0,
	TRIGGER_RSS,
	TRIGGER_GROWTH,
	TRIGGER_EXIT,
	TRIGGER_SIGNAL,
	TRIGGER_OOM,
};

struct trigger {
	enum trigger_kind kind;
	const char *text; /* as written: the label of its marks; borrowed */
	__u64 bytes, ns;
	bool fired; /* and not armed again: below 9/10 of the amount, or after its time */
	__u64 fired_ns;
	/* of growth: lowest RSS of each part of the time, a ring */
	__u64 lowest[TRIGGER_SAMPLES];
	__u64 part; /* number of the running part since the start, in ns / (ns / TRIGGER_SAMPLES) */
	bool seen;
};

struct triggers {
	struct trigger all[TRIGGERS_MAX];
	__u32 nr;
};

/*
 * triggers__add() - "rss>2G", "growth>100M/1m", "exit", "signal", "oom". 0, or -EINVAL with a
 * sentence. Borrows @text.
 */
int triggers__add(struct triggers *triggers, const char *text, struct err *err);

/*
 * trigger__fires() - @session was just fed @rec: is this what @trigger waits for? Once a record.
 * @signalled: SIGUSR2 came since it was asked last.
 */
bool trigger__fires(struct trigger *trigger, const struct rec *rec, const struct session *session,
		    bool signalled);

#endif
