# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A day at 1000 faults a second, in small: what `make bench-day` measures, held to limits. No root: the stream is made up."""
import os
import pathlib
import sys

import pytest

from harness import BUILD, MIB, report

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
import day  # noqa: E402


@pytest.fixture(autouse=True)
def _live_or_skip():
    """In place of the folder's own: nothing is traced here."""


@pytest.fixture(scope="module")
def hours(tmp_path_factory):
    """(path, stages) of two hours."""
    path = tmp_path_factory.mktemp("day") / "day.rsst"
    return path, day.simulate(BUILD, str(path), 2, 1000, 8)


def test_a_fault_takes_few_bytes(hours):
    last = hours[1][-1]
    assert last["faults"] > 7_000_000
    assert os.path.getsize(hours[0]) < 12 * last["faults"]  # perf: 56


def test_the_writing_side_does_not_grow_with_time(hours):
    """What is there after the first half hour is what there will be, but for what the target itself adds: new stacks, threads."""
    stages = hours[1]
    assert stages[-1]["rss_bytes"] < 64 * MIB
    new_stacks = stages[-1]["stacks"] - stages[1]["stacks"]
    assert stages[-1]["rss_bytes"] - stages[1]["rss_bytes"] < 4 * MIB + new_stacks * 16384


def test_every_moment_is_near(hours):
    trace = hours[0]
    for instant in ("1h", "-1m", "peak"):
        _, rss, said = day.read(BUILD, str(trace), "--at", instant)
        assert rss < 128 * MIB
        taken, unit = said.split()[1:3]
        assert unit == "MiB" and float(taken) < 48, said
    view = report(trace, "--at", "1h")
    assert view["ledger"]["error"] == 0 and view["events"]["lost"] == 0
    assert 0 < len(view["marks"]) <= 60 and view["ledger"]["unattributed"] == 0
