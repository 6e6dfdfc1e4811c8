// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * PAGEMAP_SCAN where there is one; else the pagemap file, which has two blind spots: the zero page
 * is told from anonymous memory only by its frame number (CAP_SYS_ADMIN; without, it is counted),
 * and before Linux 6.11 (commit 3f9f022e975d) a huge page of a file or of shmem lacks the file bit.
 * Both leave hugetlb pages, which are not in RSS, to the caller.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "live/pagemap_abi.h"
#include "live/proc_file.h"
#include "live/residency.h"
#include "live/zero_page.h"

/* What bounds how long mmap_lock is held: pages of one ioctl or read(2), 0.4 ms of small pages. */
#define HOLD_PAGES 8192
#define VEC_LEN 512	      /* runs of one ioctl */
#define USER_END (1ULL << 63) /* what lies above is the kernel's, or [vsyscall] */

typedef int (*run_fn)(void *ctx, __u64 addr, __u64 nr_pages, bool file);

struct residency {
	int fd;
	__u64 page_bytes;
	bool scan;
	/*
	 * PAGEMAP_SCAN told the huge zero page from memory only after it was fixed to ask
	 * is_huge_zero_pmd() (2025): before that, huge anonymous runs are checked by frame number.
	 */
	bool check_huge;
	struct zero_page zero;
	union {
		struct scan_region regions[VEC_LEN];
		__u64 entries[HOLD_PAGES];
	};
};

/* The run that is being gathered: neighbours of one sort become one call of fn. */
struct gather {
	run_fn fn;
	void *ctx;
	__u64 page_bytes;
	__u64 start, end; /* empty: start == end */
	bool file;
};

static int gather__flush(struct gather *gather)
{
	__u64 start = gather->start, nr_pages = (gather->end - start) / gather->page_bytes;

	gather->start = gather->end;
	return nr_pages ? gather->fn(gather->ctx, start, nr_pages, gather->file) : 0;
}

static int gather__add(struct gather *gather, __u64 start, __u64 end, bool file)
{
	int code = 0;

	if (start != gather->end || file != gather->file) {
		code = gather__flush(gather);
		gather->start = start;
		gather->file = file;
	}
	gather->end = end;
	return code;
}

static int scan_ioctl(struct residency *residency, __u64 start, __u64 end, __u64 *walk_end)
{
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = start,
		.end = end,
		.vec = (uintptr_t)residency->regions,
		.vec_len = VEC_LEN,
		.max_pages = HOLD_PAGES,
		.category_inverted = SCAN_IS_PFNZERO,
		.category_mask = SCAN_IS_PRESENT | SCAN_IS_PFNZERO,
		.return_mask = SCAN_IS_FILE | (residency->check_huge ? SCAN_IS_HUGE : 0),
	};
	int nr;

	do {
		nr = ioctl(residency->fd, PAGEMAP_SCAN_IOCTL, &arg);
	} while (nr < 0 && errno == EINTR);
	*walk_end = arg.walk_end;
	return nr < 0 ? -errno : nr;
}

/* A run mapped by PMDs: leave out those of the huge zero page. One read a huge page. */
static int add_huge(struct residency *residency, struct gather *gather,
		    const struct scan_region *run)
{
	__u64 step = residency->zero.huge_pages * residency->page_bytes;

	for (__u64 at = run->start, end; at < run->end; at = end) {
		__u64 entry = 0;
		int code = 0;

		end = (at / step + 1) * step;
		if (end > run->end)
			end = run->end;
		if (pread(residency->fd, &entry, sizeof(entry),
			  at / residency->page_bytes * sizeof(entry)) != sizeof(entry))
			return -EIO;
		if (!zero_page__is(&residency->zero, entry))
			code = gather__add(gather, at, end, false);
		if (code)
			return code;
	}
	return 0;
}

static int add_run(struct residency *residency, struct gather *gather,
		   const struct scan_region *run)
{
	if ((run->categories & SCAN_IS_HUGE) && !(run->categories & SCAN_IS_FILE))
		return add_huge(residency, gather, run);
	return gather__add(gather, run->start, run->end, run->categories & SCAN_IS_FILE);
}

