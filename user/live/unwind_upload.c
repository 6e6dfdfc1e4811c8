// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "config_abi.h"
#include "elf/needed_files.h"
#include "live/unwind_files.h"
#include "live/unwind_upload.h"

#define PROT_EXECUTE 4
#define USER_END (1ULL << 47)
#define MIN_ROWS (2U << 20)
#define MAX_ROWS (64U << 20)
#define MAX_TRIES 3 /* to read a process's mappings without a change meanwhile */
/*
 * Never given to a space that has none: so that one that has can always get its next, and that a
 * set is reused only this many publications later, when nobody who found it before is still at it.
 */
#define SPARE_SETS 8
/* A stale word of the cache can be mistaken only for one this many generations younger. */
#define CLEAR_EVERY_GENERATIONS (UNWIND_CACHE_GENERATIONS / 2)

/* A BPF array map in our memory. */
struct map_view {
	void *at;
	size_t bytes;
	__u32 entries;
};

/* What a space was last told. */
struct told_space {
	bool has_set;
	__u32 set;
	__u64 generation;
	__u64 changes;			 /* of the space, before its mappings were read */
	struct unwind_mapping *mappings; /* a copy of the sorted ones */
	__u32 nr;
};

struct unwind_upload {
	struct map_view rows, pages, rules, mappings, sets, spaces, cache, control;
	struct unwind_store store;
	struct unwind_files files;
	struct told_space told[RSST_MAX_SPACES];
	__u32 free_sets[UNWIND_NR_SETS]; /* a ring: the one free for longest is used next */
	__u32 first_free, nr_free;
	__u32 epoch;
	__u64 cleared_at; /* generation at which the cache was last cleared */
	size_t nr_no_set, nr_cut, nr_published;
};

/* --- the maps in our memory ------------------------------------------------------------------- */

static int view_map(struct map_view *view, int fd, size_t value_bytes, const char *name,
		    struct err *err)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return err__set(err, -errno, "unwind map \"%s\": %s", name, strerror(errno));
	if (info.value_size != value_bytes)
		return err__set(err, -EINVAL, "unwind map \"%s\" has values of %u bytes, not %zu",
				name, info.value_size, value_bytes);
	view->entries = info.max_entries;
	view->bytes = (value_bytes * info.max_entries + page - 1) / page * page;
	at = mmap(NULL, view->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return err__set(err, -errno, "unwind map \"%s\" cannot be mapped: %s", name,
				strerror(errno));
	view->at = at;
	return 0;
}

static int view_maps(struct unwind_upload *upload, const struct unwind_map_fds *fds,
		     struct err *err)
{
	const struct {
		struct map_view *view;
		int fd;
		size_t value_bytes;
		const char *name;
	} wanted[] = {
		{ &upload->rows, fds->rows, sizeof(struct unwind_row_block), "rows" },
		{ &upload->pages, fds->pages, sizeof(struct unwind_page), "pages" },
		{ &upload->rules, fds->rules, sizeof(struct unwind_rule), "rules" },
		{ &upload->mappings, fds->mappings, sizeof(struct unwind_mapping), "mappings" },
		{ &upload->sets, fds->sets, sizeof(struct unwind_set), "sets" },
		{ &upload->spaces, fds->spaces, sizeof(struct unwind_space), "spaces" },
		{ &upload->cache, fds->cache, sizeof(__u64), "cache" },
		{ &upload->control, fds->control, sizeof(struct unwind_control), "control" },
	};
	int code;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		code = view_map(wanted[i].view, wanted[i].fd, wanted[i].value_bytes, wanted[i].name,
				err);
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

static int init_store(struct unwind_upload *upload)
{
	struct unwind_store *store = &upload->store;

	store->rows = upload->rows.at;
	store->max_rows = upload->rows.entries * UNWIND_ROWS_PER_BLOCK;
	store->pages = upload->pages.at;
	store->max_pages = upload->pages.entries;
	store->rules = upload->rules.at;
	store->max_rules = upload->rules.entries;
	return unwind_store__init(store);
}

struct unwind_upload *unwind_upload__new(const struct unwind_map_fds *fds, struct err *err)
{
	struct unwind_upload *upload = calloc(1, sizeof(*upload));

