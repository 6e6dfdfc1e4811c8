// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel side before Linux 6.2, from 5.8 on: RSS is counted in batches, and BPF can do less (task.bpf.h). Atomics that
 * return a value do not load there, not even in dead code, hence an object of its own from the same rooms.
 */
#define RSST_BATCHED
#include "programs.bpf.h"
