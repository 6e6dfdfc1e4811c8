/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs built while the test runs, in a directory of their own, and the truth about them from
 * binutils. */
#ifndef TESTS_UNIT_ELF_FIXTURE_H
#define TESTS_UNIT_ELF_FIXTURE_H

#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "elf/elf_image.h"
#include "elf/symbolizer.h"

static char fixture_dir[64];

__attribute__((format(printf, 1, 2))) static inline int run(const char *format, ...)
{
	char command[2048], full[2300];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	/* ASAN's variables are for the test, not for gcc. */
	snprintf(full, sizeof(full), "cd %s && env -u ASAN_OPTIONS sh -c '%s' >/dev/null 2>&1",
		 fixture_dir, command);
	return system(full);
}

static inline FILE *run_and_read(const char *command)
{
	char full[2 * PATH_MAX];

	snprintf(full, sizeof(full), "cd %s && %s 2>/dev/null", fixture_dir, command);
	return popen(full, "r");
}

static inline void write_file(const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", fixture_dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static inline const char *in_dir(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", fixture_dir, name);
	return path;
}

static inline int make_fixture_dir(void **state)
{
	(void)state;
	strcpy(fixture_dir, "/tmp/rsstrace-elf-XXXXXX");
	return mkdtemp(fixture_dir) ? 0 : -1;
}

static inline int remove_fixture_dir(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", fixture_dir);
	return system(command);
}

static inline struct elf_object *open_fixture(const char *name)
{
	struct err err = { "" };
	struct elf_object *object = elf_object__open(in_dir(name), name, "", &err);

	if (!object)
		fail_msg("%s", err.text);
	return object;
}

/* Tests have link-time addresses from nm, lookups want file offsets. */
static inline uint64_t file_offset(const char *path, uint64_t vaddr)
{
	const struct elf_segment *segment;
	struct elf_image image;
	uint64_t offset;

	assert_int_equal(elf_image__open(&image, path, ELF_IMAGE_PROGRAM, NULL), 0);
	segment = elf_image__segment_at(&image, vaddr);
	offset = segment ? segment->offset_bytes + vaddr - segment->vaddr : ~0ULL;
	elf_image__close(&image);
	return offset;
}

static const char *const c_source =
	"#include <stdio.h>\n"
	"#include <stdlib.h>\n"
	"#include <string.h>\n"
	"volatile int sink;\n"
	"static inline __attribute__((always_inline)) void deepest(int n)\n"
	"{\n"
	"	sink += n * 3;\n" /* line 7 */
	"}\n"
	"static inline __attribute__((always_inline)) void middle(int n)\n"
	"{\n"
	"	sink++;\n"
	"	deepest(n + 1);\n" /* line 12 */
	"}\n"
	"static __attribute__((noinline)) int local_one(int n)\n"
	"{\n"
	"	middle(n);\n" /* line 16 */
	"	return sink;\n"
	"}\n"
	"__attribute__((noinline)) int global_two(int n)\n"
	"{\n"
	"	char *p = malloc(n);\n"
	"	memset(p, n, n);\n"
	"	sink += p[n / 2];\n"
	"	free(p);\n"
	"	return local_one(n) + 1;\n"
	"}\n"
	"int alias_two(int n) __attribute__((alias(\"global_two\")));\n"
	"int __weak_two(int n) __attribute__((weak, alias(\"global_two\")));\n"
	"__asm__(\".text\\n.type asm_sized,@function\\nasm_sized: nop\\nnop\\nret\\n\"\n"
	"	\".size asm_sized,.-asm_sized\\n.balign 16\\nasm_label: nop\\nnop\\nret\\n.balign "
	"64\\n\");\n"
	"int main(int argc, char **argv)\n"
	"{\n"
	"	(void)argv;\n"
	"	printf(\"%d\\n\", global_two(argc * 100));\n"
	"	return 0;\n"
	"}\n";

#endif
