// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <endian.h>
#include <string.h>
#include "base/siphash.h"

static __u64 rotated(__u64 value, unsigned int bits)
{
	return value << bits | value >> (64 - bits);
}

static void mix(__u64 v[4], int rounds)
{
	for (int i = 0; i < rounds; i++) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotated(v[1], 13) ^ v[0];
		v[3] = rotated(v[3], 16) ^ v[2];
		v[0] = rotated(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotated(v[1], 17) ^ v[2];
		v[3] = rotated(v[3], 21) ^ v[0];
		v[2] = rotated(v[2], 32);
	}
}

static void take_word(__u64 v[4], const __u8 *bytes)
{
	__u64 word;

	memcpy(&word, bytes, sizeof(word));
	word = le64toh(word);
	v[3] ^= word;
	mix(v, 2);
	v[0] ^= word;
}

void siphash__init(struct siphash *hash, const struct siphash_key *key)
{
	*hash = (struct siphash){ .v = { key->words[0] ^ 0x736f6d6570736575ULL,
					 key->words[1] ^ 0x646f72616e646f6dULL ^ 0xee,
					 key->words[0] ^ 0x6c7967656e657261ULL,
					 key->words[1] ^ 0x7465646279746573ULL } };
}

void siphash__add(struct siphash *hash, const void *bytes, size_t len)
{
	size_t have = hash->len % sizeof(hash->tail), want = sizeof(hash->tail) - have;
	const __u8 *at = bytes;
	__u64 v[4];

	hash->len += len;
	if (len < want) {
		if (len)
			memcpy(hash->tail + have, at, len);
		return;
	}
	memcpy(v, hash->v, sizeof(v)); /* into registers */
	if (have) {
		memcpy(hash->tail + have, at, want);
		take_word(v, hash->tail);
		at += want;
		len -= want;
	}
	for (; len >= sizeof(hash->tail); at += sizeof(hash->tail), len -= sizeof(hash->tail))
		take_word(v, at);
	memcpy(hash->tail, at, len);
	memcpy(hash->v, v, sizeof(v));
}

struct siphash_value siphash__end(struct siphash *hash)
{
	__u64 *v = hash->v;
	struct siphash_value value;

	memset(hash->tail + hash->len % sizeof(hash->tail), 0,
	       sizeof(hash->tail) - hash->len % sizeof(hash->tail));
	hash->tail[7] = (__u8)hash->len;
	take_word(v, hash->tail);
	v[2] ^= 0xee;
	mix(v, 4);
	value.words[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
	v[1] ^= 0xdd;
	mix(v, 4);
	value.words[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
	return value;
}
