// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <zlib.h>
#include "export/gzip.h"

int gzip__write(FILE *out, unsigned char *bytes, size_t len)
{
	unsigned char buf[16384];
	z_stream stream = { .next_in = bytes };
	size_t left = len;
	int code = Z_OK;

	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
			 Z_DEFAULT_STRATEGY))
		return -ENOMEM;
	while (code == Z_OK) {
		stream.avail_in = left > 1U << 30 ? 1U << 30 : left;
		left -= stream.avail_in;
		do {
			stream.next_out = buf;
			stream.avail_out = sizeof(buf);
			code = deflate(&stream, left ? Z_NO_FLUSH : Z_FINISH);
			fwrite(buf, 1, sizeof(buf) - stream.avail_out, out);
		} while (code == Z_OK && !stream.avail_out);
		if (code == Z_BUF_ERROR) /* nothing was left of this part */
			code = Z_OK;
	}
	deflateEnd(&stream);
	return 0;
}
