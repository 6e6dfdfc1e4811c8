#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A second reader of traces, written from include/README.md alone: it proves that the page says everything.

Prints one line per record, "TYPE SIZE TS". Exit status: 0 the trace is good, 2 it is cut, damaged or none.
Needs the zstd command.
"""
import struct
import subprocess
import sys
import zlib

FILE_MAGIC = b"\x89RSST\r\n\x1a"
BLOCK_MAGIC = b"\xf5rsBLK\r\n"
FILE_HEADER = struct.Struct("<8sHHIII")
BLOCK_HEADER = struct.Struct("<8sQQQIIIIII")
RAW_MAX, STORED_MAX, RECORD_MAX = 262144, 270336, 8192
REC_START = 32


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
    """seq, nr_records, raw_bytes, stored_bytes, payload_crc; None when the header is not sound."""
    if len(data) - at < BLOCK_HEADER.size:
        return None
    magic, seq, _, _, nr, raw, stored, _, payload_crc, crc = BLOCK_HEADER.unpack_from(data, at)
    if magic != BLOCK_MAGIC or crc != zlib.crc32(data[at : at + BLOCK_HEADER.size - 4]):
        return None
    if not nr or raw % 8 or not 16 <= raw <= RAW_MAX or not 1 <= stored <= STORED_MAX:
        return None
    return seq, nr, raw, stored, payload_crc


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


def block_records(payload, nr, raw_bytes, payload_crc):
    if zlib.crc32(payload) != payload_crc:
        return None
    raw = unpack(payload, raw_bytes)
    return records(raw, nr) if raw is not None and len(raw) == raw_bytes else None


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
    """blocks: lists of records; cut and damaged as the specification says."""

    def __init__(self, data):
        self.blocks, self.cut, self.damaged = [], False, 0
        self.next_seq = 0
        at = gap = file_header(data)
        while at < len(data):
            header = sound_header(data, at)
            if header:
                self.close_gap(header[0], at > gap)
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

    def block(self, data, at, header):
        seq, nr, raw_bytes, stored, payload_crc = header
        payload = data[at + BLOCK_HEADER.size : at + BLOCK_HEADER.size + stored]
        fresh = seq >= self.next_seq
        self.next_seq = max(self.next_seq, seq + 1)
        if len(payload) < stored:
            self.cut = True
            return len(data)
        found = block_records(payload, nr, raw_bytes, payload_crc) if fresh else None
        if found is None:
            self.damaged += 1
        else:
            self.blocks.append(found)
        return at + BLOCK_HEADER.size + stored


def main(path):
    try:
        with open(path, "rb") as file:
            trace = Trace(file.read())
        if not trace.blocks or trace.blocks[0][0][0] != REC_START:
            raise NotATrace("no start record")
    except (NotATrace, OSError) as why:
        print(f"{path}: {why}", file=sys.stderr)
        return 2
    for block in trace.blocks:
        for record in block:
            print(*record)
    print(f"cut {int(trace.cut)}, damaged blocks {trace.damaged}", file=sys.stderr)
    return 2 if trace.cut or trace.damaged else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: rsst_read.py TRACE")
    sys.exit(main(sys.argv[1]))
