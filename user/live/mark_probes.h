/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The targets' own marks: uprobes where their code has USDT probes rsstrace:mark
 * (include/rsstrace_mark.h). */
#ifndef RSSTRACE_LIVE_MARK_PROBES_H
#define RSSTRACE_LIVE_MARK_PROBES_H

#include "live/kernel_side.h"
#include "live/proc_maps.h"

/* Files looked at so far, by process: a breakpoint is put into one address space. */
struct mark_probes {
	struct probed_file *files;
	size_t nr, cap;
};

/*
 * mark_probes__sync() - look at the files with code in @maps of process @pid that were not looked
 * at. Costs an open and a look at the section headers each; a file without the note stays
 * untouched. Failures mean no marks from there: they stop nothing.
 */
void mark_probes__sync(struct mark_probes *probes, struct kernel_side *kernel, pid_t pid,
		       __u32 space, const struct proc_maps *maps);
void mark_probes__fini(struct mark_probes *probes);

#endif
