/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which code a space has lost since a stack was copied: what is known at its address now is not
 * what the stack ran through. */
#ifndef RSSTRACE_LIVE_UNWIND_LOSSES_H
#define RSSTRACE_LIVE_UNWIND_LOSSES_H

#include <stdbool.h>
#include "unwind_abi.h"

/* Was code of a file at @pc unmapped after the first @since losses of @space? Where the kernel side
 * does not know, or no longer, it may have been: true. */
bool unwind_losses__hit(const struct unwind_space *space, __u64 since, __u64 pc);

/* Was one of the @nr frames, innermost first, of which the outer ones are return addresses? */
bool unwind_losses__hit_any(const struct unwind_space *space, __u64 since, const __u64 *frames,
			    __u32 nr);

#endif
