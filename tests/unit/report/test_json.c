// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The JSON of the contract, read back and checked key by key, with nothing missing and nothing of
 * another type. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>
#include <json-c/json.h>
#include "report/report.h"
#include "report/utf8.h"
#include "report/whole_stacks.h"
#include "base/units.h"
#include "report/orders_scene.h"

struct scene {
	struct orders orders;
	struct view *view;
	char *text;
	struct json_object *root;
};

static char *print_json(const struct scene *scene, const char *kind, bool one_line)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(report__json(out, scene->view, kind, 0, one_line), 0);
	fclose(out);
	return text;
}

static void look(struct scene *scene, __u32 top, bool one_line)
{
	scene->view = orders__view(&scene->orders, scene->orders.attach, scene->orders.end, top);
	assert_non_null(scene->view);
	scene->text = print_json(scene, "report", one_line);
	scene->root = json_tokener_parse(scene->text);
	assert_non_null(scene->root);
}

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	orders__init(&scene->orders);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	json_object_put(scene->root);
	free(scene->text);
	view__free(scene->view);
	orders__fini(&scene->orders);
	free(scene);
	return 0;
}

/* The keys of @object are these, in this order; a type letter each: i s b o a, n (null), ? (s or
 * null). */
static void assert_keys(struct json_object *object, const char *spec)
{
	char copy[512], *rest = copy, *word;
	struct json_object_iterator at = json_object_iter_begin(object),
				    end = json_object_iter_end(object);

	snprintf(copy, sizeof(copy), "%s", spec);
	while ((word = strsep(&rest, " "))) {
		static const char letters[] = { [json_type_null] = 'n',	 [json_type_boolean] = 'b',
						[json_type_int] = 'i',	 [json_type_object] = 'o',
						[json_type_array] = 'a', [json_type_string] = 's',
						[json_type_double] = 'd' };
		char *colon = strchr(word, ':'), letter;

		*colon = 0;
		assert_false(json_object_iter_equal(&at, &end));
		assert_string_equal(json_object_iter_peek_name(&at), word);
		letter = letters[json_object_get_type(json_object_iter_peek_value(&at))];
		if (!strchr(colon[1] == '?' ? "sni" : colon + 1, letter))
			fail_msg("%s is of type %c", word, letter);
		json_object_iter_next(&at);
	}
	assert_true(json_object_iter_equal(&at, &end));
}

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(object, key, &value))
		fail_msg("no key %s", key);
	return value;
}

static __s64 get_int(struct json_object *object, const char *key)
{
	return json_object_get_int64(get(object, key));
}

static const char *get_string(struct json_object *object, const char *key)
{
	return json_object_get_string(get(object, key));
}

static struct json_object *item(struct json_object *root, const char *key, size_t i)
{
	return json_object_array_get_idx(get(root, key), i);
}

static void a_trend_tells_its_figures(void **state)
{
	struct scene *scene = *state;
	struct json_object *trend;

	look(scene, 0, false);
	trend = get(scene->root, "trend");
	assert_keys(trend, "kind:s of:s suspected_leak:b points:i from_ns:i to_ns:i growth:i low:i "
			   "high:i slope_bytes_per_hour:i slope_error_bytes_per_hour:i r2:d "
			   "since_ns:i step_at_ns:n step_bytes:n falls:n "
			   "floor_slope_bytes_per_hour:n floor_r2:n anon:o file:o shmem:o total:o");
	assert_keys(get(trend, "file"), "kind:s growth:i slope_bytes_per_hour:i r2:d");
	assert_string_equal(get_string(trend, "kind"), "steady");
	assert_string_equal(get_string(trend, "of"), "anon");
	assert_int_equal(get_int(trend, "points"), 61);
	assert_string_equal(get_string(get(trend, "file"), "kind"), "plateau");
	/* 373 pages every ten seconds; the wobble on top hardly turns the line */
	assert_in_range(get_int(trend, "slope_bytes_per_hour"), 360 * 373 * PAGE, 361 * 374 * PAGE);
}

