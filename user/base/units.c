// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "base/units.h"

#define FRACTION_DIGITS 9
#define SECONDS_A_DAY 86400

/* The limits are where the rounded text would need one digit more. */
char *units__bytes(char *buf, __u64 bytes)
{
	static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = bytes / 1024.0;
	int unit = 0;

	if (bytes < 1024) {
		snprintf(buf, UNITS_LEN, "%llu B", bytes);
		return buf;
	}
	for (; value >= 1023.5 && unit < 5; unit++)
		value /= 1024;
	snprintf(buf, UNITS_LEN, "%.*f %s",
		 value < 9.995	 ? 2
		 : value < 99.95 ? 1
				 : 0,
		 value, names[unit]);
	return buf;
}

char *units__bytes_signed(char *buf, __s64 bytes)
{
	char magnitude[UNITS_LEN];

	if (!bytes)
		return units__bytes(buf, 0);
	units__bytes(magnitude, bytes < 0 ? -(__u64)bytes : (__u64)bytes);
	snprintf(buf, UNITS_LEN, "%c%.*s", bytes < 0 ? '-' : '+', UNITS_LEN - 2, magnitude);
	return buf;
}

static const struct time_unit {
	const char *name; /* as written */
	const char *read; /* as read */
	__u64 ns;
} time_units[] = {
	{ "d", "d", SECONDS_A_DAY *NSEC_PER_SEC },
	{ "h", "h", 3600 * NSEC_PER_SEC },
	{ "min", "m", 60 * NSEC_PER_SEC },
	{ "s", "s", NSEC_PER_SEC },
	{ "ms", "ms", NSEC_PER_SEC / 1000 },
	{ "us", "us", 1000 },
	{ "ns", "ns", 1 },
};

#define NR_TIME_UNITS (sizeof(time_units) / sizeof(time_units[0]))
#define UNIT_S 3

/* Truncated, as a clock is: no carry into the next unit. */
char *units__duration(char *buf, __u64 ns)
{
	const struct time_unit *unit = time_units, *next;
	unsigned int whole, rest, tenths; /* days at most */

	if (!ns) {
		snprintf(buf, UNITS_LEN, "0 s");
		return buf;
	}
	while (ns < unit->ns)
		unit++;
	whole = ns / unit->ns;
	next = unit + 1;
	rest = unit < time_units + UNIT_S ? ns % unit->ns / next->ns : 0;
	tenths = unit == time_units + UNIT_S && whole < 10 ? ns / (NSEC_PER_SEC / 10) % 10 : 0;
	if (rest)
		snprintf(buf, UNITS_LEN, "%u %s %u %s", whole, unit->name, rest, next->name);
	else if (tenths)
		snprintf(buf, UNITS_LEN, "%u.%u s", whole, tenths);
	else
		snprintf(buf, UNITS_LEN, "%u %s", whole, unit->name);
	return buf;
}

char *units__clock(char *buf, __u64 wall_ns)
{
	time_t seconds = wall_ns / NSEC_PER_SEC;
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(buf, UNITS_LEN, "%H:%M:%S", &tm))
		snprintf(buf, UNITS_LEN, "-");
	return buf;
}

char *units__iso8601(char *buf, __u64 wall_ns)
{
	time_t seconds = wall_ns / NSEC_PER_SEC;
	struct tm tm;
	size_t len;

	if (!gmtime_r(&seconds, &tm)) {
		snprintf(buf, UNITS_LEN, "-");
		return buf;
	}
	len = strftime(buf, UNITS_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + len, UNITS_LEN - len, ".%09lluZ", wall_ns % NSEC_PER_SEC);
	return buf;
}

/* A number without sign or exponent, held exactly: whole + part / den. */
struct decimal {
	__u64 whole;
	__u32 part, den;
	bool point;
};

/* Digits behind the ninth are read and dropped. Moves *@text behind the number. */
static int parse_decimal(const char **text, struct decimal *number)
{
	const char *at = *text;
	int digits = 0;

	*number = (struct decimal){ .den = 1 };
	for (; isdigit((unsigned char)*at); at++, digits++)
		if (__builtin_mul_overflow(number->whole, 10, &number->whole) ||
		    __builtin_add_overflow(number->whole, *at - '0', &number->whole))
			return -EINVAL;
	if (*at == '.') {
		number->point = true;
		for (digits = 0, at++; isdigit((unsigned char)*at); at++) {
			if (digits++ >= FRACTION_DIGITS)
				continue;
			number->part = number->part * 10 + (*at - '0');
			number->den *= 10;
		}
	}
	*text = at;
	return digits ? 0 : -EINVAL;
}

/* number * unit, rounded down. part < den <= 10^9, so that nothing but the whole part can overflow.
 */
static int multiply(const struct decimal *number, __u64 unit, __u64 *product)
{
	__u64 part =
		unit / number->den * number->part + unit % number->den * number->part / number->den;

	if (__builtin_mul_overflow(number->whole, unit, product) ||
	    __builtin_add_overflow(*product, part, product))
		return -EINVAL;
	return 0;
}

