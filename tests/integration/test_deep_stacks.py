# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Stacks are whole up to 512 frames; beyond, they are cut, and that is told."""
import pytest

from harness import MIB, Tracer, Workload, report, run

pytestmark = pytest.mark.live

MAX_FRAMES = 512  # RSST_MAX_FRAMES


@pytest.fixture(scope="module")
def trace(live_reason, tmp_path_factory):
    if live_reason:
        pytest.skip(live_reason)
    path = tmp_path_factory.mktemp("deep") / "trace.rsst"
    with Workload("deep_stacks") as target:
        with Tracer("record", "-p", target.pid, "-o", path) as tracer:
            tracer.attached()
            target.go()
            target.truth()
            assert tracer.stop() == 0, tracer.talk
        assert target.close() == 0
    return path


def innermost(view, site):
    """The stack of a site's own MiB."""
    return next(stack for stack in view["stacks"] if stack["frames"][0]["symbol"] == site and stack["faulted"] == MIB)


@pytest.mark.parametrize("nr", [300, 511, 512, 600])
def test_frames_are_counted(trace, nr):
    """libgcc's unwinder counted as many, in the workload."""
    frames = [frame for frame in innermost(report(trace, "--all"), f"site_{nr}")["frames"] if not frame["inlined"]]
    assert len(frames) == min(nr, MAX_FRAMES)
    calls = [frame["symbol"] for frame in frames if frame["symbol"] == f"site_{nr}"]
    assert len(calls) > 290
    if nr <= MAX_FRAMES:
        assert [frame["symbol"] for frame in frames[len(calls):]][0] == "main"
        assert frames[-1]["symbol"] == "_start"
    else:
        assert len(calls) == MAX_FRAMES


@pytest.mark.parametrize("nr", [300, 511, 512, 600])
def test_only_those_that_were_cut_say_so(trace, nr):
    assert innermost(report(trace, "--all"), f"site_{nr}")["complete"] == (nr <= MAX_FRAMES)
    rows = [line for line in run("report", "--by", "stack", "--all", trace).stdout.splitlines()
            if f"site_{nr}" in line and "1.00 MiB" in line]
    assert len(rows) == 1, rows
    assert ("(incomplete)" in rows[0]) == (nr > MAX_FRAMES)
