# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A huge page's 512 pages go straight into the counter that all CPUs share, before its event runs: nobody else may claim them."""
import os
import select
import sys
import time

import pytest

from harness import TOP, Tracer, Workload, report

sys.path.insert(0, os.path.join(TOP, "tests", "vm"))
import bpf_programs  # noqa: E402

pytestmark = pytest.mark.live
SPACE, SUM_TELL = 1, 1  # the first space followed; include/config_abi.h
RUNS = 200  # from one look at the workload to the next
PAUSE_S = 0.001
ROOM_LEFT = 0.5  # of the ring; over that its reader, which gets little of two processors here, is waited for


@pytest.fixture(autouse=True)
def _need_huge_pages():
    try:
        with open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="ascii") as file:
            if "[never]" not in file.read():
                return
    except FileNotFoundError:
        pass
    pytest.skip("this kernel has no transparent huge pages, or they are never used")


def faulted_by(view, site):
    return sum(stack["faulted"] for stack in view["stacks"]
               if any(frame["symbol"] == site for frame in stack["frames"]))


def counters_program(before):
    """What tells the counters, of the recorder that was started since: its id."""
    ours = [p["id"] for p in bpf_programs.loaded() if p["name"] == "tell_counters" and p["id"] not in before]
    if not ours:
        pytest.skip("this kernel counts in batches (before Linux 6.2)")
    return ours[0]


def assert_all_faults_are_told(view, truth):
    assert view["events"]["lost"] == 0
    assert faulted_by(view, "site_huge") == truth["faulted"]
    assert view["ledger"]["unattributed"] == 0
    assert view["ledger"]["error"] == 0
    assert "other" not in {cause["cause"] for cause in view["causes"]}


def test_counters_asked_for_at_any_moment_take_no_fault_away(tmp_path):
    before = {program["id"] for program in bpf_programs.loaded()}
    trace = tmp_path / "t.rsst"
    with Workload("huge_pages") as target, Tracer("record", "-p", target.pid, "-o", trace) as tracer:
        tracer.attached()
        fd = bpf_programs.open_program(counters_program(before))
        ask = bpf_programs.runner(fd, SPACE, SUM_TELL, 0, 0, 0, 0)
        ring = bpf_programs.RingBuffer(fd, "ring")
        asked = 0
        target.go()
        while not select.select([target.process.stdout], [], [], 0)[0]:
            if ring.fill() >= ROOM_LEFT:
                time.sleep(PAUSE_S)
                continue
            for _ in range(RUNS):
                ask()
            asked += RUNS
        os.close(fd)
        assert asked >= 100 * RUNS
        truth = target.truth()
        assert tracer.stop() == 0
    assert_all_faults_are_told(report(trace, "--all"), truth)


def test_a_thread_that_drops_pages_takes_no_fault_of_another_away(tmp_path):
    trace = tmp_path / "t.rsst"
    with Workload("huge_pages", "--beside") as target, Tracer("record", "-p", target.pid, "-o", trace) as tracer:
        tracer.attached()
        target.go()
        truth = target.truth()
        assert tracer.stop() == 0
    view = report(trace, "--all")
    assert view["ledger"]["error"] == 0
    assert faulted_by(view, "site_huge") == truth["faulted"]