static int scan_by_ioctl(struct residency *residency, __u64 start, __u64 end, struct gather *gather)
{
	while (start < end) {
		__u64 walk_end, nr_pages = 0;
		int code, nr = scan_ioctl(residency, start, end, &walk_end);

		if (nr < 0)
			return nr;
		for (int i = 0; i < nr; i++) {
			const struct scan_region *run = &residency->regions[i];

			nr_pages += (run->end - run->start) / residency->page_bytes;
			code = add_run(residency, gather, run);
			if (code)
				return code;
		}
		/*
		 * A walk that came to its end may leave walk_end where the kernel's buffer was full
		 * last; going on from there would tell the runs behind it twice. So a walk that
		 * reached neither limit ends the scan, whatever walk_end.
		 */
		if (nr < VEC_LEN && nr_pages < HOLD_PAGES)
			break;
		start = residency->regions[nr - 1].end;
		if (walk_end > start)
			start = walk_end;
	}
	return 0;
}

static int scan_by_read(struct residency *residency, __u64 start, __u64 end, struct gather *gather)
{
	__u64 page_bytes = residency->page_bytes;

	while (start < end) {
		__u64 want = (end - start) / page_bytes;
		ssize_t got;

		if (want > HOLD_PAGES)
			want = HOLD_PAGES;
		got = pread(residency->fd, residency->entries, want * sizeof(__u64),
			    start / page_bytes * sizeof(__u64));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < (ssize_t)sizeof(__u64))
			return got < 0 ? -errno : 0; /* behind the end of user space, or the address
							space is gone */
		for (ssize_t i = 0; i < got / (ssize_t)sizeof(__u64); i++, start += page_bytes) {
			__u64 entry = residency->entries[i];
			int code;

			if (!(entry & PAGEMAP_PRESENT) || zero_page__is(&residency->zero, entry))
				continue;
			code = gather__add(gather, start, start + page_bytes, entry & PAGEMAP_FILE);
			if (code)
				return code;
		}
	}
	return 0;
}

int residency__scan(struct residency *residency, __u64 start, __u64 end, run_fn fn, void *ctx)
{
	__u64 mask = residency->page_bytes - 1;
	struct gather gather = { .fn = fn, .ctx = ctx, .page_bytes = residency->page_bytes };
	int code;

	if (end > USER_END)
		end = USER_END;
	start &= ~mask;
	end = (end + mask) & ~mask;
	if (start >= end)
		return 0;
	if (residency->scan)
		code = scan_by_ioctl(residency, start, end, &gather);
	else
		code = scan_by_read(residency, start, end, &gather);
	return code ? code : gather__flush(&gather);
}

/* Does PAGEMAP_SCAN work here, and does it know the huge zero page? Asked of our own memory. */
static void probe(struct residency *residency)
{
	struct residency self = { .fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC) };
	__u64 keep, walk_end;

	if (self.fd < 0)
		return;
	keep = (uintptr_t)residency->zero.keep;
	self.check_huge = true;
	residency->scan =
		scan_ioctl(&self, keep, keep + residency->zero.keep_bytes, &walk_end) >= 0;
	residency->check_huge = residency->scan && residency->zero.huge &&
				(self.regions[0].categories & SCAN_IS_HUGE);
	close(self.fd);
}

struct residency *residency__open(pid_t pid, struct err *err)
{
	struct residency *residency = calloc(1, sizeof(*residency));
	char path[64];

	if (!residency) {
		err__set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	residency->page_bytes = sysconf(_SC_PAGESIZE);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	residency->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (residency->fd < 0) {
		proc_file__failed(pid, "pagemap", -errno, err);
		free(residency);
		return NULL;
	}
	zero_page__init(&residency->zero);
	probe(residency);
	return residency;
}

void residency__close(struct residency *residency)
{
	if (!residency)
		return;
	close(residency->fd);
	zero_page__fini(&residency->zero);
	free(residency);
}

bool residency__has_scan(const struct residency *residency)
{
	return residency->scan;
}
