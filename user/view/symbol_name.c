// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdbool.h>
#include <string.h>
#include "view/symbol_name.h"

#define ANONYMOUS "(anonymous namespace)"

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* The end of "operator...": its arguments; operator() itself has a pair that is none. */
static const char *operator_end(const char *at)
{
	const char *end = strchr(at, '(');

	if (end && end[1] == ')' && end == at + strlen("operator"))
		end = strchr(end + 1, '(');
	return end ? end : at + strlen(at);
}

static struct symbol_span span(const char *start, const char *end)
{
	return (struct symbol_span){ start, end - start };
}

/* V8's "JS:*name FILE:LINE:COLUMN"; one without a name is known by its place. */
static struct symbol_span script_span(const char *symbol)
{
	const char *name = symbol + strlen("JS:"), *end = strchrnul(symbol, ' ');

	name += strspn(name, "~^+*");
	return span(symbol, name < end ? end : end + strlen(end));
}

struct symbol_span symbol_name__find(const char *symbol)
{
	const char *start = symbol, *at = symbol;
	int depth = 0;

	if (starts_with(symbol, "JS:"))
		return script_span(symbol);

	for (; *at; at++) {
		if (!depth && starts_with(at, "operator") && (at == start || at[-1] == ':'))
			return span(start, operator_end(at));
		if (!depth && starts_with(at, ANONYMOUS)) {
			at += strlen(ANONYMOUS) - 1;
			continue;
		}
		if (*at == '(' && !depth && (at == symbol || at[-1] != '.'))
			break;
		depth += (*at == '<' || *at == '(' || *at == '{' || *at == '[') -
			 (*at == '>' || *at == ')' || *at == '}' || *at == ']');
		if (*at == ' ' && !depth)
			start = at + 1;
	}
	return at > start ? span(start, at) : span(symbol, symbol + strlen(symbol));
}
