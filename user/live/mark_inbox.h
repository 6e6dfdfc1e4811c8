/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where others leave marks: a socket in the abstract namespace, MARK_SOCKET_PREFIX and our pid, and
 *a FIFO if one is asked for. A line is a label. The socket takes lines of root, of our user and of
 *the target's; it greets with rsstrace mark 1 RECORDER TARGET... (pids) and answers each line with
 *"ok LABEL" or "error WHY"; nobody has to read that. The FIFO takes whom its permissions let in.
 */
#ifndef RSSTRACE_LIVE_MARK_INBOX_H
#define RSSTRACE_LIVE_MARK_INBOX_H

#include <sys/types.h>
#include "record_abi.h"
#include "base/err.h"
#include "live/targets.h"

#define MARK_SOCKET_PREFIX "rsstrace/"
#define MARK_GREETING "rsstrace mark 1"

struct mark_inbox;

/*
 * mark_inbox__open() - @fifo: path, NULL for none; made for us and the target's user if nothing is
 * there. @owner: the target. Without a socket (no network namespace to have it in) the inbox works
 * on. NULL and a sentence: the FIFO cannot be made, is something else, no memory.
 */
struct mark_inbox *mark_inbox__open(const char *fifo, pid_t owner, struct err *err);

/* NULL is allowed. A FIFO we made is removed. */
void mark_inbox__free(struct mark_inbox *inbox);

/*
 * mark_inbox__take() - hand out what has come, without waiting; at most some hundred labels a call.
 * @targets: for greetings. @take: 0 or -errno, which ends it and is returned.
 */
int mark_inbox__take(struct mark_inbox *inbox, const struct targets *targets,
		     int (*take)(void *ctx, enum mark_from from, pid_t pid, const char *label),
		     void *ctx);

#endif
