/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the loaded programs are attached to. Internal to kernel_side. */
#ifndef RSSTRACE_LIVE_KERNEL_LINKS_H
#define RSSTRACE_LIVE_KERNEL_LINKS_H

#include <stdbool.h>
#include <sys/types.h>
#include "base/err.h"
#include "config_abi.h"
#include "live/kernel_object.h"

#define MAX_PROBES 256
#define MAX_LINKS                                                                                  \
	(64 + 2 * RSST_MAX_CPUS + MAX_PROBES) /* programs, and two events a CPU on old kernels */

struct kernel_links {
	unsigned int nr, nr_probes;
	struct bpf_link *links[MAX_LINKS];
};

/* Attach what runs by itself, on kernels that need it on each of @nr_cpus. 0 or -errno with a
 * sentence; what is attached by then is kernel_links__fini()'s. */
int kernel_links__attach(struct kernel_links *links, const struct kernel_object *object,
			 unsigned int nr_cpus, struct err *err);
void kernel_links__fini(struct kernel_links *links);

/* See kernel_side__probe_mark(). */
int kernel_links__probe_mark(struct kernel_links *links, const struct kernel_object *object,
			     pid_t pid, const char *path, __u64 offset, bool label);

#endif
