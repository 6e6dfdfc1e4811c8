// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "trace/byte_window.h"
#include "trace/file_failed.h"

int byte_window__init(struct byte_window *window, struct byte_source *bytes, const char *name)
{
	*window = (struct byte_window){ .name = strdup(name), .buf = malloc(BYTE_WINDOW_MAX) };
	if (!window->name || !window->buf) {
		byte_window__fini(window);
		return -ENOMEM;
	}
	window->bytes = bytes;
	return 0;
}

void byte_window__fini(struct byte_window *window)
{
	if (window->bytes)
		window->bytes->close(window->bytes);
	free(window->buf);
	free(window->name);
	memset(window, 0, sizeof(*window));
}

/* What lies before the window's place makes room. */
static void drop_passed(struct byte_window *window)
{
	window->len = byte_window__left(window);
	memmove(window->buf, byte_window__here(window), window->len);
	window->at = 0;
}

int byte_window__fill(struct byte_window *window, size_t want, struct err *err)
{
	if (byte_window__left(window) < want && window->at + want > BYTE_WINDOW_MAX)
		drop_passed(window);
	while (byte_window__left(window) < want && !window->at_end) {
		long n = window->bytes->read(window->bytes, window->buf + window->len,
					     BYTE_WINDOW_MAX - window->len);

		if (n < 0)
			return file_failed(n, "read", window->name, "", err);
		window->at_end = !n;
		window->len += n;
		window->taken_bytes += n;
	}
	return 0;
}

int byte_window__go(struct byte_window *window, __u64 offset, struct err *err)
{
	int code = window->bytes->seek(window->bytes, offset);

	if (code)
		return file_failed(code, "read", window->name, "", err);
	window->at = window->len = 0;
	window->offset = offset;
	window->at_end = false;
	return 0;
}
