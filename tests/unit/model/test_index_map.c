// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "model/index_map.h"
#include "model/name_table.h"

#define NR_KEYS 50000

/* Keys that differ in one word, in the other, or in both, by little. */
static __u64 key_of(__u32 i)
{
	return i / 3;
}

static __u32 more_of(__u32 i)
{
	return i % 3;
}

static void test_each_key_has_its_index(void **state)
{
	struct index_map map = { 0 };

	(void)state;
	for (__u32 i = 0; i < NR_KEYS; i++) {
		assert_int_equal(index_map__find(&map, key_of(i), more_of(i)), 0);
		assert_int_equal(index_map__add(&map, key_of(i), more_of(i), i + 1), 0);
	}
	for (__u32 i = 0; i < NR_KEYS; i++)
		assert_int_equal(index_map__find(&map, key_of(i), more_of(i)), i + 1);
	assert_int_equal(index_map__find(&map, key_of(0), 3), 0);
	assert_int_equal(index_map__find(&map, key_of(3 * NR_KEYS), 0), 0);
	assert_in_range(map.nr, NR_KEYS, (map.mask + 1ULL) * BUCKET_SLOTS / 2);
	assert_int_equal((uintptr_t)map.buckets % sizeof(*map.buckets), 0);
	index_map__fini(&map);
}

static __u64 word_of(const char *text)
{
	__u64 word;

	memcpy(&word, text, sizeof(word));
	return word;
}

/* A second half that gives a text of 16 bytes with first half @other the hash of @text. */
static __u64 twin_of(const char *text, const char *other)
{
	const __u64 factor = 0x9e3779b97f4a7c15ULL;
	__u64 inverse = factor; /* of it, modulo 2^64: each step doubles the bits that are right */

	for (int i = 0; i < 5; i++)
		inverse *= 2 - factor * inverse;
	return (word_of(text + 8) * factor ^ index_hash(16, word_of(text)) ^
		index_hash(16, word_of(other))) *
	       inverse;
}

static void test_names_with_one_hash_stay_apart(void **state)
{
	char text[17] = "[anon:arena 001]", twin[17] = "[anon:x aaaaaaaa";
	struct name_table table = { 0 };
	__u64 half;

	(void)state;
	do { /* until it has no NUL in it */
		twin[7]++;
		half = twin_of(text, twin);
		memcpy(twin + 8, &half, sizeof(half));
	} while (strlen(twin) < 16);
	assert_int_equal(index_hash_bytes(text, 16), index_hash_bytes(twin, 16));
	assert_int_equal(name_table__intern(&table, text, 16), 1);
	assert_int_equal(name_table__find(&table, twin, 16), 0);
	assert_int_equal(name_table__intern(&table, twin, 16), 2);
	assert_int_equal(name_table__find(&table, text, 16), 1);
	assert_int_equal(name_table__find(&table, twin, 16), 2);
	assert_string_equal(name_table__get(&table, 2), twin);
	name_table__fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_key_has_its_index),
		cmocka_unit_test(test_names_with_one_hash_stay_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
