# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The JSON that scripts rely on, key by key. Keys may be added, none may go or change its type."""
import json
import re

import pytest

from harness import Tracer, Workload, report, run, smaps, status_rss

pytestmark = pytest.mark.live

KINDS = {"heap", "stack", "anon", "file", "shmem", "hugetlb", "special"}
CAUSES_IN = {"fault", "populate", "swap_in", "fork", "collapse", "remote"}
ENDS = {"root", "frame_pointers", "no_mapping", "no_rule", "unsupported", "read", "depth", "zero", "unsampled", "lost"}
ADDRESS = re.compile(r"^0x[0-9a-f]+$")
ISO_8601 = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
PERMS = re.compile(r"^[r-][w-][x-][ps]$")


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def assert_ints(found, keys, nullable=()):
    for key in keys:
        assert key in found, key
        assert is_int(found[key]) or (key in nullable and found[key] is None), (key, found[key])


def assert_text(found, keys, nullable=()):
    for key in keys:
        assert key in found, key
        assert isinstance(found[key], str) or (key in nullable and found[key] is None), (key, found[key])


def assert_frame(frame):
    assert_text(frame, ("symbol", "module", "file"), nullable=("symbol", "module", "file"))
    assert_ints(frame, ("line",), nullable=("line",))
    assert isinstance(frame["offset"], str) and ADDRESS.match(frame["offset"]), frame
    assert isinstance(frame["inlined"], bool)
    assert frame["line"] is None or frame["line"] > 0
    assert frame["symbol"] != "" and frame["module"] != "" and frame["file"] != ""


def assert_stack(stack):
    assert_ints(stack, ("id", "rss", "growth", "faulted", "freed"))
    assert isinstance(stack["complete"], bool)
    assert stack["end"] in ENDS and stack["complete"] == (stack["end"] == "root")
    assert isinstance(stack["frames"], list)
    for frame in stack["frames"]:
        assert_frame(frame)


def assert_region(region, traced):
    nullable = () if traced else ("growth", "faulted")
    assert isinstance(region["start"], str) and ADDRESS.match(region["start"])
    assert isinstance(region["end"], str) and ADDRESS.match(region["end"])
    assert int(region["start"], 16) < int(region["end"], 16)
    assert PERMS.match(region["perms"]), region["perms"]
    assert region["kind"] in KINDS
    assert_text(region, ("name",))
    assert_ints(region, ("size", "rss", "growth", "faulted"), nullable=nullable)
    assert region["size"] == int(region["end"], 16) - int(region["start"], 16)
    assert 0 <= region["rss"] <= region["size"]
    for stack in region["stacks"]:
        assert_ints(stack, ("id", "rss", "growth"))


def sorted_by_growth(rows):
    growth = [row["growth"] for row in rows]
    return growth == sorted(growth, reverse=True)


def assert_view(view, kind):
    traced = kind != "snapshot"
    unknown = () if traced else None
    assert view["schema"] == "rsstrace/1"
    assert view["kind"] == kind
    assert_ints(view["target"], ("pid",))
    assert_text(view["target"], ("comm", "exe"), nullable=("exe",))
    window = view["window"]
    assert_ints(window, ("from_ns", "to_ns"))
    assert_text(window, ("wall_from", "wall_to"))
    assert ISO_8601.match(window["wall_from"]) and ISO_8601.match(window["wall_to"])
    assert window["from_ns"] <= window["to_ns"]
    assert_ints(view["rss"], ("anon", "file", "shmem", "total", "swap", "peak_total"), nullable=("swap", "peak_total"))
    members = ("anon", "file", "shmem", "total")
    assert_ints(view["growth"], members, nullable=members if unknown is None else ())
    assert_ints(
        view["ledger"],
        ("attributed", "before_attach", "unattributed", "error"),
        nullable=() if traced else ("attributed", "before_attach", "unattributed", "error"),
    )
    walks = view["walks"]
    sums = ("rss", "incomplete", "faulted", "incomplete_faulted")
    assert_ints(walks, sums, nullable=() if traced else sums)
    if traced:
        assert walks["of"] in ("rss", "faulted")
        assert (walks["complete_share"] is None) == (walks[walks["of"]] == 0)
        assert walks["complete_share"] is None or 0 <= walks["complete_share"] <= 1
        assert all(end["end"] in ENDS - {"root"} for end in walks["ends"])
        assert sum(end["rss"] for end in walks["ends"]) == walks["incomplete"] <= walks["rss"]
        assert sum(end["faulted"] for end in walks["ends"]) == walks["incomplete_faulted"] <= walks["faulted"]
    assert isinstance(view["causes"], list)
    for cause in view["causes"]:
        assert_text(cause, ("cause",))
        assert cause["direction"] in ("in", "out")
        assert_ints(cause, ("anon", "file", "shmem"))
        assert min(cause["anon"], cause["file"], cause["shmem"]) >= 0
        if cause["cause"] in CAUSES_IN - {"remote"}:
            assert cause["direction"] == "in" or cause["cause"] in ("fault", "collapse", "fork"), cause
    assert_ints(view["events"], ("faults", "lost", "stacks_truncated"), nullable=() if traced else ("faults", "lost", "stacks_truncated"))
    for region in view["regions"]:
        assert_region(region, traced)
    for stack in view["stacks"]:
        assert_stack(stack)
    if traced:
        assert sorted_by_growth(view["regions"])
        assert sorted_by_growth(view["stacks"])


