/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Walking a stack the kernel side could not finish, from the copy it made of it. */
#ifndef RSSTRACE_LIVE_STACK_COPY_H
#define RSSTRACE_LIVE_STACK_COPY_H

#include "live/stack_dwfl.h"
#include "live/unwind_upload.h"
#include "record_abi.h"

/*
 * stack_copy__walk() - by the same steps and tables as the kernel side, with what is known now; if
 * they cannot express how to go on, by @dwfl.
 * The REC_STACK, from malloc and the caller's, that says better than the kernel side's what the
 * stack is; NULL: it is not better, or no memory, or @bytes is not all there.
 */
struct rec_stack *stack_copy__walk(const struct unwind_upload *upload, struct stack_dwfl *dwfl,
				   const struct unwind_copy *copy, size_t bytes);

#endif
