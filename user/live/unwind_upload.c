// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "config_abi.h"
#include "elf/needed_files.h"
#include "live/unwind_state.h"

#define MAX_TRIES 8 /* to read a process's mappings without a change meanwhile */
#define UNKNOWN_CHANGES (~0ULL)

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
	if (unwind_files__init(&upload->files, &upload->store, &upload->maps.rows,
			       &upload->maps.pages, fds->objects)) {
		err__set(err, -EIO, "no random numbers to be had");
		free(upload);
		return NULL;
	}
	upload->procs_fd = fds->procs;
	unwind_sets__init(&upload->sets, &upload->maps);
	if (unwind_maps__init(&upload->maps, fds, err)) {
		unwind_upload__free(upload);
		return NULL;
	}
	if (init_store(upload)) {
		err__set(err, -ENOMEM, "no memory for the unwind rules");
		unwind_upload__free(upload);
		return NULL;
	}
	upload->files.control = upload->maps.control.at;
	upload->files.control->vdso_bytes = unwind_files__vdso_bytes();
	unwind_sets__offer(&upload->sets);
	return upload;
}

static void forget_mappings(struct told_space *told)
{
	free(told->mappings);
	free(told->overtaken);
}

void unwind_upload__free(struct unwind_upload *upload)
{
	if (!upload)
		return;
	for (__u32 i = 0; i < RSST_MAX_SPACES; i++)
		forget_mappings(&upload->told[i]);
	unwind_files__fini(&upload->files);
	unwind_store__fini(&upload->store);
	unwind_maps__fini(&upload->maps);
	free(upload);
}

/* --- publishing ------------------------------------------------------------------------------- */

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

	store_word(upload, space, unwind_sets__word(&upload->sets, set));
	if (told->has_set)
		unwind_sets__put(&upload->sets, told->set);
	forget_mappings(told);
	*told = (struct told_space){ .has_set = true,
				     .set = set,
				     .generation = unwind_sets__at(&upload->sets, set)->generation,
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

	if (upload->sets.nr_free <= (told->has_set ? 0 : UNWIND_SPARE_SETS)) {
		upload->nr_no_set++;
		free(mappings);
		return -ENOSPC;
	}
	set = unwind_sets__take(&upload->sets);
	unwind_sets__fill(&upload->sets, set, space, mappings, nr);
	if (changes_of(upload, space) != changes) {
		unwind_sets__put(&upload->sets, set);
		free(told->overtaken);
		told->overtaken = mappings;
		told->nr_overtaken = nr;
		return -EAGAIN;
	}
	take_over(upload, space, set, changes, mappings, nr);
	if (changes_of(upload, space) == changes)
		return 0;
	__atomic_store_n(&unwind_sets__at(&upload->sets, set)->generation, 0, __ATOMIC_SEQ_CST);
	return -EAGAIN;
}

void unwind_state__note_begun(struct unwind_upload *upload)
{
	struct told_space *told;
	__u32 space;
	int set;

	while ((set = unwind_sets__collect(&upload->sets, &space)) >= 0) {
		told = &upload->told[space];
		if (told->is_gone || told->has_set) {
			store_word(upload, space,
				   told->has_set ? unwind_sets__word(&upload->sets, told->set) : 0);
			unwind_sets__put(&upload->sets, (__u32)set);
			continue;
		}
		told->has_set = true;
		told->set = (__u32)set;
		told->changes = UNKNOWN_CHANGES;
	}
	unwind_sets__offer(&upload->sets);
}

/* --- from /proc/PID/maps ---------------------------------------------------------------------- */

/* Of code without a table there may be thousands of mappings. */
static bool is_of_jit(const struct proc_map *map)
{
	return !map->ino && strcmp(map->name, "[vdso]") != 0;
}

/* How many of them there is room for beside all the others. */
static int room_for_jit(const struct proc_maps *maps)
{
	int nr = 0;

	for (size_t i = 0; i < maps->nr; i++)
		nr += unwind_files__is_code(&maps->maps[i]) && !is_of_jit(&maps->maps[i]);
	return nr < UNWIND_SET_SORTED ? UNWIND_SET_SORTED - nr : 0;
}

