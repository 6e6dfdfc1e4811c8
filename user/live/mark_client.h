/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Leaves a mark with a running recorder. mark_inbox.h says how they talk. */
#ifndef RSSTRACE_LIVE_MARK_CLIENT_H
#define RSSTRACE_LIVE_MARK_CLIENT_H

#include <sys/types.h>
#include "base/err.h"

/*
 * mark_client__send() - @pid: of a recorder or of what it follows; 0: the only recorder there is. 0
 * once the recorder has taken the mark, or -errno with a sentence: there is none, there are
 * several, it does not take ours, ...
 */
int mark_client__send(pid_t pid, const char *label, struct err *err);

#endif
