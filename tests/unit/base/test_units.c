// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Numbers as people write and read them, and what is not one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "base/units.h"

#define KIB 1024ULL
#define MIB (KIB << 10)
#define GIB (KIB << 20)
#define NR(array) (sizeof(array) / sizeof((array)[0]))
#define UNTOUCHED 0xabcdefULL

static void bytes_have_three_digits(void **state)
{
	static const struct {
		__u64 bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 512, "512 B" },
		{ 1023, "1023 B" },
		{ KIB, "1.00 KiB" },
		{ 4 * KIB, "4.00 KiB" },
		{ 10 * KIB - 1, "10.0 KiB" },
		{ 100 * KIB - 1, "100 KiB" },
		{ 1023 * KIB, "1023 KiB" },
		{ MIB - 1, "1.00 MiB" },
		{ 12 * MIB + 400 * KIB, "12.4 MiB" },
		{ 912 * MIB, "912 MiB" },
		{ GIB + 840 * MIB, "1.82 GiB" },
		{ GIB - 1, "1.00 GiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	char buf[UNITS_LEN];

	(void)state;
	for (size_t i = 0; i < NR(cases); i++)
		assert_string_equal(units__bytes(buf, cases[i].bytes), cases[i].text);
}

static void signed_bytes_carry_their_sign(void **state)
{
	char buf[UNITS_LEN];

	(void)state;
	assert_string_equal(units__bytes_signed(buf, 0), "0 B");
	assert_string_equal(units__bytes_signed(buf, 4096), "+4.00 KiB");
	assert_string_equal(units__bytes_signed(buf, -4096), "-4.00 KiB");
	assert_string_equal(units__bytes_signed(buf, INT64_MIN), "-8.00 EiB");
	assert_string_equal(units__bytes_signed(buf, INT64_MAX), "+8.00 EiB");
}

static void durations_have_two_units(void **state)
{
	static const struct {
		__u64 ns;
		const char *text;
	} cases[] = {
		{ 0, "0 s" },
		{ 17, "17 ns" },
		{ 250999, "250 us" },
		{ 850 * 1000000ULL, "850 ms" },
		{ NSEC_PER_SEC - 1, "999 ms" },
		{ NSEC_PER_SEC, "1 s" },
		{ NSEC_PER_SEC * 3 / 2, "1.5 s" },
		{ 12 * NSEC_PER_SEC + 999999999, "12 s" },
		{ 60 * NSEC_PER_SEC - 1, "59 s" },
		{ 200 * NSEC_PER_SEC, "3 min 20 s" },
		{ 600 * NSEC_PER_SEC, "10 min" },
		{ 5400 * NSEC_PER_SEC, "1 h 30 min" },
		{ 7200 * NSEC_PER_SEC, "2 h" },
		{ 100 * 3600 * NSEC_PER_SEC, "4 d 4 h" },
		{ UINT64_MAX, "213503 d 23 h" },
	};
	char buf[UNITS_LEN];

	(void)state;
	for (size_t i = 0; i < NR(cases); i++)
		assert_string_equal(units__duration(buf, cases[i].ns), cases[i].text);
}

static void instants_print(void **state)
{
	char buf[UNITS_LEN];

	(void)state;
	setenv("TZ", "XYZ-2", 1);
	tzset();
	assert_string_equal(units__clock(buf, 1795183390 * NSEC_PER_SEC), "16:03:10");
	assert_string_equal(units__iso8601(buf, 1795183390123456789ULL),
			    "2026-11-20T14:03:10.123456789Z");
	assert_string_equal(units__iso8601(buf, 0), "1970-01-01T00:00:00.000000000Z");
	assert_string_equal(units__iso8601(buf, UINT64_MAX), "2554-07-21T23:34:33.709551615Z");
}

struct parsed {
	const char *text;
	__u64 value;
};

static void check_parsed(int (*parse)(const char *, __u64 *), const struct parsed *cases, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		__u64 value = UNTOUCHED;

		if (parse(cases[i].text, &value) || value != cases[i].value)
			fail_msg("\"%s\": %llu, not %llu", cases[i].text, value, cases[i].value);
	}
}

static void check_refused(int (*parse)(const char *, __u64 *), const char *const *texts, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		__u64 value = UNTOUCHED;

		if (parse(texts[i], &value) != -EINVAL)
			fail_msg("\"%s\" was taken as %llu", texts[i], value);
		assert_int_equal(value, UNTOUCHED);
	}
}

