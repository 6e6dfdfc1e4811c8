# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Traces after a power cut, with a hole, or written by somebody who means harm: read as far as they are good, what is missing is
said, in bounded memory. Nothing here needs root or BPF.
"""
import json
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys

import pytest

import trace_surgery
from harness import MIB, RSSTRACE

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden"
TOOLS = ROOT / os.environ.get("BUILD", "build") / "tests"
MEMORY_MAX = 128 * MIB
REORDERED_NS = 1_000_000  # records of several CPUs, and a tick among them
SAYS_DAMAGE = re.compile(r"is damaged: (\d+) of its blocks \([\d.]+ (B|KiB), at most [\w. ]+ between [\w. ]+ and [\w. ]+\) are skipped")

pytestmark = pytest.mark.skipif(not shutil.which("zstd"), reason="needs the zstd command")


@pytest.fixture(autouse=True)
def _live_or_skip():
    """In place of the folder's own: nothing is traced here."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A real trace with a checkpoint behind each tick."""
    path = tmp_path_factory.mktemp("whole") / "whole.rsst"
    subprocess.run([TOOLS / "checkpoint_trace", GOLDEN / "fork_child.rsst", path, "1"], check=True, timeout=60)
    return path


def measured(*args):
    """(status, stdout, stderr, peak RSS in bytes) of rsstrace."""
    command = [RSSTRACE, *map(str, args)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out, said = process.communicate(timeout=60)
    return process.returncode, out, said


def report(trace, *args):
    """(JSON, stderr) of a trace that reads, or (None, the one line it is refused with)."""
    status, out, said = measured("report", "--json", "-n", "200", *args, trace)
    if status == 0:
        return json.loads(out), said
    assert status == 2 and not out and len(said.splitlines()) == 1 and str(trace) in said, (status, said)
    return None, said


def books(told):
    """What a report says of memory. A stack's number depends on what else was read: stacks go by their frames."""
    told["events"].pop("gaps", None)
    frames = {stack.pop("id"): json.dumps(stack["frames"]) for stack in told["stacks"]}
    for region in told["regions"]:
        for stack in region["stacks"]:
            stack["id"] = frames[stack["id"]]
        region["stacks"].sort(key=json.dumps)
    told["stacks"].sort(key=json.dumps)
    return told


def test_a_power_cut_costs_what_was_not_written(whole, tmp_path):
    """What a cut trace says of its end is what the whole one says of that moment."""
    data = whole.read_bytes()
    header, blocks = trace_surgery.take_apart(data)
    ends = [len(trace_surgery.put_together(header, blocks[:i])) for i in range(len(blocks) + 1)]
    places = {end + by for end in ends for by in (-57, -1, 0, 1, 56)}
    places |= {random.Random(1).randrange(len(data)) for _ in range(30)}
    cut = tmp_path / "cut.rsst"
    for length in sorted(places):
        if not 0 <= length < len(data):
            continue
        cut.write_bytes(data[:length])
        told, said = report(cut, "--at", "end")
        if not told:
            assert length < ends[2] and ("cut" in said or "empty" in said or "first moment" in said), said
            continue
        assert "is cut" in said or length >= ends[-2], said
        assert told == report(whole, "--at", f"{told['window']['to_ns']}ns")[0]


@pytest.mark.parametrize("tail", [b"\0" * 5000, b"\0" * 3, random.Random(2).randbytes(3000)])
def test_what_a_file_system_left_behind_the_end(whole, tail, tmp_path):
    data = whole.read_bytes()
    _, blocks = trace_surgery.take_apart(data)
    cut = tmp_path / "cut.rsst"
    cut.write_bytes(data[: len(data) - len(blocks[-1].pack()) - len(blocks[-2].pack())] + tail)
    told, said = report(cut)
    assert told and ("is cut" in said if not any(tail) else "is damaged" in said)


def test_any_block_may_be_missing(whole, tmp_path):
    """Said in blocks, bytes and time; behind the next checkpoint the books are those of the whole trace."""
    data = whole.read_bytes()
    header, blocks = trace_surgery.take_apart(data)
    good = books(report(whole)[0])
    broken = tmp_path / "broken.rsst"
    made_good = 0
    for i in range(1, len(blocks)):
        hurt = bytearray(data)
        start = len(trace_surgery.put_together(header, blocks[:i]))
        length = len(blocks[i].pack())
        hurt[start + length // 2] ^= 0x55
        broken.write_bytes(hurt)
        told, said = report(broken)
        if blocks[i].flags:
            assert "the books are whole" in said and told == report(whole)[0]
            continue
        assert told and SAYS_DAMAGE.search(said)[1] == "1", said
        gaps = told["events"].get("gaps")
        last_tick = len(blocks) - 4  # then its checkpoint, REC_END, the index
        if i >= last_tick:
            assert not gaps
            continue
        assert gaps["blocks"] == 1 and gaps["bytes"] == length
        start_ts = blocks[0].first_ts
        assert gaps["from_ns"] + start_ts <= blocks[i].first_ts <= blocks[i].last_ts
        assert gaps["to_ns"] + start_ts + REORDERED_NS >= blocks[i].last_ts
        assert gaps["to_ns"] - gaps["from_ns"] == gaps["ns"]
        if any(block.flags & trace_surgery.STATE_FIRST for block in blocks[i + 1 : last_tick]):
            assert not gaps["open"] and "right again" in said
            assert books(told) == good
            made_good += 1
    assert made_good > 3


@pytest.mark.parametrize("junk", ["zeros", "noise", "cut out", "headers"])
def test_a_stretch_over_several_blocks(whole, junk, tmp_path):
    data = whole.read_bytes()
    header, blocks = trace_surgery.take_apart(data)
    first = len(blocks) // 3
    start = len(trace_surgery.put_together(header, blocks[:first])) + 20
    length = sum(len(block.pack()) for block in blocks[first : first + 3])
    noise = random.Random(5).randbytes(length)
    put = {"zeros": bytes(length), "noise": noise, "cut out": b"", "headers": (trace_surgery.BLOCK_MAGIC * length)[:length]}
    broken = tmp_path / "broken.rsst"
    broken.write_bytes(data[:start] + put[junk] + data[start + length :])
    told, said = report(broken)
    assert told and int(SAYS_DAMAGE.search(said)[1]) >= 3
    assert told["events"]["gaps"]["blocks"] >= 3
    assert books(told) == books(report(whole)[0])


# --- lies with every CRC right --------------------------------------------------------------------


# The kernel counts what a process was before execve(2), too: a small one starts it.
MEASURE = """import os, resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""


def peak_memory(trace, *args):
    """Of `report`, in bytes, as the kernel counted it."""
    command = [sys.executable, "-S", "-c", MEASURE, RSSTRACE, "report", *args, trace]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    status, peak_kib = map(int, done.stdout.split())
    assert status in (0, 2)
    return peak_kib * 1024


def test_a_bomb_does_not_go_off(whole, tmp_path):
    header, blocks = trace_surgery.take_apart(whole.read_bytes())
    bomb = trace_surgery.zstd(bytes(512 * MIB))
    for flags in (0, trace_surgery.STATE | trace_surgery.STATE_FIRST, trace_surgery.INDEX):
        victim = trace_surgery.Block(len(blocks), 0, 0, 1, 24, flags, bomb[:270336])
        broken = tmp_path / "bomb.rsst"
        broken.write_bytes(trace_surgery.put_together(header, [*blocks, victim]))
        told, said = report(broken, "--at", "1s")
        assert told == report(whole, "--at", "1s")[0]
        told, said = report(broken)
        assert told and ("damaged" in said or flags)  # the others are passed over
        assert peak_memory(broken) < MEMORY_MAX and peak_memory(broken, "--at", "1s") < MEMORY_MAX


def absurd_records(ts):
    """Each breaks a promise of record_abi.h or checkpoint_abi.h, by much."""
    big = (1 << 32) - 1
    yield trace_surgery.record(1, ts, struct.pack("<IIQQQIBBBB", 1, 1, 0x7F0000000000, 1, 1, big, 1, 1, 0, 0))
    yield trace_surgery.record(1, ts, struct.pack("<IIQQQIBBBB", big, 1, 4096, 1, 1, 1, 1, 1, 0, 0))
    yield trace_surgery.record(7, ts, struct.pack("<QIHBB", 1, 0, 65535, 1, 0))
    yield trace_surgery.record(35, ts, struct.pack("<IIQQII", 1, 2, 0, 1 << 60, 1, 0))
    yield trace_surgery.record(37, ts, struct.pack("<QQIIII", 1, 1, 1, 0, big, 0))
    yield trace_surgery.record(38, ts, struct.pack("<IIQ", big, 0, 1))
    yield trace_surgery.record(33, ts, struct.pack("<IIII4q16s", 2, 9, 1, 1, 1 << 62, 1 << 62, 0, 0, b"x") + b"y" * 80)
    yield trace_surgery.record(12, ts, struct.pack("<II8qQ", 1, 0, *[1 << 62] * 8, 0))
    for sort in range(1, 22):
        yield trace_surgery.record(49, ts, struct.pack("<HHIII", sort, 0, 1, big, 0) + bytes(800))
    yield trace_surgery.record(52, ts, struct.pack("<QQQII", 1 << 63, 0, 0, big, big))
    yield trace_surgery.record(60000, ts, b"?" * 64)


def test_absurd_counts_cost_the_record(whole, tmp_path):
    header, blocks = trace_surgery.take_apart(whole.read_bytes())
    absurd = list(absurd_records(blocks[4].first_ts))
    raw = blocks[4].raw
    blocks[4].raw = b"".join(absurd) + raw
    blocks[4].nr += len(absurd)
    strange = tmp_path / "strange.rsst"
    strange.write_bytes(trace_surgery.put_together(header, blocks))
    assert books(report(strange)[0]) == books(report(whole)[0])
    assert peak_memory(strange) < MEMORY_MAX


def checkpoints_that_lie():
    big = (1 << 32) - 1
    yield "owner", 10, 32 + 48, struct.pack("<I", 9999)
    yield "run", 10, 32 + 48 + 8, struct.pack("<HH", 500, 100)
    yield "stack frames", 5, 16, struct.pack("<HHII", 5, 0, 0, big)
    yield "stack pages", 5, 32 + 8, struct.pack("<Q", 1 << 63)
    yield "space", 8, 20, struct.pack("<I", big)
    yield "counted", 8, 32 + 24, struct.pack("<I", 0)
    yield "vma", 9, 32, struct.pack("<QQ", 8192, 4096)


@pytest.mark.parametrize("name, sort, at, lie", list(checkpoints_that_lie()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_checkpoint_that_lies(whole, name, sort, at, lie, tmp_path):
    """Refused, and the stream is read from its start; or, where it cannot be known, no worse than it says."""
    header, blocks = trace_surgery.take_apart(whole.read_bytes())
    lied = 0
    for block in blocks:
        if not block.flags & trace_surgery.STATE:
            continue
        raw = bytearray(block.raw)
        for kind, place, size in trace_surgery.records(raw):
            if kind == 49 and struct.unpack_from("<H", raw, place + 16)[0] == sort and at + len(lie) <= size:
                raw[place + at : place + at + len(lie)] = lie
                lied += 1
                break
        block.raw = bytes(raw)
    assert lied
    strange = tmp_path / "strange.rsst"
    data = bytearray(trace_surgery.put_together(header, blocks[:-1]))  # the index found again
    strange.write_bytes(data)
    told, _ = report(strange, "--at", "1s")
    if name != "counted":
        assert told == report(whole, "--at", "1s")[0]
    assert report(strange)[0] is not None
    assert peak_memory(strange, "--at", "1s") < MEMORY_MAX


LIES = {
    "offsets one block on": lambda head, segments: [s.__setitem__(0, t[0]) for s, t in zip(segments[1:], segments[2:])],
    "offset inside a block": lambda head, segments: [s.__setitem__(0, s[0] + 8) for s in segments[1:]],
    "offset behind the file": lambda head, segments: segments[-1].__setitem__(0, 1 << 62),
    "order": lambda head, segments: segments.reverse(),
    "order of two": lambda head, segments: segments.insert(1, segments.pop(2)),
    "seq": lambda head, segments: [s.__setitem__(1, s[1] + 1) for s in segments[1:]],
    "too early": lambda head, segments: [s.__setitem__(2, 0) for s in segments[1:]],
    "a little too early": lambda head, segments: [s.__setitem__(2, s[2] - 600_000_000) for s in segments[1:]],
    "too late": lambda head, segments: [s.__setitem__(2, (1 << 64) - 1) for s in segments[1:]],
    "model": lambda head, segments: [s.__setitem__(7, 77) for s in segments[1:]],
    "twice": lambda head, segments: segments.extend(segments),
    "none but the first": lambda head, segments: segments.__delitem__(slice(1, None)),
    "one is missing": lambda head, segments: segments.pop(2),
    "nr_segments": lambda head, segments: head.__setitem__(3, (1 << 32) - 1),
    "own offset": lambda head, segments: head.__setitem__(0, 24),
    "own offset behind the file": lambda head, segments: head.__setitem__(0, (1 << 64) - 8),
    "last tick": lambda head, segments: head.__setitem__(1, 1),
    "last tick too late": lambda head, segments: head.__setitem__(1, head[1] + 10**9),
    "peak": lambda head, segments: head.__setitem__(2, 700_000_000),
    "peak before all": lambda head, segments: head.__setitem__(2, 0),
    "peak behind all": lambda head, segments: head.__setitem__(2, (1 << 64) - 1),
    "no peak": lambda head, segments: [s.__setitem__(slice(4, 6), [0, 0]) for s in segments],
}


@pytest.mark.parametrize("name", LIES)
def test_an_index_that_lies(whole, name, tmp_path):
    """Its CRCs are right. No moment is another one for it."""
    header, blocks = trace_surgery.take_apart(whole.read_bytes())
    head, segments = trace_surgery.index_of(blocks[-1])
    assert len(segments) > 4 and head[3] == len(segments)
    LIES[name](head, segments)
    if name not in ("nr_segments",):
        head[3] = len(segments)
    trace_surgery.set_index(blocks[-1], head, segments)
    lies = tmp_path / "lies.rsst"
    lies.write_bytes(trace_surgery.put_together(header, blocks))
    for instant in ["0s", "700ms", "1s", "1500ms", "end", "peak", "-300ms"]:
        told, said = report(lies, "--at", instant)
        assert told == report(whole, "--at", instant)[0], instant
        if instant in ("peak", "-300ms") and name.startswith(("last tick", "peak")):
            assert len(said.splitlines()) == 1 and "is wrong about its peak or its end" in said, said
    assert report(lies, "--from", "600ms", "--to", "1s")[0] == report(whole, "--from", "600ms", "--to", "1s")[0]
    assert report(lies)[0] == report(whole)[0]


@pytest.mark.parametrize("pages, ts", [(1 << 30, 700_000_000), (1 << 30, 0), (0, 0)])
def test_a_checkpoint_that_lies_about_the_peak(whole, pages, ts, tmp_path):
    """What never stands there is not the peak: the stream knows it."""
    header, blocks = trace_surgery.take_apart(whole.read_bytes())
    for block in blocks:
        if block.flags & trace_surgery.STATE_FIRST:
            raw = bytearray(block.raw)
            struct.pack_into("<QQ", raw, 80, pages, ts)
            block.raw = bytes(raw)
    lies = tmp_path / "lies.rsst"
    lies.write_bytes(trace_surgery.put_together(header, blocks[:-1]))
    told, truth = report(lies, "--at", "peak")[0], report(whole, "--at", "peak")[0]
    if pages:
        assert told == truth
    else:  # as high as the last segment gets
        assert told["rss"]["total"] == told["rss"]["peak_total"] <= truth["rss"]["peak_total"]


def test_checkpoints_of_other_rules_are_not_used(whole, tmp_path):
    """The index says they are of this rsstrace's; they say themselves that they are not."""
    header, blocks = trace_surgery.take_apart(whole.read_bytes())
    for block in blocks:
        if block.flags & trace_surgery.STATE_FIRST:
            raw = bytearray(block.raw)
            struct.pack_into("<I", raw, 16, 77)
            struct.pack_into("<Q", raw, 72, 5)  # rss_pages: would be seen
            block.raw = bytes(raw)
    index, (head, segments) = blocks[-1], trace_surgery.index_of(blocks[-1])
    at = len(header)
    places = {}
    for block in blocks:
        places[block.seq] = at
        at += len(block.pack())
    head[0] = places[index.seq]
    for segment in segments:
        segment[0] = places[segment[1]]
    trace_surgery.set_index(index, head, segments)
    other = tmp_path / "other.rsst"
    other.write_bytes(trace_surgery.put_together(header, blocks))
    for instant in ["700ms", "1s", "end"]:
        assert report(other, "--at", instant)[0] == report(whole, "--at", instant)[0]
