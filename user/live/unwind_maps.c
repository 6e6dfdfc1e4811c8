// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "live/unwind_maps.h"
#include "unwind_abi.h"

#define REACH_BYTES (512U << 10) /* each step is a mapping of its own */

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

int unwind_maps__reach(struct map_view *view, __u32 nr)
{
	size_t end = view->bytes, done = view->reached_bytes;

	if (nr < view->entries)
		end = round_up(nr * view->value_bytes, REACH_BYTES);
	if (end > view->bytes)
		end = view->bytes;
	if (end <= done)
		return 0;
	if (mmap((char *)view->at + done, end - done, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, view->fd, (off_t)done) == MAP_FAILED)
		return -errno;
	view->reached_bytes = end;
	return 0;
}

static int view_map(struct map_view *view, int fd, size_t value_bytes, const char *name,
		    struct err *err)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	void *at;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return err__set(err, -errno, "unwind map \"%s\": %s", name, strerror(errno));
	if (info.value_size != value_bytes)
		return err__set(err, -EINVAL, "unwind map \"%s\" has values of %u bytes, not %zu",
				name, info.value_size, value_bytes);
	view->fd = fd;
	view->value_bytes = value_bytes;
	view->entries = info.max_entries;
	view->bytes = round_up(value_bytes * info.max_entries, (size_t)sysconf(_SC_PAGESIZE));
	at = mmap(NULL, view->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return err__set(err, -errno, "no addresses for unwind map \"%s\": %s", name,
				strerror(errno));
	view->at = at;
	return 0;
}

static int view_whole(struct map_view *view, const char *name, struct err *err)
{
	int code = unwind_maps__reach(view, view->entries);

	return code ? err__set(err, code, "unwind map \"%s\" cannot be mapped: %s", name,
			       strerror(-code))
		    : 0;
}

int unwind_maps__init(struct unwind_maps *maps, const struct unwind_map_fds *fds, struct err *err)
{
	const struct {
		struct map_view *view;
		int fd;
		size_t value_bytes;
		const char *name;
	} wanted[] = {
		{ &maps->rows, fds->rows, sizeof(struct unwind_row_block), "rows" },
		{ &maps->pages, fds->pages, sizeof(struct unwind_page), "pages" },
		{ &maps->rules, fds->rules, sizeof(struct unwind_rule), "rules" },
		{ &maps->mappings, fds->mappings, sizeof(struct unwind_mapping), "mappings" },
		{ &maps->sets, fds->sets, sizeof(struct unwind_set), "sets" },
		{ &maps->spaces, fds->spaces, sizeof(struct unwind_space), "spaces" },
		{ &maps->cache, fds->cache, sizeof(__u64), "cache" },
		{ &maps->control, fds->control, sizeof(struct unwind_control), "control" },
	};
	int code;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		code = view_map(wanted[i].view, wanted[i].fd, wanted[i].value_bytes, wanted[i].name,
				err);
		if (!code && wanted[i].view != &maps->rows && wanted[i].view != &maps->pages)
			code = view_whole(wanted[i].view, wanted[i].name, err);
		if (code)
			return code;
	}
	return 0;
}

static void drop_view(struct map_view *view)
{
	if (view->at)
		munmap(view->at, view->bytes);
	view->at = NULL;
}

void unwind_maps__fini(struct unwind_maps *maps)
{
	drop_view(&maps->rows);
	drop_view(&maps->pages);
	drop_view(&maps->rules);
	drop_view(&maps->mappings);
	drop_view(&maps->sets);
	drop_view(&maps->spaces);
	drop_view(&maps->cache);
	drop_view(&maps->control);
}
