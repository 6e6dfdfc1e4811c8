/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The name inside a demangled symbol: no return type, no arguments. */
#ifndef RSSTRACE_VIEW_SYMBOL_NAME_H
#define RSSTRACE_VIEW_SYMBOL_NAME_H

#include <stddef.h>

struct symbol_span {
	const char *start; /* into the symbol */
	size_t len;
};

/*
 * symbol_name__find() - "std::vector<int> make<int>(int)" is "make<int>"; "operator new(unsigned
 * long)",
 * "(anonymous namespace)::f(int)", "main.(*T).Get" and "<T as Tr>::f" keep what is name in them.
 */
struct symbol_span symbol_name__find(const char *symbol);

#endif
