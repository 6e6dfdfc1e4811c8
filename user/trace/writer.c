// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/units.h"
#include "model/checkpoint.h"
#include "trace/block.h"
#include "trace/file_failed.h"
#include "trace/index.h"
#include "trace/writer.h"

#define LEVEL 3 /* the default of zstd: the tracer must keep up on one core */
#define HEADER_BYTES sizeof(struct trace_block_header)
#define CHECKPOINT_BYTES (8ULL << 20)
#define CHECKPOINT_NS (60 * NSEC_PER_SEC)
#define CHECKPOINT_SHARE 4 /* the stream's blocks are at least so many times the checkpoints' */

/*
 * Invariants
 *  - The file is the file header and whole blocks, file_bytes long, unless `failed` could not cut
 * it back.
 *  - `block` describes the records in raw, and is empty exactly when its nr_records is 0.
 */
struct trace_writer {
	int fd;
	char *path;
	ZSTD_CCtx *packer;
	__u8 *raw; /* TRACE_BLOCK_RAW_MAX */
	__u8 *out; /* header and payload, so that a block is one write */
	struct trace_block_header block;
	__u64 file_bytes;
	__u64 nr_records;
	__u64 tick_ts;		  /* of the last tick taken */
	__u64 flushed_ts;	  /* of the last tick in the file */
	bool ticked;		  /* there is one in the file */
	bool ended;		  /* REC_END was taken */
	struct trace_index index; /* its last segment is being written */
	__u64 state_bytes;	  /* of the last checkpoint */
	__u64 stream_from;	  /* file_bytes behind it */
	int failed;		  /* negative errno: the file takes no more */
	struct err why;
};

static int write_all(int fd, const __u8 *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		bytes += n;
		len -= n;
	}
	return 0;
}

static int refuse(const struct trace_writer *writer, struct err *err)
{
	return err__set(err, writer->failed, "%s", writer->why.text);
}

/* A block did not fit: leave a file that ends with the last one that did. */
static int give_up(struct trace_writer *writer, int code, struct err *err)
{
	const char *then = ftruncate(writer->fd, writer->file_bytes)
				   ? "; the trace ends with a cut block"
				   : "; the trace is complete up to here";

	writer->failed = file_failed(code, "write", writer->path, then, &writer->why);
	return refuse(writer, err);
}

static struct index_segment *segment_here(struct trace_writer *writer)
{
	return &writer->index.segments[writer->index.nr - 1];
}

static void note_block(struct trace_writer *writer)
{
	struct index_segment *segment = segment_here(writer);

	segment->nr_blocks++;
	if (writer->block.last_ts > segment->last_ts)
		segment->last_ts = writer->block.last_ts;
}

static int flush(struct trace_writer *writer, struct err *err)
{
	struct trace_block_header *block = &writer->block;
	size_t len;
	int code;

	if (!block->nr_records)
		return 0;
	len = ZSTD_compressCCtx(writer->packer, writer->out + HEADER_BYTES, TRACE_BLOCK_STORED_MAX,
				writer->raw, block->raw_bytes, LEVEL);
	if (ZSTD_isError(len))
		return give_up(writer, -ENOMEM, err);
	block->stored_bytes = len;
	block->payload_crc = trace_crc(writer->out + HEADER_BYTES, len);
	block__seal(block);
	memcpy(writer->out, block, HEADER_BYTES);
	code = write_all(writer->fd, writer->out, HEADER_BYTES + len);
	if (code)
		return give_up(writer, code, err);
	writer->file_bytes += HEADER_BYTES + len;
	writer->flushed_ts = writer->tick_ts;
	note_block(writer);
	*block = (struct trace_block_header){
		.seq = block->seq + 1,
		.flags = block->flags & ~BLOCK_STATE_FIRST,
	};
	return 0;
}

static void take(struct trace_writer *writer, const struct rec *rec)
{
	struct trace_block_header *block = &writer->block;

	memcpy(writer->raw + block->raw_bytes, rec, rec->size);
	if (!block->nr_records || rec->ts < block->first_ts)
		block->first_ts = rec->ts;
	if (rec->ts > block->last_ts)
		block->last_ts = rec->ts;
	block->raw_bytes += rec->size;
	block->nr_records++;
	if (!writer->block.flags)
		writer->nr_records++;
	if (rec->type == REC_START && !block->seq && block->nr_records == 1)
		writer->index.segments[0].ts = rec->ts;
	writer->ended |= rec->type == REC_END;
}

/* A clock that went back counts as due: better a short block than one that waits for the old time.
 */
static bool is_due(const struct trace_writer *writer, const struct rec *tick)
{
	return !writer->ticked || tick->ts - writer->flushed_ts >= NSEC_PER_SEC;
}

