/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The USDT probes of an executable: .note.stapsdt, as sys/sdt.h and include/rsstrace_mark.h write
 * it. */
#ifndef RSSTRACE_ELF_PROBE_NOTES_H
#define RSSTRACE_ELF_PROBE_NOTES_H

#include <linux/types.h>

struct probe_site {
	__u64 offset;	    /* of the nop, in the file */
	char arguments[32]; /* "8@%rdi": "" when there are none or they are too long to be of
			       interest */
};

/*
 * probe_notes__read() - the sites of probe @provider:@name in the file behind @fd, at most @max of
 * them. The number, 0 for none and for what is no ELF file of 64 bits. Every length is checked.
 * O(sections) without the note.
 */
int probe_notes__read(int fd, const char *provider, const char *name, struct probe_site *sites,
		      int max);

#endif
