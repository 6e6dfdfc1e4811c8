// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <time.h>
#include "elf/fde_ranges.h"

static int build_all(void **state)
{
	if (make_fixture_dir(state))
		return -1;
	write_file("prog.c", c_source);
	return run("gcc -O2 -g -Wl,--build-id -o prog prog.c") ||
	       run("gcc -O2 -Wl,--build-id -o nodebug prog.c") ||
	       run("strip -o stripped nodebug") || run("gcc -O2 -g -static -o static prog.c") ||
	       run("strip -o static-stripped static");
}

static const char *name_at(struct elf_object *object, uint64_t offset)
{
	struct symbol_lookup lookup;

	elf_object__lookup(object, offset, &lookup);
	assert_true(lookup.nr >= 1);
	return lookup.entries[lookup.nr - 1].function;
}

/* Address of @symbol by nm; size too when asked. */
static uint64_t nm_address(const char *file, const char *symbol, uint64_t *size)
{
	char command[256], line[512], name[256];
	unsigned long long address = 0, size_bytes = 0;
	FILE *pipe;

	snprintf(command, sizeof(command), "nm -S --defined-only %s | grep ' %s$'", file, symbol);
	pipe = run_and_read(command);
	if (fgets(line, sizeof(line), pipe) &&
	    sscanf(line, "%llx %llx %*c %255s", &address, &size_bytes, name) != 3)
		size_bytes = 0;
	pclose(pipe);
	assert_true(address);
	if (size)
		*size = size_bytes;
	return address;
}

/* Every sized function that nm lists has a name with the same address, at its first and last byte.
 */
static unsigned int check_against_nm(const char *file, const char *path, const char *options)
{
	struct elf_object *object = elf_object__open(path, path, "", NULL);
	char command[PATH_MAX + 64], line[4096], name[2048], type;
	unsigned long long address, size;
	unsigned int nr = 0;
	FILE *pipe;

	assert_non_null(object);
	snprintf(command, sizeof(command), "nm %s -S --defined-only %s", options, file);
	pipe = run_and_read(command);
	while (fgets(line, sizeof(line), pipe)) {
		struct symbol_lookup first;
		uint64_t offset;
		char *found;

		if (sscanf(line, "%llx %llx %c %2047s", &address, &size, &type, name) != 4 ||
		    !strchr("tTwWi", type) || !size)
			continue;
		offset = file_offset(path, address);
		elf_object__lookup(object, offset, &first);
		/* An alias may win: then it begins at the same place. */
		assert_int_equal(first.start_delta, 0);
		found = strdup(first.entries[first.nr - 1].function);
		assert_null(strchr(found, '['));
		assert_null(strchr(found, '@'));
		assert_string_equal(name_at(object, offset), found);
		free(found);
		nr++;
	}
	pclose(pipe);
	elf_object__free(object);
	return nr;
}

static void all_functions_of_nm(void **state)
{
	(void)state;
	assert_true(check_against_nm("prog", in_dir("prog"), "") >= 5);
	assert_true(check_against_nm("nodebug", in_dir("nodebug"), "") >= 5);
	assert_true(check_against_nm("static", in_dir("static"), "") > 500);
}

static const char *find_libc(void)
{
	static const char *const paths[] = { "/lib/x86_64-linux-gnu/libc.so.6",
					     "/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6",
					     "/usr/lib/libc.so.6" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		if (!access(paths[i], R_OK))
			return paths[i];
	}
	return NULL;
}

/* A copy without the ways to its debug file, which may be installed; NULL: no libc found. */
static const char *libc_path(void)
{
	static char path[PATH_MAX];

	if (!find_libc() || run("test -e libc.so.6 || objcopy -R .note.gnu.build-id "
				"-R .gnu_debuglink %s libc.so.6",
				find_libc()))
		return NULL;
	snprintf(path, sizeof(path), "%s", in_dir("libc.so.6"));
	return path;
}

