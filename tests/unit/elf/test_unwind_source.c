// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What makes one source another: all that its table depends on, its build-id, the key, no more. */
#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "elf/unwind_table.h"
#include "file_image.h"

static const struct siphash_key key = { { 1, 2 } };

static struct image own_image(void)
{
	return read_image("/proc/self/exe");
}

static Elf64_Ehdr *header_of(const struct image *image)
{
	return (Elf64_Ehdr *)image->bytes;
}

static Elf64_Shdr *section(const struct image *image, const char *name)
{
	Elf64_Shdr *all = (Elf64_Shdr *)(image->bytes + header_of(image)->e_shoff);
	const char *names = (char *)image->bytes + all[header_of(image)->e_shstrndx].sh_offset;

	for (int i = 0; i < header_of(image)->e_shnum; i++) {
		if (!strcmp(names + all[i].sh_name, name))
			return &all[i];
	}
	fail_msg("no %s", name);
	return NULL;
}

static Elf64_Phdr *program_header(const struct image *image, __u32 type, __u32 flags)
{
	Elf64_Phdr *all = (Elf64_Phdr *)(image->bytes + header_of(image)->e_phoff);

	for (int i = 0; i < header_of(image)->e_phnum; i++) {
		if (all[i].p_type == type && (all[i].p_flags & flags) == flags)
			return &all[i];
	}
	fail_msg("no program header of type %u", type);
	return NULL;
}

static struct siphash_value id_of(const struct image *image, const struct siphash_key *with)
{
	struct unwind_source *source;
	struct siphash_value id;

	assert_int_equal(
		unwind_source__read_memory(&source, image->bytes, image->len, "self", NULL), 0);
	id = unwind_source__id(source, with);
	unwind_source__free(source);
	return id;
}

/* Add one to the byte at @at and take it back. */
static bool matters(const struct image *image, void *at)
{
	const struct siphash_value before = id_of(image, &key);
	struct siphash_value after;
	__u8 *byte = at;

	++*byte;
	after = id_of(image, &key);
	--*byte;
	return memcmp(&before, &after, sizeof(before)) != 0;
}

static bool byte_matters(const struct image *image, const char *name, size_t at)
{
	return matters(image, image->bytes + section(image, name)->sh_offset + at);
}

static void all_that_a_table_depends_on_matters(void **state)
{
	struct image image = own_image();
	Elf64_Phdr *code = program_header(&image, PT_LOAD, PF_X);

	(void)state;
	assert_true(byte_matters(&image, ".eh_frame", 0));
	assert_true(byte_matters(&image, ".eh_frame", section(&image, ".eh_frame")->sh_size - 1));
	assert_true(byte_matters(&image, ".init", 0));
	assert_true(byte_matters(&image, ".fini", 0));
	assert_true(byte_matters(&image, ".note.gnu.build-id", 16)); /* its first byte */
	assert_true(matters(&image, &section(&image, ".eh_frame")->sh_addr));
	assert_true(matters(&image, &section(&image, ".init")->sh_addr));
	assert_true(matters(&image, &section(&image, ".text")->sh_addr));
	assert_true(matters(&image, (__u8 *)&code->p_offset + 1));
	assert_true(matters(&image, (__u8 *)&code->p_vaddr + 1));
	assert_true(matters(&image, &code->p_filesz));
	assert_true(matters(&image, &code->p_flags));
	assert_true(matters(&image, &header_of(&image)->e_entry));
	assert_true(matters(&image, &program_header(&image, PT_INTERP, 0)->p_type));
	free(image.bytes);
}

static void the_table_of_go_matters(void **state)
{
	static const char go[] = "/usr/bin/go";
	struct image image;

	(void)state;
	if (access(go, R_OK))
		skip();
	image = read_image(go);
	assert_true(byte_matters(&image, ".gopclntab", 100));
	assert_true(byte_matters(&image, ".gopclntab", section(&image, ".gopclntab")->sh_size - 1));
	free(image.bytes);
}

static void nothing_else_does(void **state)
{
	struct image image = own_image();

	(void)state;
	assert_false(byte_matters(&image, ".text", 0));
	assert_false(byte_matters(&image, ".rodata", 8));
	assert_false(matters(&image, &section(&image, ".eh_frame")->sh_flags));
	assert_false(matters(&image, &header_of(&image)->e_flags));
	free(image.bytes);
}

static void another_key_gives_other_ids(void **state)
{
	const struct siphash_key other = { { 1, 3 } };
	struct image image = own_image();
	struct siphash_value a = id_of(&image, &key), b = id_of(&image, &other);

	(void)state;
	assert_memory_not_equal(&a, &b, sizeof(a));
	b = id_of(&image, &key);
	assert_memory_equal(&a, &b, sizeof(a));
	free(image.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_a_table_depends_on_matters),
		cmocka_unit_test(the_table_of_go_matters),
		cmocka_unit_test(nothing_else_does),
		cmocka_unit_test(another_key_gives_other_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
