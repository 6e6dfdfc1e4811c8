// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "live/unwind_losses.h"

static __u64 load(const __u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* Did loss @number reach over @pc? The kernel side may be writing it, or another in its place. */
static bool reaches_over(const struct unwind_loss *loss, __u64 number, __u64 pc)
{
	bool is_known = load(&loss->number) == number;
	__u64 start = load(&loss->start), end = load(&loss->end);

	return !is_known || load(&loss->number) != number || (start <= pc && pc < end);
}

bool unwind_losses__hit(const struct unwind_space *space, __u64 since, __u64 pc)
{
	__u64 now = load(&space->losses);

	if (now - since > UNWIND_LOSSES)
		return true;
	for (__u64 n = since + 1; n <= now; n++)
		if (reaches_over(&space->lost[n % UNWIND_LOSSES], n, pc))
			return true;
	return false;
}

bool unwind_losses__hit_any(const struct unwind_space *space, __u64 since, const __u64 *frames,
			    __u32 nr)
{
	for (__u32 i = 0; i < nr; i++)
		if (unwind_losses__hit(space, since, frames[i] - (i > 0)))
			return true;
	return false;
}
