# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every byte has an owner, and the books balance with the kernel's: workloads that know their truth."""
import json
import subprocess
import time

import pytest

from harness import (
    Tracer,
    Workload,
    kernel_version,
    read_line,
    report,
    run,
    site_bytes,
    smaps,
    status_rss,
    workload_path,
)

pytestmark = pytest.mark.live

NAMES = [
    "anon_touch",
    "brk_growth",
    "churn",
    "contained",
    "dontneed",
    "exec_self",
    "fork_child",
    "jit",
    "kernel_fault",
    "mmap_fixed",
    "moved_code",
    "mprotect_splits",
    "partial_munmap",
    "populate",
    "private_file_cow",
    "shmat",
    "sites",
    "stack_growth",
    "threads",
    "zero_page_reads",
]
# A site's first step into a page of code brings that page's neighbours: one fault-around window.
FAULT_AROUND_BYTES = 64 << 10


def assert_sites(view, sites):
    wrong = {}
    for site, truth in sites.items():
        got = site_bytes(view, site)
        if abs(got - truth) > max(truth / 100, FAULT_AROUND_BYTES):
            wrong[site] = {"truth": truth, "got": got}
    assert not wrong


def assert_sum_rules(view):
    ledger, rss, growth = view["ledger"], view["rss"], view["growth"]
    assert rss["total"] == rss["anon"] + rss["file"] + rss["shmem"]
    assert growth["total"] == growth["anon"] + growth["file"] + growth["shmem"]
    owned = ledger["attributed"] + ledger["before_attach"] + ledger["unattributed"]
    assert owned + ledger["error"] == rss["total"]
    for member in ("anon", "file", "shmem"):
        moved = sum(
            cause[member] * (1 if cause["direction"] == "in" else -1) for cause in view["causes"]
        )
        assert moved == growth[member], (member, view["causes"])
    assert sum(stack["rss"] for stack in view["stacks"]) == ledger["attributed"]
    for region in view["regions"]:
        assert sum(stack["rss"] for stack in region["stacks"]) <= region["rss"]


def assert_quiet(view, kernel):
    """Nothing ran while the trace ended: the books must be exact."""
    assert {kind: view["rss"][kind] for kind in kernel} == kernel
    assert view["ledger"]["error"] == 0
    assert view["events"]["lost"] == 0


def segments(areas, cuts):
    """{(start, end) between two cuts: (perms of what lies there, resident bytes)}."""
    found = {}
    for start, end, perms, rss in areas:
        key = max(cut for cut in cuts if cut <= start)
        kinds, total = found.get(key, (set(), 0))
        found[key] = (kinds | {perms}, total + rss)
    return {key: value for key, value in found.items() if value[1]}


def assert_regions(view, areas):
    """
    Each VMA of smaps is a region with the same pages, and no region has pages beside them. Whether two neighbours that
    look the same are one VMA depends on the kernel's anon_vma, which nobody can see: so both sides are compared between
    the boundaries they share, and between two of those all permissions must be the same.
    """
    ours = [(int(row["start"], 16), int(row["end"], 16), row["perms"], row["rss"]) for row in view["regions"]]
    ours = [area for area in ours if area[3]]
    kernel = [(start, end, perms, rss) for start, end, perms, _, rss in areas if rss]
    assert sum(area[3] for area in ours) == sum(area[3] for area in kernel)
    cuts = {area[0] for area in ours} & {area[0] for area in kernel}
    assert min(area[0] for area in ours) in cuts
    got, want = segments(ours, cuts), segments(kernel, cuts)
    assert got == want
    assert all(len(perms) == 1 for perms, _ in got.values())


def attach_and_run(name, trace, *options):
    """The truth, the kernel's numbers and the VMAs of a workload whose job was recorded by -p."""
    with Workload(name) as target:
        with Tracer("record", *options, "-p", target.pid, "-o", trace) as tracer:
            assert tracer.attached() == target.pid
            target.go()
            truth = target.truth()
            kernel = status_rss(target.pid)
            areas = smaps(target.pid)
            assert tracer.stop() == 0, tracer.talk
        assert target.close() == 0
    return truth, kernel, areas


def launch(name, trace):
    """The same, launched by `record -- CMD`; the trace ends while the workload still waits."""
    argv = ("record", "-o", trace, "--", workload_path(name))
    with Tracer(*argv, stdin=subprocess.PIPE) as tracer:
        pid = tracer.attached()
        truth = json.loads(read_line(tracer.process.stdout))
        kernel = status_rss(truth["pid"])
        areas = smaps(truth["pid"])
        # SIGINT goes to rsstrace alone: the trace ends here, the command runs on until its stdin ends.
        tracer.process.send_signal(2)
        time.sleep(0.5)
        tracer.process.stdin.close()
        tracer.process.stdin = None
        tracer.finish()
        assert pid == truth["pid"]
    return truth, kernel, areas


@pytest.mark.parametrize("name", NAMES)
def test_attach(name, tmp_path):
    trace = tmp_path / "trace.rsst"
    truth, kernel, _ = attach_and_run(name, trace)
    view = report(trace, "--all")
    assert view["target"]["pid"] == truth["pid"]
    assert_quiet(view, kernel)
    assert_sum_rules(view)
    assert_sites(view, truth["sites"])


def finds_faults(talk):
    return next(line.rpartition("faults are found ")[2] for line in talk if "faults are found" in line)