static void durations_parse(void **state)
{
	static const struct parsed good[] = {
		{ "500ms", 500000000 },
		{ "1s", NSEC_PER_SEC },
		{ "90s", 90 * NSEC_PER_SEC },
		{ "1h30m", 5400 * NSEC_PER_SEC },
		{ "1h30m5s250ms", 5405 * NSEC_PER_SEC + 250000000 },
		{ "250us", 250000 },
		{ "17ns", 17 },
		{ "0", 0 },
		{ "2", 2 * NSEC_PER_SEC },
		{ "1.5", 1500000000 },
		{ ".5s", 500000000 },
		{ "1.5h", 5400 * NSEC_PER_SEC },
		{ "0.1h", 360 * NSEC_PER_SEC },
		{ "1.0000000009s", NSEC_PER_SEC },
		{ "2d", 48 * 3600 * NSEC_PER_SEC },
		{ "18446744073709551615ns", UINT64_MAX },
	};
	static const char *const bad[] = {
		"",
		"s",
		"-1s",
		"+1s",
		"1x",
		"1 s",
		"1s ",
		" 1s",
		"1s1s",
		"30m1h",
		"1h30",
		"1e3",
		"1.",
		".",
		"1.s",
		"0x10",
		"nan",
		"inf",
		"1sec",
		"1.2.3",
		"1smh",
		"99999999d",
		"18446744073709551616ns",
		"18446744073.9",
		"18446744073s709551616ns",
	};

	(void)state;
	check_parsed(units__parse_duration, good, NR(good));
	check_refused(units__parse_duration, bad, NR(bad));
}

static void sizes_parse(void **state)
{
	static const struct parsed good[] = {
		{ "0", 0 },
		{ "64", 64 },
		{ "64B", 64 },
		{ "64K", 64 * KIB },
		{ "64k", 64 * KIB },
		{ "64KiB", 64 * KIB },
		{ "64KB", 64 * KIB },
		{ "12 MiB", 12 * MIB },
		{ "1.5GiB", GIB + 512 * MIB },
		{ "0.5K", 512 },
		{ "15E", 15ULL << 60 },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = {
		"",
		"K",
		"-1",
		"1.5",
		"1KiBs",
		"1Ki",
		"1  K",
		"16E",
		"1X",
		"0x1",
		"1e3",
		"1..K",
		"1.K",
		"1K1K",
		"KiB",
		"18446744073709551616",
		"1B ",
		"1BB",
		"15.9999999999E5",
	};

	(void)state;
	check_parsed(units__parse_bytes, good, NR(good));
	check_refused(units__parse_bytes, bad, NR(bad));
}

static void instants_parse(void **state)
{
	static const struct parsed good[] = {
		{ "2026-11-20T14:03:10Z", 1795183390 * NSEC_PER_SEC },
		{ "2026-11-20T14:03:10.5Z", 1795183390 * NSEC_PER_SEC + 500000000 },
		{ "2026-11-20T14:03:10.123456789Z", 1795183390123456789ULL },
		{ "2026-11-20T16:03:10+02:00", 1795183390 * NSEC_PER_SEC },
		{ "2026-11-20T08:33:10-05:30", 1795183390 * NSEC_PER_SEC },
		{ "2026-11-20T16:03:10", 1795183390 * NSEC_PER_SEC }, /* TZ is two hours ahead */
		{ "2028-02-29T00:00:00Z", 1835395200 * NSEC_PER_SEC },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2554-07-21T23:34:33.709551615Z", UINT64_MAX },
	};
	static const char *const bad[] = {
		"",
		"2026-11-20",
		"2026-11-20T14:03",
		"2026-11-20T14:03:10z",
		"2026-11-20T14:03:10.Z",
		"2026-11-20T14:03:10Z ",
		"2026-11-20 14:03:10Z",
		"2026-13-20T14:03:10Z",
		"2026-00-20T14:03:10Z",
		"2026-02-29T14:03:10Z",
		"2100-02-29T14:03:10Z",
		"2026-11-00T14:03:10Z",
		"2026-11-20T24:03:10Z",
		"2026-11-20T14:60:10Z",
		"2026-11-20T14:03:60Z",
		"2026-11-20T14:03:10+2:00",
		"2026-11-20T14:03:10+24:00",
		"2026-11-20T14:03:10+02:00Z",
		"1969-12-31T23:59:59Z",
		"2554-07-21T23:34:34Z",
		"9999-01-01T00:00:00Z",
		"+026-11-20T14:03:10Z",
	};

	(void)state;
	setenv("TZ", "XYZ-2", 1);
	tzset();
	check_parsed(units__parse_iso8601, good, NR(good));
	check_refused(units__parse_iso8601, bad, NR(bad));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_have_three_digits),
		cmocka_unit_test(signed_bytes_carry_their_sign),
		cmocka_unit_test(durations_have_two_units),
		cmocka_unit_test(instants_print),
		cmocka_unit_test(durations_parse),
		cmocka_unit_test(sizes_parse),
		cmocka_unit_test(instants_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
