// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The sets that spaces walk by, with the kernel side's part played by the test. No BPF needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "config_abi.h"
#include "live/unwind_sets.h"

#define SPACE 7
#define CODE 0x400000ULL

static struct unwind_maps maps;
static struct unwind_sets sets;

static struct map_view room(size_t bytes)
{
	struct map_view view = { .at = calloc(1, bytes), .bytes = bytes };

	assert_non_null(view.at);
	return view;
}

static int make(void **state)
{
	(void)state;
	maps = (struct unwind_maps){
		.sets = room(UNWIND_NR_SETS * sizeof(struct unwind_set)),
		.mappings =
			room(UNWIND_NR_SETS * UNWIND_SET_MAPPINGS * sizeof(struct unwind_mapping)),
		.spaces = room(RSST_MAX_SPACES * sizeof(struct unwind_space)),
		.cache = room(UNWIND_CACHE_WORDS * sizeof(__u64)),
		.control = room(sizeof(struct unwind_control)),
	};
	memset(&sets, 0, sizeof(sets));
	unwind_sets__init(&sets, &maps);
	return 0;
}

static int clear(void **state)
{
	(void)state;
	free(maps.sets.at);
	free(maps.mappings.at);
	free(maps.spaces.at);
	free(maps.cache.at);
	free(maps.control.at);
	return 0;
}

static struct unwind_space *space_at(__u32 space)
{
	return (struct unwind_space *)maps.spaces.at + space;
}

static struct unwind_control *control(void)
{
	return maps.control.at;
}

/* Let SPACE walk by @set, filled with one mapping. */
static void publish(__u32 set)
{
	const struct unwind_mapping mapping = { .start = CODE, .end = CODE + 0x1000 };

	unwind_sets__fill(&sets, set, SPACE, &mapping, 1);
	space_at(SPACE)->word = unwind_sets__word(&sets, set);
}

static void the_one_free_for_longest_is_next(void **state)
{
	__u32 first = unwind_sets__take(&sets), second = unwind_sets__take(&sets);

	(void)state;
	assert_int_not_equal(first, second);
	unwind_sets__put(&sets, second);
	unwind_sets__put(&sets, first);
	for (int i = 0; i < UNWIND_NR_SETS - 2; i++) {
		__u32 set = unwind_sets__take(&sets);

		assert_true(set != first && set != second);
	}
	assert_int_equal(unwind_sets__take(&sets), second);
	assert_int_equal(unwind_sets__take(&sets), first);
	assert_int_equal(sets.nr_free, 0);
}

static void a_word_names_what_it_was_stored_for(void **state)
{
	__u32 set = unwind_sets__take(&sets);

	(void)state;
	assert_int_equal(unwind_sets__named_by(&sets, SPACE), -1);
	publish(set);
	assert_int_equal(unwind_sets__named_by(&sets, SPACE), set);
	assert_int_equal(unwind_sets__named_by(&sets, SPACE + 1), -1);
	unwind_sets__fill(&sets, set, SPACE + 1, NULL, 0); /* reused */
	assert_int_equal(unwind_sets__named_by(&sets, SPACE), -1);
	space_at(SPACE)->word = UNWIND_SPACE_WORD(UNWIND_NR_SETS, 1); /* out of range */
	assert_int_equal(unwind_sets__named_by(&sets, SPACE), -1);
	assert_int_equal(unwind_sets__named_by(&sets, RSST_MAX_SPACES), -1);
}

static void what_is_filled_is_new_throughout(void **state)
{
	__u32 set = unwind_sets__take(&sets);
	struct unwind_set *head = unwind_sets__at(&sets, set);
	struct unwind_mapping *mappings = unwind_sets__mappings(&sets, set);
	__u64 generation;

	(void)state;
	publish(set);
	generation = head->generation;
	assert_int_not_equal(generation, 0);
	assert_int_equal(head->nr_sorted, 1);
	assert_int_equal(head->owner, SPACE);
	assert_int_equal(mappings[0].start, CODE);
	head->nr_recent = 1; /* the kernel side saw one */
	mappings[UNWIND_SET_SORTED].start = mappings[UNWIND_SET_SORTED].end = CODE;
	publish(set);
	assert_true(head->generation > generation);
	assert_int_equal(head->nr_recent, 0);
	assert_int_equal(mappings[UNWIND_SET_SORTED].start, 0);
	assert_int_equal(mappings[UNWIND_SET_SORTED].end, 0);
}

/* 18 bits of the generation are in a word of the cache: it is cleared before they come again. */
static void the_cache_is_cleared_in_time(void **state)
{
	__u64 *word = (__u64 *)maps.cache.at + 5;
	__u32 set = unwind_sets__take(&sets);

	(void)state;
	*word = 1;
	publish(set);
	assert_int_equal(*word, 1);
	control()->generation += UNWIND_CACHE_GENERATIONS / 2; /* the kernel side's */
	publish(set);
	assert_int_equal(*word, 0);
	*word = 1;
	publish(set);
	assert_int_equal(*word, 1);
}

