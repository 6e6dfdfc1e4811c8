# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Traces taken apart and put together again, with every CRC right: for tests of files that lie. Needs the zstd command."""
import dataclasses
import struct
import subprocess
import zlib

FILE_HEADER_BYTES = 24
BLOCK_HEADER = struct.Struct("<8sQQQIIIII")
BLOCK_MAGIC = b"\xf5rsBLK\r\n"
STATE, STATE_FIRST, INDEX = 1, 2, 4
INDEX_HEAD = struct.Struct("<QQQII")
SEGMENT = struct.Struct("<QQQQQQQII")


def zstd(data, *options):
    return subprocess.run(["zstd", "-cq", *options], input=data, capture_output=True, check=True).stdout


@dataclasses.dataclass
class Block:
    seq: int
    first_ts: int
    last_ts: int
    nr: int
    raw_bytes: int
    flags: int
    payload: bytes

    @property
    def raw(self):
        return zstd(self.payload, "-d")

    @raw.setter
    def raw(self, raw):
        self.payload = zstd(raw)
        self.raw_bytes = len(raw)

    def pack(self):
        head = BLOCK_HEADER.pack(BLOCK_MAGIC, self.seq, self.first_ts, self.last_ts, self.nr, self.raw_bytes,
                                 len(self.payload), self.flags, zlib.crc32(self.payload))
        return head + struct.pack("<I", zlib.crc32(head)) + self.payload


def take_apart(data):
    """(file header, [Block]) of a good trace."""
    blocks, at = [], FILE_HEADER_BYTES
    while at < len(data):
        magic, seq, first_ts, last_ts, nr, raw_bytes, stored, flags, _ = BLOCK_HEADER.unpack_from(data, at)
        assert magic == BLOCK_MAGIC
        at += BLOCK_HEADER.size + 4
        blocks.append(Block(seq, first_ts, last_ts, nr, raw_bytes, flags, data[at : at + stored]))
        at += stored
    return data[:FILE_HEADER_BYTES], blocks


def put_together(header, blocks):
    return header + b"".join(block.pack() for block in blocks)


def records(raw):
    """(type, offset, size) of each."""
    at = 0
    while at < len(raw):
        kind, _, size = struct.unpack_from("<HHI", raw, at)
        yield kind, at, size
        at += size


def record(kind, ts, content):
    content += bytes(-len(content) % 8)
    return struct.pack("<HHIQ", kind, 0, 16 + len(content), ts) + content


def index_of(block):
    """[offset, last_tick_ts, peak_ts, nr_segments] and the segments, as lists, of an index of one record."""
    raw = block.raw
    *head, nr = INDEX_HEAD.unpack_from(raw, 16)
    return head, [list(SEGMENT.unpack_from(raw, 48 + i * SEGMENT.size)) for i in range(nr)]


def set_index(block, head, segments):
    content = INDEX_HEAD.pack(*head, len(segments)) + b"".join(SEGMENT.pack(*segment) for segment in segments)
    block.raw = record(52, head[1], content)
