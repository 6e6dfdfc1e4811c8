/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Linker names as people write them: C++ and both Rust schemes. */
#ifndef RSSTRACE_ELF_DEMANGLE_H
#define RSSTRACE_ELF_DEMANGLE_H

#include <stddef.h>

/*
 * demangle() - write the readable form of @mangled to @out, always terminated: parameters included,
 * Rust's hash
 * "::h0123456789abcdef" left out. A name that is not mangled is copied. What does not fit in @cap
 * bytes is cut.
 * @cap >= 1. Returns the length written. Bounded work even for names made to explode.
 */
size_t demangle(const char *mangled, char *out, size_t cap);

#endif
