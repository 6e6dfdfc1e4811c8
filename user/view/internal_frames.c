// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which frames are never the answer to "whose code grew": allocators, memory movers, language
 * runtimes and what stands below main(). A pattern that ends in '*' is a prefix; any other is the
 * whole name, up to arguments, clone suffixes (".isra.0") and symbol versions.
 */
#include <string.h>
#include "view/query.h"
#include "view/symbol_name.h"

/* What is an allocator, by the last part of the module's path. */
static const char *const alloc_modules[] = { "libjemalloc*", "libtcmalloc*", "libmimalloc*", NULL };

static const char *const libc_modules[] = {
	"libc.so*",	  "libc-2*",	   "ld-*",     "ld.so*",  "ld64.so*",
	"libpthread.so*", "libpthread-2*", "libm.so*", "libm-2*", "linux-vdso*",
	"linux-gate*",	  "[vdso]",	   NULL,
};

static const char *const runtime_modules[] = {
	"libstdc++.so*", "libc++.so*", "libc++abi.so*", "libgcc_s.so*", "libgcc_s-*", NULL,
};

static const char *const alloc_functions[] = {
	/* malloc and its insides, also in static programs */
	"malloc",
	"calloc",
	"realloc",
	"reallocarray",
	"free",
	"cfree",
	"memalign",
	"aligned_alloc",
	"posix_memalign",
	"valloc",
	"pvalloc",
	"strdup",
	"strndup",
	"__strdup",
	"__strndup",
	"asprintf",
	"vasprintf",
	"_int_*",
	"sysmalloc*",
	"systrim*",
	"malloc_*",
	"ptmalloc_*",
	"tcache_*",
	"arena_get*",
	"alloc_new_heap",
	"grow_heap",
	"__libc_malloc*",
	"__libc_calloc*",
	"__libc_realloc*",
	"__libc_reallocarray",
	"__libc_free*",
	"__libc_memalign*",
	"__libc_valloc",
	"__libc_pvalloc",
	"__GI___libc_malloc*",
	"__GI___libc_calloc*",
	"__GI___libc_realloc*",
	"__GI___libc_free*",
	"__malloc*",
	"__calloc",
	"__realloc",
	"unlink_chunk*",
	"__default_morecore",
	"__glibc_morecore",
	/* wrappers every second program has */
	"xmalloc*",
	"xcalloc*",
	"xrealloc*",
	"xstrdup*",
	"xzalloc*",
	"zmalloc*",
	"zcalloc*",
	"zrealloc*",
	"ztrymalloc*",
	"ztrycalloc*",
	"ztryrealloc*",
	"ztry*",
	"g_malloc*",
	"g_realloc*",
	"g_try_malloc*",
	"g_slice_alloc*",
	"g_strdup*",
	"g_memdup*",
	/* other allocators */
	"je_*",
	"jemalloc*",
	"_rjem_*",
	"tc_*",
	"tcmalloc*",
	"mi_*",
	"_mi_*",
	/* C++ */
	"operator new*",
	"operator delete*",
	"_Znw*",
	"_Zna*",
	"_Zdl*",
	"_Zda*",
	/* Rust */
	"__rust_alloc*",
	"__rust_dealloc*",
	"__rust_realloc*",
	"__rdl_*",
	"__rg_*",
	"__rdlib_*",
	/* Python */
	"PyObject_Malloc",
	"PyObject_Calloc",
	"PyObject_Realloc",
	"_PyObject_Malloc*",
	"_PyObject_Calloc*",
	"_PyObject_Realloc*",
	"_PyObject_GC_*",
	"_PyObject_New*",
	"PyMem_*",
	"_PyMem_*",
	"pymalloc_*",
	"new_arena",
	"address_in_range",
	"allocate_from_new_pool",
	NULL,
};

static const char *const libc_functions[] = {
	"__libc_*",
	"__GI_*",
	/* movers of memory */
	"memset*",
	"memcpy*",
	"memmove*",
	"mempcpy*",
	"memccpy*",
	"__memset*",
	"__memcpy*",
	"__memmove*",
	"__mempcpy*",
	"bzero",
	"explicit_bzero",
	"bcopy",
	"strcpy*",
	"strncpy*",
	"stpcpy*",
	"rep_stos*",
	"rep_movs*",
	/* asking the kernel for memory */
	"mmap*",
	"__mmap*",
	"munmap",
	"__munmap",
	"mremap",
	"__mremap",
	"madvise",
	"__madvise",
	"brk",
	"__brk",
	"sbrk",
	"__sbrk",
	"syscall",
	/* below main() */
	"_start",
	"start_thread",
	"clone",
	"clone3",
	"__clone",
	"__clone3",
	NULL,
};

