/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SipHash-2-4 with 128 bits (Aumasson and Bernstein, 2012): who does not know the key cannot make
 * two texts with one hash. Nothing that is linked offers a hash of that kind.
 */
#ifndef RSSTRACE_BASE_SIPHASH_H
#define RSSTRACE_BASE_SIPHASH_H

#include <stddef.h>
#include <linux/types.h>

struct siphash_key {
	__u64 words[2];
};

struct siphash_value {
	__u64 words[2];
};

struct siphash {
	__u64 v[4];
	__u8 tail[8]; /* the last len % 8 bytes */
	__u64 len;
};

/* siphash__add() as often as need be: only the bytes count, not how they came. About 2 bytes a
 * nanosecond. */
void siphash__init(struct siphash *hash, const struct siphash_key *key);
void siphash__add(struct siphash *hash, const void *bytes, size_t len);
struct siphash_value siphash__end(struct siphash *hash);

#endif
