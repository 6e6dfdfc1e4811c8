# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Code that comes and goes faster than one can look at it: the books and the ticks go on, the stacks stay whole."""
import subprocess
import time

import pytest

from harness import PATIENCE_S, Tracer, Workload, kernel_version, report, run, site_bytes, workload_path

pytestmark = pytest.mark.live

TICKS = 6
REGIONS = 1500  # of code_storm
PATHS = 6**4  # of many_paths


def wait_for_lines(path, nr):
    deadline = time.monotonic() + PATIENCE_S
    while path.read_bytes().count(b"\n") < nr:
        assert time.monotonic() < deadline, f"no {nr} lines within {PATIENCE_S} s"
        time.sleep(0.05)


def with_site(view, site):
    return [stack for stack in view["stacks"] if any(frame["symbol"] == site for frame in stack["frames"])]


def test_a_storm_of_new_code_stops_nobody(tmp_path):
    """Ticks are told, and nothing is lost, for as long as it lasts: it ends only after them."""
    trace, told = tmp_path / "trace.rsst", tmp_path / "told"
    with Workload("code_storm") as target:
        with open(told, "wb") as out, Tracer("live", "--json", "-i", "200ms", "-p", target.pid, "-o", trace, stdout=out) as tracer:
            tracer.attached()
            target.go()
            truth = target.truth()
            wait_for_lines(told, len(told.read_bytes().splitlines()) + TICKS)
            assert tracer.stop() == 0, tracer.talk
        assert target.close() == 0
    assert run("export", "--format", "jsonl", "-o", "-", trace).stdout.count('"mprotect"') > 2 * REGIONS, "it was no storm"
    view = report(trace, "--all")
    assert view["events"]["lost"] == 0
    assert view["ledger"]["error"] == 0
    for site, size in truth["sites"].items():
        assert site_bytes(view, site) == pytest.approx(size, rel=0.01)
        assert all(stack["complete"] for stack in with_site(view, site)), site


def test_stacks_walked_late_are_whole_and_named(tmp_path):
    """Of code that runs for the first time, while children of the same address space exec and end."""
    trace = tmp_path / "trace.rsst"
    with Workload("spawner") as target:
        with Tracer("record", "--children", "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            target.go()
            truth = target.truth()
            assert tracer.stop() == 0, tracer.talk
        assert target.close() == 0
    view = report(trace, "--all")
    assert view["ledger"]["error"] == 0
    assert site_bytes(view, "site_late") == pytest.approx(truth["sites"]["site_late"], rel=0.01)
    nameless = [frame for stack in view["stacks"] for frame in stack["frames"] if not frame["module"]]
    assert not nameless
    assert all(stack["complete"] for stack in view["stacks"])
    assert with_site(view, "site_child")


def test_every_path_through_code_without_a_table_is_whole(tmp_path):
    """Copies of stacks come by the thousand while a large table is built, and as fast as a program can fault."""
    trace = tmp_path / "trace.rsst"
    with Workload("many_paths") as target:
        with Tracer("record", "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            target.go()
            truth = target.truth()
            assert tracer.stop() == 0, tracer.talk
        assert target.close() == 0
    view = report(trace, "--all")
    assert view["events"]["lost"] == 0
    assert view["ledger"]["error"] == 0
    assert site_bytes(view, "site_paths") == truth["sites"]["site_paths"]
    stacks = with_site(view, "site_paths")
    assert all(stack["complete"] for stack in stacks)
    assert len(stacks) >= PATHS


def test_a_program_that_replaces_itself_has_whole_stacks(tmp_path):
    """From the new image's first instruction on."""
    if kernel_version() < (6, 2):
        pytest.skip("before Linux 6.2 nobody has tried")
    with Tracer("record", "-o", tmp_path / "t", "--", workload_path("exec_self"), stdin=subprocess.DEVNULL) as tracer:
        assert tracer.finish() == 0, tracer.talk
    view = report(tmp_path / "t", "--all")
    assert with_site(view, "site_first") and with_site(view, "site_second")
    assert all(stack["complete"] for stack in view["stacks"])
