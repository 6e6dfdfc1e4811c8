// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <uthash.h>
#include "base/regular_file.h"
#include "elf/exec_image.h"
#include "live/unwind_files.h"

#define PROT_EXECUTE 4
#define USER_END (1ULL << 47)
#define NSEC_PER_SECOND 1000000000LL

/* No padding: it is hashed as bytes. */
struct file_key {
	__u64 ino;
	__u64 size_bytes;
	__s64 changed_ns;
	__u32 dev;
	__u32 pad;
};

struct unwind_file {
	struct file_key key;
	struct unwind_object object; /* nr_pages 0: no table */
	int fd;			     /* -1: not held */
	UT_hash_handle hh;
};

bool unwind_files__is_code(const struct proc_map *map)
{
	return (map->prot & PROT_EXECUTE) && map->end <= USER_END;
}

bool unwind_files__has_just_begun(const struct proc_maps *maps)
{
	int nr = 0;

	for (size_t i = 0; i < maps->nr; i++)
		nr += unwind_files__is_code(&maps->maps[i]) && maps->maps[i].ino;
	return nr <= 2;
}

static __u32 device(const struct stat *st)
{
	return (__u32)(major(st->st_dev) << 20 | minor(st->st_dev));
}

static bool is_deleted(const char *name)
{
	static const char mark[] = " (deleted)";
	size_t len = strlen(name);

	return len >= sizeof(mark) && !strcmp(name + len - strlen(mark), mark);
}

/*
 * Is @fd the file that was mapped when the maps were read? The process may have mapped another in
 * its place since. Stacked file systems show another device and inode to stat(2); then the path
 * must do. @by_name: it was opened by the name it once had, and inode numbers are not rare.
 */
static bool is_file_of(int fd, const struct proc_map *map, bool by_name)
{
	char link[64], path[PATH_MAX];
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st))
		return false;
	if (st.st_ino == map->ino && (!by_name || device(&st) == map->dev))
		return true;
	if (by_name && is_deleted(map->name))
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return false;
	path[len] = '\0';
	return !strcmp(path, map->name);
}

static int open_checked(const char *path, const struct proc_map *map, bool by_name)
{
	int fd = regular_file__open(path, 0);

	if (fd < 0)
		return fd;
	if (is_file_of(fd, map, by_name))
		return fd;
	close(fd);
	return -ESTALE;
}

int unwind_files__open(pid_t pid, const struct proc_map *map)
{
	char path[PATH_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid,
		 (unsigned long long)map->start, (unsigned long long)map->end);
	fd = open_checked(path, map, false);
	if (fd >= 0 || map->name[0] != '/')
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, map->name);
	return open_checked(path, map, true);
}

/* The kernel side knows a file by device and inode only; the last one seen by that name wins, also
 * when it has no table. */
static void tell_kernel(struct unwind_files *files, const struct unwind_file *file)
{
	struct unwind_object_key key = { .ino = file->key.ino, .dev = file->key.dev };

	if (files->objects_fd < 0)
		return;
	if (!file->object.nr_pages)
		bpf_map_delete_elem(files->objects_fd, &key);
	else if (bpf_map_update_elem(files->objects_fd, &key, &file->object, BPF_ANY))
		files->nr_untold++;
}

/* As the kernel side names a file. */
static struct unwind_object_key key_of(const struct stat *st)
{
	return (struct unwind_object_key){ .ino = st->st_ino, .dev = device(st) };
}

/*
 * Where execve(2) puts the program @fd, if it is one, and its interpreter, which is got ready, too.
 * @root: where the process sees "/".
 */
static void note_image(struct unwind_files *files, int fd, const char *root,
		       struct unwind_object *object)
{
	struct exec_image image;
	char path[PATH_MAX];
	struct stat st;

	if (exec_image__read(&image, fd))
		return;
	object->start = image.start;
	object->end = image.end;
	object->offset = image.offset;
	object->entry = image.entry;
	if (!image.interpreter[0] || files->in_interpreter) /* the kernel goes no further either */
		return;
	snprintf(path, sizeof(path), "%s%s", root, image.interpreter);
	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return;
	object->interpreter = key_of(&st);
	files->in_interpreter = true;
	unwind_files__preload(files, path);
	files->in_interpreter = false;
	if (files->control)
		files->control->interpreter = object->interpreter;
}

static void hold(struct unwind_files *files, struct unwind_file *file, int fd)
{
	file->fd = files->nr_held < UNWIND_FILES_HELD ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	files->nr_held += file->fd >= 0;
}

int unwind_files__held(const struct unwind_files *files, __u32 dev, __u64 ino)
{
	const struct unwind_file *file;
	int fd = -ENOENT;

	for (file = files->files; file; file = file->hh.next) {
		if (file->key.ino == ino && file->key.dev == dev && file->fd >= 0)
			fd = file->fd;
	}
	return fd;
}

/* Each file has pages of its own, though it share their rows. */
static const struct unwind_file *find_by_page(const struct unwind_files *files, __u32 first_page)
{
	const struct unwind_file *file = files->files;

	while (file && (!file->object.nr_pages || file->object.first_page != first_page))
		file = file->hh.next;
	return file;
}

int unwind_files__held_by_table(const struct unwind_files *files, __u32 first_page,
				struct unwind_object_key *key)
{
	const struct unwind_file *file = find_by_page(files, first_page);

	if (!file || file->fd < 0)
		return -ENOENT;
	*key = (struct unwind_object_key){ .ino = file->key.ino, .dev = file->key.dev };
	return file->fd;
}