static void every_key_of_the_contract(void **state)
{
	struct scene *scene = *state;
	struct json_object *root, *region, *stack;

	look(scene, 0, false);
	root = scene->root;
	assert_keys(root, "schema:s kind:s target:o window:o rss:o growth:o trend:o ledger:o "
			  "walks:o causes:a events:o marks:a regions:a stacks:a");
	assert_string_equal(get_string(root, "schema"), "rsstrace/1");
	assert_string_equal(get_string(root, "kind"), "report");
	assert_keys(get(root, "target"), "pid:i comm:s exe:s");
	assert_keys(get(root, "window"), "from_ns:i to_ns:i wall_from:s wall_to:s");
	assert_keys(get(root, "rss"),
		    "anon:i file:i shmem:i total:i swap:i peak_total:i peak_at_ns:i");
	assert_keys(get(root, "growth"), "anon:i file:i shmem:i total:i");
	assert_keys(get(root, "ledger"), "attributed:i before_attach:i unattributed:i error:i");
	assert_keys(get(root, "walks"), "complete_share:d of:s rss:i incomplete:i faulted:i "
					"incomplete_faulted:i ends:a");
	assert_keys(item(get(root, "walks"), "ends", 0), "end:s rss:i faulted:i");
	assert_keys(get(root, "events"), "faults:i lost:i stacks_truncated:i");
	assert_keys(item(root, "causes", 0), "cause:s direction:s anon:i file:i shmem:i");
	region = item(root, "regions", 0);
	assert_keys(region, "pid:i start:s end:s perms:s kind:s name:s unmapped:b size:i rss:i "
			    "growth:i faulted:i stacks:a");
	assert_keys(item(region, "stacks", 0), "id:i rss:i growth:i");
	stack = item(root, "stacks", 0);
	assert_keys(stack, "id:i rss:i growth:i faulted:i freed:i complete:b end:s "
			   "named_by:i frames:a");
	for (size_t i = 0; i < json_object_array_length(get(stack, "frames")); i++)
		assert_keys(item(stack, "frames", i),
			    "symbol:? module:? offset:s file:? line:? inlined:b");
}

static void values(void **state)
{
	struct scene *scene = *state;
	struct json_object *root, *rss, *ledger, *region, *frame;

	look(scene, 0, true);
	root = scene->root;
	assert_int_equal(get_int(get(root, "target"), "pid"), 4242);
	assert_string_equal(get_string(get(root, "target"), "exe"), "/usr/bin/orders-api");
	assert_int_equal(get_int(get(root, "window"), "to_ns"), 600 * SECOND);
	assert_non_null(
		strstr(get_string(get(root, "window"), "wall_from"), "2023-11-14T22:13:20"));
	rss = get(root, "rss");
	ledger = get(root, "ledger");
	assert_int_equal(get_int(rss, "total"),
			 get_int(rss, "anon") + get_int(rss, "file") + get_int(rss, "shmem"));
	assert_int_equal(get_int(rss, "total"),
			 get_int(ledger, "attributed") + get_int(ledger, "before_attach") +
				 get_int(ledger, "unattributed") + get_int(ledger, "error"));
	region = item(root, "regions", 0);
	assert_string_equal(get_string(region, "start"), "0x5000000000");
	assert_string_equal(get_string(region, "perms"), "rw-p");
	assert_string_equal(get_string(region, "kind"), "heap");
	assert_int_equal(get_int(region, "growth"), (18000 + 2000 + 900 + 2000 + 30) * PAGE);
	assert_int_equal(get_int(region, "faulted"), get_int(region, "growth"));
	frame = item(item(root, "stacks", 0), "frames", 0);
	assert_string_equal(get_string(frame, "offset"), "0x9a100");
	assert_null(get(frame, "line")); /* unknown, not 0 */
	assert_null(get(frame, "file"));
	frame = item(item(root, "stacks", 0), "frames", 2);
	assert_string_equal(get_string(frame, "file"), "src/cache/session.c");
	assert_int_equal(get_int(frame, "line"), 211);
}