/* Debug files are found by build-id; the main one's names are not from .dynsym. */
static void installed_debug_file(void **state)
{
	struct elf_object *object;
	struct symbol_lookup lookup;
	uint64_t address = 0;
	char line[512];
	FILE *pipe;

	(void)state;
	if (!find_libc())
		skip();
	object = elf_object__open(find_libc(), find_libc(), "", NULL);
	assert_non_null(object);
	snprintf(line, sizeof(line), "nm -D --defined-only %s | grep -w malloc", find_libc());
	pipe = run_and_read(line);
	if (fgets(line, sizeof(line), pipe))
		address = strtoull(line, NULL, 16);
	pclose(pipe);
	elf_object__lookup(object, file_offset(find_libc(), address), &lookup);
	assert_non_null(strstr(lookup.entries[lookup.nr - 1].function, "malloc"));
	if (!lookup.entries[0].file) {
		elf_object__free(object);
		skip();
	}
	assert_non_null(strstr(lookup.entries[0].file, "malloc.c"));
	assert_true(lookup.entries[0].line > 0);
	elf_object__free(object);
}

static void dynamic_symbols_of_libc(void **state)
{
	(void)state;
	if (!libc_path())
		skip();
	assert_true(check_against_nm(libc_path(), libc_path(), "-D") > 1000);
}

/* In a library without .symtab an address that no symbol covers gets the range of its function. */
static void local_functions_of_libc_are_ranges(void **state)
{
	struct fde_ranges fdes;
	struct elf_object *object;
	struct elf_image image;
	GElf_Shdr shdr;
	unsigned int nr = 0;

	(void)state;
	if (!libc_path() || elf_image__open(&image, libc_path(), ELF_IMAGE_PROGRAM, NULL))
		skip();
	object = elf_object__open(libc_path(), libc_path(), "", NULL);
	if (elf_image__section(&image, ".symtab", &shdr) || !object)
		skip();
	fde_ranges__init(&fdes, &image);
	assert_true(fdes.nr > 1000);
	for (size_t i = 0; i < fdes.nr; i++) {
		const struct fde_range *fde = &fdes.ranges[i];
		uint64_t vaddr = fde->start + fde->size_bytes / 2;
		struct symbol_lookup lookup;
		char expected[64];

		elf_object__lookup(object, file_offset(libc_path(), vaddr), &lookup);
		if (!strchr(lookup.entries[0].function, '['))
			continue;
		snprintf(expected, sizeof(expected), "libc.so.6[%llx-%llx]", fde->start,
			 fde->start + fde->size_bytes);
		assert_string_equal(lookup.entries[0].function, expected);
		assert_int_equal(lookup.start_delta, fde->size_bytes / 2);
		nr++;
	}
	assert_true(nr > 100);
	fde_ranges__fini(&fdes);
	elf_image__close(&image);
	elf_object__free(object);
}

static void stripped_function_is_its_range(void **state)
{
	struct elf_object *object = open_fixture("stripped");
	uint64_t size, vaddr = nm_address("nodebug", "local_one", &size), offset;
	char expected[128];

	(void)state;
	snprintf(expected, sizeof(expected), "stripped[%llx-%llx]", (unsigned long long)vaddr,
		 (unsigned long long)(vaddr + size));
	offset = file_offset(in_dir("stripped"), vaddr);
	for (uint64_t i = 0; i < size; i++)
		assert_string_equal(name_at(object, offset + i), expected);
	assert_string_not_equal(name_at(object, offset + size), expected);
	elf_object__free(object);
}

/* Without PT_GNU_EH_FRAME, as static programs are. */
static void stripped_static_function_is_its_range(void **state)
{
	struct elf_object *object = open_fixture("static-stripped");
	uint64_t size, vaddr = nm_address("static", "global_two", &size);
	char expected[128];

	(void)state;
	snprintf(expected, sizeof(expected), "static-stripped[%llx-%llx]",
		 (unsigned long long)vaddr, (unsigned long long)(vaddr + size));
	assert_string_equal(name_at(object, file_offset(in_dir("static-stripped"), vaddr + 3)),
			    expected);
	elf_object__free(object);
}

