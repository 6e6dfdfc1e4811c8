// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which frame a row is named by. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "view/query.h"
#include "view/symbol_name.h"

static bool internal(const char *symbol, const char *module)
{
	return frame_row__is_internal(&(struct frame_row){ .symbol = symbol, .module = module });
}

static void allocators_are_internal(void **state)
{
	static const char *const names[] = {
		"malloc",
		"_int_malloc",
		"_int_malloc.isra.0",
		"malloc@@GLIBC_2.2.5",
		"calloc",
		"operator new(unsigned long)",
		"operator new[](unsigned long, std::nothrow_t const&)",
		"memset_avx2_unaligned_erms",
		"g_malloc0",
		"je_malloc",
		"mi_heap_malloc_zero",
		"tc_newarray",
		"mmap64",
		"brk",
		"sbrk",
		"runtime.mallocgc",
		"runtime.(*mheap).alloc",
		"runtime.main",
		"<alloc::vec::Vec<T,A> as core::clone::Clone>::clone",
		"alloc::raw_vec::RawVec<T,A>::grow_one",
		"__rust_alloc_zeroed",
		"__rdl_alloc",
		"PyObject_Malloc",
		"PyMem_Realloc",
		"zmalloc_usable",
		"void std::vector<int, std::allocator<int> >::_M_realloc_insert<int const&>(int "
		"const&)",
		"_start",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!internal(names[i], "/opt/app"))
			fail_msg("%s", names[i]);
	}
}

static void assert_class(enum frame_class class, const char *symbol, const char *module)
{
	const struct frame_row frame = { .symbol = symbol, .module = module };

	if (frame_row__class(&frame) != class)
		fail_msg("%s of %s is of class %d", symbol, module, frame_row__class(&frame));
}

/* A function tells more than the module it is in. */
static void every_class_has_its_own(void **state)
{
	static const char libc[] = "/usr/lib/libc.so.6", app[] = "/opt/app";

	(void)state;
	assert_class(FRAME_ALLOC, "malloc", libc);
	assert_class(FRAME_ALLOC, "__libc_malloc", libc);
	assert_class(FRAME_ALLOC, "sysmalloc", app);
	assert_class(FRAME_ALLOC, "operator new(unsigned long)", "/usr/lib/libstdc++.so.6.0.30");
	assert_class(FRAME_ALLOC, "__rust_alloc", app);
	assert_class(FRAME_ALLOC, "_PyMem_RawMalloc", app);
	assert_class(FRAME_ALLOC, NULL, "/usr/lib/libjemalloc.so.2");
	assert_class(FRAME_LIBC, "__libc_start_main", app);
	assert_class(FRAME_LIBC, "memset", app);
	assert_class(FRAME_LIBC, "mmap64", app);
	assert_class(FRAME_LIBC, "start_thread", libc);
	assert_class(FRAME_LIBC, "vfprintf", libc);
	assert_class(FRAME_LIBC, NULL, "[vdso]");
	assert_class(FRAME_RUNTIME, "std::vector<int>::reserve(unsigned long)", app);
	assert_class(FRAME_RUNTIME, "alloc::raw_vec::RawVec<T,A>::grow_one", app);
	assert_class(FRAME_RUNTIME, "__rust_begin_short_backtrace", app);
	assert_class(FRAME_RUNTIME, "runtime.mallocgc", app);
	assert_class(FRAME_RUNTIME, NULL, "/usr/lib/libstdc++.so.6.0.30");
	assert_class(FRAME_OWN, "cache_put", app);
	assert_class(FRAME_OWN, NULL, NULL);
}

static void assert_shown(const struct stack_row *row, __u32 shown, const char *frames)
{
	char text[16] = "";

	for (__u32 i = 0; i < row->nr_frames; i++)
		strcat(text, stack_row__shows(row, i, shown) ? "x" : ".");
	assert_string_equal(text, frames);
}

/* Own code inside of the frame that names the row is a runtime's: Go's packages, an interpreter. */
static void what_is_shown_of_a_stack(void **state)
{
	struct frame_row frames[] = {
		{ .symbol = "_int_malloc" },	{ .symbol = "memset" },
		{ .symbol = "strings.Repeat" }, { .symbol = "main.work" },
		{ .symbol = "main.run" },	{ .symbol = "runtime.main" },
		{ .symbol = "start_thread" },
	};
	struct stack_row row = { .nr_frames = 7, .frames = frames, .named_by = 3 };

	(void)state;
	assert_shown(&row, 0, "...xx..");
	assert_shown(&row, FRAME_ALLOC, "x..xx..");
	assert_shown(&row, FRAME_LIBC, ".x.xx.x");
	assert_shown(&row, FRAME_RUNTIME, "..xxxx.");
	assert_shown(&row, EVERY_FRAME, "xxxxxxx");
	row.named_by = 0; /* nothing but internal frames */
	row.nr_frames = 2;
	assert_shown(&row, 0, "x.");
}