def test_report(sample_trace):
    trace, rss = sample_trace
    view = report(trace, "--all")
    assert_view(view, "report")
    assert {kind: view["rss"][kind] for kind in rss} == rss
    ids = {stack["id"] for stack in view["stacks"]}
    assert len(ids) == len(view["stacks"])
    assert all(stack["id"] in ids for region in view["regions"] for stack in region["stacks"])


def test_top_and_other(sample_trace):
    """The rest is summed, so that nothing is missing from a short list."""
    trace, _ = sample_trace
    full, short = report(trace, "--all"), report(trace, "-n", "2")
    assert_view(short, "report")
    for rows in ("regions", "stacks"):
        assert len(short[rows]) == min(2, len(full[rows]))
        other = short["other"][rows]
        for key in ("rss", "growth"):
            total = sum(row[key] for row in full[rows])
            assert sum(row[key] for row in short[rows]) + other[key] == total, (rows, key)


def test_live_lines(tmp_path):
    with Workload("sites") as target:
        with Tracer("live", "--json", "-i", "200ms", "-d", "1500ms", "-p", target.pid) as tracer:
            tracer.attached()
            target.go()
            assert tracer.finish() == 0, tracer.talk
    lines = tracer.output.splitlines()
    assert len(lines) >= 4
    for line in lines:
        assert_view(json.loads(line), "live")


def test_snapshot():
    with Workload("sites", wait=False) as target:
        target.truth()
        done = run("snapshot", "--json", "--all", "-p", target.pid)
        kernel, areas = status_rss(target.pid), smaps(target.pid)
    assert done.returncode == 0, done.stderr
    view = json.loads(done.stdout)
    assert_view(view, "snapshot")
    assert {kind: view["rss"][kind] for kind in kernel} == kernel
    got = {int(row["start"], 16): row["rss"] for row in view["regions"] if row["rss"]}
    assert got == {start: rss for start, _, _, _, rss in areas if rss}


def test_doctor():
    done = run("doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == "rsstrace/1"
    assert found["kind"] == "doctor"
    assert found["checks"]
    for check in found["checks"]:
        assert_text(check, ("name",))
        assert_text(check, ("detail", "cost", "fix"), nullable=("detail", "cost", "fix"))
        assert isinstance(check["ok"], bool) and isinstance(check["needed"], bool)
        assert check["ok"] or not check["needed"]


def test_instants(sample_trace):
    trace, _ = sample_trace
    whole = report(trace)
    end_s = whole["window"]["to_ns"] / 1e9
    for argv in (
        ["--from", "start", "--to", "end"],
        ["--to", "peak"],
        ["--at", "end"],
        ["--at", "peak"],
        ["--from", "0s"],
        ["--from", f"-{end_s + 10:.0f}s"],
        ["--to", "1h30m"],
        ["--from", whole["window"]["wall_from"], "--to", whole["window"]["wall_to"]],
    ):
        assert_view(report(trace, *argv), "report")
    assert report(trace, "--from", "start", "--to", "end") == whole


def test_text_goes_to_stdout_talk_to_stderr(sample_trace):
    done = run("report", sample_trace[0])
    assert done.returncode == 0
    assert done.stderr == ""
    assert "MiB" in done.stdout
    assert "\x1b" not in done.stdout


def test_color(sample_trace):
    assert "\x1b" not in run("report", "--color", "never", sample_trace[0]).stdout