	if (!upload) {
		err__set(err, -ENOMEM, "no memory for the unwind tables");
		return NULL;
	}
	upload->files.store = &upload->store;
	upload->files.objects_fd = fds->objects;
	for (__u32 i = 0; i < UNWIND_NR_SETS; i++)
		upload->free_sets[i] = i;
	upload->nr_free = UNWIND_NR_SETS;
	if (view_maps(upload, fds, err)) {
		unwind_upload__free(upload);
		return NULL;
	}
	if (init_store(upload)) {
		err__set(err, -ENOMEM, "no memory for the unwind rules");
		unwind_upload__free(upload);
		return NULL;
	}
	return upload;
}

void unwind_upload__free(struct unwind_upload *upload)
{
	if (!upload)
		return;
	for (__u32 i = 0; i < RSST_MAX_SPACES; i++)
		free(upload->told[i].mappings);
	unwind_files__fini(&upload->files);
	unwind_store__fini(&upload->store);
	drop_view(&upload->rows);
	drop_view(&upload->pages);
	drop_view(&upload->rules);
	drop_view(&upload->mappings);
	drop_view(&upload->sets);
	drop_view(&upload->spaces);
	drop_view(&upload->cache);
	drop_view(&upload->control);
	free(upload);
}

/* --- publishing ------------------------------------------------------------------------------- */

static struct unwind_set *set_at(const struct unwind_upload *upload, __u32 set)
{
	return (struct unwind_set *)upload->sets.at + set;
}

static void put_free(struct unwind_upload *upload, __u32 set)
{
	__u32 at = (upload->first_free + upload->nr_free++) % UNWIND_NR_SETS;

	upload->free_sets[at] = set;
}

static __u32 take_free(struct unwind_upload *upload)
{
	__u32 set = upload->free_sets[upload->first_free];

	upload->first_free = (upload->first_free + 1) % UNWIND_NR_SETS;
	upload->nr_free--;
	return set;
}

/* A generation nobody had; the cache forgets those whose low bits it could mistake it for. */
static __u64 next_generation(struct unwind_upload *upload)
{
	struct unwind_control *control = upload->control.at;
	__u64 generation = __atomic_add_fetch(&control->generation, 1, __ATOMIC_SEQ_CST);

	if (generation - upload->cleared_at >= CLEAR_EVERY_GENERATIONS) {
		memset(upload->cache.at, 0, upload->cache.bytes);
		upload->cleared_at = generation;
	}
	return generation;
}

/* The order of the stores is what the walks rely on, see unwind_abi.h. */
static void fill_set(struct unwind_upload *upload, __u32 set, const struct unwind_mapping *mappings,
		     __u32 nr, __u64 generation)
{
	struct unwind_mapping *to =
		(struct unwind_mapping *)upload->mappings.at + (size_t)set * UNWIND_SET_MAPPINGS;
	struct unwind_set *head = set_at(upload, set);

	__atomic_store_n(&head->generation, 0, __ATOMIC_SEQ_CST);
	memcpy(to, mappings, nr * sizeof(*to));
	memset(to + UNWIND_SET_SORTED, 0, UNWIND_SET_RECENT * sizeof(*to));
	head->nr_sorted = nr;
	head->nr_recent = 0;
	head->epoch = ++upload->epoch;
	__atomic_store_n(&head->generation, generation, __ATOMIC_SEQ_CST);
}

static struct unwind_space *space_at(const struct unwind_upload *upload, __u32 space)
{
	return (struct unwind_space *)upload->spaces.at + space;
}

static __u64 changes_of(const struct unwind_upload *upload, __u32 space)
{
	return __atomic_load_n(&space_at(upload, space)->changes, __ATOMIC_SEQ_CST);
}

static void store_word(struct unwind_upload *upload, __u32 space, __u64 word)
{
	__atomic_store_n(&space_at(upload, space)->word, word, __ATOMIC_SEQ_CST);
}

/* Let the space walk by @mappings, ours from now on, which are in set @set. */
static void take_over(struct unwind_upload *upload, __u32 space, __u32 set, __u64 changes,
		      struct unwind_mapping *mappings, __u32 nr)
{
	struct told_space *told = &upload->told[space];

