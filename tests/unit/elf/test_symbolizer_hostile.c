// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Damaged files: a sentence or a nameless answer, no crash and no hang. Build with SANITIZE= for
 * more. */
#include "fixture.h"
#include <time.h>

/* A longer hunt: CFLAGS="-DROUNDS=20000 -DSEED=100" */
#ifndef ROUNDS
#define ROUNDS 400
#endif
#ifndef SEED
#define SEED 0
#endif
#define PROBES 48

static unsigned char *original;
static size_t original_bytes;

static int build_small(void **state)
{
	FILE *file;

	if (make_fixture_dir(state))
		return -1;
	write_file("small.c", c_source);
	if (run("gcc -O2 -g -gz=none -Wl,--build-id,-z,noseparate-code -o small small.c"))
		return -1;
	file = fopen(in_dir("small"), "r");
	original = malloc(1 << 20);
	original_bytes = file && original ? fread(original, 1, 1 << 20, file) : 0;
	if (file)
		fclose(file);
	return original_bytes > 1000 ? 0 : -1;
}

static int drop_small(void **state)
{
	free(original);
	return remove_fixture_dir(state);
}

static void probe(struct elf_object *object)
{
	struct symbol_lookup lookup;

	for (unsigned int i = 0; i < PROBES; i++) {
		uint64_t offset = i < PROBES - 4 ? (uint64_t)random() % (original_bytes + 4096)
						 : ~0ULL >> (random() % 64);

		elf_object__lookup(object, offset, &lookup);
		assert_in_range(lookup.nr, 1, 64);
		assert_non_null(lookup.entries[lookup.nr - 1].function);
		/* A sanitizer looks at every byte of the strings. */
		for (size_t k = 0; k < lookup.nr; k++) {
			if (lookup.entries[k].file)
				assert_true(strlen(lookup.entries[k].file) < 1 << 20);
		}
	}
	assert_true(elf_object__memory_bytes(object) < 256u << 20);
}

static void open_and_probe(const unsigned char *bytes, size_t len, bool as_file)
{
	struct err err = { "" };
	struct elf_object *object;

	if (as_file) {
		FILE *file = fopen(in_dir("damaged"), "w");

		assert_non_null(file);
		assert_int_equal(fwrite(bytes, 1, len, file), len);
		fclose(file);
		object = elf_object__open(in_dir("damaged"), "damaged", "", &err);
	} else {
		object = elf_object__open_memory(bytes, len, "damaged", &err);
	}
	if (object)
		probe(object);
	else
		assert_true(strlen(err.text) > 10);
	elf_object__free(object);
}

static void damage(unsigned char *bytes, size_t from, size_t to)
{
	static const unsigned char nasty[] = { 0, 1, 0x7f, 0x80, 0xff };
	unsigned int nr = 1 + random() % 8;

	while (nr--) {
		size_t at = from + random() % (to - from);

		bytes[at] = random() & 1 ? nasty[random() % sizeof(nasty)] : random();
	}
}

static void mutate(size_t from, size_t to)
{
	unsigned char *copy = malloc(original_bytes);

	assert_non_null(copy);
	for (int round = 0; round < ROUNDS; round++) {
		memcpy(copy, original, original_bytes);
		damage(copy, from, to);
		open_and_probe(copy, original_bytes, round & 1);
	}
	free(copy);
}

static void mutated_headers(void **state)
{
	(void)state;
	srandom(SEED + 1);
	mutate(0, 1024);
}

static void mutated_section_headers(void **state)
{
	uint64_t shoff;

	(void)state;
	srandom(SEED + 2);
	memcpy(&shoff, original + 0x28, sizeof(shoff));
	assert_true(shoff && shoff < original_bytes);
	mutate(shoff, original_bytes);
}

static void mutated_section(const char *name)
{
	struct elf_image image;
	GElf_Shdr shdr;
	size_t from, to;

	assert_int_equal(elf_image__open(&image, in_dir("small"), ELF_IMAGE_PROGRAM, NULL), 0);
	assert_non_null(elf_image__section(&image, name, &shdr));
	from = shdr.sh_offset;
	to = from + shdr.sh_size;
	elf_image__close(&image);
	mutate(from, to);
}

static void mutated_tables(void **state)
{
	(void)state;
	srandom(SEED + 3);
	mutated_section(".symtab");
	mutated_section(".dynsym");
	mutated_section(".rela.plt");
	mutated_section(".eh_frame");
	mutated_section(".eh_frame_hdr");
	mutated_section(".note.gnu.build-id");
}

static void mutated_dwarf(void **state)
{
	(void)state;
	srandom(SEED + 4);
	mutated_section(".debug_info");
	mutated_section(".debug_abbrev");
	mutated_section(".debug_line");
	mutated_section(".debug_rnglists");
}

static void truncated_anywhere(void **state)
{
	(void)state;
	srandom(SEED + 5);
	for (size_t len = 0; len < original_bytes; len += 1 + len / 16)
		open_and_probe(original, len, len & 1);
	for (size_t cut = 1; cut < 64; cut++)
		open_and_probe(original, original_bytes - cut, cut & 1);
}

static void absurd_counts(void **state)
{
	unsigned char *copy = malloc(original_bytes);
	static const size_t fields[] = { 0x20, 0x28, 0x34, 0x36, 0x38, 0x3a, 0x3c, 0x3e };

	(void)state;
	srandom(SEED + 6);
	assert_non_null(copy);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		for (int fill = 0; fill < 256; fill += 255) {
			memcpy(copy, original, original_bytes);
			memset(copy + fields[i], fill, fields[i] < 0x30 ? 8 : 2);
			open_and_probe(copy, original_bytes, false);
			open_and_probe(copy, original_bytes, true);
		}
	}
	free(copy);
}

/* Stripped of section headers, functions are still found through PT_GNU_EH_FRAME. */
static void no_section_headers(void **state)
{
	unsigned char *copy = malloc(original_bytes);
	struct elf_object *object;
	struct symbol_lookup lookup;
	unsigned int nr = 0;

	(void)state;
	assert_non_null(copy);
	memcpy(copy, original, original_bytes);
	memset(copy + 0x28, 0, 8);
	memset(copy + 0x3c, 0, 4);
	object = elf_object__open_memory(copy, original_bytes, "/a/bare", NULL);
	free(copy);
	assert_non_null(object);
	for (uint64_t offset = 0; offset < 0x2000; offset += 16) {
		elf_object__lookup(object, offset, &lookup);
		nr += !strncmp(lookup.entries[0].function, "bare[", 5);
	}
	assert_true(nr > 5);
	elf_object__free(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutated_headers),    cmocka_unit_test(mutated_section_headers),
		cmocka_unit_test(mutated_tables),     cmocka_unit_test(mutated_dwarf),
		cmocka_unit_test(truncated_anywhere), cmocka_unit_test(absurd_counts),
		cmocka_unit_test(no_section_headers),
	};

	return cmocka_run_group_tests(tests, build_small, drop_small);
}