static void best_alias_wins(void **state)
{
	struct elf_object *object = open_fixture("nodebug");
	uint64_t vaddr = nm_address("nodebug", "global_two", NULL);

	(void)state;
	assert_string_equal(name_at(object, file_offset(in_dir("nodebug"), vaddr)), "alias_two");
	elf_object__free(object);
}

static void labels_end_at_the_next_function(void **state)
{
	struct elf_object *object = open_fixture("nodebug");
	uint64_t vaddr = nm_address("nodebug", "asm_label", NULL);
	uint64_t sized = nm_address("nodebug", "asm_sized", NULL);

	(void)state;
	assert_string_equal(name_at(object, file_offset(in_dir("nodebug"), vaddr + 1)),
			    "asm_label");
	assert_string_equal(name_at(object, file_offset(in_dir("nodebug"), sized + 2)),
			    "asm_sized");
	/* Padding behind a sized function belongs to nobody. */
	assert_true(strchr(name_at(object, file_offset(in_dir("nodebug"), sized + 3)), '+'));
	elf_object__free(object);
}

static void offsets_outside_have_a_name(void **state)
{
	struct elf_object *object = open_fixture("prog");
	struct symbol_lookup lookup;

	(void)state;
	elf_object__lookup(object, 1ULL << 40, &lookup);
	assert_int_equal(lookup.nr, 1);
	assert_string_equal(lookup.entries[0].function, "prog+0x10000000000");
	assert_int_equal(lookup.start_delta, 0xffffffffu);
	elf_object__lookup(object, ~0ULL, &lookup);
	assert_string_equal(lookup.entries[0].function, "prog+0xffffffffffffffff");
	elf_object__free(object);
}

static void plt_stubs(void **state)
{
	static const char *const names[] = { "malloc@plt", "free@plt", "printf@plt" };
	static const char *const files[] = { "stripped", "now", "lazy" };
	unsigned int found = 0;

	(void)state;
#ifndef __x86_64__
	skip();
#endif
	assert_int_equal(run("gcc -O2 -fcf-protection -Wl,-z,now -s -o now prog.c"), 0);
	assert_int_equal(run("gcc -O2 -fcf-protection -Wl,-z,lazy,-z,ibtplt -s -o lazy prog.c"), 0);
	for (size_t f = 0; f < 3; f++) {
		struct elf_object *object = open_fixture(files[f]);

		for (uint64_t offset = 0x1000; offset < 0x1200; offset++) {
			for (size_t i = 0; i < 3; i++)
				found |= !strcmp(name_at(object, offset), names[i]) << (3 * f + i);
		}
		elf_object__free(object);
	}
	assert_int_equal(found, 0x1ff);
}

/* addr2line prints "function\nfile:line\n" pairs from the innermost frame out. */
static void lines_and_inlines_as_addr2line(void **state)
{
	struct elf_object *object = open_fixture("prog");
	unsigned int nr_inlined = 0;
	uint64_t functions[3] = { nm_address("prog", "local_one", NULL),
				  nm_address("prog", "global_two", NULL),
				  nm_address("prog", "main", NULL) };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (uint64_t at = 0; at < 30; at += 3) {
			char command[256], function[256], place[512], *colon;
			struct symbol_lookup lookup;
			size_t nr = 0;
			FILE *pipe;

			elf_object__lookup(object, file_offset(in_dir("prog"), functions[i] + at),
					   &lookup);
			snprintf(command, sizeof(command), "addr2line -f -i -e prog %#llx",
				 (unsigned long long)(functions[i] + at));
			pipe = run_and_read(command);
			while (fscanf(pipe, "%255s %511[^\n]", function, place) == 2) {
				assert_true(nr < lookup.nr);
				if (strcmp(function, "global_two"))
					assert_string_equal(lookup.entries[nr].function, function);
				colon = strrchr(place, ':');
				*colon = '\0';
				assert_int_equal(lookup.entries[nr].line, atoi(colon + 1));
				assert_string_equal(strrchr(lookup.entries[nr].file, '/'),
						    strrchr(place, '/'));
				nr++;
			}
			pclose(pipe);
			assert_int_equal(nr, lookup.nr);
			nr_inlined += nr - 1;
		}
	}
	assert_true(nr_inlined > 4);
	elf_object__free(object);
}

