// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include "config_abi.h"
#include "live/facts.h"
#include "live/stack_copy.h"
#include "live/unwind_losses.h"
#include "unwind_step.h"

#define DWARF_RBX 3
#define DWARF_RBP 6

struct unwind_target {
	const struct unwind_upload *upload;
	const struct unwind_space *space;
	const struct unwind_copy *copy;
};

static bool is_readable(const struct unwind_copy *copy, __u64 offset)
{
	__u64 page = offset / UNWIND_COPY_PAGE_BYTES;

	return page < copy->news.nr_pages && page < 64 && (copy->readable >> page & 1);
}

/* Code that left since is not what is there now. */
static inline int unwind_code(struct unwind_target *target, __u64 pc)
{
	const struct unwind_copy *copy = target->copy;

	if (unwind_losses__hit(target->space, copy->losses, pc))
		return -STACK_END_NO_MAPPING;
	return unwind_upload__code(target->upload, target->copy->news.space, pc);
}

/* Code a JIT made is looked at where it is: it has just run, so no page is brought in for it. */
static int read_code(struct unwind_target *target, __u64 addr, __u64 *value)
{
	struct iovec to = { .iov_base = value, .iov_len = sizeof(*value) };
	struct iovec from = { .iov_base = (void *)addr, .iov_len = sizeof(*value) };

	if (unwind_code(target, addr) != UNWIND_RULE_ID_FP)
		return -1;
	return process_vm_readv((pid_t)target->copy->news.pid, &to, 1, &from, 1, 0) ==
			       (ssize_t)sizeof(*value)
		       ? 0
		       : -1;
}

static bool read_word(void *context, __u64 addr, __u64 *word)
{
	const struct unwind_copy *copy = ((const struct unwind_target *)context)->copy;
	__u64 offset = addr - copy->start;

	if (addr < copy->start || offset + 7 < offset || !is_readable(copy, offset) ||
	    !is_readable(copy, offset + 7))
		return false;
	memcpy(word, (const char *)copy->words + offset, sizeof(*word));
	return true;
}

static inline int unwind_read(struct unwind_target *target, __u64 addr, __u64 *value)
{
	return read_word(target, addr, value) ? 0 : read_code(target, addr, value);
}

static void take_regs(struct unwind_regs *regs, const struct unwind_copy *copy)
{
	regs->ip = copy->regs[UNWIND_REG_PC];
	regs->sp = copy->regs[UNWIND_REG_SP];
	regs->bp = copy->regs[DWARF_RBP];
	regs->bx = copy->regs[DWARF_RBX];
	regs->exact = 1;
	regs->leaf = 1;
	memcpy(regs->leaf_regs, copy->regs, sizeof(regs->leaf_regs));
}

/* Fill @frames, RSST_MAX_FRAMES at most; their number. *@end: how it ended. */
static __u16 walk(struct unwind_target *target, __u64 *frames, int *end)
{
	struct unwind_regs regs;
	__u16 nr = 0;
	int code;

	take_regs(&regs, target->copy);
	for (*end = 0; !*end;) {
		if (nr == RSST_MAX_FRAMES) {
			*end = STACK_END_DEPTH;
			break;
		}
		frames[nr++] = regs.ip;
		code = unwind_code(target, unwind__pc(&regs));
		*end = code < 0 ? -code
				: unwind__step(target, &regs,
					       unwind_upload__rule(target->upload, code));
	}
	return nr;
}

/* What no rule of ours says, libdwfl may know. As walk(). */
static __u16 walk_on(struct unwind_target *target, struct stack_dwfl *dwfl, __u64 *frames, __u16 nr,
		     int *end)
{
	const struct dwfl_stack_thread thread = { .regs = target->copy->regs,
						  .read = read_word,
						  .context = target };
	__u16 more;

	if (*end != STACK_END_UNSUPPORTED)
		return nr;
	more = stack_dwfl__walk(dwfl, target->upload, &target->copy->news, &thread, frames, nr);
	if (!more)
		return nr;
	*end = STACK_END_ROOT;
	return more;
}

/* The whole is better than a part, a longer part than a shorter, but for one nobody checked. */
static bool is_better(const struct unwind_copy *copy, __u16 nr_frames, int end)
{
	return end == STACK_END_ROOT || end == STACK_END_DEPTH ||
	       (copy->end != STACK_END_FRAMEPTR && nr_frames > copy->nr_frames);
}

struct rec_stack *stack_copy__walk(const struct unwind_upload *upload, struct stack_dwfl *dwfl,
				   const struct unwind_copy *copy, size_t bytes)
{
	struct unwind_target target = { .upload = upload, .copy = copy };
	__u64 frames[RSST_MAX_FRAMES];
	struct rec_stack *rec;
	__u16 nr_frames;
	int end;

	if (bytes < sizeof(*copy) ||
	    (bytes - sizeof(*copy)) / UNWIND_COPY_PAGE_BYTES < copy->news.nr_pages)
		return NULL;
	if (copy->news.space >= RSST_MAX_SPACES)
		return NULL;
	target.space = unwind_upload__space(upload, copy->news.space);
	nr_frames = walk(&target, frames, &end);
	nr_frames = walk_on(&target, dwfl, frames, nr_frames, &end);
	if (!is_better(copy, nr_frames, end))
		return NULL;
	rec = calloc(1, sizeof(*rec) + nr_frames * sizeof(*frames));
	if (!rec)
		return NULL;
	rec->h.type = REC_STACK;
	rec->h.size = (__u32)(sizeof(*rec) + nr_frames * sizeof(*frames));
	rec->h.ts = facts__now();
	rec->id = copy->id;
	rec->space = copy->news.space;
	rec->nr_frames = nr_frames;
	rec->end = (__u8)end;
	memcpy(rec->frames, frames, nr_frames * sizeof(*frames));
	return rec;
}
