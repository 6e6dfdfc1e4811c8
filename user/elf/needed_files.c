// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/regular_file.h"
#include "elf/byte_cursor.h"
#include "elf/needed_files.h"

#define CACHE_PATH "/etc/ld.so.cache"
#define CACHE_MAGIC "glibc-ld.so.cache1.1" /* sysdeps/generic/dl-cache.h of glibc */
#define CACHE_HEADER_BYTES 48
#define CACHE_ENTRY_BYTES 24
#define CACHE_X86_64_LIBC6 0x0303
#define MAX_CACHE_BYTES (16L << 20)

static const char *const system_folders[] = { "/lib/x86_64-linux-gnu",
					      "/usr/lib/x86_64-linux-gnu",
					      "/lib64",
					      "/usr/lib64",
					      "/lib",
					      "/usr/lib" };

#define NR_SYSTEM_FOLDERS (sizeof(system_folders) / sizeof(system_folders[0]))

/* Paths found so far; those from `next` on have not been looked into. */
struct search {
	char *found[NEEDED_FILES_MAX];
	size_t nr, next;
	struct byte_cursor cache; /* /etc/ld.so.cache; empty: none */
	void *cache_bytes;
	int error;
};

static void read_cache(struct search *search)
{
	int fd = open(CACHE_PATH, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t len;

	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_size > CACHE_HEADER_BYTES && st.st_size < MAX_CACHE_BYTES)
		search->cache_bytes = malloc((size_t)st.st_size);
	len = search->cache_bytes ? read(fd, search->cache_bytes, (size_t)st.st_size) : 0;
	close(fd);
	if (len < CACHE_HEADER_BYTES ||
	    memcmp(search->cache_bytes, CACHE_MAGIC, strlen(CACHE_MAGIC)) != 0)
		return;
	search->cache.at = search->cache_bytes;
	search->cache.end = search->cache.at + len;
}

/* The NUL-terminated string at @offset of the cache, or "". */
static const char *cache_string(const struct search *search, __u64 offset)
{
	struct byte_cursor at = search->cache;

	byte_cursor__skip(&at, offset);
	return memchr(at.at, 0, byte_cursor__left(&at)) ? (const char *)at.at : "";
}

static const char *look_in_cache(const struct search *search, const char *name)
{
	struct byte_cursor entries = search->cache;
	__u64 nr, flags, key, value;

	byte_cursor__skip(&entries, strlen(CACHE_MAGIC));
	nr = byte_cursor__fixed(&entries, 4);
	byte_cursor__skip(&entries, CACHE_HEADER_BYTES - strlen(CACHE_MAGIC) - 4);
	for (; nr && byte_cursor__left(&entries) >= CACHE_ENTRY_BYTES; nr--) {
		flags = byte_cursor__fixed(&entries, 4);
		key = byte_cursor__fixed(&entries, 4);
		value = byte_cursor__fixed(&entries, 4);
		byte_cursor__skip(&entries, CACHE_ENTRY_BYTES - 12);
		if (flags == CACHE_X86_64_LIBC6 && !strcmp(cache_string(search, key), name))
			return cache_string(search, value);
	}
	return NULL;
}

static bool is_known(const struct search *search, const char *path)
{
	for (size_t i = 0; i < search->nr; i++) {
		if (!strcmp(search->found[i], path))
			return true;
	}
	return false;
}

/* Note @path if it is there. true: it is, the search for this name is over. */
static bool note(struct search *search, const char *path)
{
	char *copy;

	if (access(path, R_OK))
		return false;
	if (search->nr == NEEDED_FILES_MAX || is_known(search, path))
		return true;
	copy = strdup(path);
	if (!copy)
		search->error = -ENOMEM;
	else
		search->found[search->nr++] = copy;
	return true;
}