static void inlined_frames_know_their_call_sites(void **state)
{
	struct elf_object *object = open_fixture("prog");
	uint64_t size, vaddr = nm_address("prog", "local_one", &size), at;
	struct symbol_lookup lookup;

	(void)state;
	for (at = 0; at < size; at++) {
		elf_object__lookup(object, file_offset(in_dir("prog"), vaddr + at), &lookup);
		if (lookup.nr == 3)
			break;
	}
	assert_int_equal(lookup.nr, 3);
	assert_string_equal(lookup.entries[0].function, "deepest");
	assert_int_equal(lookup.entries[0].line, 7);
	assert_string_equal(lookup.entries[1].function, "middle");
	assert_int_equal(lookup.entries[1].line, 12);
	assert_string_equal(lookup.entries[2].function, "local_one");
	assert_int_equal(lookup.entries[2].line, 16);
	assert_int_equal(lookup.start_delta, at);
	assert_true(strstr(lookup.entries[2].file, "/prog.c"));
	elf_object__free(object);
}

/* All of a lookup's answer, as text. */
static void answer(struct elf_object *object, uint64_t offset, char *text, size_t cap)
{
	struct symbol_lookup lookup;
	size_t len = 0;

	elf_object__lookup(object, offset, &lookup);
	for (size_t i = 0; i < lookup.nr; i++)
		len += snprintf(text + len, cap - len, "%s %s:%u\n", lookup.entries[i].function,
				lookup.entries[i].file, lookup.entries[i].line);
	assert_true(len < cap);
}

static void rest_gives_memory_back_and_loses_nothing(void **state)
{
	uint64_t size, vaddr = nm_address("prog", "local_one", &size);
	struct elf_object *object = open_fixture("prog");
	size_t fresh = elf_object__memory_bytes(object), read;
	char before[4096], after[4096];

	(void)state;
	elf_object__rest(object); /* though nothing was looked up */
	for (uint64_t at = 0; at < size; at++) {
		uint64_t offset = file_offset(in_dir("prog"), vaddr + at);

		answer(object, offset, before, sizeof(before));
		assert_non_null(strstr(before, "/prog.c:"));
		read = elf_object__memory_bytes(object);
		elf_object__rest(object);
		assert_true(elf_object__memory_bytes(object) < read);
		elf_object__rest(object);
		answer(object, offset, after, sizeof(after));
		assert_string_equal(after, before);
	}
	elf_object__rest(object);
	/* what is kept is where units begin */
	assert_true(elf_object__memory_bytes(object) < fresh + 4096);
	elf_object__free(object);
}

/* So much DWARF that the file is mapped. */
static struct elf_object *open_large(void)
{
	assert_int_equal(run("truncate -s 9M filler"), 0);
	assert_int_equal(run("objcopy --add-section .debug_filler=filler prog large"), 0);
	return open_fixture("large");
}