/* The unit written at *@text, no larger than @from: 1h30m but not 30m1h. NULL: none. */
static const struct time_unit *parse_time_unit(const char **text, const struct time_unit *from)
{
	size_t len = strspn(*text, "dhmsun");

	for (; from < time_units + NR_TIME_UNITS; from++) {
		if (strlen(from->read) != len || strncmp(from->read, *text, len))
			continue;
		*text += len;
		return from;
	}
	return NULL;
}

int units__parse_duration(const char *text, __u64 *ns)
{
	const struct time_unit *unit = time_units;
	struct decimal number;
	__u64 sum = 0, part;

	do {
		if (parse_decimal(&text, &number))
			return -EINVAL;
		if (!*text && unit == time_units)
			unit = time_units + UNIT_S;
		else
			unit = parse_time_unit(&text, unit);
		if (!unit || multiply(&number, unit->ns, &part) ||
		    __builtin_add_overflow(sum, part, &sum))
			return -EINVAL;
		unit++;
	} while (*text);
	*ns = sum;
	return 0;
}

/* "", "K", "KiB", "k": 0 and the power of 1024. */
static int parse_size_unit(const char *text, int *power)
{
	static const char letters[] = "KMGTPE";
	const char *letter = strchr(letters, toupper((unsigned char)*text));

	*power = 0;
	if (!*text || !strcmp(text, "B"))
		return 0;
	if (!letter || (text[1] && strcasecmp(text + 1, "iB") && strcasecmp(text + 1, "B")))
		return -EINVAL;
	*power = letter - letters + 1;
	return 0;
}

int units__parse_bytes(const char *text, __u64 *bytes)
{
	struct decimal number;
	__u64 product;
	int power;

	if (parse_decimal(&text, &number) || parse_size_unit(text + (*text == ' '), &power))
		return -EINVAL;
	if (number.point && !power)
		return -EINVAL; /* half a byte */
	if (multiply(&number, 1ULL << (10 * power), &product))
		return -EINVAL;
	*bytes = product;
	return 0;
}

/* Fill "dddd-dd-dd..." from *@text: each run of d in @pattern is one number, all else is itself. */
static int parse_digits(const char **text, const char *pattern, int *numbers)
{
	const char *at = *text;

	for (int before = 0; *pattern; before = *pattern++, at++) {
		if (*pattern != 'd') {
			if (*at != *pattern)
				return -EINVAL;
			continue;
		}
		if (!isdigit((unsigned char)*at))
			return -EINVAL;
		if (before != 'd')
			*numbers++ = 0;
		numbers[-1] = numbers[-1] * 10 + (*at - '0');
	}
	*text = at;
	return 0;
}

/* "" (local time), "Z" or "+hh:mm", which ends the text. Gives the seconds since the epoch. */
static int parse_zone(const char *text, struct tm *tm, __s64 *seconds)
{
	int offset[2], sign = *text == '-' ? -1 : 1;

	if (!*text) {
		*seconds = mktime(tm);
		return 0;
	}
	*seconds = timegm(tm);
	if (!strcmp(text, "Z"))
		return 0;
	if (*text != '+' && *text != '-')
		return -EINVAL;
	text++;
	if (parse_digits(&text, "dd:dd", offset) || *text || offset[0] > 23 || offset[1] > 59)
		return -EINVAL;
	*seconds -= sign * (offset[0] * 3600 + offset[1] * 60);
	return 0;
}

static bool is_leap(int year)
{
	return (!(year % 4) && year % 100) || !(year % 400);
}

/* @at: year, month, day, hour, minute, second. */
static bool is_moment(const int *at)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return at[1] >= 1 && at[1] <= 12 && at[2] >= 1 &&
	       at[2] <= days[at[1] - 1] + (at[1] == 2 && is_leap(at[0])) && at[3] <= 23 &&
	       at[4] <= 59 && at[5] <= 59;
}

/* ".5" -> 500000000, "" -> 0. */
static int parse_fraction(const char **text, __u64 *ns)
{
	struct decimal number;

	*ns = 0;
	if (**text != '.')
		return 0;
	return parse_decimal(text, &number) ?: multiply(&number, NSEC_PER_SEC, ns);
}

int units__parse_iso8601(const char *text, __u64 *wall_ns)
{
	__u64 fraction, ns;
	__s64 seconds;
	struct tm tm;
	int at[6];

	if (parse_digits(&text, "dddd-dd-ddTdd:dd:dd", at) || !is_moment(at) ||
	    parse_fraction(&text, &fraction))
		return -EINVAL;
	tm = (struct tm){ .tm_year = at[0] - 1900,
			  .tm_mon = at[1] - 1,
			  .tm_mday = at[2],
			  .tm_hour = at[3],
			  .tm_min = at[4],
			  .tm_sec = at[5],
			  .tm_isdst = -1 };
	if (parse_zone(text, &tm, &seconds) || seconds < 0 ||
	    __builtin_mul_overflow((__u64)seconds, NSEC_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, fraction, &ns))
		return -EINVAL;
	*wall_ns = ns;
	return 0;
}
