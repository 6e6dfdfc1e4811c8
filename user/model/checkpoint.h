/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A session as records, and back. include/checkpoint_abi.h says what they are.
 *
 * Law: a session restored from what another told goes on exactly as the other does. Whoever adds a
 * field to the session's state adds it to checkpoint_tell.c or tell_tables.c and restore*.c, too.
 */
#ifndef RSSTRACE_MODEL_CHECKPOINT_H
#define RSSTRACE_MODEL_CHECKPOINT_H

#include "checkpoint_abi.h"
#include "model/session.h"

struct record_sink {
	void *ctx;
	/* Takes a copy of @rec. 0, or -errno with a sentence: the telling ends with it. */
	int (*take)(void *ctx, const struct rec *rec, struct err *err);
};

/*
 * session__tell() - the whole state of @session, between two records of its stream. 0, the first
 * error of the sink, -ENOMEM, or -EINVAL (nothing was fed yet, the stream has ended, or a
 * gap left the state in doubt).
 * O(state): about 40 bytes a run of like pages, 50 a region, 60 and 4 a frame a stack, 24 a frame.
 */
int session__tell(const struct session *session, const struct record_sink *sink, struct err *err);

/* Is @type one of a checkpoint's records? */
static inline bool is_checkpoint_record(__u16 type)
{
	return type >= REC_CHECKPOINT && type <= REC_CHECKPOINT_END;
}

/*
 * session__nr_restored() - checkpoints taken over so far. session__feed() of REC_CHECKPOINT_END
 * does it when the session had read nothing but REC_START, or had a REC_GAP since the last one.
 */
__u32 session__nr_restored(const struct session *session);

#endif