static void large_dwarf_is_mapped(void **state)
{
	uint64_t size, vaddr = nm_address("prog", "local_one", &size);
	struct elf_object *small = open_fixture("prog"), *large = open_large();
	char expected[4096], found[4096];

	(void)state;
	for (uint64_t at = 0; at < size; at++) {
		answer(small, file_offset(in_dir("prog"), vaddr + at), expected, sizeof(expected));
		answer(large, file_offset(in_dir("large"), vaddr + at), found, sizeof(found));
		assert_string_equal(found, expected);
		elf_object__drop_pages(small);
		elf_object__drop_pages(large);
		if (at % 8 == 7)
			elf_object__rest(large);
	}
	/* nothing of it is in our heap */
	assert_true(elf_object__memory_bytes(large) < 1 << 20);
	elf_object__free(small);
	elf_object__free(large);
}

/* What is not there any more is not touched, and its functions are still known by their symbols. */
static void truncation_of_a_mapped_file(void **state)
{
	struct elf_object *object = open_large();
	uint64_t offset = file_offset(in_dir("large"), nm_address("prog", "local_one", NULL));
	char text[4096];

	(void)state;
	answer(object, offset, text, sizeof(text));
	assert_non_null(strstr(text, "/prog.c:"));
	elf_object__drop_pages(object);
	assert_int_equal(truncate(in_dir("large"), 100), 0);
	for (uint64_t at = 0; at < 0x3000; at += 16)
		assert_non_null(name_at(object, at));
	answer(object, offset, text, sizeof(text));
	assert_null(strstr(text, "/prog.c:"));
	assert_string_equal(name_at(object, offset), "local_one");
	elf_object__drop_pages(object);
	elf_object__rest(object);
	elf_object__free(object);
}

static void check_has_lines(const char *file)
{
	struct elf_object *object = open_fixture(file);
	struct symbol_lookup lookup;

	elf_object__lookup(object, file_offset(in_dir(file), nm_address("prog", "local_one", NULL)),
			   &lookup);
	assert_string_equal(lookup.entries[lookup.nr - 1].function, "local_one");
	assert_non_null(lookup.entries[0].file);
	assert_true(lookup.entries[0].line > 0);
	elf_object__free(object);
}

static void debug_link_beside_and_below(void **state)
{
	(void)state;
	assert_int_equal(
		run("objcopy --only-keep-debug prog linked.debug && strip -o linked prog && "
		    "objcopy --add-gnu-debuglink=linked.debug linked"),
		0);
	check_has_lines("linked");
	assert_int_equal(run("mkdir .debug && mv linked.debug .debug"), 0);
	check_has_lines("linked");
	/* Without build-ids the CRC decides. */
	assert_int_equal(run("objcopy -R .note.gnu.build-id linked noid && "
			     "objcopy -R .note.gnu.build-id .debug/linked.debug noid.debug && "
			     "objcopy -R .gnu_debuglink noid && "
			     "objcopy --add-gnu-debuglink=noid.debug noid"),
			 0);
	check_has_lines("noid");
}

static void foreign_debug_file_is_refused(void **state)
{
	struct elf_object *object;
	uint64_t vaddr = nm_address("prog", "local_one", NULL);

	(void)state;
	assert_int_equal(
		run("objcopy --only-keep-debug static other.debug && strip -o other prog && "
		    "objcopy --add-gnu-debuglink=other.debug other && rm -f .debug/*"),
		0);
	object = open_fixture("other");
	assert_non_null(strchr(name_at(object, file_offset(in_dir("other"), vaddr)), '['));
	elf_object__free(object);
}

static int add_debug(struct elf_object *object, const char *file)
{
	int fd = open(in_dir(file), O_RDONLY), code = elf_object__add_debug(object, fd);

	assert_true(fd >= 0);
	close(fd);
	return code;
}

