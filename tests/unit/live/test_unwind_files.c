// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Copies of a file share its table, and each is still the file it is. No BPF needed. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <cmocka.h>
#include "live/unwind_files.h"

#define MAX_ROWS (1 << 18)
#define MAX_PAGES 512
#define MOVED_BYTES 4096

struct scene {
	char folder[64];
	struct unwind_store store;
	struct map_view rows, pages; /* all of it is there from the beginning */
	struct unwind_files files;
};

static struct map_view all_of(void *at, __u32 entries, size_t value_bytes)
{
	assert_non_null(at);
	return (struct map_view){ .at = at,
				  .bytes = entries * value_bytes,
				  .reached_bytes = entries * value_bytes,
				  .entries = entries,
				  .value_bytes = value_bytes,
				  .fd = -1 };
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct unwind_store *store = &scene->store;

	assert_non_null(scene);
	strcpy(scene->folder, "/tmp/rsstrace-test-XXXXXX");
	assert_non_null(mkdtemp(scene->folder));
	store->max_rows = MAX_ROWS;
	store->max_pages = MAX_PAGES;
	store->max_rules = UNWIND_MAX_RULES;
	store->rows = calloc(MAX_ROWS / UNWIND_ROWS_PER_BLOCK, sizeof(*store->rows));
	store->pages = calloc(MAX_PAGES, sizeof(*store->pages));
	store->rules = calloc(UNWIND_MAX_RULES, sizeof(*store->rules));
	assert_non_null(store->rules);
	assert_int_equal(unwind_store__init(store), 0);
	scene->rows = all_of(store->rows, MAX_ROWS / UNWIND_ROWS_PER_BLOCK, sizeof(*store->rows));
	scene->pages = all_of(store->pages, MAX_PAGES, sizeof(*store->pages));
	assert_int_equal(unwind_files__init(&scene->files, store, &scene->rows, &scene->pages, -1),
			 0);
	scene->files.in_interpreter = true; /* no loader comes along with what we add */
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	unwind_files__fini(&scene->files);
	unwind_store__fini(&scene->store);
	free(scene->store.rows);
	free(scene->store.pages);
	free(scene->store.rules);
	rmdir(scene->folder);
	free(scene);
	return 0;
}

/* --- files ------------------------------------------------------------------------------------ */

struct code_file {
	char path[PATH_MAX];
	struct unwind_object_key key;
	struct unwind_object object;
};

static void find(struct scene *scene, struct code_file *file)
{
	struct proc_map map = { .name = file->path };
	struct stat st;

	assert_int_equal(stat(file->path, &st), 0);
	map.ino = file->key.ino = st.st_ino;
	map.dev = file->key.dev = (__u32)(major(st.st_dev) << 20 | minor(st.st_dev));
	assert_int_equal(unwind_files__find(&scene->files, getpid(), &map, &file->object), 0);
}

static char *read_self(size_t *len)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	struct stat st;
	char *bytes;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	bytes = malloc(*len);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, *len), (ssize_t)*len);
	close(fd);
	return bytes;
}

/* A new file with the @len bytes of @head and, behind a gap, what follows them. */
static struct code_file make_file(struct scene *scene, const char *name, const char *bytes,
				  size_t head, size_t gap, size_t len)
{
	struct code_file file = { 0 };
	int fd;

	snprintf(file.path, sizeof(file.path), "%s/%s", scene->folder, name);
	fd = open(file.path, O_WRONLY | O_CREAT | O_EXCL, 0755);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, head, 0), (ssize_t)head);
	assert_int_equal(pwrite(fd, bytes + head, len - head, (off_t)(head + gap)),
			 (ssize_t)(len - head));
	close(fd);
	find(scene, &file);
	return file;
}

static struct code_file make_copy(struct scene *scene, const char *name)
{
	size_t len;
	char *bytes = read_self(&len);
	struct code_file file = make_file(scene, name, bytes, 0, 0, len);

	free(bytes);
	return file;
}

static void move_behind(Elf64_Off *offset, __u64 from)
{
	if (*offset >= from)
		*offset += MOVED_BYTES;
}

/* The same program, build-id, addresses and CFI; but its code lies MOVED_BYTES further on. */
static struct code_file make_moved(struct scene *scene, const char *name)
{
	size_t len, from = 0;
	char *bytes = read_self(&len);
	Elf64_Ehdr *header = (Elf64_Ehdr *)bytes;
	Elf64_Phdr *programs = (Elf64_Phdr *)(bytes + header->e_phoff);
	Elf64_Shdr *sections = (Elf64_Shdr *)(bytes + header->e_shoff);
	struct code_file file;

	for (int i = 0; i < header->e_phnum && !from; i++) {
		if (programs[i].p_type == PT_LOAD && (programs[i].p_flags & PF_X))
			from = programs[i].p_offset;
	}
	assert_true(from);
	for (int i = 0; i < header->e_phnum; i++)
		move_behind(&programs[i].p_offset, from);
	for (int i = 0; i < header->e_shnum; i++)
		move_behind(&sections[i].sh_offset, from);
	move_behind(&header->e_shoff, from);
	file = make_file(scene, name, bytes, from, MOVED_BYTES, len);
	free(bytes);
	return file;
}

