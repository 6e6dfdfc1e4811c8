/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames, regions and origins as the names other programs show. All valid UTF-8 on one line. */
#ifndef RSSTRACE_EXPORT_FRAME_TEXT_H
#define RSSTRACE_EXPORT_FRAME_TEXT_H

#include "export/samples.h"

/* Each returns a string to free(), or NULL on ENOMEM. */

/* "cache_put", "libc.so.6+0x1234", "0x7f1234": without return type and arguments. */
char *frame_text__name(const struct frame_row *frame);

/* The whole symbol with its arguments; for the nameless as frame_text__name(). */
char *frame_text__symbol(const struct frame_row *frame);

/* "[heap]", "/usr/lib/libc.so.6", "[anon]": what is mapped there. */
char *frame_text__region(const struct region_row *region);

/* Any bytes made fit to be shown. _free: frees @text. */
char *frame_text__clean(const char *text);
char *frame_text__clean_free(char *text);

/* "[before attach]", "[unattributed]", "[books off]", "[stack lost]". For samples without frames.
 */
const char *frame_text__origin(const struct sample *sample);

/* Does @sample have frames to show? */
static inline bool sample__has_frames(const struct sample *sample)
{
	return sample->origin == ORIGIN_STACK && sample->stack && sample->stack->nr_frames;
}

#endif