/* As one that was fetched. */
static void debug_file_that_comes_later(void **state)
{
	struct symbol_lookup lookup;
	struct elf_object *object;
	uint64_t offset;

	(void)state;
	assert_int_equal(run("objcopy --only-keep-debug prog later.debug && strip -o later prog && "
			     "objcopy --only-keep-debug static foreign.debug"),
			 0);
	offset = file_offset(in_dir("later"), nm_address("prog", "local_one", NULL));
	object = open_fixture("later");
	assert_true(elf_object__lacks_debug(object));
	assert_non_null(strchr(name_at(object, offset), '['));
	assert_int_equal(add_debug(object, "foreign.debug"), -EINVAL);
	assert_int_equal(add_debug(object, "prog.c"), -ENOEXEC);
	assert_true(elf_object__lacks_debug(object));
	assert_int_equal(add_debug(object, "later.debug"), 0);
	assert_false(elf_object__lacks_debug(object));
	elf_object__lookup(object, offset, &lookup);
	assert_string_equal(lookup.entries[lookup.nr - 1].function, "local_one");
	assert_true(lookup.entries[0].line > 0);
	elf_object__free(object);
}

/* A container's own /usr/lib/debug, and its folders, are looked through, too. */
static void debug_file_in_another_root(void **state)
{
	struct elf_object *object;
	uint64_t offset = file_offset(in_dir("prog"), nm_address("prog", "local_one", NULL));
	char root[PATH_MAX];

	(void)state;
	assert_int_equal(run("objcopy --only-keep-debug prog inner.debug && strip -o inner prog && "
			     "objcopy --add-gnu-debuglink=inner.debug inner && "
			     "mkdir -p root/srv/app && mv inner.debug root/srv/app"),
			 0);
	snprintf(root, sizeof(root), "%s", in_dir("root"));
	object = elf_object__open(in_dir("inner"), "/srv/app/inner", "", NULL);
	assert_non_null(strchr(name_at(object, offset), '['));
	elf_object__free(object);
	object = elf_object__open(in_dir("inner"), "/srv/app/inner", root, NULL);
	assert_string_equal(name_at(object, offset), "local_one");
	elf_object__free(object);
}

static void minidebuginfo(void **state)
{
	(void)state;
	if (run("xz --version"))
		skip();
	assert_int_equal(
		run("objcopy -S --keep-symbol=local_one nodebug mini.full && "
		    "objcopy --only-keep-debug mini.full mini.debug && xz -k mini.debug && "
		    "strip -o mini nodebug && "
		    "objcopy --add-section .gnu_debugdata=mini.debug.xz mini"),
		0);
	struct elf_object *object = open_fixture("mini");
	uint64_t offset = file_offset(in_dir("mini"), nm_address("nodebug", "local_one", NULL));

	assert_string_equal(name_at(object, offset), "local_one");
	elf_object__free(object);
}

static void compressed_and_split_dwarf(void **state)
{
	static const char *const options[] = { "-gz", "-gsplit-dwarf", "-gdwarf-4",
					       "-fdebug-types-section", "-ffunction-sections" };

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		struct elf_object *object;
		struct symbol_lookup lookup;

		assert_int_equal(run("gcc -O2 -g %s -o variant prog.c", options[i]), 0);
		object = open_fixture("variant");
		elf_object__lookup(
			object,
			file_offset(in_dir("variant"), nm_address("variant", "local_one", NULL)),
			&lookup);
		assert_true(lookup.nr >= 2);
		assert_string_equal(lookup.entries[lookup.nr - 2].function, "middle");
		assert_true(lookup.entries[0].line > 0);
		elf_object__free(object);
	}
}

static const char *const cpp_source =
	"#include <vector>\n"
	"namespace outer { namespace { volatile int sink; }\n"
	"template <typename T> struct box { __attribute__((noinline)) T get(T t) { sink++; return "
	"t; } };\n"
	"__attribute__((noinline)) int grow(std::vector<int> &v) { v.push_back(7); return v[0]; "
	"}\n"
	"}\n"
	"int main() { std::vector<int> v; outer::box<long> b; return outer::grow(v) + b.get(3); "
	"}\n";