/* One folder of a run path, $ORIGIN being the folder of @user. */
static bool look_in_folder(struct search *search, const char *folder, size_t len, const char *user,
			   const char *name)
{
	static const char *const origins[] = { "$ORIGIN", "${ORIGIN}" };
	const char *slash = strrchr(user, '/');
	char path[PATH_MAX];
	size_t skip = 0;
	int written;

	for (size_t i = 0; i < 2; i++) {
		if (len >= strlen(origins[i]) && !strncmp(folder, origins[i], strlen(origins[i])))
			skip = strlen(origins[i]);
	}
	written =
		snprintf(path, sizeof(path), "%.*s%.*s/%s", skip && slash ? (int)(slash - user) : 0,
			 user, (int)(len - skip), folder + skip, name);
	return written > 0 && (size_t)written < sizeof(path) && note(search, path);
}

static bool look_in_run_path(struct search *search, const char *run_path, const char *user,
			     const char *name)
{
	while (*run_path) {
		size_t len = strcspn(run_path, ":");

		if (len && len < PATH_MAX && look_in_folder(search, run_path, len, user, name))
			return true;
		run_path += len + (run_path[len] == ':');
	}
	return false;
}

static void find(struct search *search, const char *run_path, const char *user, const char *name)
{
	const char *cached;

	if (strchr(name, '/')) {
		note(search, name);
		return;
	}
	if (look_in_run_path(search, run_path, user, name))
		return;
	cached = look_in_cache(search, name);
	if (cached && note(search, cached))
		return;
	for (size_t i = 0; i < NR_SYSTEM_FOLDERS; i++) {
		const char *folder = system_folders[i];

		if (look_in_folder(search, folder, strlen(folder), user, name))
			return;
	}
}

/* The string of the first entry of kind @tag or, from *@at on, the next one; NULL: no more. */
static const char *next_entry(Elf *elf, Elf_Data *data, size_t strings, __s64 tag, int *at)
{
	GElf_Dyn entry;

	while (gelf_getdyn(data, (*at)++, &entry) && entry.d_tag != DT_NULL) {
		if (entry.d_tag == tag)
			return elf_strptr(elf, strings, entry.d_un.d_val);
	}
	return NULL;
}

static void look_into_dynamic(struct search *search, Elf *elf, Elf_Data *data, size_t strings,
			      const char *user)
{
	int at = 0;
	const char *run_path = next_entry(elf, data, strings, DT_RUNPATH, &at), *name;

	at = 0;
	if (!run_path)
		run_path = next_entry(elf, data, strings, DT_RPATH, &at);
	at = 0;
	while ((name = next_entry(elf, data, strings, DT_NEEDED, &at)) && !search->error)
		find(search, run_path ? run_path : "", user, name);
}

/* @user: path for $ORIGIN. */
static void look_into(struct search *search, const char *path, const char *user)
{
	int fd = regular_file__open(path, 0);
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	Elf_Data *data;

	while (elf && (section = elf_nextscn(elf, section))) {
		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNAMIC)
			continue;
		data = elf_getdata(section, NULL);
		if (data)
			look_into_dynamic(search, elf, data, header.sh_link, user);
	}
	elf_end(elf);
	if (fd >= 0)
		close(fd);
}

int needed_files__each(const char *path, void (*visit)(void *context, const char *path),
		       void *context)
{
	struct search search = { 0 };
	char user[PATH_MAX];
	ssize_t len = readlink(path, user, sizeof(user) - 1); /* /proc/PID/exe */

	if (len < 0)
		len = snprintf(user, sizeof(user), "%s", path);
	user[len < (ssize_t)sizeof(user) ? len : (ssize_t)sizeof(user) - 1] = '\0';
	elf_version(EV_CURRENT);
	read_cache(&search);
	look_into(&search, path, user);
	while (search.next < search.nr) {
		const char *found = search.found[search.next++];

		visit(context, found);
		look_into(&search, found, found);
	}
	while (search.nr)
		free(search.found[--search.nr]);
	free(search.cache_bytes);
	return search.error;
}
