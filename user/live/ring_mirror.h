/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A BPF ring buffer is mapped twice in a row, so that a record which runs over its end can be read
 * in one piece. The kernel puts all pages of both in place at once and counts them all: a ring of
 * 8 MiB is 16 MiB of our RSS. Only the first bytes of the second copy are ever read, as many as the
 * longest record has.
 */
#ifndef RSSTRACE_LIVE_RING_MIRROR_H
#define RSSTRACE_LIVE_RING_MIRROR_H

#include <stddef.h>

/*
 * Of the ring of @ring_bytes that libbpf has just mapped, none of whose records is longer than
 * @record_bytes, give back what is not read. The addresses stay taken, so that libbpf's munmap() of
 * the whole meets nobody else's memory. Bytes given back; 0: there is no such mapping, which only
 * costs memory.
 */
size_t ring_mirror__drop(size_t ring_bytes, size_t record_bytes);

#endif