/* Fill @mappings, UNWIND_SET_SORTED of them at most. Their number, or -ENOMEM. */
static int collect(struct unwind_upload *upload, pid_t pid, const struct proc_maps *maps,
		   struct unwind_mapping *mappings)
{
	int nr = 0, room = room_for_jit(maps), code;
	struct unwind_object object;
	bool cut = false;

	for (size_t i = 0; i < maps->nr; i++) {
		const struct proc_map *map = &maps->maps[i];

		if (!unwind_files__is_code(map))
			continue;
		if (nr == UNWIND_SET_SORTED || (is_of_jit(map) && room-- <= 0)) {
			cut = true;
			continue;
		}
		code = unwind_files__find(&upload->files, pid, map, &object);
		if (code)
			return code;
		if (object.first_page == UNWIND_TABLE_AWAITED)
			object.nr_pages = unwind_awaited_file(map->ino, map->dev);
		mappings[nr++] = (struct unwind_mapping){ .start = map->start,
							  .end = map->end,
							  .bias = map->start - map->pgoff,
							  .first_page = object.first_page,
							  .nr_pages = object.nr_pages };
	}
	upload->nr_cut += cut;
	return nr;
}

/* Is this what the space walks by already, and has the kernel side not touched it since? */
static bool is_published(const struct unwind_upload *upload, const struct told_space *told,
			 const struct unwind_mapping *mappings, __u32 nr)
{
	const struct unwind_set *head = unwind_sets__at(&upload->sets, told->set);

	return told->has_set && told->nr == nr && !head->nr_recent &&
	       __atomic_load_n(&head->generation, __ATOMIC_SEQ_CST) == told->generation &&
	       !memcmp(told->mappings, mappings, nr * sizeof(*mappings));
}

static void preload_file(void *context, const char *path)
{
	unwind_files__preload(context, path);
}