static void own_code_is_not(void **state)
{
	static const char *const names[] = {
		"main",
		"cache_put",
		"mallocator",
		"freeze",
		"callocate_rows",
		"main.(*Store).Put",
		"orders::alloc::grow",
		"std_lookup",
		"std::vector<int> make_rows<int>(int)",
		"(anonymous namespace)::load(std::string const&)",
		"Buffer::operator new_row",
		"foo(std::vector<int>)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (internal(names[i], "/opt/app"))
			fail_msg("%s", names[i]);
	}
	assert_false(internal(NULL, "/opt/app"));
	assert_false(internal(NULL, NULL));
}

static bool standard(const char *symbol)
{
	return frame_row__is_standard_library(&(struct frame_row){ .symbol = symbol });
}

/* A C function by the name of a package has a suffix where Go has a function. */
static void what_go_comes_with(void **state)
{
	(void)state;
	assert_true(standard("strings.Repeat"));
	assert_true(standard("strings.(*Builder).grow"));
	assert_true(standard("net/http.(*conn).serve"));
	assert_true(standard("encoding/json.Unmarshal"));
	assert_false(standard("main.work"));
	assert_false(standard("github.com/strings/lib.Repeat"));
	assert_false(standard("sort"));
	assert_false(standard("sort.isra.0"));
	assert_false(standard("time.cold"));
	assert_false(standard("stringsx.Repeat"));
	assert_false(standard(""));
	assert_false(standard(NULL));
}

static bool script(const char *symbol)
{
	return frame_row__is_script(&(struct frame_row){ .symbol = symbol });
}

static void scripts(void **state)
{
	(void)state;
	assert_true(script("py::work:/srv/app.py"));
	assert_true(script("JS:*makeTree /srv/app.js:8:18"));
	assert_false(script("JS:^requireBuiltin node:internal/bootstrap/realm:420:24"));
	assert_false(script("main"));
	assert_false(script(NULL));
}

static void modules(void **state)
{
	(void)state;
	assert_true(internal("anything", "/usr/lib/x86_64-linux-gnu/libc.so.6"));
	assert_true(internal("anything", "/lib/libc-2.31.so"));
	assert_true(internal(NULL, "/lib64/ld-linux-x86-64.so.2"));
	assert_true(internal(NULL, "/usr/lib/libstdc++.so.6.0.30"));
	assert_true(internal(NULL, "/usr/lib/libjemalloc.so.2"));
	assert_true(internal(NULL, "[vdso]"));
	assert_false(internal(NULL, "/usr/lib/libcrypto.so.3"));
	assert_false(internal(NULL, "/usr/lib/libcurl.so.4"));
	assert_false(internal(NULL, "/usr/lib/libmylib.so"));
}

static void assert_name(const char *symbol, const char *name)
{
	struct symbol_span span = symbol_name__find(symbol);
	char found[128];

	snprintf(found, sizeof(found), "%.*s", (int)span.len, span.start);
	assert_string_equal(found, name);
}

static void names_inside_symbols(void **state)
{
	(void)state;
	assert_name("main", "main");
	assert_name("", "");
	assert_name("std::vector<int> make<int>(int)", "make<int>");
	assert_name("operator new(unsigned long)", "operator new");
	assert_name("void A::operator()(int) const", "A::operator()");
	assert_name("(anonymous namespace)::f(int)", "(anonymous namespace)::f");
	assert_name("main.(*T).Get", "main.(*T).Get");
	assert_name("<T as Tr<U>>::f", "<T as Tr<U>>::f");
	assert_name("a::{{closure}}", "a::{{closure}}");
	assert_name(">>>> ((", ">>>> ((");
	assert_name("(", "(");
	assert_name("JS:*makeTree /srv/a folder/app.js:8:18", "JS:*makeTree");
	assert_name("JS:^ /srv/app.js:1:1", "JS:^ /srv/app.js:1:1");
	assert_name("JS:", "JS:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocators_are_internal),
		cmocka_unit_test(every_class_has_its_own),
		cmocka_unit_test(what_is_shown_of_a_stack),
		cmocka_unit_test(own_code_is_not),
		cmocka_unit_test(what_go_comes_with),
		cmocka_unit_test(scripts),
		cmocka_unit_test(modules),
		cmocka_unit_test(names_inside_symbols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
