// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Where a program's headers put its code, against where the kernel put ours; and headers that lie.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "elf/exec_image.h"

#define MAX_SEGMENTS 4
#define INTERPRETER_AT 0x400

/* A program's headers, and room for an interpreter's name behind them. */
struct program {
	Elf64_Ehdr header;
	Elf64_Phdr segments[MAX_SEGMENTS];
	char more[0x1000];
};

static struct program make_program(void)
{
	struct program program = {
		.header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					 ELFDATA2LSB, EV_CURRENT },
			    .e_type = ET_DYN,
			    .e_machine = EM_X86_64,
			    .e_version = EV_CURRENT,
			    .e_entry = 0x2345,
			    .e_phoff = sizeof(Elf64_Ehdr),
			    .e_ehsize = sizeof(Elf64_Ehdr),
			    .e_phentsize = sizeof(Elf64_Phdr) },
	};

	return program;
}

static void add(struct program *program, __u32 type, __u32 flags, __u64 vaddr, __u64 offset,
		__u64 bytes)
{
	assert_true(program->header.e_phnum < MAX_SEGMENTS);
	program->segments[program->header.e_phnum++] = (Elf64_Phdr){ .p_type = type,
								     .p_flags = flags,
								     .p_offset = offset,
								     .p_vaddr = vaddr,
								     .p_filesz = bytes,
								     .p_memsz = bytes,
								     .p_align = 4096 };
}

static int read_bytes(struct exec_image *image, const void *bytes, size_t len)
{
	int fd = memfd_create("program", MFD_CLOEXEC), code;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	code = exec_image__read(image, fd);
	close(fd);
	return code;
}

static int read_program(struct exec_image *image, const struct program *program)
{
	return read_bytes(image, program, sizeof(*program));
}

static void our_own_is_where_the_kernel_put_it(void **state)
{
	unsigned long long start, end, offset, bias;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	FILE *maps = fopen("/proc/self/maps", "r");
	struct exec_image image;
	char line[512], prot[5];
	bool found = false;

	(void)state;
	assert_int_equal(exec_image__read(&image, fd), 0);
	close(fd);
	assert_int_equal(access(image.interpreter, X_OK), 0);
	bias = getauxval(AT_ENTRY) - image.entry;
	while (!found && fgets(line, sizeof(line), maps))
		found = sscanf(line, "%llx-%llx %4s %llx", &start, &end, prot, &offset) == 4 &&
			prot[2] == 'x';
	fclose(maps);
	assert_true(found);
	assert_int_equal(image.start + bias, start);
	assert_int_equal(image.end + bias, end);
	assert_int_equal(image.offset, offset);
}

static void code_is_told_in_whole_pages(void **state)
{
	struct program program = make_program();
	struct exec_image image;

	(void)state;
	add(&program, PT_LOAD, PF_R, 0, 0, 0x800);
	add(&program, PT_LOAD, PF_R | PF_X, 0x402340, 0x1340, 0x1000);
	add(&program, PT_LOAD, PF_R | PF_X, 0x500000, 0x3000, 0x10); /* the first counts */
	assert_int_equal(read_program(&image, &program), 0);
	assert_int_equal(image.entry, 0x2345);
	assert_int_equal(image.start, 0x402000);
	assert_int_equal(image.end, 0x404000);
	assert_int_equal(image.offset, 0x1000);
	assert_string_equal(image.interpreter, "");
}

static void the_interpreter_is_a_path_that_fits(void **state)
{
	static const char loader[] = "/lib64/ld.so";
	struct program program = make_program();
	struct exec_image image;
	char *at = (char *)&program + INTERPRETER_AT;

	(void)state;
	add(&program, PT_LOAD, PF_R | PF_X, 0, 0, 0x1000);
	add(&program, PT_INTERP, PF_R, INTERPRETER_AT, INTERPRETER_AT, sizeof(loader));
	memcpy(at, loader, sizeof(loader));
	assert_int_equal(read_program(&image, &program), 0);
	assert_string_equal(image.interpreter, loader);

	memset(at, 'x', 0x800); /* no end, and too long */
	program.segments[1].p_filesz = EXEC_IMAGE_PATH_MAX - 1;
	assert_int_equal(read_program(&image, &program), 0);
	assert_int_equal(strlen(image.interpreter), EXEC_IMAGE_PATH_MAX - 1);
	program.segments[1].p_filesz = EXEC_IMAGE_PATH_MAX;
	assert_int_equal(read_program(&image, &program), 0);
	assert_string_equal(image.interpreter, "");

	program.segments[1].p_filesz = sizeof(loader);
	program.segments[1].p_offset = sizeof(program) - 1; /* beyond the end of the file */
	assert_int_equal(read_program(&image, &program), 0);
	assert_string_equal(image.interpreter, "");
}

/* What the kernel would not map as it says is no code. */
static void lies_are_no_code(void **state)
{
	struct program program = make_program();
	struct exec_image image;

	(void)state;
	assert_int_equal(read_program(&image, &program), -ENOEXEC); /* no segment */
	add(&program, PT_LOAD, PF_R, 0, 0, 0x1000);
	assert_int_equal(read_program(&image, &program), -ENOEXEC); /* none with code */
	program.segments[0].p_flags = PF_X;
	assert_int_equal(read_program(&image, &program), 0);
	program.segments[0].p_vaddr = 0x10; /* elsewhere in its page than in the file's */
	assert_int_equal(read_program(&image, &program), -ENOEXEC);
	program.segments[0].p_vaddr = 0;
	program.segments[0].p_memsz = 0x10; /* less than there is in the file */
	assert_int_equal(read_program(&image, &program), -ENOEXEC);
	program.segments[0].p_filesz = program.segments[0].p_memsz = ~0ULL - 0x100; /* wraps */
	assert_int_equal(read_program(&image, &program), -ENOEXEC);
	program.header.e_phoff = ~0ULL - 8;
	assert_int_equal(read_program(&image, &program), -ENOEXEC);
	assert_int_equal(read_bytes(&image, "#!/bin/sh\n", 10), -ENOEXEC);
	assert_int_equal(read_bytes(&image, &program, 20), -ENOEXEC);
	assert_int_equal(exec_image__read(&image, -1), -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_is_where_the_kernel_put_it),
		cmocka_unit_test(code_is_told_in_whole_pages),
		cmocka_unit_test(the_interpreter_is_a_path_that_fits),
		cmocka_unit_test(lies_are_no_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
