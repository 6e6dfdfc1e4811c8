// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include "trace/block.h"
#include "trace/file_header.h"

static bool starts_with_magic(const struct byte_window *window)
{
	size_t len = byte_window__left(window);

	return !memcmp(byte_window__here(window), TRACE_FILE_MAGIC,
		       len < TRACE_MAGIC_LEN ? len : TRACE_MAGIC_LEN);
}

static int header_damaged(const struct byte_window *window, struct err *err)
{
	return err__set(err, -EBADMSG,
			"the header of \"%s\" is damaged: use another copy, or record again",
			window->name);
}

/* The file header's bytes are all in the window. */
static int check_header(struct byte_window *window, const struct trace_file_header *header,
			struct err *err)
{
	size_t covered = header->header_bytes - sizeof(header->crc);
	__u32 crc;

	memcpy(&crc, byte_window__here(window) + covered, sizeof(crc));
	if (crc != trace_crc(byte_window__here(window), covered) || !header->major)
		return header_damaged(window, err);
	return 0;
}

static int header_cut(const struct byte_window *window, struct err *err)
{
	if (!window->len)
		return err__set(err, -ENODATA,
				"\"%s\" is empty: no trace was written; record again",
				window->name);
	return err__set(err, -ENODATA, "\"%s\" is cut inside its header: record again",
			window->name);
}

int file_header__read(struct byte_window *window, struct err *err)
{
	struct trace_file_header header;
	int code = byte_window__fill(window, sizeof(header), err);

	if (code)
		return code;
	if (!starts_with_magic(window))
		return err__set(err, -EINVAL,
				"\"%s\" is not a trace: name a file that 'rsstrace record' wrote",
				window->name);
	if (byte_window__left(window) < sizeof(header))
		return header_cut(window, err);
	memcpy(&header, byte_window__here(window), sizeof(header));
	/* before the CRC: what that covers may be another matter by then */
	if (header.major > TRACE_MAJOR)
		return err__set(
			err, -EPROTONOSUPPORT,
			"\"%s\" has the newer format version %u.%u, this rsstrace reads up to "
			"%d: use a newer rsstrace",
			window->name, header.major, header.minor, TRACE_MAJOR);
	if (header.header_bytes < sizeof(header) || header.header_bytes > TRACE_HEADER_MAX ||
	    header.header_bytes % 8)
		return header_damaged(window, err);
	code = byte_window__fill(window, header.header_bytes, err);
	if (code)
		return code;
	if (byte_window__left(window) < header.header_bytes)
		return header_cut(window, err);
	code = check_header(window, &header, err);
	if (code)
		return code;
	byte_window__pass(window, header.header_bytes);
	return 0;
}
