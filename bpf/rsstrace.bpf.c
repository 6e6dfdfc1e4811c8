// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel side on Linux 6.2 and later: one object, a room a header. Programs share maps and inline each other's
 * helpers, so they are one translation unit.
 */
#include "programs.bpf.h"
