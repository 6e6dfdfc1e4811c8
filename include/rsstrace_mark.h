/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For programs that want to be traced: RSSTRACE_MARK("loaded") names this moment in the trace of a running recorder.
 *
 * It is a USDT probe, rsstrace:mark with the label as its argument: a `nop` and a note in the executable, nothing else;
 * no library, no call, no memory. While rsstrace follows the process the nop is a breakpoint: some 2 us each time, and one
 * private copy of the page of code it stands in (RSS: FILE -1, ANON +1 a page). The label is a NUL-terminated string of at
 * most 63 bytes. x86-64 only; elsewhere it is nothing. perf, bpftrace and SystemTap see the same probe.
 */
#ifndef RSSTRACE_MARK_H
#define RSSTRACE_MARK_H

#ifdef __x86_64__
#define RSSTRACE_MARK(label)                                                                       \
	do {                                                                                       \
		const char *rsstrace_label_ = (label);                                             \
		__asm__ __volatile__("990:	nop\n"                                             \
				     "	.pushsection .note.stapsdt,\"?\",\"note\"\n"               \
				     "	.balign 4\n"                                               \
				     "	.4byte 992f-991f, 994f-993f, 3\n"                          \
				     "991:	.asciz \"stapsdt\"\n"                              \
				     "992:	.balign 4\n"                                       \
				     "993:	.8byte 990b\n"                                     \
				     "	.8byte _.stapsdt.base\n"                                   \
				     "	.8byte 0\n"                                                \
				     "	.asciz \"rsstrace\"\n"                                     \
				     "	.asciz \"mark\"\n"                                         \
				     "	.asciz \"8@%%rdi\"\n"                                      \
				     "994:	.balign 4\n"                                       \
				     "	.popsection\n"                                             \
				     "	.ifndef _.stapsdt.base\n"                                  \
				     "	.pushsection .stapsdt.base,\"aG\",\"progbits\","           \
				     ".stapsdt.base,comdat\n"                                      \
				     "	.weak _.stapsdt.base\n"                                    \
				     "	.hidden _.stapsdt.base\n"                                  \
				     "_.stapsdt.base:	.space 1\n"                                \
				     "	.size _.stapsdt.base, 1\n"                                 \
				     "	.popsection\n"                                             \
				     "	.endif\n" ::"D"(rsstrace_label_)                           \
				     : "memory");                                                  \
	} while (0)
#else
#define RSSTRACE_MARK(label) ((void)(label))
#endif

#endif