@pytest.mark.parametrize("name", ["sites", "private_file_cow", "stack_growth", "threads", "kernel_fault", "zero_page_reads"])
def test_attach_by_the_tracepoint_of_faults(name, tmp_path, monkeypatch):
    """As on a kernel where the place of a fault on the stack cannot be learned."""
    monkeypatch.setenv("RSSTRACE_FAULT_HOOK", "1")
    trace = tmp_path / "trace.rsst"
    truth, kernel, areas = attach_and_run(name, trace)
    view = report(trace, "--all")
    assert_quiet(view, kernel)
    assert_sum_rules(view)
    assert_sites(view, truth["sites"])
    assert_regions(view, areas)


def test_the_place_of_a_fault_is_learned(tmp_path, monkeypatch):
    """Or each fault of the machine would take a tenth longer, and nobody would know."""
    if kernel_version() < (6, 2):
        pytest.skip("before Linux 6.2 a fault's end is told by an event of its own")
    with Workload("anon_touch") as target:
        for wanted in ("on the kernel's stack", "by their tracepoint"):
            with Tracer("record", "-v", "-f", "-p", target.pid, "-o", tmp_path / "trace.rsst") as tracer:
                tracer.attached()
                assert tracer.stop() == 0
            assert finds_faults(tracer.talk) == wanted
            monkeypatch.setenv("RSSTRACE_FAULT_HOOK", "1")


@pytest.mark.parametrize("name", NAMES)
def test_attach_regions(name, tmp_path):
    trace = tmp_path / "trace.rsst"
    _, _, areas = attach_and_run(name, trace)
    assert_regions(report(trace, "--all"), areas)


@pytest.mark.parametrize("name", NAMES)
def test_launch(name, tmp_path):
    trace = tmp_path / "trace.rsst"
    truth, kernel, areas = launch(name, trace)
    view = report(trace, "--all")
    assert_quiet(view, kernel)
    assert_sum_rules(view)
    assert_sites(view, truth["sites"])
    assert view["ledger"]["before_attach"] <= 256 << 10  # what execve(2) itself put there
    assert_regions(view, areas)


@pytest.mark.parametrize("name", ["sites", "threads", "stack_growth", "jit", "moved_code"])
def test_stacks_are_whole(name, tmp_path):
    """Ordinary optimised code without frame pointers: every stack reaches the thread's first frame."""
    trace = tmp_path / "trace.rsst"
    attach_and_run(name, trace)
    view = report(trace, "--all")
    broken = [stack for stack in view["stacks"] if not stack["complete"]]
    assert not broken
    outermost = {
        frame["symbol"] for stack in view["stacks"] for frame in stack["frames"][-3:]
    }
    assert outermost & {"main", "thread_main", "_start"}


def test_children(tmp_path):
    trace = tmp_path / "trace.rsst"
    with Workload("fork_child") as target:
        with Tracer("record", "--children", "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            target.go()
            truth = target.truth()
            kernel = status_rss(target.pid)
            child = status_rss(truth["child"])
            assert tracer.stop() == 0, tracer.talk
        assert target.close() == 0
    view = report(trace, "--all")
    assert_quiet(view, {kind: kernel[kind] + child[kind] for kind in kernel})
    assert_sum_rules(view)
    sites = dict(truth["sites"])
    for site, more in truth["child_sites"].items():
        sites[site] = sites.get(site, 0) + more
    assert_sites(view, sites)


def test_attach_late(tmp_path):
    """What was there before is told apart, and what leaves of it is not anybody's gain."""
    trace = tmp_path / "trace.rsst"
    with Workload("fault_loop", wait=False) as target:
        target.truth()
        with Tracer("record", "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            time.sleep(0.5)
            assert tracer.stop() == 0, tracer.talk
    view = report(trace, "--all")
    assert_sum_rules(view)
    assert view["ledger"]["before_attach"] > 0
    assert view["ledger"]["error"] == 0
    assert view["events"]["faults"] > 1000


def test_no_page_of_a_busy_target_is_between_before_and_after(tmp_path):
    """One that came while its space was looked at would be in neither, or told with the next one as nobody's."""
    with Workload("fault_loop", wait=False) as target:
        target.truth()
        for turn in range(25):
            trace = tmp_path / f"{turn}.rsst"
            done = run("record", "-q", "-d", "30ms", "-p", target.pid, "-o", trace)
            assert done.returncode == 0, done.stderr
            view = report(trace, "--all")
            assert view["ledger"]["error"] == 0
            assert "other" not in {cause["cause"] for cause in view["causes"]}


def test_books_balance_at_every_tick_of_a_busy_target():
    with Workload("fault_loop", wait=False) as target:
        target.truth()
        done = run("live", "--json", "-i", "10ms", "-d", "12s", "-p", target.pid)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) > 500
    assert [line["ledger"]["error"] for line in lines if line["ledger"]["error"]] == []


def test_churn_is_told_as_faulted_and_freed(tmp_path):
    """3 x 64 MiB given back: nothing resident, but all of it faulted and freed."""
    trace = tmp_path / "trace.rsst"
    attach_and_run("sites", trace)
    rows = [
        stack
        for stack in report(trace, "--all")["stacks"]
        if any(frame["symbol"] == "site_given_back" for frame in stack["frames"])
    ]
    given_back = 3 * 64 << 20
    assert abs(sum(row["faulted"] for row in rows) - given_back) <= given_back / 100
    assert abs(sum(row["freed"] for row in rows) - given_back) <= given_back / 100


def test_symbols_have_lines(tmp_path):
    trace = tmp_path / "trace.rsst"
    attach_and_run("sites", trace)
    frames = [
        frame
        for stack in report(trace, "--all")["stacks"]
        for frame in stack["frames"]
        if frame["symbol"] == "site_cache"
    ]
    assert frames
    assert all(frame["file"] and frame["file"].endswith(("sites.c", "workload.h")) for frame in frames)
    assert all(frame["line"] for frame in frames)
