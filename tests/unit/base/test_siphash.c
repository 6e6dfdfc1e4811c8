// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Against the reference's values (key and text are 0, 1, 2, ...), whole and in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/siphash.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))
#define LONGEST 63

static const struct siphash_key key = { { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL } };

static const struct {
	size_t len;
	struct siphash_value value;
} known[] = {
	{ 0, { { 0xe6a825ba047f81a3ULL, 0x930255c71472f66dULL } } },
	{ 1, { { 0x44af996bd8c187daULL, 0x45fc229b11597634ULL } } },
	{ 7, { { 0x53c1dbd8beebf1a1ULL, 0x3982f01fa64ab8c0ULL } } },
	{ 8, { { 0x61f55862baa9623bULL, 0xb49714f364e2830fULL } } },
	{ LONGEST, { { 0x4a83502f77d15051ULL, 0x7cbd3f979a063e50ULL } } },
};

static struct siphash_value hash_in_pieces(size_t len, size_t piece)
{
	struct siphash hash;
	__u8 text[LONGEST];

	for (size_t i = 0; i < len; i++)
		text[i] = (__u8)i;
	siphash__init(&hash, &key);
	for (size_t at = 0; at < len; at += piece)
		siphash__add(&hash, text + at, piece < len - at ? piece : len - at);
	return siphash__end(&hash);
}

static void gives_the_known_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR(known); i++) {
		for (size_t piece = 1; piece <= LONGEST; piece++) {
			struct siphash_value value = hash_in_pieces(known[i].len, piece);

			assert_memory_equal(&value, &known[i].value, sizeof(value));
		}
	}
}

static void nothing_added_changes_nothing(void **state)
{
	struct siphash_value value;
	struct siphash hash;

	(void)state;
	siphash__init(&hash, &key);
	siphash__add(&hash, NULL, 0);
	value = siphash__end(&hash);
	assert_memory_equal(&value, &known[0].value, sizeof(value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_known_values),
		cmocka_unit_test(nothing_added_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