static void remove_file(const struct code_file *file)
{
	assert_int_equal(unlink(file->path), 0);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void copies_share_their_rows(void **state)
{
	struct scene *scene = *state;
	struct code_file first = make_copy(scene, "first"), copy;
	__u32 nr_rows = scene->store.nr_rows, nr_pages = scene->store.nr_pages;

	assert_true(first.object.nr_pages && nr_rows);
	find(scene, &first);
	assert_int_equal(scene->store.nr_pages, nr_pages); /* known */
	copy = make_copy(scene, "copy");
	assert_int_equal(scene->store.nr_rows, nr_rows);
	assert_int_equal(copy.object.nr_pages, first.object.nr_pages);
	assert_memory_equal(scene->store.pages + copy.object.first_page,
			    scene->store.pages + first.object.first_page,
			    first.object.nr_pages * sizeof(*scene->store.pages));
	assert_int_equal(scene->files.tables.nr_built, 1);
	assert_int_equal(scene->files.tables.nr_shared, 1);
	remove_file(&first);
	remove_file(&copy);
}

/* What is held, and opened, is @file and not what has an equal table. */
static void assert_is(const struct scene *scene, const struct code_file *file)
{
	const struct unwind_mapping mapping = { .first_page = file->object.first_page,
						.nr_pages = file->object.nr_pages };
	struct unwind_object_key key;
	struct stat st;
	int fd = unwind_files__held_by_table(&scene->files, mapping.first_page, &key);

	assert_true(fd >= 0);
	assert_memory_equal(&key, &file->key, sizeof(key));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, file->key.ino);
	fd = unwind_files__open_by_table(&scene->files, getpid(), &mapping);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, file->key.ino);
	close(fd);
}

static void a_table_says_which_file_it_is_of(void **state)
{
	struct scene *scene = *state;
	struct code_file first = make_copy(scene, "first"), copy = make_copy(scene, "copy");
	struct unwind_object_key key;

	assert_int_equal(scene->files.tables.nr_shared, 1);
	assert_int_not_equal(first.object.first_page, copy.object.first_page);
	assert_is(scene, &first);
	assert_is(scene, &copy);
	assert_int_equal(unwind_files__held_by_table(&scene->files, MAX_PAGES - 1, &key), -ENOENT);
	remove_file(&first);
	remove_file(&copy);
}

/* The file offset from which on something is known. */
static __u32 first_code(const struct scene *scene, const struct code_file *file)
{
	for (__u32 i = 0; i < file->object.nr_pages; i++) {
		const struct unwind_page *page = scene->store.pages + file->object.first_page + i;

		for (__u32 at = page->first_row; at < page->first_row + page->nr_rows; at++) {
			__u32 row = scene->store.rows[at / UNWIND_ROWS_PER_BLOCK]
					    .rows[at % UNWIND_ROWS_PER_BLOCK];

			if (row >> 16 != UNWIND_RULE_ID_NONE)
				return i << 16 | (row & 0xffff);
		}
	}
	fail_msg("a table without a rule");
	return 0;
}

/* What a tool that edits files may leave: the build-id, and the CFI byte for byte. */
static void moved_code_has_a_table_of_its_own(void **state)
{
	struct scene *scene = *state;
	struct code_file first = make_copy(scene, "first"), moved = make_moved(scene, "moved");

	assert_int_equal(scene->files.tables.nr_built, 2);
	assert_int_equal(scene->files.tables.nr_shared, 0);
	assert_int_equal(first_code(scene, &moved), first_code(scene, &first) + MOVED_BYTES);
	remove_file(&first);
	remove_file(&moved);
}

static void without_room_a_copy_is_left_out(void **state)
{
	struct scene *scene = *state;
	struct code_file first = make_copy(scene, "first"), copy;

	scene->store.max_pages = scene->store.nr_pages;
	copy = make_copy(scene, "copy");
	assert_int_equal(copy.object.nr_pages, 0);
	assert_int_equal(scene->files.tables.nr_left_out, 1);
	remove_file(&first);
	remove_file(&copy);
}

/* A map of the kernel's that is full is no secret, and our side knows the file all the same. */
static void what_the_kernel_has_no_room_for_is_counted(void **state)
{
	struct scene *scene = *state;
	struct unwind_object object;
	struct code_file file;

	scene->files.objects_fd = memfd_create("no map", MFD_CLOEXEC);
	assert_true(scene->files.objects_fd >= 0);
	file = make_copy(scene, "first");
	assert_true(file.object.nr_pages);
	assert_int_equal(scene->files.nr_untold, 1);
	assert_true(unwind_files__recall(&scene->files, file.key.ino, file.key.dev, &object));
	assert_memory_equal(&object, &file.object, sizeof(object));
	assert_false(unwind_files__recall(&scene->files, file.key.ino + 1, file.key.dev, &object));
	close(scene->files.objects_fd);
	remove_file(&file);
}

/* The last one of a name wins, and if it has no table the name has none. */
static void a_table_does_not_outlive_its_file(void **state)
{
	struct scene *scene = *state;
	struct code_file file = make_copy(scene, "file");
	struct unwind_object object;
	int fd;

	assert_true(unwind_files__recall(&scene->files, file.key.ino, file.key.dev, &object));
	fd = open(file.path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "text", 4), 4);
	close(fd);
	find(scene, &file);
	assert_int_equal(file.object.nr_pages, 0);
	assert_false(unwind_files__recall(&scene->files, file.key.ino, file.key.dev, &object));
	remove_file(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(copies_share_their_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_table_says_which_file_it_is_of, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(moved_code_has_a_table_of_its_own, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_table_does_not_outlive_its_file, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(without_room_a_copy_is_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_the_kernel_has_no_room_for_is_counted, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