	store_word(upload, space, UNWIND_SPACE_WORD(set, upload->epoch));
	if (told->has_set)
		put_free(upload, told->set);
	free(told->mappings);
	*told = (struct told_space){ .has_set = true,
				     .set = set,
				     .generation = set_at(upload, set)->generation,
				     .changes = changes,
				     .mappings = mappings,
				     .nr = nr };
	upload->nr_published++;
}

/*
 * -EAGAIN: the mappings changed since @changes was read, which was before they were. Then the old
 * set stays, which the kernel side keeps true; or, if that was noticed only after the new one took
 * over and so may have missed it, the new one stays unused.
 */
static int publish(struct unwind_upload *upload, __u32 space, struct unwind_mapping *mappings,
		   __u32 nr, __u64 changes)
{
	struct told_space *told = &upload->told[space];
	__u32 set;

	if (upload->nr_free <= (told->has_set ? 0 : SPARE_SETS)) {
		upload->nr_no_set++;
		free(mappings);
		return -ENOSPC;
	}
	set = take_free(upload);
	fill_set(upload, set, mappings, nr, next_generation(upload));
	if (changes_of(upload, space) != changes) {
		put_free(upload, set);
		free(mappings);
		return -EAGAIN;
	}
	take_over(upload, space, set, changes, mappings, nr);
	if (changes_of(upload, space) == changes)
		return 0;
	__atomic_store_n(&set_at(upload, set)->generation, 0, __ATOMIC_SEQ_CST);
	return -EAGAIN;
}

/* --- from /proc/PID/maps ---------------------------------------------------------------------- */

static bool is_code(const struct proc_map *map)
{
	return (map->prot & PROT_EXECUTE) && map->end <= USER_END;
}

/* Fill @mappings, UNWIND_SET_SORTED of them at most. Their number, or -ENOMEM. */
static int collect(struct unwind_upload *upload, pid_t pid, const struct proc_maps *maps,
		   struct unwind_mapping *mappings)
{
	struct unwind_object object;
	int nr = 0, code;

