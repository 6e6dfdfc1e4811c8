// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Against readelf, for every way to get at .eh_frame. */
#include "fixture.h"
#include "elf/fde_ranges.h"

static int build_all(void **state)
{
	if (make_fixture_dir(state))
		return -1;
	write_file("prog.c", c_source);
	return run("gcc -O2 -o dynamic prog.c") || run("gcc -O2 -static -s -o static prog.c") ||
	       run("gcc -O2 -fno-pie -no-pie -o fixed prog.c");
}

static bool has_range(const struct fde_ranges *fdes, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < fdes->nr; i++) {
		if (fdes->ranges[i].start == start && fdes->ranges[i].size_bytes == end - start)
			return true;
	}
	return false;
}

static void check_file(const char *file, unsigned int at_least)
{
	struct fde_ranges fdes;
	struct elf_image image;
	unsigned int nr = 0;
	char line[512];
	FILE *pipe;

	assert_int_equal(elf_image__open(&image, in_dir(file), ELF_IMAGE_PROGRAM, NULL), 0);
	fde_ranges__init(&fdes, &image);
	elf_image__close(&image);
	snprintf(line, sizeof(line), "readelf --debug-dump=frames %s", file);
	pipe = run_and_read(line);
	while (fgets(line, sizeof(line), pipe)) {
		char *found = strstr(line, " FDE ") ? strstr(line, "pc=") : NULL;
		unsigned long long start, end;

		if (!found || sscanf(found, "pc=%llx..%llx", &start, &end) != 2 || end == start)
			continue;
		assert_true(has_range(&fdes, start, end));
		nr++;
	}
	pclose(pipe);
	assert_int_equal(nr, fdes.nr);
	assert_true(nr >= at_least);
	fde_ranges__fini(&fdes);
}

static void ranges_of_readelf(void **state)
{
	(void)state;
	check_file("dynamic", 4);
	check_file("fixed", 4);
	check_file("static", 500);
}

static void lookups(void **state)
{
	struct fde_ranges fdes;
	struct elf_image image;

	(void)state;
	assert_int_equal(elf_image__open(&image, in_dir("static"), ELF_IMAGE_PROGRAM, NULL), 0);
	fde_ranges__init(&fdes, &image);
	elf_image__close(&image);
	for (size_t i = 0; i < fdes.nr; i++) {
		const struct fde_range *fde = &fdes.ranges[i];
		uint64_t end = fde->start + fde->size_bytes;

		assert_ptr_equal(fde_ranges__find(&fdes, fde->start), fde);
		assert_ptr_equal(fde_ranges__find(&fdes, end - 1), fde);
		assert_true(fde_ranges__find(&fdes, end) != fde);
		assert_true(fde_ranges__starts_in(&fdes, fde->start, fde->start + 1));
		assert_false(fde_ranges__starts_in(&fdes, fde->start + 1, end));
	}
	assert_null(fde_ranges__find(&fdes, 0));
	assert_null(fde_ranges__find(&fdes, ~0ULL));
	assert_false(fde_ranges__starts_in(&fdes, ~0ULL, ~0ULL));
	fde_ranges__fini(&fdes);
}

/* Section headers taken away, PT_GNU_EH_FRAME leads to the same table. */
static void by_segment_as_by_section(void **state)
{
	struct fde_ranges by_section, by_segment;
	struct elf_image image;
	char *bytes;
	FILE *file = fopen(in_dir("dynamic"), "r");
	size_t len;

	(void)state;
	assert_non_null(file);
	assert_int_equal(elf_image__open(&image, in_dir("dynamic"), ELF_IMAGE_PROGRAM, NULL), 0);
	fde_ranges__init(&by_section, &image);
	bytes = malloc(image.size_bytes);
	assert_non_null(bytes);
	len = fread(bytes, 1, image.size_bytes, file);
	fclose(file);
	elf_image__close(&image);
	memset(bytes + offsetof(Elf64_Ehdr, e_shoff), 0, 8);
	memset(bytes + offsetof(Elf64_Ehdr, e_shnum), 0, 4);
	assert_int_equal(
		elf_image__open_memory(&image, bytes, len, "bare", ELF_IMAGE_PROGRAM, NULL), 0);
	fde_ranges__init(&by_segment, &image);
	elf_image__close(&image);
	assert_int_equal(by_segment.nr, by_section.nr);
	assert_memory_equal(by_segment.ranges, by_section.ranges,
			    by_section.nr * sizeof(*by_section.ranges));
	fde_ranges__fini(&by_section);
	fde_ranges__fini(&by_segment);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_of_readelf),
		cmocka_unit_test(lookups),
		cmocka_unit_test(by_segment_as_by_section),
	};

	return cmocka_run_group_tests(tests, build_all, remove_fixture_dir);
}
