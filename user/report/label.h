/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a stack is called on one line: the frame it is named by, where that is, what it called and the
 * own code that called it. */
#ifndef RSSTRACE_REPORT_LABEL_H
#define RSSTRACE_REPORT_LABEL_H

#include "report/report.h"

/*
 * label__stack() - "cache_put\tcache.c:211\t← handle_login\v← worker" with the part marks of
 * table.h, with those frames behind it that style asks for (report.h): "→ malloc" is what it called. An
 * incomplete stack says so. label__function() - "cache_put" alone. Both are printable;
 * NULL on ENOMEM; free() them.
 */
char *label__stack(const struct session *session, __u32 stack, __u32 shown);

/* label__frame() - "cache_put", with @place "cache_put\tcache.c:211" or "cache_put\t(libfoo.so)".
 */
char *label__frame(const struct frame_row *frame, bool place);
char *label__place(const struct frame_row *frame); /* "cache.c:211\tcache_put" */
char *label__function(const struct session *session, __u32 stack);

#endif