int unwind_files__open_by_table(const struct unwind_files *files, pid_t pid,
				const struct unwind_mapping *mapping)
{
	struct proc_map map = { .start = mapping->start, .end = mapping->end, .name = "" };
	const struct unwind_file *file = find_by_page(files, mapping->first_page);

	if (!file)
		return -ENOENT;
	if (file->fd >= 0)
		return fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
	map.ino = file->key.ino;
	map.dev = file->key.dev;
	return unwind_files__open(pid, &map);
}

static int add(struct unwind_files *files, const struct file_key *key, int fd, const char *name,
	       const char *root, struct unwind_object *object)
{
	struct unwind_file *file = calloc(1, sizeof(*file));
	int code;

	if (!file)
		return -ENOMEM;
	file->key = *key;
	code = unwind_tables__find(&files->tables, fd, name, &file->object);
	if (code) {
		free(file);
		return code;
	}
	HASH_ADD(hh, files->files, key, sizeof(file->key), file);
	hold(files, file, fd);
	note_image(files, fd, root, &file->object);
	tell_kernel(files, file);
	*object = file->object;
	return 0;
}

/* @ino and @dev: as the kernel names the file, which need not be what stat(2) says. @root: where
 * who maps it sees "/". */
static int find_by_descriptor(struct unwind_files *files, int fd, __u64 ino, __u32 dev,
			      const char *name, const char *root, struct unwind_object *object)
{
	struct unwind_file *file;
	struct file_key key;
	struct stat st;

	if (fstat(fd, &st))
		return 0;
	memset(&key, 0, sizeof(key));
	key.ino = ino;
	key.dev = dev;
	key.size_bytes = (__u64)st.st_size;
	key.changed_ns = st.st_mtim.tv_sec * NSEC_PER_SECOND + st.st_mtim.tv_nsec;
	HASH_FIND(hh, files->files, &key, sizeof(key), file);
	if (!file && files->only_known) {
		object->first_page = UNWIND_TABLE_AWAITED;
		return 0;
	}
	if (!file)
		return add(files, &key, fd, name, root, object);
	*object = file->object;
	return 0;
}

/* Bytes our own vdso's mapping has in memory; its image lies in it from the start on. */
static __u64 own_vdso(const void **image)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Phdr *programs;
	__u64 end = 0, page = (__u64)sysconf(_SC_PAGESIZE);

	*image = header;
	if (!header)
		return 0;
	programs = (const Elf64_Phdr *)((const char *)header + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++) {
		if (programs[i].p_type == PT_LOAD &&
		    programs[i].p_offset + programs[i].p_memsz > end)
			end = programs[i].p_offset + programs[i].p_memsz;
	}
	return (end + page - 1) / page * page;
}

__u64 unwind_files__vdso_bytes(void)
{
	const void *image;

	return own_vdso(&image);
}

/*
 * Our own copy: reading the target's through /proc/PID/mem would fault pages of it in, and its RSS
 * would grow by our doing. Another size is another image, that of 32-bit code.
 */
static int find_vdso(struct unwind_files *files, const struct proc_map *map,
		     struct unwind_object *object)
{
	const void *image;
	int code = 0;

	if (!files->vdso_bytes) {
		files->vdso_bytes = own_vdso(&image);
		if (!files->vdso_bytes)
			return 0;
		code = unwind_tables__find_memory(&files->tables, image, files->vdso_bytes,
						  "[vdso]", &files->vdso);
	}
	if (map->end - map->start == files->vdso_bytes)
		*object = files->vdso;
	return code;
}

int unwind_files__find(struct unwind_files *files, pid_t pid, const struct proc_map *map,
		       struct unwind_object *object)
{
	char root[64];
	int fd, code;

	*object = (struct unwind_object){ 0 };
	if (!strcmp(map->name, "[vdso]"))
		return find_vdso(files, map, object);
	if (!map->ino)
		return 0;
	fd = unwind_files__open(pid, map);
	if (fd < 0) { /* the process is ending, or we may not: the file may be known all the same */
		unwind_files__recall(files, map->ino, map->dev, object);
		return 0;
	}
	snprintf(root, sizeof(root), "/proc/%d/root", pid);
	code = find_by_descriptor(files, fd, map->ino, map->dev, map->name, root, object);
	close(fd);
	return code;
}

bool unwind_files__recall(const struct unwind_files *files, __u64 ino, __u32 dev,
			  struct unwind_object *object)
{
	const struct unwind_file *file;
	bool found = false;

	/* not from the kernel's map: that has no room for all of them */
	for (file = files->files; file; file = file->hh.next) {
		if (file->key.ino != ino || file->key.dev != dev)
			continue;
		*object = file->object;
		found = file->object.nr_pages;
	}
	return found;
}

void unwind_files__preload(struct unwind_files *files, const char *path)
{
	int fd = regular_file__open(path, 0);
	struct unwind_object object;
	struct unwind_object_key key;
	struct stat st;

	if (fd < 0)
		return;
	key = fstat(fd, &st) ? (struct unwind_object_key){ 0 } : key_of(&st);
	if (key.ino)
		find_by_descriptor(files, fd, key.ino, key.dev, path, "", &object);
	close(fd);
}

int unwind_files__init(struct unwind_files *files, struct unwind_store *store,
		       struct map_view *rows, struct map_view *pages, int objects_fd)
{
	*files = (struct unwind_files){ .objects_fd = objects_fd };
	return unwind_tables__init(&files->tables, store, rows, pages);
}

void unwind_files__fini(struct unwind_files *files)
{
	struct unwind_file *file, *next;

	unwind_tables__fini(&files->tables);
	HASH_ITER (hh, files->files, file, next) {
		HASH_DEL(files->files, file);
		if (file->fd >= 0)
			close(file->fd);
		free(file);
	}
}
