/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The last resort for a copied stack: code whose CFI no rule of include/unwind_abi.h can express,
 * as libcrypto's for several buffers at once. libdwfl walks the copy; what it says is checked.
 */
#ifndef RSSTRACE_LIVE_STACK_DWFL_H
#define RSSTRACE_LIVE_STACK_DWFL_H

#include "elf/dwfl_stack.h"
#include "live/unwind_upload.h"

#define STACK_DWFL_A_SECOND 200 /* walks; the rest stay as they are */

/* Zero: empty. What the last stack's process has mapped is kept, for the next one's. */
struct stack_dwfl {
	struct dwfl_stack *walker; /* NULL: none could be made */
	struct unwind_mapping *mappings;
	__u32 nr_mappings;
	__u64 second;
	__u32 nr_walks; /* in it */
};

void stack_dwfl__fini(struct stack_dwfl *dwfl);

/*
 * stack_dwfl__walk() - the whole of the stack of which our own walk found the first @nr of @frames,
 * RSST_MAX_FRAMES of which there is room for. @thread: what is known of it.
 * Number of frames, more than @nr: the last is the outermost by our own table, too, and each lies
 * in code. 0: nothing to be believed, @frames are as they were.
 */
__u16 stack_dwfl__walk(struct stack_dwfl *dwfl, const struct unwind_upload *upload,
		       const struct unwind_news *news, const struct dwfl_stack_thread *thread,
		       __u64 *frames, __u16 nr);

#endif
