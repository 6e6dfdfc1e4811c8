/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The unwinder's way to the live side, see include/unwind_news_abi.h. */
#ifndef RSSTRACE_UNWIND_NEWS_BPF_H
#define RSSTRACE_UNWIND_NEWS_BPF_H

#include "maps.bpf.h"
#include "unwind_news_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, UNWIND_NEWS_BYTES);
} unwind_news SEC(".maps");

/* One that is lost in a full ring is made up for at the live side's next look at the maps. */
static __always_inline void unwind__tell_file(__u32 space, __u32 pid, __u64 start, __u64 end,
					      __u32 dev, __u64 ino)
{
	struct unwind_code *code = bpf_ringbuf_reserve(&unwind_news, sizeof(*code), 0);

	if (!code)
		return;
	code->news.kind = UNWIND_NEWS_CODE;
	code->news.space = space;
	code->news.pid = pid;
	code->news.nr_pages = 0;
	code->start = start;
	code->end = end;
	code->ino = ino;
	code->dev = dev;
	code->pad = 0;
	bpf_ringbuf_submit(code, BPF_RB_FORCE_WAKEUP);
}

/* Process @pid has to be looked at as a whole. */
static __always_inline void unwind__tell_code(__u32 space, __u32 pid)
{
	unwind__tell_file(space, pid, 0, 0, 0, 0);
}

#endif
