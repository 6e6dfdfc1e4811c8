// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel side: one object, a room a header. Programs share maps and inline each other's helpers, so they are one
 * translation unit.
 */
#include "maps.bpf.h"
#include "filter.bpf.h"
#include "emit.bpf.h"
#include "rss_delta.bpf.h"
#include "rss_stat.bpf.h"
#include "spaces.bpf.h"
#include "rss_batched.bpf.h"
#include "faults.bpf.h"
#include "vm_calls.bpf.h"
#include "processes.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