void unwind_state__preload_needed(struct unwind_upload *upload, const char *path)
{
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

bool unwind_upload__has_gone_on(const struct unwind_upload *upload, pid_t pid, __u32 space)
{
	struct proc_ref proc;

	return !bpf_map_lookup_elem(upload->procs_fd, &pid, &proc) && proc.space != space;
}

/* With what the process has mapped now. */
static int sync_now(struct unwind_upload *upload, __u32 space, pid_t pid, bool *has_just_begun,
		    struct err *err)
{
	__u64 changes = changes_of(upload, space);
	struct proc_maps maps;
	int code = proc_maps__read(&maps, pid, false, err);

	if (code)
		return code;
	if (!maps.nr || unwind_upload__has_gone_on(upload, pid, space)) {
		proc_maps__free(&maps);
		return -ESRCH;
	}
	*has_just_begun |= unwind_files__has_just_begun(&maps);
	code = sync_in_two_steps(upload, space, pid, &maps, changes);
	proc_maps__free(&maps);
	return code;
}

const struct unwind_space *unwind_upload__space(const struct unwind_upload *upload, __u32 space)
{
	return space_at(upload, space);
}

bool unwind_upload__is_current(const struct unwind_upload *upload, __u32 space)
{
	const struct told_space *told = space < RSST_MAX_SPACES ? &upload->told[space] : NULL;

	return told && told->has_set && told->changes == changes_of(upload, space);
}

int unwind_upload__sync(struct unwind_upload *upload, __u32 space, pid_t pid, struct err *err)
{
	bool has_just_begun = false;
	int code = -EAGAIN;
	char path[64];

	if (space >= RSST_MAX_SPACES)
		return err__set(err, -EINVAL, "address space %u is out of range", space);
	unwind_state__note_begun(upload);
	if (upload->told[space].is_gone)
		return 0;
	for (int i = 0; i < MAX_TRIES && code == -EAGAIN; i++)
		code = sync_now(upload, space, pid, &has_just_begun, err);
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (!code && has_just_begun)
		unwind_state__preload_needed(upload, path);
	if (code == -ENOSPC)
		err__set(err, code, "more than %d processes with unwind tables",
			 UNWIND_NR_SETS - UNWIND_SPARE_SETS - UNWIND_READY_SETS);
	if (code == -ENOMEM)
		err__set(err, code, "no memory for the unwind tables of process %d", pid);
	return code;
}

/* --- one file that came ----------------------------------------------------------------------- */

int unwind_upload__add_file(struct unwind_upload *upload, const struct unwind_code *file)
{
	const struct proc_map map = { .start = file->start,
				      .end = file->end,
				      .ino = file->ino,
				      .dev = file->dev,
				      .name = "" };
	int set = unwind_sets__named_by(&upload->sets, file->news.space), code;
	struct unwind_object object;

	if (set < 0 || !file->start)
		return -ENOENT;
	code = unwind_files__find(&upload->files, file->news.pid, &map, &object);
	if (code)
		return code;
	if (!object.nr_pages &&
	    !unwind_files__recall(&upload->files, file->ino, file->dev, &object))
		return -ENOENT; /* none to be had, or the file is not: the maps tell */
	unwind_sets__fill_awaited(&upload->sets, (__u32)set,
				  unwind_awaited_file(file->ino, file->dev), &object);
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

static int overtaken_code(const struct unwind_upload *upload, __u32 space, __u64 pc)
{
	const struct told_space *told = &upload->told[space];

	for (__u32 i = 0; i < told->nr_overtaken; i++)
		if (covers(&told->overtaken[i], pc))
			return code_at(upload, &told->overtaken[i], pc - told->overtaken[i].bias);
	return -STACK_END_NO_MAPPING;
}

bool unwind_upload__is_overtaken(const struct unwind_upload *upload, __u32 space)
{
	return space < RSST_MAX_SPACES && upload->told[space].overtaken;
}

void unwind_upload__drop_overtaken(struct unwind_upload *upload)
{
	for (__u32 space = 0; space < RSST_MAX_SPACES; space++) {
		struct told_space *told = &upload->told[space];

		free(told->overtaken);
		told->overtaken = NULL;
		told->nr_overtaken = 0;
	}
}

int unwind_upload__code(const struct unwind_upload *upload, __u32 space, __u64 pc)
{
	int set = unwind_sets__named_by(&upload->sets, space);
	const struct unwind_mapping *mappings;
	struct unwind_mapping mapping;

	if (set < 0)
		return -STACK_END_NO_MAPPING;
	mappings = unwind_sets__mappings(&upload->sets, (__u32)set);
	for (__u32 i = 0; i < UNWIND_SET_MAPPINGS; i++) {
		if (i == unwind_sets__at(&upload->sets, (__u32)set)->nr_sorted &&
		    i < UNWIND_SET_SORTED)
			i = UNWIND_SET_SORTED;
		mapping = mappings[i];
		/* again: the kernel side may have put another one there while it was copied */
		if (covers(&mapping, pc) && !memcmp(&mapping, &mappings[i], sizeof(mapping)))
			return code_at(upload, &mapping, pc - mapping.bias);
	}
	return overtaken_code(upload, space, pc);
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

int unwind_upload__held_file(const struct unwind_upload *upload, __u32 dev, __u64 ino)
{
	return unwind_files__held(&upload->files, dev, ino);
}

void unwind_upload__forget(struct unwind_upload *upload, __u32 space)
{
	struct told_space *told;

	if (space >= RSST_MAX_SPACES)
		return;
	unwind_state__note_begun(upload);
	told = &upload->told[space];
	store_word(upload, space, 0);
	if (told->has_set)
		unwind_sets__put(&upload->sets, told->set);
	forget_mappings(told);
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
		.objects = upload->files.tables.nr_built + upload->files.tables.nr_shared,
		.nr_shared = upload->files.tables.nr_shared,
		.nr_no_table = upload->files.tables.nr_none,
		.nr_left_out = upload->files.tables.nr_left_out,
		.nr_untold = upload->files.nr_untold,
		.nr_no_set = upload->nr_no_set,
		.nr_cut = upload->nr_cut,
		.nr_published = upload->nr_published,
	};
}
