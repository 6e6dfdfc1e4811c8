// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What waits between the kernel side's ring and the work on it, and what programs had when they
 * began. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "live/begun.h"
#include "live/news_queue.h"

static void take(struct news_queue *queue, const char *text, size_t len)
{
	const struct news_item *item = news_queue__first(queue);

	assert_non_null(item);
	assert_int_equal(item->len, len);
	assert_int_equal((uintptr_t)item->bytes % 8, 0);
	assert_memory_equal(item->bytes, text, len);
	news_queue__drop(queue);
}

static void news_come_in_order(void **state)
{
	struct news_queue queue = { 0 };
	char text[300];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++) {
		memset(text, (int)i, sizeof(text));
		assert_true(news_queue__push(&queue, text, i));
		if (i % 3 == 0)
			news_queue__drop(&queue);
	}
	for (size_t i = sizeof(text) / 3; i < sizeof(text); i++) {
		memset(text, (int)i, sizeof(text));
		take(&queue, text, i);
	}
	assert_null(news_queue__first(&queue));
	assert_int_equal(queue.bytes, 0);
	assert_true(news_queue__push(&queue, text, sizeof(text)));
	news_queue__fini(&queue);
}

#define LONG_BYTES 131000
#define NR_LONG (NEWS_QUEUE_MAX_BYTES / LONG_BYTES)

static void fill(struct news_queue *queue, char *text, int nr, int first)
{
	for (int i = first; i < first + nr; i++) {
		memset(text, i, LONG_BYTES);
		assert_true(news_queue__push(queue, text, LONG_BYTES));
	}
}

static void take_all(struct news_queue *queue, char *text, int nr, int first)
{
	for (int i = first; i < first + nr; i++) {
		memset(text, i, LONG_BYTES);
		take(queue, text, LONG_BYTES);
	}
}

/* The oldest stays where it is while others come, over the end of the memory, too. */
static void a_full_queue_goes_round(void **state)
{
	struct news_queue queue = { 0 };
	char *text = calloc(1, LONG_BYTES);
	const struct news_item *first;

	(void)state;
	assert_non_null(text);
	for (int round = 0; round < 3; round++) {
		fill(&queue, text, NR_LONG, 0);
		assert_int_equal(queue.bytes, NR_LONG * LONG_BYTES);
		take_all(&queue, text, NR_LONG / 3 * 2, 0);
		first = news_queue__first(&queue);
		fill(&queue, text, NR_LONG / 2, NR_LONG);
		assert_ptr_equal(news_queue__first(&queue), first);
		take_all(&queue, text, NR_LONG - NR_LONG / 3 * 2 + NR_LONG / 2, NR_LONG / 3 * 2);
		assert_null(news_queue__first(&queue));
		assert_int_equal(queue.bytes, 0);
	}
	while (news_queue__push(&queue, text, LONG_BYTES))
		;
	assert_in_range(queue.bytes, NEWS_QUEUE_MAX_BYTES, NEWS_QUEUE_MAX_BYTES * 2);
	news_queue__fini(&queue);
	free(text);
}

static void note(struct begun *begun, __u32 space)
{
	struct proc_maps maps = { .nr = space,
				  .maps = calloc(1, sizeof(*maps.maps)),
				  .text = NULL };

	begun__note(begun, space, &maps);
	assert_null(maps.maps); /* they are the list's now */
}

static void programs_are_known_once(void **state)
{
	struct begun begun = { 0 };
	struct proc_maps maps;

	(void)state;
	for (__u32 space = 1; space <= BEGUN_MAX + 2; space++)
		note(&begun, space);
	assert_false(begun__take(&begun, 1, &maps)); /* others took their places */
	assert_false(begun__take(&begun, 2, &maps));
	assert_true(begun__take(&begun, 3, &maps));
	assert_int_equal(maps.nr, 3);
	proc_maps__free(&maps);
	assert_false(begun__take(&begun, 3, &maps));
	assert_true(begun__take(&begun, BEGUN_MAX + 2, &maps));
	proc_maps__free(&maps);
	begun__fini(&begun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(news_come_in_order),
		cmocka_unit_test(a_full_queue_goes_round),
		cmocka_unit_test(programs_are_known_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
