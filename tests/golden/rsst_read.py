#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A second reader of traces, written from include/README.md alone: it proves that the page says everything.

Prints one line per record, "TYPE SIZE TS", or with --index one per segment. Exit status: 0 the trace is good, 2 it is cut,
damaged or none.
Needs the zstd command.
"""
import collections
import struct
import subprocess
import sys
import zlib

FILE_MAGIC = b"\x89RSST\r\n\x1a"
BLOCK_MAGIC = b"\xf5rsBLK\r\n"
FILE_HEADER = struct.Struct("<8sHHIII")
BLOCK_HEADER = struct.Struct("<8sQQQIIIIII")
RAW_MAX, STORED_MAX, RECORD_MAX = 262144, 270336, 8192
REC_START, REC_GAP, REC_INDEX = 32, 51, 52
GAP_BYTES = 48
STATE, STATE_FIRST, INDEX = 1, 2, 4
INDEX_HEAD, SEGMENT = struct.Struct("<QQQII"), struct.Struct("<QQQQQQQII")


Header = collections.namedtuple("Header", "seq first_ts last_ts nr raw stored flags payload_crc")


class NotATrace(Exception):
    pass


def file_header(data):
    """The offset of the first block."""
    if not data:
        raise NotATrace("empty")
    if not data.startswith(FILE_MAGIC[: len(data)]):
        raise NotATrace("not a trace")
    if len(data) < FILE_HEADER.size:
        raise NotATrace("cut inside the header")
    _, major, minor, length, _, _ = FILE_HEADER.unpack_from(data)
    if major > 1:
        raise NotATrace(f"newer version {major}.{minor}")
    if length % 8 or not FILE_HEADER.size <= length <= 4096:
        raise NotATrace("damaged header")
    if len(data) < length:
        raise NotATrace("cut inside the header")
    if zlib.crc32(data[: length - 4]) != int.from_bytes(data[length - 4 : length], "little") or not major:
        raise NotATrace("damaged header")
    return length


def sound_header(data, at):
    """The fields behind the magic; None when the header is not sound."""
    if len(data) - at < BLOCK_HEADER.size:
        return None
    magic, seq, first_ts, last_ts, nr, raw, stored, flags, payload_crc, crc = BLOCK_HEADER.unpack_from(data, at)
    if magic != BLOCK_MAGIC or crc != zlib.crc32(data[at : at + BLOCK_HEADER.size - 4]):
        return None
    if not nr or raw % 8 or not 16 <= raw <= RAW_MAX or not 1 <= stored <= STORED_MAX:
        return None
    return Header(seq, first_ts, last_ts, nr, raw, stored, flags, payload_crc)


def unpack(payload, limit):
    """The content of the frame; at most one byte more than it may be is taken from zstd."""
    with subprocess.Popen(["zstd", "-dcq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as zstd:
        try:
            zstd.stdin.write(payload)
            zstd.stdin.close()
        except BrokenPipeError:
            pass
        content = zstd.stdout.read(limit + 1)
        zstd.stdout.close()
        status = zstd.wait()
    return content if not status else None


def records(raw, nr):
    """[(type, size, ts)], or None when they do not fill the block."""
    found, at = [], 0
    while at < len(raw):
        if len(raw) - at < 16:
            return None
        kind, _, size, ts = struct.unpack_from("<HHIQ", raw, at)
        if size < 16 or size % 8 or size > RECORD_MAX or size > len(raw) - at:
            return None
        found.append((kind, size, ts))
        at += size
    return found if len(found) == nr else None


def block_content(payload, header):
    if zlib.crc32(payload) != header.payload_crc:
        return None
    raw = unpack(payload, header.raw)
    return raw if raw is not None and len(raw) == header.raw else None


def block_records(payload, header):
    raw = block_content(payload, header)
    return records(raw, header.nr) if raw is not None else None


def next_place(data, at):
    """Where the magic, or the prefix of it the file ends with, stands next."""
    found = data.find(BLOCK_MAGIC, at)
    if found >= 0:
        return found
    for length in range(len(BLOCK_MAGIC) - 1, 0, -1):
        if at <= len(data) - length and data.endswith(BLOCK_MAGIC[:length]):
            return len(data) - length
    return len(data)


class Trace:
    """stream: the records a reader gives; cut and damaged as the specification says."""

    def __init__(self, data):
        self.stream, self.cut, self.damaged = [], False, 0
        self.next_seq = self.missing_from = self.last_ts = 0
        self.at_start, self.needs_state, self.in_state = True, False, False
        at = gap = file_header(data)
        while at < len(data):
            header = sound_header(data, at)
            if header:
                self.close_gap(header.seq, at > gap)
                at = gap = self.block(data, at, header)
            elif len(data) - at < BLOCK_HEADER.size and data[at : at + 8] == BLOCK_MAGIC[: len(data) - at]:
                self.cut = True
                break
            else:
                at = next_place(data, at + 1)
        if at > gap and not any(data[gap:at]):
            self.cut = True
        elif at > gap:
            self.damaged += 1

    def close_gap(self, seq, junk):
        self.damaged += max(seq - self.next_seq, int(junk))

    def is_wanted(self, flags):
        if self.damaged != self.missing_from:
            self.needs_state, self.in_state = True, False
        if flags & INDEX:
            return False
        if flags & STATE:
            self.in_state |= self.needs_state and bool(flags & STATE_FIRST)
            return self.at_start or self.needs_state
        if self.in_state:
            self.needs_state = self.in_state = False
        return True

    def block(self, data, at, header):
        payload = data[at + BLOCK_HEADER.size : at + BLOCK_HEADER.size + header.stored]
        fresh = header.seq >= self.next_seq
        self.next_seq = max(self.next_seq, header.seq + 1)
        if len(payload) < header.stored:
            self.cut = True
            return len(data)
        wanted = self.is_wanted(header.flags)
        found = None
        if fresh:
            found = block_records(payload, header) if wanted else self.passed_over(payload, header)
        if found is None:
            self.damaged += 1
            self.missing_from += int(fresh and not wanted)
        else:
            self.take(header, found)
        return at + BLOCK_HEADER.size + header.stored

    @staticmethod
    def passed_over(payload, header):
        return [] if zlib.crc32(payload) == header.payload_crc else None

    def take(self, header, found):
        if self.damaged != self.missing_from:
            self.stream.append((REC_GAP, GAP_BYTES, self.last_ts))
            self.missing_from = self.damaged
        if not header.flags & (STATE | INDEX):
            self.at_start = self.at_start and not header.seq and header.nr == 1
        if not header.flags & INDEX:
            self.last_ts = max(self.last_ts, header.last_ts)
        self.stream += found


def index_at_end(data):
    """[segment], or None when the file does not end with an index."""
    for at in range(len(data) - BLOCK_HEADER.size, max(len(data) - BLOCK_HEADER.size - STORED_MAX, 0) - 1, -1):
        header = data.startswith(BLOCK_MAGIC, at) and sound_header(data, at)
        if header and header.flags & INDEX and at + BLOCK_HEADER.size + header.stored == len(data):
            break
    else:
        return None
    raw = block_content(data[at + BLOCK_HEADER.size :], header)
    at, segments = INDEX_HEAD.unpack_from(raw, 16)[0], []
    while at < len(data):
        header = sound_header(data, at)
        at += BLOCK_HEADER.size
        raw = block_content(data[at : at + header.stored], header)
        at += header.stored
        place = 0
        for kind, size, _ in records(raw, header.nr):
            *_, nr = INDEX_HEAD.unpack_from(raw, place + 16)
            assert kind == REC_INDEX
            segments += [SEGMENT.unpack_from(raw, place + 48 + i * SEGMENT.size) for i in range(nr)]
            place += size
    return segments


def segments_by_headers(data):
    """The offset and seq of each segment, from the block headers alone."""
    at, found = file_header(data), []
    while at < len(data):
        header = sound_header(data, at)
        if not found or header.flags & STATE_FIRST:
            found.append((at, header.seq))
        at += BLOCK_HEADER.size + header.stored
    return found


def main(path, what=""):
    try:
        with open(path, "rb") as file:
            data = file.read()
        trace = Trace(data)
        if not trace.stream or trace.stream[0][0] != REC_START:
            raise NotATrace("no start record")
    except (NotATrace, OSError) as why:
        print(f"{path}: {why}", file=sys.stderr)
        return 2
    if what == "--index":
        segments = index_at_end(data)
        assert [segment[:2] for segment in segments] == segments_by_headers(data)
        for segment in segments:
            print(*segment[:4], segment[7])
        return 0
    for record in trace.stream:
        print(*record)
    print(f"cut {int(trace.cut)}, damaged blocks {trace.damaged}", file=sys.stderr)
    return 2 if trace.cut or trace.damaged else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: rsst_read.py TRACE [--index]")
    sys.exit(main(*sys.argv[1:]))