/* Into the block, or the next one. */
static int buffer(struct trace_writer *writer, const struct rec *rec, struct err *err)
{
	int code = 0;

	if (writer->failed)
		return refuse(writer, err);
	if (!trace_record_size_ok(rec->size))
		return err__set(err, -EINVAL, "cannot write \"%s\": a record of %u bytes",
				writer->path, rec->size);
	if (rec->size > TRACE_BLOCK_RAW_MAX - writer->block.raw_bytes)
		code = flush(writer, err);
	if (code)
		return code;
	take(writer, rec);
	return 0;
}

int trace_writer__append(struct trace_writer *writer, const struct rec *rec, struct err *err)
{
	int code = buffer(writer, rec, err);

	if (code || rec->type != REC_TICK)
		return code;
	writer->tick_ts = rec->ts;
	if (!is_due(writer, rec))
		return 0;
	writer->ticked = true;
	return flush(writer, err);
}

/* A checkpoint carries the time of the tick before it; in a file that begins with one there is
 * none. */
static int take_state(void *ctx, const struct rec *rec, struct err *err)
{
	struct trace_writer *writer = ctx;

	if (rec->type == REC_CHECKPOINT)
		segment_here(writer)->ts = writer->tick_ts = rec->ts;
	return buffer(writer, rec, err);
}

/* The blocks from here on are of another sort. */
static int turn_to(struct trace_writer *writer, __u32 flags, struct err *err)
{
	int code = flush(writer, err);

	writer->block.flags = flags;
	return code;
}

static int begin_segment(struct trace_writer *writer, struct err *err)
{
	struct index_segment segment = {
		.offset = writer->file_bytes,
		.seq = writer->block.seq,
		.model = CHECKPOINT_MODEL,
	};

	if (trace_index__add(&writer->index, &segment))
		return file_failed(-ENOMEM, "write", writer->path, "", err);
	return 0;
}

int trace_writer__checkpoint(struct trace_writer *writer, const struct session *session,
			     struct err *err)
{
	struct record_sink sink = { writer, take_state };
	int code;

	if (writer->failed)
		return refuse(writer, err);
	trace_writer__note(writer, session);
	code = turn_to(writer, BLOCK_STATE | BLOCK_STATE_FIRST, err);
	if (!code)
		code = begin_segment(writer, err);
	if (!code)
		code = session__tell(session, &sink, err);
	if (!code)
		code = turn_to(writer, 0, err);
	writer->state_bytes = writer->file_bytes - segment_here(writer)->offset;
	writer->stream_from = writer->file_bytes;
	return code;
}

static bool wants_checkpoint(struct trace_writer *writer)
{
	__u64 bytes = writer->file_bytes - writer->stream_from;

	if (writer->index.nr == INDEX_SEGMENTS_MAX ||
	    bytes < CHECKPOINT_SHARE * writer->state_bytes)
		return false;
	return bytes >= CHECKPOINT_BYTES ||
	       writer->tick_ts - segment_here(writer)->ts >= CHECKPOINT_NS;
}

int trace_writer__ticked(struct trace_writer *writer, const struct session *session,
			 struct err *err)
{
	return wants_checkpoint(writer) ? trace_writer__checkpoint(writer, session, err) : 0;
}

void trace_writer__note(struct trace_writer *writer, const struct session *session)
{
	struct index_segment *segment = segment_here(writer);

	struct rss_peak peak = session__peak(session, 0);

	segment->peak_pages = peak.pages;
	segment->peak_ts = peak.ts;
	writer->index.peak_ts = peak.ts;
}

/* What was noted is enough for a reader that wants any moment. */
static int write_index(struct trace_writer *writer, struct err *err)
{
	__u64 room[RSST_REC_MAX / 8], offset;
	struct rec_index *rec = (struct rec_index *)room;
	int code = turn_to(writer, BLOCK_INDEX, err);

	offset = writer->file_bytes;
	writer->index.last_tick_ts = writer->tick_ts;
	for (__u32 next = 0; !code && next < writer->index.nr;) {
		trace_index__record(&writer->index, offset, &next, rec);
		code = buffer(writer, &rec->h, err);
	}
	return code ? code : flush(writer, err);
}

static int finish(struct trace_writer *writer, struct err *err)
{
	if (writer->failed)
		return refuse(writer, err);
	return writer->ended && writer->ticked ? write_index(writer, err) : flush(writer, err);
}

static void discard(struct trace_writer *writer)
{
	if (writer->fd >= 0)
		close(writer->fd);
	ZSTD_freeCCtx(writer->packer);
	trace_index__fini(&writer->index);
	free(writer->raw);
	free(writer->out);
	free(writer->path);
	free(writer);
}