	for (size_t i = 0; i < maps->nr; i++) {
		const struct proc_map *map = &maps->maps[i];

		if (!is_code(map))
			continue;
		if (nr == UNWIND_SET_SORTED) {
			upload->nr_cut++;
			break;
		}
		code = unwind_files__find(&upload->files, pid, map, &object);
		if (code)
			return code;
		mappings[nr++] = (struct unwind_mapping){ .start = map->start,
							  .end = map->end,
							  .bias = map->start - map->pgoff,
							  .first_page = object.first_page,
							  .nr_pages = object.nr_pages };
	}
	return nr;
}

/* Is this what the space walks by already, and has the kernel side not touched it since? */
static bool is_published(const struct unwind_upload *upload, const struct told_space *told,
			 const struct unwind_mapping *mappings, __u32 nr)
{
	const struct unwind_set *head = set_at(upload, told->set);

	return told->has_set && told->nr == nr && !head->nr_recent &&
	       __atomic_load_n(&head->generation, __ATOMIC_SEQ_CST) == told->generation &&
	       !memcmp(told->mappings, mappings, nr * sizeof(*mappings));
}

/* Just its own image and the loader's: execve(2) has returned, little else has happened. */
static bool has_just_begun(const struct proc_maps *maps)
{
	int nr = 0;

	for (size_t i = 0; i < maps->nr; i++)
		nr += is_code(&maps->maps[i]) && maps->maps[i].ino;
	return nr <= 2;
}

static void preload_file(void *context, const char *path)
{
	unwind_files__preload(context, path);
}

/* What the loader is about to map, so that the kernel side knows it when it does. */
static void preload_needed(struct unwind_upload *upload, pid_t pid, const struct proc_maps *maps)
{
	char path[64];

	if (!has_just_begun(maps))
		return;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	needed_files__each(path, preload_file, &upload->files);
}

static int sync_once(struct unwind_upload *upload, __u32 space, pid_t pid,
		     const struct proc_maps *maps, __u64 changes)
{
	struct unwind_mapping *mappings = calloc(UNWIND_SET_SORTED, sizeof(*mappings));
	int nr = mappings ? collect(upload, pid, maps, mappings) : -ENOMEM;

	if (nr < 0) {
		free(mappings);
		return nr;
	}
	if (is_published(upload, &upload->told[space], mappings, (__u32)nr)) {
		upload->told[space].changes = changes;
		free(mappings);
		return 0;
	}
	return publish(upload, space, mappings, (__u32)nr, changes);
}

/* The same with what the process has mapped now: what the caller read was no longer so. */
static int sync_afresh(struct unwind_upload *upload, __u32 space, pid_t pid, struct err *err)
{
	__u64 changes = changes_of(upload, space);
	struct proc_maps maps;
	int code = proc_maps__read(&maps, pid, false, err);

	if (code)
		return code;
	code = sync_once(upload, space, pid, &maps, changes);
	proc_maps__free(&maps);
	return code;
}

int unwind_upload__sync(struct unwind_upload *upload, __u32 space, pid_t pid,
			const struct proc_maps *maps, struct err *err)
{
	__u64 changes;
	int code = -EAGAIN;

	if (space >= RSST_MAX_SPACES)
		return err__set(err, -EINVAL, "address space %u is out of range", space);
	if (!upload->told[space].has_set)
		preload_needed(upload, pid, maps);
	changes = changes_of(upload, space);
	if (changes == upload->told[space].changes)
		code = sync_once(upload, space, pid, maps, changes);
	for (int i = 0; i < MAX_TRIES && code == -EAGAIN; i++)
		code = sync_afresh(upload, space, pid, err);
	if (code == -ENOSPC)
		err__set(err, code, "more than %d processes with unwind tables",
			 UNWIND_NR_SETS - SPARE_SETS);
	if (code == -ENOMEM)
		err__set(err, code, "no memory for the unwind tables of process %d", pid);
	return code == -EAGAIN ? 0 : code;
}

int unwind_upload__preload(struct unwind_upload *upload, pid_t pid, const struct proc_maps *maps)
{
	struct unwind_object object;
	int code = 0;

	for (size_t i = 0; i < maps->nr && !code; i++) {
		if (is_code(&maps->maps[i]))
			code = unwind_files__find(&upload->files, pid, &maps->maps[i], &object);
	}
	return code;
}

void unwind_upload__forget(struct unwind_upload *upload, __u32 space)
{
	struct told_space *told;

	if (space >= RSST_MAX_SPACES)
		return;
	told = &upload->told[space];
	store_word(upload, space, 0);
	if (told->has_set)
		put_free(upload, told->set);
	free(told->mappings);
	*told = (struct told_space){ .changes = told->changes };
}

/* --- figures ---------------------------------------------------------------------------------- */

/* @context: size_t, the rows so far. */
static void estimate_file(void *context, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return;
	*(size_t *)context += unwind_table__estimate(fd);
	close(fd);
}

__u32 unwind_upload__row_blocks(pid_t pid, const struct proc_maps *maps)
{
	size_t rows = 0;
	char path[64];
	int fd;

	for (size_t i = 0; maps && i < maps->nr; i++) {
		if (!is_code(&maps->maps[i]) || !maps->maps[i].ino)
			continue;
		fd = unwind_files__open(pid, &maps->maps[i]);
		if (fd < 0)
			continue;
		rows += unwind_table__estimate(fd);
		close(fd);
	}
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (maps && has_just_begun(maps))
		needed_files__each(path, estimate_file, &rows);
	rows = rows > MAX_ROWS / 2 ? MAX_ROWS : 2 * rows;
	return (__u32)((rows < MIN_ROWS ? MIN_ROWS : rows) / UNWIND_ROWS_PER_BLOCK);
}

struct unwind_upload_stats unwind_upload__stats(const struct unwind_upload *upload)
{
	return (struct unwind_upload_stats){
		.rows = upload->store.nr_rows,
		.max_rows = upload->store.max_rows,
		.rules = upload->store.nr_rules,
		.pages = upload->store.nr_pages,
		.map_bytes = upload->rows.bytes + upload->pages.bytes + upload->rules.bytes +
			     upload->mappings.bytes + upload->cache.bytes + upload->sets.bytes +
			     upload->spaces.bytes,
		.objects = upload->files.nr_tables,
		.nr_no_table = upload->files.nr_no_table,
		.nr_left_out = upload->files.nr_left_out,
		.nr_no_set = upload->nr_no_set,
		.nr_cut = upload->nr_cut,
		.nr_published = upload->nr_published,
	};
}
