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

#define MAX_TRIES 8 /* to read a process's mappings without a change meanwhile */
/*
 * Never given to a space that has none: so that one that has can always get its next, and that a
 * set is reused only this many publications later, when nobody who found it before is still at it.
 */
#define SPARE_SETS 8
/* A stale word of the cache can be mistaken only for one this many generations younger. */
#define CLEAR_EVERY_GENERATIONS (UNWIND_CACHE_GENERATIONS / 2)

/* What a space was last told. */
struct told_space {
	bool has_set;
	bool is_gone;
	__u32 set;
	__u64 generation;
	__u64 changes;			 /* of the space, before its mappings were read */
	struct unwind_mapping *mappings; /* a copy of the sorted ones */
	__u32 nr;
};

struct unwind_upload {
	struct unwind_maps maps;
	struct unwind_store store;
	struct unwind_files files;
	struct told_space told[RSST_MAX_SPACES];
	__u32 free_sets[UNWIND_NR_SETS]; /* a ring: the one free for longest is used next */
	__u32 first_free, nr_free;
	__u32 epoch;
	__u64 cleared_at; /* generation at which the cache was last cleared */
	size_t nr_no_set, nr_cut, nr_published;
};

static int init_store(struct unwind_upload *upload)
{
	struct unwind_store *store = &upload->store;

	store->rows = upload->maps.rows.at;
	store->max_rows = upload->maps.rows.entries * UNWIND_ROWS_PER_BLOCK;
	store->pages = upload->maps.pages.at;
	store->max_pages = upload->maps.pages.entries;
	store->rules = upload->maps.rules.at;
	store->max_rules = upload->maps.rules.entries;
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
	if (unwind_maps__init(&upload->maps, fds, err)) {
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
	unwind_maps__fini(&upload->maps);
	free(upload);
}

/* --- publishing ------------------------------------------------------------------------------- */

static struct unwind_set *set_at(const struct unwind_upload *upload, __u32 set)
{
	return (struct unwind_set *)upload->maps.sets.at + set;
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
	struct unwind_control *control = upload->maps.control.at;
	__u64 generation = __atomic_add_fetch(&control->generation, 1, __ATOMIC_SEQ_CST);

	if (generation - upload->cleared_at >= CLEAR_EVERY_GENERATIONS) {
		memset(upload->maps.cache.at, 0, upload->maps.cache.bytes);
		upload->cleared_at = generation;
	}
	return generation;
}

/* The order of the stores is what the walks rely on, see unwind_abi.h. */
static void fill_set(struct unwind_upload *upload, __u32 set, const struct unwind_mapping *mappings,
		     __u32 nr, __u64 generation)
{
	struct unwind_mapping *to = (struct unwind_mapping *)upload->maps.mappings.at +
				    (size_t)set * UNWIND_SET_MAPPINGS;
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
	return (struct unwind_space *)upload->maps.spaces.at + space;
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

/* Fill @mappings, UNWIND_SET_SORTED of them at most. Their number, or -ENOMEM. */
static int collect(struct unwind_upload *upload, pid_t pid, const struct proc_maps *maps,
		   struct unwind_mapping *mappings)
{
	struct unwind_object object;
	int nr = 0, code;

	for (size_t i = 0; i < maps->nr; i++) {
		const struct proc_map *map = &maps->maps[i];

		if (!unwind_files__is_code(map))
			continue;
		if (nr == UNWIND_SET_SORTED) {
			upload->nr_cut++;
			break;
		}
		code = unwind_files__find(&upload->files, pid, map, &object);
		if (code)
			return code;
		if (object.first_page == UNWIND_TABLE_AWAITED)
			object.nr_pages = (__u32)map->ino;
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

static void preload_file(void *context, const char *path)
{
	unwind_files__preload(context, path);
}

/* What the loader is about to map, so that the kernel side knows it when it does. */
static void preload_needed(struct unwind_upload *upload, pid_t pid)
{
	char path[64];

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

/* Where code lies is told before the tables are built: the stacks copied meanwhile can then be told
 * apart by the code they run through. */
static int sync_in_two_steps(struct unwind_upload *upload, __u32 space, pid_t pid,
			     const struct proc_maps *maps, __u64 changes)
{
	int code = 0;

	if (!upload->told[space].has_set) {
		upload->files.only_known = true;
		code = sync_once(upload, space, pid, maps, changes);
		upload->files.only_known = false;
	}
	return code ? code : sync_once(upload, space, pid, maps, changes);
}

/* The same with what the process has mapped now: what the caller read was no longer so. */
static int sync_afresh(struct unwind_upload *upload, __u32 space, pid_t pid, bool *has_just_begun,
		       struct err *err)
{
	__u64 changes = changes_of(upload, space);
	struct proc_maps maps;
	int code = proc_maps__read(&maps, pid, false, err);

	if (code)
		return code;
	*has_just_begun |= unwind_files__has_just_begun(&maps);
	code = sync_in_two_steps(upload, space, pid, &maps, changes);
	proc_maps__free(&maps);
	return code;
}

int unwind_upload__sync(struct unwind_upload *upload, __u32 space, pid_t pid,
			const struct proc_maps *maps, struct err *err)
{
	bool has_just_begun = maps && unwind_files__has_just_begun(maps);
	int code = -EAGAIN;
	__u64 changes;

	if (space >= RSST_MAX_SPACES)
		return err__set(err, -EINVAL, "address space %u is out of range", space);
	if (upload->told[space].is_gone)
		return 0;
	changes = changes_of(upload, space);
	if (maps && changes == upload->told[space].changes)
		code = sync_in_two_steps(upload, space, pid, maps, changes);
	for (int i = 0; i < MAX_TRIES && code == -EAGAIN; i++)
		code = sync_afresh(upload, space, pid, &has_just_begun, err);
	if (!code && has_just_begun)
		preload_needed(upload, pid);
	if (code == -ENOSPC)
		err__set(err, code, "more than %d processes with unwind tables",
			 UNWIND_NR_SETS - SPARE_SETS);
	if (code == -ENOMEM)
		err__set(err, code, "no memory for the unwind tables of process %d", pid);
	return code;
}

/* --- one file that came ----------------------------------------------------------------------- */

static __u64 table_word(__u32 first_page, __u32 nr_pages)
{
	return first_page | (__u64)nr_pages << 32;
}

_Static_assert(offsetof(struct unwind_mapping, nr_pages) ==
			       offsetof(struct unwind_mapping, first_page) + 4 &&
		       offsetof(struct unwind_mapping, first_page) % 8 == 0,
	       "the two are one word");

/* Give the mappings of set @set that await the table of inode @ino the one at @object. */
static void fill_awaited(struct unwind_upload *upload, __u32 set, __u64 ino,
			 const struct unwind_object *object)
{
	struct unwind_mapping *mappings = (struct unwind_mapping *)upload->maps.mappings.at +
					  (size_t)set * UNWIND_SET_MAPPINGS;
	__u64 awaited, table = table_word(object->first_page, object->nr_pages);

	for (__u32 i = 0; i < UNWIND_SET_MAPPINGS; i++) {
		awaited = table_word(UNWIND_TABLE_AWAITED, (__u32)ino);
		if (mappings[i].first_page == UNWIND_TABLE_AWAITED)
			__atomic_compare_exchange_n((__u64 *)&mappings[i].first_page, &awaited,
						    table, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST);
	}
}

/* The set the kernel side walks the space by; -1: none. A child shares its parent's at first. */
static int set_of(const struct unwind_upload *upload, __u32 space)
{
	__u64 word = space < RSST_MAX_SPACES
			     ? __atomic_load_n(&space_at(upload, space)->word, __ATOMIC_SEQ_CST)
			     : 0;
	__u32 set = (__u32)word - 1;

	return word && set < UNWIND_NR_SETS && set_at(upload, set)->epoch == word >> 32 ? (int)set
											: -1;
}

int unwind_upload__add_file(struct unwind_upload *upload, const struct unwind_code *file)
{
	const struct proc_map map = { .start = file->start,
				      .end = file->end,
				      .ino = file->ino,
				      .dev = file->dev,
				      .name = "" };
	int set = set_of(upload, file->news.space), code;
	struct unwind_object object;

	if (set < 0 || !file->start)
		return -ENOENT;
	code = unwind_files__find(&upload->files, file->news.pid, &map, &object);
	if (code)
		return code;
	if (!object.nr_pages) /* none to be had, or the file is not: the maps tell */
		return -ENOENT;
	fill_awaited(upload, (__u32)set, file->ino, &object);
	return 0;
}

/* --- the same walk in user space -------------------------------------------------------------- */

static bool covers(const struct unwind_mapping *mapping, __u64 pc)
{
	return mapping->start && pc >= mapping->start && pc < mapping->end;
}

/* The rule of file @offset; ids as in unwind_abi.h. */
static int code_at(const struct unwind_upload *upload, const struct unwind_mapping *mapping,
		   __u64 offset)
{
	const struct unwind_page *page;

	if (mapping->first_page == UNWIND_TABLE_AWAITED)
		return -STACK_END_NO_MAPPING;
	if (!mapping->nr_pages)
		return UNWIND_RULE_ID_FP;
	if (offset >> 16 >= mapping->nr_pages)
		return UNWIND_RULE_ID_NONE;
	page = (const struct unwind_page *)upload->maps.pages.at + mapping->first_page +
	       (offset >> 16);
	return (int)unwind_store__find(&upload->store, page, offset & 0xffff);
}

int unwind_upload__code(const struct unwind_upload *upload, __u32 space, __u64 pc)
{
	int set = set_of(upload, space);
	const struct unwind_mapping *mappings;
	struct unwind_mapping mapping;

	if (set < 0)
		return -STACK_END_NO_MAPPING;
	mappings = (const struct unwind_mapping *)upload->maps.mappings.at +
		   (size_t)set * UNWIND_SET_MAPPINGS;
	for (__u32 i = 0; i < UNWIND_SET_MAPPINGS; i++) {
		if (i == set_at(upload, (__u32)set)->nr_sorted && i < UNWIND_SET_SORTED)
			i = UNWIND_SET_SORTED;
		mapping = mappings[i];
		/* again: the kernel side may have put another one there while it was copied */
		if (covers(&mapping, pc) && !memcmp(&mapping, &mappings[i], sizeof(mapping)))
			return code_at(upload, &mapping, pc - mapping.bias);
	}
	return -STACK_END_NO_MAPPING;
}

const struct unwind_rule *unwind_upload__rule(const struct unwind_upload *upload, int id)
{
	return &upload->store.rules[id];
}

int unwind_upload__preload(struct unwind_upload *upload, pid_t pid, const struct proc_maps *maps)
{
	struct unwind_object object;
	int code = 0;

	for (size_t i = 0; i < maps->nr && !code; i++) {
		if (unwind_files__is_code(&maps->maps[i]))
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
	*told = (struct told_space){ .is_gone = true };
}

/* --- figures ---------------------------------------------------------------------------------- */

struct unwind_upload_stats unwind_upload__stats(const struct unwind_upload *upload)
{
	return (struct unwind_upload_stats){
		.rows = upload->store.nr_rows,
		.max_rows = upload->store.max_rows,
		.rules = upload->store.nr_rules,
		.pages = upload->store.nr_pages,
		.map_bytes = upload->maps.rows.bytes + upload->maps.pages.bytes +
			     upload->maps.rules.bytes + upload->maps.mappings.bytes +
			     upload->maps.cache.bytes + upload->maps.sets.bytes +
			     upload->maps.spaces.bytes,
		.objects = upload->files.nr_tables,
		.nr_no_table = upload->files.nr_no_table,
		.nr_left_out = upload->files.nr_left_out,
		.nr_no_set = upload->nr_no_set,
		.nr_cut = upload->nr_cut,
		.nr_published = upload->nr_published,
	};
}
