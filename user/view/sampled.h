/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks that were taken by chance (record --overhead) stand for those that were not. The pages of the others are known
 * one by one, so what is estimated is only whose they are: they are shared out among the sampled stacks of the same
 * rows, in proportion to what each stands for. Sums stay as they were; without a sampled stack nothing is shared out.
 */
#ifndef RSSTRACE_VIEW_SAMPLED_H
#define RSSTRACE_VIEW_SAMPLED_H

#include "view/ledger_diff.h"
#include "view/rows.h"

/* Is @owner the one that stands for the stacks that were not taken? */
bool sampled__is_none(const struct session *session, __u32 owner);

/* Share out in @tally; returns how many pages of now had no stack of their own. O(owners seen). */
__u64 sampled__share_tally(const struct window *window, struct owner_tally *tally);

/* Share out in @rows, of all stacks; returns the bytes of rss that had none. Those that are left with nothing are rows
 * of 0. O(nr). */
__s64 sampled__share_rows(const struct window *window, struct stack_row *rows, __u32 nr);

/* The standard error of what @rss pages of stack @id stand for, squared: pages squared. */
double sampled__variance(const struct window *window, __u32 id, __u64 rss);

#endif
