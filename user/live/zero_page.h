/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The shared zero pages: what reading untouched anonymous memory maps. They are present in the page
 * tables but not in RSS, so whoever counts present pages has to know them. Their frame numbers are
 * learned from memory of our own.
 */
#ifndef RSSTRACE_LIVE_ZERO_PAGE_H
#define RSSTRACE_LIVE_ZERO_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

/* Frame numbers; 0: unknown (no CAP_SYS_ADMIN, or no huge zero page here). */
struct zero_page {
	__u64 small;
	__u64 huge;
	__u64 huge_pages; /* pages of the huge one */
	void *keep;	  /* maps the huge one, which the kernel would free and replace otherwise */
	size_t keep_bytes;
};

void zero_page__init(struct zero_page *zero);
void zero_page__fini(struct zero_page *zero);

/* Is @entry of a pagemap a zero page? Always false when the frame numbers are hidden. */
bool zero_page__is(const struct zero_page *zero, __u64 entry);

#endif
