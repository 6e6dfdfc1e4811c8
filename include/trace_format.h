/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The trace file: a file header, then blocks of compressed records. README.md in this folder is the
 * specification; this is its C form and says no more.
 *
 * Invariants
 *  - Integers are little-endian, fixed width; there is no padding.
 *  - A block holds whole records and can be read without the others.
 *  - No length in a file is trusted before it is checked against its limit here.
 */
#ifndef RSSTRACE_TRACE_FORMAT_H
#define RSSTRACE_TRACE_FORMAT_H

#include "record_abi.h"

#define TRACE_MAJOR 1
#define TRACE_MINOR 1

#define TRACE_MAGIC_LEN 8
#define TRACE_FILE_MAGIC "\x89RSST\r\n\x1a"
#define TRACE_BLOCK_MAGIC "\xf5rsBLK\r\n"

#define TRACE_HEADER_MAX 4096	   /* longest file header, bytes */
#define TRACE_BLOCK_RAW_MAX 262144 /* most bytes of records in a block */
#define TRACE_BLOCK_STORED_MAX                                                                     \
	270336 /* longest payload, bytes; above what zstd makes of the longest block */

/* What a block is for; without any, a part of the stream. */
#define BLOCK_STATE (1 << 0)	   /* holds only records of one checkpoint (checkpoint_abi.h) */
#define BLOCK_STATE_FIRST (1 << 1) /* the first of them; with BLOCK_STATE */
#define BLOCK_INDEX (1 << 2)	   /* holds only REC_INDEX */

struct trace_file_header {
	__u8 magic[TRACE_MAGIC_LEN];
	__u16 major; /* a reader refuses a higher one */
	__u16 minor;
	__u32 header_bytes; /* of the whole file header; multiple of 8, at most TRACE_HEADER_MAX */
	__u32 reserved;	    /* 0 */
	__u32 crc;	    /* of all header bytes before; the last 4 bytes of a longer header */
};

struct trace_block_header {
	__u8 magic[TRACE_MAGIC_LEN];
	__u64 seq;	/* 0, 1, 2, ... */
	__u64 first_ts; /* lowest and highest h.ts in the block, ns */
	__u64 last_ts;
	__u32 nr_records;
	__u32 raw_bytes;    /* of the records */
	__u32 stored_bytes; /* of the payload behind this header */
	__u32 flags;	    /* BLOCK_*; a reader ignores those it does not know */
	__u32 payload_crc;  /* of the payload as stored */
	__u32 header_crc;   /* of all fields before */
};

/* A stretch of the file that can be read without what stands before it: from a checkpoint on, or from the start. */
struct index_segment {
	__u64 offset; /* of its first block */
	__u64 seq;    /* of that block */
	__u64 ts;     /* of the tick before the checkpoint; of REC_START in the first segment */
	__u64 last_ts;
	__u64 peak_pages; /* highest RSS from the stream's start to its end, pages */
	__u64 peak_ts;	  /* when that was, ns since the stream's start */
	__u64 nr_blocks;
	__u32 model; /* CHECKPOINT_MODEL of the checkpoint; 0: there is none, the trace starts here */
	__u32 pad;
};

/* The last blocks of a trace that was closed in order. All but the segments is the same in each record. */
struct rec_index {
	struct rec h;
	__u64 offset;	     /* of the first index block */
	__u64 last_tick_ts;
	__u64 peak_ts; /* of the whole trace */
	__u32 nr_segments;   /* of the whole index */
	__u32 nr;	     /* of this record */
	struct index_segment segments[];
};

_Static_assert(sizeof(struct trace_file_header) == 24, "the size is part of the format");
_Static_assert(sizeof(struct trace_block_header) == 56, "the size is part of the format");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "traces are written as they lie in memory");

#endif
