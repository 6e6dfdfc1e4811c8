/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every room, in an order in which each knows what it uses. */
#include "maps.bpf.h"
#include "task.bpf.h"
#include "filter.bpf.h"
#include "emit.bpf.h"
#include "rss_stat.bpf.h"
#include "spaces.bpf.h"
#include "rss_batched.bpf.h"
#include "batched_sum.bpf.h"
#include "faults.bpf.h"
#include "vm_calls.bpf.h"
#include "vm_locks.bpf.h"
#include "processes.bpf.h"
#include "marks.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
