/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Freezing a session. */
#ifndef RSSTRACE_MODEL_SNAPSHOT_H
#define RSSTRACE_MODEL_SNAPSHOT_H

#include "model/session.h"

/* The session as it is now, whoever lives; NULL on ENOMEM. Free with snapshot__free(). */
struct snapshot *snapshot__take(const struct session *session);

#endif
