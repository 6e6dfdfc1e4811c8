// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "live/pagemap_abi.h"
#include "live/zero_page.h"

#define HUGE_BYTES                                                                                 \
	(2UL << 20) /* the PMD size with 4 KiB pages; elsewhere the huge zero page stays unknown   \
		     */

/* Read-touch our own @page and tell its frame number, 0 if hidden. */
static __u64 frame_of(int pagemap, const volatile char *page, long page_bytes)
{
	__u64 entry;

	(void)*page;
	if (pread(pagemap, &entry, sizeof(entry), (uintptr_t)page / page_bytes * sizeof(entry)) !=
	    sizeof(entry))
		return 0;
	return entry & PAGEMAP_PRESENT ? entry & PAGEMAP_PFN : 0;
}

static void learn_small(struct zero_page *zero, int pagemap, long page_bytes)
{
	void *page = mmap(NULL, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return;
	madvise(page, page_bytes, MADV_NOHUGEPAGE);
	zero->small = frame_of(pagemap, page, page_bytes);
	munmap(page, page_bytes);
}

/* The pages of a huge zero page are neighbours; ordinary zero pages are all the same one. */
static void learn_huge(struct zero_page *zero, int pagemap, long page_bytes)
{
	char *page;
	__u64 first;

	zero->keep_bytes = 2 * HUGE_BYTES;
	zero->keep = mmap(NULL, zero->keep_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (zero->keep == MAP_FAILED) {
		zero->keep = NULL;
		return;
	}
	madvise(zero->keep, zero->keep_bytes, MADV_HUGEPAGE);
	page = (char *)(((uintptr_t)zero->keep + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
	first = frame_of(pagemap, page, page_bytes);
	if (!first || frame_of(pagemap, page + page_bytes, page_bytes) != first + 1)
		return;
	zero->huge = first;
	zero->huge_pages = HUGE_BYTES / page_bytes;
}

void zero_page__init(struct zero_page *zero)
{
	long page_bytes = sysconf(_SC_PAGESIZE);
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	memset(zero, 0, sizeof(*zero));
	if (pagemap < 0)
		return;
	learn_small(zero, pagemap, page_bytes);
	learn_huge(zero, pagemap, page_bytes);
	close(pagemap);
}

void zero_page__fini(struct zero_page *zero)
{
	if (zero->keep)
		munmap(zero->keep, zero->keep_bytes);
	memset(zero, 0, sizeof(*zero));
}

bool zero_page__is(const struct zero_page *zero, __u64 entry)
{
	__u64 frame = entry & PAGEMAP_PFN;

	if (!frame)
		return false;
	return frame == zero->small || (zero->huge && frame - zero->huge < zero->huge_pages);
}