/* The shares of what was brought in; parse's walks ended for want of a rule, one stack was lost. */
static void incomplete_stacks_say_why(void **state)
{
	struct scene *scene = *state;
	struct json_object *walks;

	look(scene, 1, false);
	walks = get(scene->root, "walks");
	assert_string_equal(get_string(walks, "complete_share"), "0.828117");
	assert_string_equal(get_string(walks, "of"), "faulted");
	assert_int_equal(get_int(walks, "rss"), get_int(get(scene->root, "ledger"), "attributed"));
	assert_int_equal(get_int(walks, "incomplete"), (900 + 30) * PAGE);
	assert_int_equal(get_int(walks, "faulted"), get_int(walks, "rss") + 8000 * PAGE);
	assert_int_equal(get_int(walks, "incomplete_faulted"), (8900 + 30) * PAGE);
	assert_int_equal(json_object_array_length(get(walks, "ends")), 2);
	assert_string_equal(get_string(item(walks, "ends", 0), "end"), "lost");
	assert_int_equal(get_int(item(walks, "ends", 0), "rss"), 30 * PAGE);
	assert_string_equal(get_string(item(walks, "ends", 1), "end"), "no_rule");
	assert_int_equal(get_int(item(walks, "ends", 1), "faulted"), 8900 * PAGE);
	assert_string_equal(get_string(item(scene->root, "stacks", 0), "end"), "root");
}

static void assert_share(__s64 bytes, __s64 incomplete, const char *text, const char *number)
{
	const struct walk_ends ends = { .bytes = bytes, .incomplete = incomplete };
	const struct view view = { .resident_walks = ends };
	struct json_object *walks = json_walks(&view), *share = get(walks, "complete_share");
	char buf[UNITS_LEN];

	assert_string_equal(whole_stacks__text(buf, &ends), text);
	assert_string_equal(share ? json_object_get_string(share) : "null", number);
	json_object_put(walks);
}

/* 100 only when every byte is; nothing is no share. */
static void shares_never_flatter(void **state)
{
	(void)state;
	assert_share(0, 0, "-", "null");
	assert_share(4096, 0, "100 %", "1.000000");
	assert_share(1LL << 50, 1, "99.99 %", "0.999999");
	assert_share(10000, 2, "99.98 %", "0.999800");
	assert_share(1000, 10, "99.00 %", "0.990000");
	assert_share(1000, 11, "98 %", "0.989000");
	assert_share(1000, 991, "< 1 %", "0.009000");
	assert_share(1LL << 50, (1LL << 50) - 1, "< 1 %", "0.000000");
	assert_share(1000, 1000, "0 %", "0.000000");
}

static __s64 sum(struct json_object *root, const char *list, const char *key)
{
	struct json_object *other = NULL, *rows = get(root, list);
	__s64 total = 0;

	for (size_t i = 0; i < json_object_array_length(rows); i++)
		total += get_int(json_object_array_get_idx(rows, i), key);
	if (json_object_object_get_ex(root, "other", &other))
		total += get_int(get(other, list), key);
	return total;
}

static void lists_and_other_add_up(void **state)
{
	static const __u32 tops[] = { 0, 1, 3 };
	struct scene *scene = *state;

	for (size_t i = 0; i < 3; i++) {
		look(scene, tops[i], false);
		assert_int_equal(sum(scene->root, "regions", "growth"),
				 get_int(get(scene->root, "growth"), "total"));
		assert_int_equal(sum(scene->root, "regions", "rss"),
				 get_int(get(scene->root, "rss"), "total"));
		assert_int_equal(sum(scene->root, "stacks", "rss"),
				 get_int(get(scene->root, "ledger"), "attributed"));
		assert_int_equal(json_object_object_get_ex(scene->root, "other", NULL),
				 tops[i] != 0);
		if (tops[i]) {
			assert_keys(get(scene->root, "other"), "regions:o stacks:o");
			assert_keys(get(get(scene->root, "other"), "regions"),
				    "count:i rss:i growth:i faulted:i");
			assert_keys(get(get(scene->root, "other"), "stacks"),
				    "count:i rss:i growth:i faulted:i freed:i");
			assert_int_equal(json_object_array_length(get(scene->root, "regions")),
					 tops[i]);
		}
		json_object_put(scene->root);
		free(scene->text);
		view__free(scene->view);
	}
	scene->root = NULL;
	scene->text = NULL;
	scene->view = NULL;
}

