// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What people read, as it looks: golden/NAME.txt beside this file. RSSTRACE_WRITE_GOLDEN=1 writes
 * them anew: read the difference before committing it.
 */
#include <libgen.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <setjmp.h>
#include <cmocka.h>
#include "report/diff.h"
#include "report/report.h"
#include "report/orders_scene.h"

struct page {
	char *text;
	size_t len;
	FILE *out;
};

static void open_page(struct page *page)
{
	page->out = open_memstream(&page->text, &page->len);
	assert_non_null(page->out);
}

static FILE *open_golden(const char *name, const char *mode)
{
	char here[] = __FILE__, path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/golden/%s.txt", dirname(here), name);
	file = fopen(path, mode);
	if (!file)
		fail_msg("cannot open %s: run from the top of the tree", path);
	return file;
}

static void assert_golden(struct page *page, const char *name)
{
	static char expected[32768];
	FILE *file;

	fclose(page->out);
	if (getenv("RSSTRACE_WRITE_GOLDEN")) {
		file = open_golden(name, "w");
		fwrite(page->text, 1, page->len, file);
	} else {
		file = open_golden(name, "r");
		expected[fread(expected, 1, sizeof(expected) - 1, file)] = 0;
		assert_string_equal(page->text, expected);
	}
	fclose(file);
	free(page->text);
}

/* No line is longer than the terminal. */
static void assert_width(const struct page *page, __u32 width)
{
	__u32 columns = 0;

	fflush(page->out);
	for (const char *at = page->text; *at; at++) {
		columns = *at == '\n' ? 0 : columns + ((*at & 0xc0) != 0x80);
		if (width && columns > width)
			fail_msg("a line is longer than %u: ...%.40s", width, at - 30);
	}
}

static void assert_report(const struct orders *orders, const struct view *view,
			  struct report_style style, const char *health, const char *name)
{
	struct page page;

	open_page(&page);
	assert_int_equal(report__text(page.out, &orders->fake, view, &style, health), 0);
	if (!style.color)
		assert_width(&page, style.width);
	assert_golden(&page, name);
}

static int setup(void **state)
{
	struct orders *orders = calloc(1, sizeof(*orders));

	setenv("TZ", "UTC", 1);
	tzset();
	orders__init(orders);
	*state = orders;
	return 0;
}

static int teardown(void **state)
{
	orders__fini(*state);
	free(*state);
	return 0;
}

static void report_at_widths(void **state)
{
	const struct orders *orders = *state;
	struct view *view = orders__view(orders, orders->attach, orders->end, 0);

	assert_report(orders, view, (struct report_style){ 0 }, NULL, "report-0");
	assert_report(orders, view, (struct report_style){ .width = 100 }, NULL, "report-100");
	assert_report(orders, view, (struct report_style){ .width = 60 }, NULL, "report-60");
	view__free(view);
}

static void report_with_doubts(void **state)
{
	struct orders *orders = *state;
	struct view *view;

	orders->end->lost = 1234;
	orders->end->spaces->counted[RSST_ANON] += 100;
	orders->end->spaces->kernel[RSST_ANON] += 103;
	orders->end->spaces->kernel[RSST_SWAP] = 77;
	view = orders__view(orders, orders->attach, orders->end, 2);
	assert_report(orders, view,
		      (struct report_style){ .width = 100,
					     .color = true,
					     .top = 1,
					     .stacks = 1,
					     .shown = EVERY_FRAME,
					     .why_incomplete = true },
		      "cut after 9 min 59 s: the tracer was killed", "report-doubts");
	view__free(view);
}

static void assert_reading(const struct orders *orders, const struct view_options *options,
			   __u32 width, const char *name)
{
	struct report_style style = { .width = width, .top = options->top };
	struct view *view = view__new(&orders->fake, orders->attach, orders->end, options);

	assert_report(orders, view, style, NULL, name);
	view__free(view);
}

static void readings_at_widths(void **state)
{
	const struct orders *orders = *state;
	struct filter filter = { 0 };
	struct view_options by_function = { .by = BY_FUNCTION, .top = 3 };
	struct view_options by_region = { .by = BY_REGION, .top = 5, .filter = &filter };
	struct view_options top_down = { .tree = TREE_TOP_DOWN, .top = 10 };
	struct view_options bottom_up = { .tree = TREE_BOTTOM_UP, .by = BY_THREAD };

	assert_int_equal(filter__add(&filter, "symbol!=mdb_page_get", NULL), 0);
	assert_int_equal(filter__add(&filter, "region!~arena", NULL), 0);
	assert_reading(orders, &by_function, 80, "by-function-80");
	assert_reading(orders, &by_function, 120, "by-function-120");
	assert_reading(orders, &by_region, 80, "by-region-80");
	assert_reading(orders, &by_region, 120, "by-region-120");
	assert_reading(orders, &top_down, 80, "top-down-80");
	assert_reading(orders, &top_down, 120, "top-down-120");
	assert_reading(orders, &bottom_up, 80, "bottom-up-80");
	assert_reading(orders, &bottom_up, 120, "bottom-up-120");
}