static void cplusplus_names(void **state)
{
	struct elf_object *object;
	uint64_t vaddr;

	(void)state;
	write_file("cpp.cc", cpp_source);
	if (run("g++ -O1 -g -o cpp cpp.cc"))
		skip();
	object = open_fixture("cpp");
	vaddr = nm_address("cpp", "_ZN5outer4growERSt6vectorIiSaIiEE", NULL);
	assert_string_equal(name_at(object, file_offset(in_dir("cpp"), vaddr)),
			    "outer::grow(std::vector<int, std::allocator<int> >&)");
	vaddr = nm_address("cpp", "_ZN5outer3boxIlE3getEl", NULL);
	assert_string_equal(name_at(object, file_offset(in_dir("cpp"), vaddr)),
			    "outer::box<long>::get(long)");
	elf_object__free(object);
}

static void clang_without_aranges(void **state)
{
	struct symbol_lookup lookup;
	struct elf_object *object;

	(void)state;
	if (run("clang -O2 -g -o clanged prog.c"))
		skip();
	object = open_fixture("clanged");
	elf_object__lookup(object,
			   file_offset(in_dir("clanged"), nm_address("clanged", "main", NULL)),
			   &lookup);
	assert_true(strstr(lookup.entries[0].file, "prog.c"));
	elf_object__free(object);
}

static const char *const go_source = "package main\n"
				     "import \"fmt\"\n"
				     "type box struct{ n int }\n"
				     "//go:noinline\n"
				     "func (b *box) Grow(n int) int { b.n += n; return b.n }\n"
				     "func main() { b := &box{}; fmt.Println(b.Grow(3)) }\n";

static void stripped_go(void **state)
{
	/* The library has to be compiled for each mode, 10 s: the second one only where time is
	 * given. */
	static const char *const modes[] = { "exe", "pie" };
	size_t nr_modes = getenv("RSSTRACE_SLOW_TESTS") ? 2 : 1;

	(void)state;
	write_file("go.go", go_source);
	if (run("go version"))
		skip();
	for (size_t i = 0; i < nr_modes; i++) {
		struct elf_object *object;
		uint64_t vaddr;

		assert_int_equal(run("GOCACHE=$PWD/cache HOME=$PWD go build -buildmode=%s "
				     "-o gofull go.go && strip -o gostripped gofull",
				     modes[i]),
				 0);
		vaddr = nm_address("gofull", "main.*box.*Grow", NULL);
		object = open_fixture("gostripped");
		assert_string_equal(name_at(object, file_offset(in_dir("gostripped"), vaddr + 1)),
				    "main.(*box).Grow");
		elf_object__free(object);
	}
}

static void vdso_in_memory(void **state)
{
	const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
	struct elf_object *object;
	struct err err = { "" };
	unsigned int nr = 0;

	(void)state;
	if (!vdso)
		skip();
	object = elf_object__open_memory(vdso, 8192, "[vdso]", &err);
	if (!object)
		fail_msg("%s", err.text);
	for (uint64_t offset = 0; offset < 8192; offset += 8)
		nr += !!strstr(name_at(object, offset), "clock_gettime");
	assert_true(nr > 3);
	elf_object__free(object);
}

static void build_id_as_readelf(void **state)
{
	struct elf_object *object = open_fixture("prog");
	char line[256] = "", hex[129] = "";
	__u8 id[64];
	size_t len = elf_object__build_id(object, id, sizeof(id));
	FILE *pipe = run_and_read("readelf -n prog | sed -n 's/.*Build ID: //p'");

	(void)state;
	assert_non_null(fgets(line, sizeof(line), pipe));
	pclose(pipe);
	assert_int_equal(len, 20);
	for (size_t i = 0; i < len; i++)
		sprintf(hex + 2 * i, "%02x", id[i]);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(hex, line);
	assert_int_equal(elf_object__build_id(object, id, 3), 3);
	elf_object__free(object);
}

