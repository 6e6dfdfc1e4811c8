// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "report/facts.h"
#include "report/utf8.h"

struct facts facts__begin(FILE *out, __u32 width, const char *gap, const char *lead, __u32 indent)
{
	fputs(lead, out);
	return (struct facts){
		.out = out,
		.gap = gap,
		.width = width,
		.indent = indent,
		.column = utf8__columns(lead),
	};
}

static void add_text(struct facts *facts, const char *text)
{
	__u32 columns = utf8__columns(text), gap = utf8__columns(facts->gap);

	/* At the start of a line, or right after the lead, no gap is due. */
	if (facts->column <= facts->indent) {
		gap = 0;
	} else if (facts->width && facts->column + gap + columns > facts->width) {
		fprintf(facts->out, "\n%*s", (int)facts->indent, "");
		facts->column = facts->indent;
		gap = 0;
	}
	fprintf(facts->out, "%s%s", gap ? facts->gap : "", text);
	facts->column += gap + columns;
}

void facts__add(struct facts *facts, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		return;
	add_text(facts, text);
	free(text);
}

void facts__finish(struct facts *facts)
{
	fputc('\n', facts->out);
}

void facts__say(FILE *out, __u32 width, const char *format, ...)
{
	struct facts facts = facts__begin(out, width, " ", "", 0);
	char *text, *rest, *word;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		return;
	rest = text;
	while ((word = strsep(&rest, " ")))
		add_text(&facts, word);
	free(text);
	facts__finish(&facts);
}