static void assert_diff(const struct orders *orders, const struct diff_options *options,
			__u32 width, bool why, const char *name)
{
	const struct diff_side a = { &orders->fake, orders->attach };
	const struct diff_side b = { &orders->fake, orders->end };
	const struct report_style style = { .width = width, .why_incomplete = why };
	struct diff_report report = {
		.diff = view_diff__new(&a, &b, options),
		.trace_a = "/srv/traces/orders-monday.rsst",
		.trace_b = "/srv/traces/orders-\033[31mtuesday.rsst",
		.lost_b = 1234,
		.least_bytes = options->least_bytes,
	};
	struct page page;

	open_page(&page);
	assert_int_equal(diff_report__text(page.out, &report, &style), 0);
	assert_width(&page, width);
	assert_golden(&page, name);
	view_diff__free((struct view_diff *)report.diff);
}

static void diff_at_widths(void **state)
{
	const struct diff_options few = { .top = 3, .least_bytes = 1 };
	const struct diff_options none = { .top = 3, .least_bytes = 1LL << 40 };

	assert_diff(*state, &few, 0, false, "diff-0");
	assert_diff(*state, &few, 60, true, "diff-60");
	assert_diff(*state, &few, 80, false, "diff-80");
	assert_diff(*state, &few, 120, true, "diff-120");
	assert_diff(*state, &none, 80, false, "diff-same");
}

static void report_without_growth(void **state)
{
	const struct orders *orders = *state;
	struct view *view = orders__view(orders, orders->end, orders->end, 0);

	assert_report(orders, view, (struct report_style){ .width = 80 }, NULL, "report-instant");
	view__free(view);
	orders->attach->ts = 1;
	view = orders__view(orders, orders->attach, orders->attach, 0);
	view->from_ns = 0;
	assert_report(orders, view, (struct report_style){ .width = 80 }, NULL, "report-flat");
	view__free(view);
}

static void report_of_the_dead(void **state)
{
	struct orders *orders = *state;
	struct view *view;

	orders->fake.roots_alive = false;
	view = orders__view(orders, orders->before, orders->end, 1);
	assert_report(orders, view, (struct report_style){ .width = 80 }, NULL, "report-exited");
	view__free(view);
	orders->end->spaces->alive = false;
	view = orders__view(orders, orders->before, orders->end, 0);
	assert_report(orders, view, (struct report_style){ .width = 80 }, NULL, "report-gone");
	view__free(view);
}

static void report_of_two_processes(void **state)
{
	const struct orders *orders = *state;
	struct snapshot *from = fake_snapshot__new(&orders->fake, 0, 2);
	struct snapshot *to = fake_snapshot__new(&orders->fake, 60 * SECOND, 2);
	struct view *view;

	for (int i = 0; i < 2; i++) {
		fake_space__map(to->spaces + i, HEAP, MIB, KIND_HEAP);
		fake_space__map(to->spaces + i, ANON, MIB, KIND_ANON)->stack = orders->worker;
		fake_space__set(to->spaces + i, ANON, 40 + i, RSST_ANON, orders->worker);
	}
	fake_snapshot__settle(to);
	view = orders__view(orders, from, to, 0);
	assert_report(orders, view, (struct report_style){ .width = 80 }, NULL, "report-processes");
	view__free(view);
	fake_snapshot__free(from);
	fake_snapshot__free(to);
}

static void assert_live(const struct orders *orders, const struct snapshot *from, __u32 top,
			__u32 width, const char *name)
{
	struct view *interval = orders__view(orders, from, orders->end, top);
	struct view *since = orders__view(orders, orders->attach, orders->end, top);
	struct report_style style = { .width = width };
	struct page page;

	open_page(&page);
	assert_int_equal(report__live(page.out, &orders->fake, interval, since, &style), 0);
	assert_width(&page, width);
	assert_golden(&page, name);
	view__free(interval);
	view__free(since);
}

static void live_at_widths(void **state)
{
	const struct orders *orders = *state;

	assert_live(orders, orders->before, 0, 0, "live-0");
	assert_live(orders, orders->before, 0, 100, "live-100");
	assert_live(orders, orders->before, 0, 60, "live-60");
	assert_live(orders, orders->before, 2, 100, "live-top");
}

static void live_when_nothing_grows(void **state)
{
	struct orders *orders = *state;

	orders->before->wall_ns = orders->end->wall_ns;
	assert_live(orders, orders->end, 0, 80, "live-quiet");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(report_at_widths, setup, teardown),
		cmocka_unit_test_setup_teardown(report_with_doubts, setup, teardown),
		cmocka_unit_test_setup_teardown(readings_at_widths, setup, teardown),
		cmocka_unit_test_setup_teardown(diff_at_widths, setup, teardown),
		cmocka_unit_test_setup_teardown(report_without_growth, setup, teardown),
		cmocka_unit_test_setup_teardown(report_of_the_dead, setup, teardown),
		cmocka_unit_test_setup_teardown(report_of_two_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(live_at_widths, setup, teardown),
		cmocka_unit_test_setup_teardown(live_when_nothing_grows, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