static int close_file(struct trace_writer *writer, bool sync, struct err *err)
{
	int code = finish(writer, err);

	if (sync && fsync(writer->fd) && errno != EINVAL && errno != ENOSYS && !code)
		code = file_failed(-errno, "write", writer->path, "", err);
	/* on NFS this is where a full disk shows */
	if (close(writer->fd) && errno != EINTR && !code)
		code = file_failed(-errno, "write", writer->path, "", err);
	writer->fd = -1;
	discard(writer);
	return code;
}

int trace_writer__close(struct trace_writer *writer, struct err *err)
{
	return writer ? close_file(writer, true, err) : 0;
}

int trace_writer__finish(struct trace_writer *writer, struct err *err)
{
	return close_file(writer, false, err);
}

void trace_writer__drop(struct trace_writer *writer)
{
	discard(writer);
}

__u64 trace_writer__buffered(const struct trace_writer *writer)
{
	return writer->block.raw_bytes;
}

__u64 trace_writer__bytes(const struct trace_writer *writer)
{
	return writer->file_bytes;
}

__u64 trace_writer__records(const struct trace_writer *writer)
{
	return writer->nr_records;
}

static int exists(const char *path, struct err *err)
{
	return err__set(err, -EEXIST, "\"%s\" exists already: use -f to replace it", path);
}

static int not_a_file(const char *path, struct err *err)
{
	return err__set(
		err, -EINVAL,
		"\"%s\" is a pipe, a device or a socket: a trace needs a file; name another", path);
}

/* Before anything is opened: opening a pipe waits, opening a device may do anything. */
static int check_path(const char *path, bool overwrite, struct err *err)
{
	struct stat st;

	if (!*path)
		return err__set(err, -EINVAL, "no file named to write the trace to");
	if (!strcmp(path, "-"))
		return err__set(err, -EINVAL,
				"a trace is not written to standard output: name a file");
	if (stat(path, &st))
		return 0; /* open() says why, where it matters */
	if (S_ISDIR(st.st_mode))
		return err__set(err, -EISDIR, "\"%s\" is a directory: name a file in it", path);
	if (!S_ISREG(st.st_mode))
		return not_a_file(path, err);
	return overwrite ? 0 : exists(path, err);
}

static const char *advice(int code)
{
	switch (code) {
	case -ENOENT:
	case -ENOTDIR:
		return "; its directory must be there";
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return "; name a file where you may write";
	default:
		return "";
	}
}

/* The file, empty, or -errno with a sentence. Only its owner may read it: it tells where a process
 * has what. */
static int open_file(const char *path, bool overwrite, struct err *err)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = open(path, flags | (overwrite ? 0 : O_EXCL), 0600);
	struct stat st;
	int code;

	if (fd < 0 && errno == EEXIST)
		return exists(path, err);
	if (fd < 0)
		return file_failed(-errno, "create", path, advice(-errno), err);
	if (!fstat(fd, &st) && !S_ISREG(st.st_mode)) { /* it was swapped meanwhile */
		close(fd);
		return not_a_file(path, err);
	}
	if (ftruncate(fd, 0)) {
		code = file_failed(-errno, "write", path, "", err);
		close(fd);
		return code;
	}
	return fd;
}

static int write_header(struct trace_writer *writer)
{
	struct trace_file_header header = {
		.major = TRACE_MAJOR,
		.minor = TRACE_MINOR,
		.header_bytes = sizeof(header),
	};

	memcpy(header.magic, TRACE_FILE_MAGIC, TRACE_MAGIC_LEN);
	header.crc = trace_crc(&header, offsetof(struct trace_file_header, crc));
	writer->file_bytes = sizeof(header);
	return write_all(writer->fd, (const __u8 *)&header, sizeof(header));
}

static struct trace_writer *allocate(const char *path)
{
	const struct index_segment start = { .offset = sizeof(struct trace_file_header) };
	struct trace_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;
	writer->fd = -1;
	writer->path = strdup(path);
	writer->packer = ZSTD_createCCtx();
	writer->raw = malloc(TRACE_BLOCK_RAW_MAX);
	writer->out = malloc(HEADER_BYTES + TRACE_BLOCK_STORED_MAX);
	if (writer->path && writer->packer && writer->raw && writer->out &&
	    !trace_index__add(&writer->index, &start))
		return writer;
	discard(writer);
	return NULL;
}

struct trace_writer *trace_writer__open(const char *path, bool overwrite, struct err *err)
{
	struct trace_writer *writer;
	int code;

	if (check_path(path, overwrite, err))
		return NULL;
	writer = allocate(path);
	if (!writer) {
		file_failed(-ENOMEM, "write", path, "", err);
		return NULL;
	}
	writer->fd = open_file(path, overwrite, err);
	code = writer->fd < 0 ? 0 : write_header(writer);
	if (writer->fd >= 0 && !code)
		return writer;
	if (code) {
		file_failed(code, "write", path, "", err);
		if (!overwrite) /* it is ours, and holds nothing */
			unlink(path);
	}
	discard(writer);
	return NULL;
}