static const char *const runtime_functions[] = {
	/* standard C++ */
	"std::*",
	"__gnu_cxx::*",
	/* Rust; legacy and v0 names */
	"alloc::*",
	"<alloc::*",
	"core::*",
	"<core::*",
	"<std::*",
	"hashbrown::*",
	"<hashbrown::*",
	"__rust_*",
	"__rustc*",
	"rust_begin_*",
	/* Go */
	"runtime.*",
	"runtime/*",
	"internal/runtime/*",
	"internal/bytealg.*",
	"sync.(*Pool)*",
	"_cgo_*",
	"_rt0_*",
	"x_cgo_*",
	NULL,
};

/* The first that fits counts: malloc() in libc.so is an allocator, and so is __libc_malloc(). */
static const struct {
	enum frame_class class;
	const char *const *functions, *const *modules;
} classes[] = {
	{ FRAME_ALLOC, alloc_functions, alloc_modules },
	{ FRAME_LIBC, libc_functions, libc_modules },
	{ FRAME_RUNTIME, runtime_functions, runtime_modules },
};

static bool matches(const char *pattern, const char *name, size_t name_len)
{
	size_t len = strlen(pattern);

	if (pattern[len - 1] == '*')
		return !strncmp(pattern, name, len - 1);
	return !strncmp(pattern, name, len) && (name_len == len || strchr(".@", name[len]));
}

static bool matches_any(const char *const *patterns, const char *name, size_t name_len)
{
	for (; *patterns; patterns++) {
		/* the first letter settles nearly all */
		if (**patterns == *name && matches(*patterns, name, name_len))
			return true;
	}
	return false;
}

static enum frame_class class_of_function(const char *symbol)
{
	struct symbol_span name = symbol_name__find(symbol);

	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		if (matches_any(classes[i].functions, name.start, name.len))
			return classes[i].class;
	return FRAME_OWN;
}

static enum frame_class class_of_module(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		if (matches_any(classes[i].modules, name, strlen(name)))
			return classes[i].class;
	return FRAME_OWN;
}

enum frame_class frame_row__class(const struct frame_row *frame)
{
	enum frame_class class = frame->symbol ? class_of_function(frame->symbol) : FRAME_OWN;

	return class || !frame->module ? class : class_of_module(frame->module);
}

bool frame_row__is_internal(const struct frame_row *frame)
{
	return frame_row__class(frame) != FRAME_OWN;
}

bool stack_row__shows(const struct stack_row *row, __u32 i, __u32 shown)
{
	enum frame_class class = frame_row__class(row->frames + i);

	if ((__s32)i == row->named_by)
		return true;
	if (class != FRAME_OWN)
		return shown & class;
	return (__s32)i > row->named_by || shown & FRAME_RUNTIME;
}

/* Go's own packages: the first element of their paths has no dot, as everybody else's has. */
static const char *const go_packages[] = {
	"archive",  "bufio",  "bytes",	 "cmp",	     "compress", "container", "context", "crypto",
	"database", "debug",  "embed",	 "encoding", "errors",	 "expvar",    "flag",	 "fmt",
	"go",	    "hash",   "html",	 "image",    "index",	 "internal",  "io",	 "iter",
	"log",	    "maps",   "math",	 "mime",     "net",	 "os",	      "path",	 "reflect",
	"regexp",   "slices", "sort",	 "strconv",  "strings",	 "sync",      "syscall", "testing",
	"text",	    "time",   "unicode", "unique",   "vendor",
};

/* What compilers put behind the name of a C function, in place of a Go function's name. */
static const char *const clone_suffixes[] = {
	"isra.*", "constprop.*", "part.*",  "cold*", "lto_priv*",
	"llvm.*", "localalias*", "clone.*", NULL,
};

bool frame_row__is_standard_library(const struct frame_row *frame)
{
	struct symbol_span name;
	const char *behind;

	if (!frame->symbol)
		return false;
	name = symbol_name__find(frame->symbol);
	behind = name.start + strcspn(name.start, "./");
	for (size_t i = 0; i < sizeof(go_packages) / sizeof(*go_packages); i++) {
		size_t len = strlen(go_packages[i]);

		if (len != (size_t)(behind - name.start) ||
		    strncmp(go_packages[i], name.start, len))
			continue;
		return *behind == '/' || (*behind == '.' && !matches_any(clone_suffixes, behind + 1,
									 strlen(behind + 1)));
	}
	return false;
}

/* CPython's perf map, and V8's but for what node itself is written in. */
bool frame_row__is_script(const struct frame_row *frame)
{
	const char *symbol = frame->symbol;

	return symbol && (!strncmp(symbol, "py::", 4) ||
			  (!strncmp(symbol, "JS:", 3) && !strstr(symbol, " node:")));
}