static void refusals_are_sentences(void **state)
{
	struct err err = { "" };

	(void)state;
	assert_null(elf_object__open("/nonexistent/file", "x", "", &err));
	assert_string_equal(err.text,
			    "cannot open \"/nonexistent/file\": No such file or directory");
	assert_null(elf_object__open("/dev/null", "x", "", &err));
	assert_non_null(strstr(err.text, "not a regular file"));
	assert_null(elf_object__open(in_dir("prog.c"), "x", "", &err));
	assert_non_null(strstr(err.text, "not an ELF file"));
	assert_int_equal(run("head -c 9000 prog > cut"), 0);
	assert_null(elf_object__open(in_dir("cut"), "x", "", &err));
	assert_non_null(strstr(err.text, "truncated ELF file"));
	assert_int_equal(run("cp prog foreign && printf \"\\\\010\" | "
			     "dd of=foreign bs=1 seek=18 conv=notrunc"),
			 0);
	assert_null(elf_object__open(in_dir("foreign"), "x", "", &err));
	assert_non_null(strstr(err.text, "another machine"));
	assert_null(elf_object__open_memory("", 0, "none", &err));
	assert_non_null(strstr(err.text, "not an ELF file"));
}

/* Somebody overwrites the program in place while we hold it. */
static void truncation_while_open(void **state)
{
	struct elf_object *object;
	uint64_t offset;

	(void)state;
	assert_int_equal(run("cp prog shrinking"), 0);
	object = open_fixture("shrinking");
	offset = file_offset(in_dir("shrinking"), nm_address("prog", "local_one", NULL));
	assert_string_equal(name_at(object, offset), "local_one");
	assert_int_equal(truncate(in_dir("shrinking"), 100), 0);
	for (uint64_t at = 0; at < 0x3000; at += 16)
		assert_non_null(name_at(object, at));
	assert_string_equal(name_at(object, offset), "local_one");
	elf_object__free(object);
	assert_int_equal(run("cp prog shrinking"), 0);
	object = open_fixture("shrinking");
	assert_int_equal(truncate(in_dir("shrinking"), 0), 0);
	assert_string_equal(name_at(object, offset), "local_one");
	elf_object__free(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_functions_of_nm),
		cmocka_unit_test(dynamic_symbols_of_libc),
		cmocka_unit_test(installed_debug_file),
		cmocka_unit_test(local_functions_of_libc_are_ranges),
		cmocka_unit_test(stripped_function_is_its_range),
		cmocka_unit_test(stripped_static_function_is_its_range),
		cmocka_unit_test(best_alias_wins),
		cmocka_unit_test(labels_end_at_the_next_function),
		cmocka_unit_test(offsets_outside_have_a_name),
		cmocka_unit_test(plt_stubs),
		cmocka_unit_test(lines_and_inlines_as_addr2line),
		cmocka_unit_test(inlined_frames_know_their_call_sites),
		cmocka_unit_test(rest_gives_memory_back_and_loses_nothing),
		cmocka_unit_test(large_dwarf_is_mapped),
		cmocka_unit_test(truncation_of_a_mapped_file),
		cmocka_unit_test(debug_link_beside_and_below),
		cmocka_unit_test(foreign_debug_file_is_refused),
		cmocka_unit_test(debug_file_that_comes_later),
		cmocka_unit_test(debug_file_in_another_root),
		cmocka_unit_test(minidebuginfo),
		cmocka_unit_test(compressed_and_split_dwarf),
		cmocka_unit_test(cplusplus_names),
		cmocka_unit_test(clang_without_aranges),
		cmocka_unit_test(stripped_go),
		cmocka_unit_test(vdso_in_memory),
		cmocka_unit_test(build_id_as_readelf),
		cmocka_unit_test(refusals_are_sentences),
		cmocka_unit_test(truncation_while_open),
	};

	return cmocka_run_group_tests(tests, build_all, remove_fixture_dir);
}
