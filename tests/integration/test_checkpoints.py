# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Reading from a checkpoint is reading from the start: byte for byte, at many instants, whole, cut and damaged.
Nothing here needs root or BPF: the traces are made, or written anew with checkpoints by build/tests/checkpoint_trace.
"""
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import pytest

import trace_surgery
from harness import RSSTRACE

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden"
TOOLS = ROOT / os.environ.get("BUILD", "build") / "tests"
BLOCK_MAGIC = b"\xf5rsBLK\r\n"
INSTANTS = ["0s", "300ms", "500ms", "700ms", "1s", "1500ms", "2s", "start", "peak", "end", "-400ms", "-1s"]
MIB = 1 << 20


@pytest.fixture(autouse=True)
def _live_or_skip():
    """In place of the folder's own: nothing is traced here."""


def tool(name, *args):
    subprocess.run([TOOLS / name, *map(str, args)], check=True, timeout=120)


def show(trace, *args):
    """stdout and stderr of a report in JSON."""
    done = subprocess.run([RSSTRACE, "report", "--json", "-n", "200", *args, str(trace)], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.decode()


def effort(stderr):
    """Bytes and blocks read, as -v tells them."""
    found = re.search(r"read ([\d.]+) (B|KiB|MiB|GiB) of .*, (\d+) blocks", stderr)
    assert found, stderr
    return float(found[1]) * {"B": 1, "KiB": 1024, "MiB": MIB, "GiB": 1024 * MIB}[found[2]], int(found[3])


def blocks(data):
    """(offset, length, flags) of each block."""
    at = 24
    while at < len(data):
        assert data.startswith(BLOCK_MAGIC, at)
        stored, flags = struct.unpack_from("<II", data, at + 40)
        yield at, 56 + stored, flags
        at += 56 + stored


@pytest.fixture(scope="module")
def long_trace(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "long.rsst"
    tool("long_trace", path, 40, 64)
    return path


@pytest.fixture(scope="module")
def plain(long_trace):
    """The same stream without checkpoints."""
    path = long_trace.with_name("plain.rsst")
    tool("checkpoint_trace", long_trace, path, 0)
    return path


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("name", ["fork_child", "mprotect_splits"])
def test_every_moment_is_the_same(name, every, tmp_path):
    whole, entered = GOLDEN / f"{name}.rsst", tmp_path / "entered.rsst"
    tool("checkpoint_trace", whole, entered, every)
    for instant in INSTANTS:
        assert show(entered, "--at", instant)[0] == show(whole, "--at", instant)[0]
        assert show(entered, "--from", instant)[0] == show(whole, "--from", instant)[0]
    assert show(entered)[0] == show(whole)[0]
    assert show(entered, "--from", "300ms", "--to", "1s")[0] == show(whole, "--from", "300ms", "--to", "1s")[0]


@pytest.mark.parametrize("every", [0, 1])
@pytest.mark.parametrize("name, pids", [("fork_child", [10362, 10363]), ("mprotect_splits", [10325])])
def test_the_peak_is_the_very_moment(name, pids, every, tmp_path):
    """Not the tick before it: what is shown is as high as the peak was, of all together and of each for itself."""
    trace = tmp_path / "trace.rsst"
    tool("checkpoint_trace", GOLDEN / f"{name}.rsst", trace, every)
    highest = {}
    for argv in [[], *(["-p", str(pid)] for pid in pids)]:
        peak = json.loads(show(trace, "--at", "peak", "--all", *argv)[0])
        assert peak["rss"]["total"] == peak["rss"]["peak_total"]
        assert peak["window"]["to_ns"] == peak["rss"]["peak_at_ns"]
        assert peak["ledger"]["error"] == 0
        assert sum(region["rss"] for region in peak["regions"]) == peak["rss"]["total"]
        assert all(stack["frames"][0]["symbol"] for stack in peak["stacks"][:2])
        whole = json.loads(show(trace, *argv)[0])
        assert peak["rss"]["peak_total"] == whole["rss"]["peak_total"]
        highest[tuple(argv)] = peak["rss"]["total"]
        fallen = json.loads(show(trace, "--from", "peak", *argv)[0])
        assert fallen["window"]["from_ns"] == peak["window"]["to_ns"]
        assert fallen["growth"]["total"] == whole["rss"]["total"] - peak["rss"]["total"]
    assert max(highest.values()) == highest[()] <= sum(highest.values()) - highest[()]


def marked(path, labels):
    """mprotect_splits with a mark before each of its first ticks."""
    header, blocks = trace_surgery.take_apart((GOLDEN / "mprotect_splits.rsst").read_bytes())
    for block in blocks:
        raw, labelled = block.raw, b""
        for kind, at, size in trace_surgery.records(raw):
            if kind == 39 and labels:
                ts = struct.unpack_from("<Q", raw, at + 8)[0]
                content = struct.pack("<IIII", 1, 9, 9, 0) + labels.pop(0).encode() + b"\0"
                labelled += trace_surgery.record(41, ts, content)
                block.nr += 1
            labelled += raw[at : at + size]
        block.raw = labelled
    path.write_bytes(trace_surgery.put_together(header, blocks))


@pytest.mark.skipif(not shutil.which("zstd"), reason="needs the zstd command")
def test_marks_are_found_behind_checkpoints(tmp_path):
    whole, entered = tmp_path / "whole.rsst", tmp_path / "entered.rsst"
    marked(whole, ["begin", "warm", "twice", "load", "twice"])
    tool("checkpoint_trace", whole, entered, 1)
    for instant in ["begin", "warm", "load", "twice", "twice#1", "mark:load"]:
        told, said = show(entered, "-v", "--at", instant)
        assert told == show(whole, "--at", instant)[0]
        effort(said)
    assert show(entered, "--from", "warm", "--to", "load")[0] == show(whole, "--from", "warm", "--to", "load")[0]
    for trace in (whole, entered):
        done = subprocess.run([RSSTRACE, "report", "--at", "cold", trace], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and 'no mark "cold"' in done.stderr and '"warm"' in done.stderr


def test_the_rules_have_the_number_of_the_golden_checkpoints():
    """What the model makes of a stream changed? Then CHECKPOINT_MODEL goes up, and this trace is written anew:
    build/tests/checkpoint_trace tests/golden/fork_child.rsst tests/golden/checkpoints.rsst 3"""
    whole, entered = GOLDEN / "fork_child.rsst", GOLDEN / "checkpoints.rsst"
    for instant in INSTANTS:
        told, said = show(entered, "-v", "--at", instant)
        assert told == show(whole, "--at", instant)[0]
        effort(said)  # a checkpoint was used


def test_a_moment_costs_a_segment_not_the_trace(long_trace, plain):
    for instant in ["2s", "20s", "40s", "peak", "end", "-5s"]:
        told, said = show(long_trace, "-v", "--at", instant)
        taken, nr = effort(said)
        # the start, the index, and each of two moments read twice, at most a segment of 8 MiB and a checkpoint of a quarter
        assert taken < 2 * 2 * 10.5 * MIB
        assert told == show(plain, "--at", instant)[0]
    told, said = show(long_trace, "-v", "--at", "2s")
    assert effort(said)[0] < 8 * MIB
    for window in [("--from", "10s", "--to", "30s"), ("--from", "peak"), ("--to", "12s"), ("--from", "20s", "--to", "20300ms")]:
        assert show(long_trace, *window)[0] == show(plain, *window)[0]


def test_effort_does_not_grow_with_the_trace(long_trace, tmp_path):
    """Blocks unpacked for a moment: of a trace four times as long no more than a segment more."""
    short = tmp_path / "short.rsst"
    tool("long_trace", short, 12, 64)
    segment = 2 * 8 * MIB // (128 << 10)
    # times before the end and the peak are known at the end, which is read for them: a segment; and one to find the peak
    for instant, segments in [("2s", 1), ("10s", 1), ("20s", 1), ("end", 1), ("-5s", 2), ("peak", 4)]:
        (_, few), (_, many) = (effort(show(trace, "-v", "--at", instant)[1]) for trace in (short, long_trace))
        assert many <= few + segments * segment
    everything = sum(1 for _ in blocks(long_trace.read_bytes()))
    assert effort(show(long_trace, "-v", "--at", "2s")[1])[1] < everything / 10


def test_a_diff_of_two_moments_reads_two_segments(long_trace, plain):
    args = ["diff", "--json", "-n", "50", "--from", "5s", "--to", "30s"]
    seen = [subprocess.run([RSSTRACE, *args, *more], capture_output=True, timeout=60) for more in (["-v", long_trace], ["-v", plain])]
    assert [done.returncode for done in seen] == [0, 0]
    taken, _ = effort(seen[0].stderr.decode())
    assert taken < 2 * 2 * 10.5 * MIB
    a, b = (json.loads(done.stdout.decode().replace(str(trace), "TRACE")) for done, trace in zip(seen, (long_trace, plain)))
    assert a == b


def test_checkpoints_are_a_fifth_at_most(long_trace):
    found = list(blocks(long_trace.read_bytes()))
    state = sum(length for _, length, flags in found if flags & 1)
    assert 3 <= sum(1 for *_, flags in found if flags & 2) <= 6
    assert 0 < state <= long_trace.stat().st_size / 5


def test_both_readers_find_the_same_index(long_trace, tmp_path):
    small = tmp_path / "small.rsst"
    tool("checkpoint_trace", GOLDEN / "fork_child.rsst", small, 2)
    for trace in (small, GOLDEN / "checkpoints.rsst"):
        done = subprocess.run([sys.executable, GOLDEN / "rsst_read.py", trace, "--index"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) > 2


def test_cut_anywhere_the_index_is_found_again(long_trace, plain, tmp_path):
    data = long_trace.read_bytes()
    cut = tmp_path / "cut.rsst"
    cut.write_bytes(data[: len(data) * 3 // 4])
    told, said = show(cut, "-v", "--at", "10s")
    assert told == show(plain, "--at", "10s")[0]
    assert "cut" in said
    assert effort(said)[0] < 3 * 10.5 * MIB
    told = json.loads(show(cut, "--at", "end")[0])
    assert told == json.loads(show(plain, "--at", f"{told['window']['to_ns']}ns")[0])
    plain_cut = tmp_path / "plain_cut.rsst"
    tool("checkpoint_trace", cut, plain_cut, 0)
    for instant in ("peak", "-3s"):
        assert show(cut, "--at", instant)[0] == show(plain_cut, "--at", instant)[0]


def without_gaps(text):
    told = json.loads(text)
    gaps = told["events"].pop("gaps", None)
    return told, gaps


def test_behind_damage_the_next_checkpoint_makes_good(long_trace, tmp_path):
    data = bytearray(long_trace.read_bytes())
    found = list(blocks(data))
    at, length, _ = [block for block in found[: len(found) // 2] if not block[2]][-1]
    data[at + length // 2] ^= 0x55
    broken = tmp_path / "broken.rsst"
    broken.write_bytes(data)
    whole, none = without_gaps(show(long_trace)[0])
    text, said = show(broken)
    told, gaps = without_gaps(text)
    assert told == whole and none is None
    assert gaps["blocks"] == 1 and gaps["bytes"] == length and gaps["ns"] > 0 and gaps["open"] is False
    assert "damaged: 1 of its blocks" in said and "right again behind the next checkpoint" in said


def test_without_a_checkpoint_what_moved_has_no_stack(plain, tmp_path):
    data = bytearray(plain.read_bytes())
    found = list(blocks(data))
    at, length, _ = found[len(found) // 2]
    data[at + length // 2] ^= 0x55
    broken = tmp_path / "broken.rsst"
    broken.write_bytes(data)
    text, said = show(broken)
    told, gaps = without_gaps(text)
    assert gaps["open"] is True and "has no stack" in said
    assert told["rss"] == without_gaps(show(plain)[0])[0]["rss"]
    assert told["ledger"]["error"] == 0
    assert any(row["cause"] == "lost" for row in told["causes"])


def test_an_index_that_lies_is_not_believed(long_trace, plain, tmp_path):
    data = long_trace.read_bytes()
    at, length, flags = list(blocks(data))[-1]
    assert flags & 4
    lies = tmp_path / "lies.rsst"
    # the index of another trace: its offsets hit nothing
    lies.write_bytes(data[:at] + data[at - 5000 : at - 2000] + data[at : at + length])
    assert show(lies, "--at", "20s")[0] == show(plain, "--at", "20s")[0]
    middle = list(blocks(data))[5]
    shifted = data[: middle[0]] + data[middle[0] + middle[1] :]
    lies.write_bytes(shifted)
    done = subprocess.run([RSSTRACE, "report", "--at", "20s", str(lies)], capture_output=True, timeout=60)
    assert done.returncode == 0
