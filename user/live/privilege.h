/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this process may do, in the terms of capabilities(7). */
#ifndef RSSTRACE_LIVE_PRIVILEGE_H
#define RSSTRACE_LIVE_PRIVILEGE_H

#include <stdbool.h>

/* @capability: a CAP_ number of linux/capability.h. In the effective set? */
bool privilege__has(int capability);

/* Tracing needs CAP_BPF and CAP_PERFMON (Linux 5.8, commit a17b53c4a4b5), or CAP_SYS_ADMIN. */
bool privilege__may_bpf(void);

/* "tracing needs CAP_BPF and CAP_PERFMON (missing here: CAP_BPF): run it with sudo". Valid until the next call. */
const char *privilege__missing_for_bpf(void);

#endif
