// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Unwind tables of files that lack something, or were damaged: nothing crashes, what is there is
 * used. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "elf/unwind_table.h"
#include "file_image.h"

#define NR_MUTATIONS 3000

static void check_table(const struct unwind_table *table)
{
	assert_true(table->nr >= 2);
	for (size_t i = 1; i < table->nr; i++) {
		assert_true(table->rows[i - 1].offset < table->rows[i].offset);
		assert_memory_not_equal(&table->rows[i - 1].rule, &table->rows[i].rule,
					sizeof(struct unwind_rule));
	}
	assert_int_equal(table->rows[table->nr - 1].rule.how, UNWIND_CFA_NONE);
}

/* --- images ----------------------------------------------------------------------------------- */

static void assert_same_table(const struct unwind_table *a, const struct unwind_table *b)
{
	assert_int_equal(a->nr, b->nr);
	for (size_t i = 0; i < a->nr; i++) {
		assert_int_equal(a->rows[i].offset, b->rows[i].offset);
		assert_memory_equal(&a->rows[i].rule, &b->rows[i].rule, sizeof(a->rows[i].rule));
	}
}

static void forget_program_header(struct image *image, __u32 type)
{
	Elf64_Ehdr *header = (Elf64_Ehdr *)image->bytes;
	Elf64_Phdr *programs = (Elf64_Phdr *)(image->bytes + header->e_phoff);

	for (int i = 0; i < header->e_phnum; i++) {
		if (programs[i].p_type == type)
			programs[i].p_type = PT_NULL;
	}
}

static void test_static_binary_has_no_frame_header(void **state)
{
	struct image image = read_image("/proc/self/exe");
	struct unwind_table whole, bare;

	(void)state;
	assert_int_equal(unwind_table__build_memory(&whole, image.bytes, image.len, "a", NULL), 0);
	forget_program_header(&image, PT_GNU_EH_FRAME);
	assert_int_equal(unwind_table__build_memory(&bare, image.bytes, image.len, "b", NULL), 0);
	assert_same_table(&whole, &bare);
	unwind_table__fini(&whole);
	unwind_table__fini(&bare);
	free(image.bytes);
}

/* Without section headers the start-up code cannot be found; all else must be there. */
static void test_no_section_headers(void **state)
{
	struct image image = read_image("/proc/self/exe");
	Elf64_Ehdr *header = (Elf64_Ehdr *)image.bytes;
	struct unwind_table whole, bare;

	(void)state;
	assert_int_equal(unwind_table__build_memory(&whole, image.bytes, image.len, "a", NULL), 0);
	header->e_shoff = 0;
	header->e_shnum = 0;
	header->e_shstrndx = 0;
	assert_int_equal(unwind_table__build_memory(&bare, image.bytes, image.len, "b", NULL), 0);
	assert_in_range(bare.nr_functions, whole.nr_functions - 2, whole.nr_functions);
	check_table(&bare);
	unwind_table__fini(&whole);
	unwind_table__fini(&bare);
	free(image.bytes);
}

static void test_vdso(void **state)
{
	const Elf64_Ehdr *vdso = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	struct unwind_table table;
	size_t len;

	(void)state;
	if (!vdso)
		skip();
	len = vdso->e_shoff + (size_t)vdso->e_shnum * vdso->e_shentsize;
	assert_int_equal(unwind_table__build_memory(&table, vdso, len, "[vdso]", NULL), 0);
	check_table(&table);
	unwind_table__fini(&table);
}

static void test_says_what_it_cannot_read(void **state)
{
	static const char text[] = "#!/bin/sh\nexit 0\n";
	struct unwind_table table;
	struct err err = { "" };

	(void)state;
	assert_int_equal(unwind_table__build_memory(&table, text, sizeof(text), "run.sh", &err),
			 -ENOEXEC);
	assert_string_equal(err.text, "\"run.sh\" is not a 64-bit x86 ELF file");
	assert_int_equal(table.nr, 0);
}

static void test_go(void **state)
{
	struct unwind_table table;
	int fd = open("/usr/lib/go/bin/go", O_RDONLY);

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(unwind_table__build(&table, fd, "go", NULL), 0);
	check_table(&table);
	assert_true(table.has_go);
	assert_true(table.nr_functions > 1000);
	assert_true(unwind_table__estimate(fd) > table.nr);
	close(fd);
	unwind_table__fini(&table);
}

/* --- damage ----------------------------------------------------------------------------------- */

/* Where damage hurts: the headers, the frame section, the tables they lead to. */
static size_t pick_place(const struct image *image, unsigned int *seed)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image->bytes;
	const Elf64_Phdr *programs = (const Elf64_Phdr *)(image->bytes + header->e_phoff);
	size_t start = 0, len = sizeof(*header);
	unsigned int choice = (unsigned int)rand_r(seed) % 8;

	if (choice == 1) {
		start = header->e_phoff;
		len = (size_t)header->e_phnum * sizeof(*programs);
	} else if (choice == 2) {
		start = header->e_shoff;
		len = (size_t)header->e_shnum * sizeof(Elf64_Shdr);
	} else if (choice > 2) {
		for (int i = 0; i < header->e_phnum; i++) {
			if (programs[i].p_type != PT_GNU_EH_FRAME)
				continue;
			start = programs[i].p_offset;
			len = programs[i].p_filesz * 5; /* .eh_frame follows its index */
		}
	}
	return (start + (size_t)rand_r(seed) % len) % image->len;
}

static void mutate(const struct image *original, struct image *image, unsigned int *seed)
{
	static const __u8 likely[] = { 0, 1, 0x7f, 0x80, 0xff, 0x0f, 0x16, 0x0b };
	int nr = 1 + rand_r(seed) % 12;

	memcpy(image->bytes, original->bytes, original->len);
	for (int i = 0; i < nr; i++) {
		__u8 byte = rand_r(seed) % 2 ? likely[rand_r(seed) % 8] : (__u8)rand_r(seed);
		size_t place = pick_place(original, seed);

		for (int run = rand_r(seed) % 8; run >= 0 && place < image->len; run--)
			image->bytes[place++] = byte;
	}
}

static void build_damaged(const __u8 *bytes, size_t len)
{
	struct unwind_table table;

	if (!unwind_table__build_memory(&table, bytes, len, "damaged", NULL))
		check_table(&table);
	unwind_table__fini(&table);
}

/* A heap copy of just that length, so that the sanitizer sees each byte read beyond it. */
static void build_cut(const struct image *image, size_t len)
{
	__u8 *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, image->bytes, len);
	build_damaged(copy, len);
	free(copy);
}

static void test_survives_damage(void **state)
{
	struct image original = read_image("/bin/true"), image = original;
	unsigned int seed = 7;

	(void)state;
	image.bytes = malloc(original.len);
	assert_non_null(image.bytes);
	for (int i = 0; i < NR_MUTATIONS; i++) {
		mutate(&original, &image, &seed);
		build_damaged(image.bytes, image.len);
		if (i % 4 == 0)
			build_cut(&image, (size_t)rand_r(&seed) % image.len);
	}
	free(image.bytes);
	free(original.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_static_binary_has_no_frame_header),
		cmocka_unit_test(test_no_section_headers),
		cmocka_unit_test(test_vdso),
		cmocka_unit_test(test_says_what_it_cannot_read),
		cmocka_unit_test(test_go),
		cmocka_unit_test(test_survives_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