/* Two files of one inode number, on two file systems. */
static void a_table_goes_to_the_file_it_is_of(void **state)
{
	const __u32 file = unwind_awaited_file(42, 8), other = unwind_awaited_file(42, 9);
	const struct unwind_object object = { .first_page = 3, .nr_pages = 2 };
	const struct unwind_mapping before[] = {
		{ .start = 1, .first_page = UNWIND_TABLE_AWAITED, .nr_pages = file },
		{ .start = 2, .first_page = UNWIND_TABLE_AWAITED, .nr_pages = other },
		{ .start = 3, .first_page = 1, .nr_pages = file },
	};
	__u32 set = unwind_sets__take(&sets);
	struct unwind_mapping *now = unwind_sets__mappings(&sets, set);

	(void)state;
	assert_int_not_equal(file, other);
	unwind_sets__fill(&sets, set, SPACE, before, 3);
	now[UNWIND_SET_SORTED] = before[0];
	unwind_sets__fill_awaited(&sets, set, file, &object);
	assert_int_equal(now[0].first_page, 3);
	assert_int_equal(now[0].nr_pages, 2);
	assert_int_equal(now[UNWIND_SET_SORTED].first_page, 3);
	assert_memory_equal(&now[1], &before[1], sizeof(before[1]));
	assert_memory_equal(&now[2], &before[2], sizeof(before[2]));
}

/* --- programs that begin ---------------------------------------------------------------------- */

/* As unwind__take_set() of bpf/unwind_exec.bpf.h, up to where @space is told. */
static struct unwind_ready *claim(void)
{
	for (int i = 0; i < UNWIND_READY_SETS; i++) {
		struct unwind_ready *ready = &control()->ready[i];

		if (!ready->word || ready->claimed)
			continue;
		ready->claimed = 1;
		return ready;
	}
	return NULL;
}

static void as_many_are_offered_as_can_be_spared(void **state)
{
	__u32 space;
	int nr = 0;

	(void)state;
	unwind_sets__offer(&sets);
	assert_int_equal(sets.nr_free, UNWIND_NR_SETS - UNWIND_READY_SETS);
	unwind_sets__offer(&sets); /* all are there */
	assert_int_equal(sets.nr_free, UNWIND_NR_SETS - UNWIND_READY_SETS);
	while (claim())
		nr++;
	assert_int_equal(nr, UNWIND_READY_SETS);
	while (sets.nr_free > UNWIND_SPARE_SETS)
		unwind_sets__take(&sets);
	for (int i = 0; i < UNWIND_READY_SETS; i++)
		control()->ready[i].space = SPACE;
	while (unwind_sets__collect(&sets, &space) >= 0)
		;
	unwind_sets__offer(&sets);
	assert_int_equal(sets.nr_free, UNWIND_SPARE_SETS);
	assert_null(claim());
}

static void a_set_that_was_taken_is_the_spaces(void **state)
{
	struct unwind_ready *ready;
	__u32 space, set;

	(void)state;
	unwind_sets__offer(&sets);
	assert_int_equal(unwind_sets__collect(&sets, &space), -1);
	ready = claim();
	assert_non_null(ready);
	set = (__u32)ready->word - 1;
	assert_int_equal(unwind_sets__collect(&sets, &space), -1); /* its word is not stored yet */
	space_at(SPACE)->word = ready->word;
	ready->space = SPACE;
	assert_int_equal(unwind_sets__collect(&sets, &space), set);
	assert_int_equal(space, SPACE);
	assert_int_equal(unwind_sets__named_by(&sets, SPACE), set);
	assert_int_equal(unwind_sets__collect(&sets, &space), -1);
	assert_int_equal(ready->claimed, 1); /* until another is there */
	unwind_sets__offer(&sets);
	assert_int_equal(ready->claimed, 0);
	assert_int_not_equal((__u32)ready->word - 1, set);
	assert_int_equal(unwind_sets__named_by(&sets, SPACE), set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_one_free_for_longest_is_next, make, clear),
		cmocka_unit_test_setup_teardown(a_word_names_what_it_was_stored_for, make, clear),
		cmocka_unit_test_setup_teardown(what_is_filled_is_new_throughout, make, clear),
		cmocka_unit_test_setup_teardown(the_cache_is_cleared_in_time, make, clear),
		cmocka_unit_test_setup_teardown(a_table_goes_to_the_file_it_is_of, make, clear),
		cmocka_unit_test_setup_teardown(as_many_are_offered_as_can_be_spared, make, clear),
		cmocka_unit_test_setup_teardown(a_set_that_was_taken_is_the_spaces, make, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
