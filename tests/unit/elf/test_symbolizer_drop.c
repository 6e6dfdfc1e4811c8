// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Symbols that were given back are read again, of the very file that was opened, and say the same.
 */
#include "fixture.h"
#include <fcntl.h>

#define STEP_BYTES 3
#define NR_LOOKUPS 200

static int build_all(void **state)
{
	if (make_fixture_dir(state))
		return -1;
	write_file("prog.c", c_source);
	return run("gcc -O2 -g -Wl,--build-id -o prog prog.c && strip -o stripped prog && "
		   "gcc -O2 -static -o static prog.c && objcopy --only-keep-debug prog x.debug && "
		   "strip -o linked prog && objcopy --add-gnu-debuglink=x.debug linked");
}

/* All by one name: functions without a symbol are called by it. */
static struct elf_object *open_named(const char *file)
{
	char name[PATH_MAX];
	struct elf_object *object;

	snprintf(name, sizeof(name), "%s/named", fixture_dir);
	object = elf_object__open(in_dir(file), name, "", NULL);
	assert_non_null(object);
	return object;
}

static char *name_at(struct elf_object *object, uint64_t offset)
{
	struct symbol_lookup lookup;
	char *name;

	elf_object__lookup(object, offset, &lookup);
	name = strdup(lookup.entries[lookup.nr - 1].function);
	assert_non_null(name);
	return name;
}

/* @later is asked each time without its symbols. */
static void assert_same_names(struct elf_object *object, struct elf_object *later, uint64_t from)
{
	for (int i = 0; i < NR_LOOKUPS; i++) {
		uint64_t offset = from + (uint64_t)i * STEP_BYTES;
		char *before = name_at(object, offset), *after;

		elf_object__drop_symbols(later);
		assert_false(elf_object__has_symbols(later));
		after = name_at(later, offset);
		assert_true(elf_object__has_symbols(later));
		assert_string_equal(after, before);
		free(before);
		free(after);
	}
}

static uint64_t code_of(const char *file)
{
	struct elf_image image;
	uint64_t offset = 0;

	assert_int_equal(elf_image__open(&image, in_dir(file), ELF_IMAGE_PROGRAM, NULL), 0);
	for (size_t i = 0; i < image.nr_segments; i++)
		if (image.segments[i].executable)
			offset = image.segments[i].offset_bytes;
	elf_image__close(&image);
	assert_true(offset);
	return offset;
}

static void names_stay(void **state)
{
	static const char *const files[] = { "prog", "stripped", "static", "linked" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct elf_object *object = open_named(files[i]), *later = open_named(files[i]);

		assert_same_names(object, later, code_of(files[i]));
		elf_object__free(object);
		elf_object__free(later);
	}
}

static void memory_is_given_back(void **state)
{
	struct elf_object *object = open_named("static");
	size_t with = elf_object__memory_bytes(object), symbols = elf_object__symbol_bytes(object);

	(void)state;
	assert_true(symbols > 10000);
	elf_object__drop_symbols(object);
	assert_int_equal(elf_object__symbol_bytes(object), 0);
	assert_int_equal(elf_object__memory_bytes(object), with - symbols);
	elf_object__read_symbols(object);
	assert_int_equal(elf_object__memory_bytes(object), with);
	elf_object__free(object);
}

static void another_file_of_the_name_is_not_taken(void **state)
{
	struct elf_object *object = open_named("prog"), *later;
	uint64_t from = code_of("prog");

	(void)state;
	assert_int_equal(run("cp prog replaced"), 0);
	later = open_named("replaced");
	assert_int_equal(run("rm replaced && cp static replaced"), 0);
	assert_same_names(object, later, from);
	elf_object__free(object);
	elf_object__free(later);
}

/* A debug file that comes when the symbols are away. */
static void debug_comes_to_a_dropped_one(void **state)
{
	struct elf_object *object = open_named("prog"), *later = open_named("stripped");
	int fd = open(in_dir("x.debug"), O_RDONLY);

	(void)state;
	assert_true(fd >= 0);
	elf_object__drop_symbols(later);
	assert_int_equal(elf_object__add_debug(later, fd), 0);
	close(fd);
	assert_same_names(object, later, code_of("prog"));
	elf_object__free(object);
	elf_object__free(later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_stay),
		cmocka_unit_test(memory_is_given_back),
		cmocka_unit_test(another_file_of_the_name_is_not_taken),
		cmocka_unit_test(debug_comes_to_a_dropped_one),
	};

	return cmocka_run_group_tests(tests, build_all, remove_fixture_dir);
}
