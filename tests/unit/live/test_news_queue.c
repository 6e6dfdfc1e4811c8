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

static void news_come_in_order(void **state)
{
	struct news_queue queue = { 0 };
	char text[300];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++) {
		memset(text, (int)i, sizeof(text));
		assert_true(news_queue__push(&queue, text, i));
		if (i % 3 == 0)
			free(news_queue__pop(&queue));
	}
	for (size_t i = sizeof(text) / 3; i < sizeof(text); i++) {
		struct news_item *item = news_queue__pop(&queue);

		assert_non_null(item);
		assert_int_equal(item->len, i);
		assert_int_equal((uintptr_t)item->bytes % 8, 0);
		memset(text, (int)i, sizeof(text));
		assert_memory_equal(item->bytes, text, item->len);
		free(item);
	}
	assert_null(news_queue__pop(&queue));
	assert_int_equal(queue.bytes, 0);
	assert_true(news_queue__push(&queue, text, sizeof(text)));
	news_queue__fini(&queue);
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
		cmocka_unit_test(programs_are_known_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