static void one_line_or_indented(void **state)
{
	struct scene *scene = *state;
	struct json_object *pretty;
	char *text;

	look(scene, 2, true);
	assert_ptr_equal(strchr(scene->text, '\n'), scene->text + strlen(scene->text) - 1);
	assert_null(strstr(scene->text, ": "));
	text = print_json(scene, "report", false);
	assert_memory_equal(text,
			    "{\n  \"schema\": \"rsstrace/1\",\n  \"kind\": \"report\",\n  "
			    "\"target\": {\n    \"pid\": 4242,\n",
			    70);
	pretty = json_tokener_parse(text);
	assert_true(json_object_equal(pretty, scene->root)); /* the same values in both forms */
	json_object_put(pretty);
	free(text);
	text = print_json(scene, "report", true);
	assert_string_equal(text, scene->text); /* the same bytes each time */
	free(text);
}

static void any_bytes_make_valid_json(void **state)
{
	struct scene *scene = *state;

	look(scene, 0, false);
	assert_non_null(strstr(scene->text, "/var/lib/app/\xef\xbf\xbd\\u001b[31mdata.mdb"));
	for (const char *at = scene->text; *at; at++)
		assert_true((unsigned char)*at >= 0x20 || *at == '\n');
}

static void assert_clean(const char *text, const char *expected)
{
	char *clean = utf8__clean(text, true);

	assert_string_equal(clean, expected);
	free(clean);
}

static void utf8(void **state)
{
	(void)state;
	assert_clean("plain", "plain");
	assert_clean("\xc3\xa4\xe2\x86\x90\xf0\x9f\x98\x80",
		     "\xc3\xa4\xe2\x86\x90\xf0\x9f\x98\x80");
	assert_clean("\xc3", "\xef\xbf\xbd");
	assert_clean("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");		      /* overlong */
	assert_clean("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* surrogate */
	assert_clean("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_clean("a\033[2J\t\xc2\x9b", "a?[2J??");
	assert_int_equal(utf8__columns("\xc3\xa4\xe2\x86\x90x"), 3);
	assert_int_equal(utf8__prefix("\xc3\xa4\xe2\x86\x90x", 2), 5);
	assert_int_equal(utf8__prefix("ab", 9), 2);
}

/* A target of which nothing is known yet. */
static void unknown_is_null(void **state)
{
	struct scene *scene = *state;
	struct snapshot *nothing = fake_snapshot__new(&scene->orders.fake, 0, 0);
	struct json_object *target;

	nothing->wall_ns = 0;
	scene->view = orders__view(&scene->orders, nothing, nothing, 0);
	scene->text = print_json(scene, "live", true);
	scene->root = json_tokener_parse(scene->text);
	target = get(scene->root, "target");
	assert_keys(target, "pid:n comm:n exe:n");
	assert_keys(get(scene->root, "window"), "from_ns:i to_ns:i wall_from:n wall_to:n");
	assert_string_equal(get_string(scene->root, "kind"), "live");
	assert_null(get(get(scene->root, "walks"), "complete_share"));
	fake_snapshot__free(nothing);
}

static void a_full_disk_is_told(void **state)
{
	struct scene *scene = *state;
	FILE *full = fopen("/dev/full", "w");

	if (!full)
		skip();
	look(scene, 0, false);
	assert_true(report__json(full, scene->view, "report", 0, false) < 0);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_key_of_the_contract, setup, teardown),
		cmocka_unit_test_setup_teardown(a_trend_tells_its_figures, setup, teardown),
		cmocka_unit_test_setup_teardown(values, setup, teardown),
		cmocka_unit_test_setup_teardown(incomplete_stacks_say_why, setup, teardown),
		cmocka_unit_test(shares_never_flatter),
		cmocka_unit_test_setup_teardown(lists_and_other_add_up, setup, teardown),
		cmocka_unit_test_setup_teardown(one_line_or_indented, setup, teardown),
		cmocka_unit_test_setup_teardown(any_bytes_make_valid_json, setup, teardown),
		cmocka_unit_test(utf8),
		cmocka_unit_test_setup_teardown(unknown_is_null, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
