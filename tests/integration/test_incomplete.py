# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Stacks that do not reach their root: every output says which share of the bytes has them, and why they do not."""
import json
import pathlib
import re
import sqlite3
import zlib

import pytest

import trace_surgery
from harness import Tracer, Workload, report, run

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
STACK, END_AT = 7, 30
ENDS = {1: "root", 4: "no_rule", 6: "read"}


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """fork_child.rsst, as if two of three walks had ended early."""
    header, blocks = trace_surgery.take_apart((GOLDEN / "fork_child.rsst").read_bytes())
    nr = 0
    for block in blocks:
        raw = bytearray(block.raw)
        for kind, at, _ in trace_surgery.records(raw):
            if kind == STACK:
                raw[at + END_AT] = list(ENDS)[nr % len(ENDS)]
                nr += 1
        block.raw = bytes(raw)
    trace = tmp_path_factory.mktemp("cut") / "cut.rsst"
    trace.write_bytes(trace_surgery.put_together(header, blocks))
    return trace


def sums(view, figure, end=None):
    rows = [row for row in view["stacks"] if (not row["complete"] if end is None else row["end"] == end)]
    return sum(row[figure] for row in rows)


def assert_walks(view, of):
    walks = view["walks"]
    assert {row["end"] for row in view["stacks"]} <= set(ENDS.values())
    assert all(row["complete"] == (row["end"] == "root") for row in view["stacks"])
    assert walks["of"] == of
    assert walks["rss"] == view["ledger"]["attributed"]
    assert walks["faulted"] == sum(row["faulted"] for row in view["stacks"])
    assert walks["incomplete"] == sums(view, "rss") > 0
    assert walks["incomplete_faulted"] == sums(view, "faulted")
    found = {row["end"]: (row["rss"], row["faulted"]) for row in walks["ends"]}
    assert found == {end: (sums(view, "rss", end), sums(view, "faulted", end)) for end in ("no_rule", "read")}
    incomplete = walks["incomplete_faulted" if of == "faulted" else "incomplete"]
    assert walks["complete_share"] == pytest.approx(1 - incomplete / walks[of], abs=1e-6)
    return walks


def says(walks):
    return f"stacks {int(100 * walks['complete_share'])} % whole"


def test_a_window_tells_of_what_was_brought_in(cut):
    walks = assert_walks(report(cut, "--all"), "faulted")
    assert run("report", cut).stdout.splitlines()[0].endswith(says(walks))
    assert walks["faulted"] > walks["rss"]
    lines = [json.loads(line) for line in run("live", "--json", "--all", "-i", "500ms", cut).stdout.splitlines()]
    for line in lines:
        assert line["walks"]["incomplete_faulted"] == sums(line, "faulted")
    assert sum(line["walks"]["faulted"] for line in lines) == walks["faulted"]


def test_an_instant_tells_of_what_is_resident(cut):
    argv = ["--from", "1s", "--to", "1s"]
    walks = assert_walks(report(cut, "--all", *argv), "rss")
    assert walks["faulted"] == 0
    assert run("report", *argv, cut).stdout.splitlines()[0].endswith(says(walks))


def test_of_nothing_there_is_no_share():
    """All was brought in before this window."""
    argv = ["--from", "0.2s", "--to", "0.9s", GOLDEN / "fork_child.rsst"]
    view = report(*argv[-1:], *argv[:-1])
    assert view["window"]["from_ns"] < view["window"]["to_ns"]
    assert view["walks"]["faulted"] == 0 and view["walks"]["complete_share"] is None
    assert "stacks - whole" in run("report", *argv).stdout


@pytest.mark.parametrize("argv", [["report"], ["live", "-i", "10s"], ["diff"]])
def test_v_says_why(cut, argv):
    assert "incomplete stacks" not in run(*argv, cut).stdout
    lines = [line for line in run(*argv, "-v", cut).stdout.splitlines() if "incomplete stacks" in line]
    assert lines and re.search(r"incomplete stacks (hold|brought in) [\d.]+ \w+: (no rule|read) [\d.]+ \w+", lines[-1])


def test_diff_tells_of_both_sides(cut):
    answer = json.loads(run("diff", "--json", "--all", cut, GOLDEN / "fork_child.rsst").stdout)
    for side, trace in (("a", cut), ("b", GOLDEN / "fork_child.rsst")):
        assert answer[side]["walks"] == report(trace, "--from", "end", "--to", "end")["walks"]
    assert answer["a"]["walks"]["complete_share"] < answer["b"]["walks"]["complete_share"] == 1
    known = [row for row in answer["stacks"] if row["frames"] is not None]
    assert all(row["end"] in ENDS.values() and row["complete"] == (row["end"] == "root") for row in known)
    text = run("diff", cut, GOLDEN / "fork_child.rsst").stdout.splitlines()
    assert re.search(r"stacks \d+ % whole", text[0]) and "stacks 100 % whole" in text[1]


def export(form, trace, out):
    done = run("export", "--format", form, "-o", out, trace)
    assert done.returncode == 0, done.stderr
    return out


def test_exports_tell_the_ends(cut, tmp_path):
    view = report(cut, "--all")
    lines = map(json.loads, export("jsonl", cut, tmp_path / "jsonl").read_text().splitlines())
    stacks = [line for line in lines if "frames" in line]
    assert {stack["end"] for stack in stacks} == set(ENDS.values())
    assert all(stack["complete"] == (stack["end"] == "root") for stack in stacks)
    with sqlite3.connect(export("sqlite", cut, tmp_path / "sqlite")) as db:
        assert dict(db.execute("SELECT id, walk_end FROM stacks")) == {row["id"]: row["end"] for row in view["stacks"]}
        meta = dict(db.execute("SELECT key, value FROM meta"))
    assert {key: view["walks"][key] for key in ("incomplete", "faulted", "incomplete_faulted")}.items() <= meta.items()
    share = says(view["walks"]).removeprefix("stacks ").removesuffix(" whole")
    page = export("flamegraph", cut, tmp_path / "page").read_text()
    assert f'"whole":"{share}"' in page and '"no_rule"' in page
    profile = zlib.decompress(export("pprof", cut, tmp_path / "pprof").read_bytes(), 31)
    assert f"stacks {share} whole by bytes".encode() in profile


@pytest.mark.live
def test_record_says_it_at_the_end(tmp_path):
    with Workload("anon_touch") as target:
        with Tracer("record", "-p", target.pid, "-o", tmp_path / "trace") as tracer:
            tracer.attached()
            target.go()
            target.truth()
            assert tracer.stop() == 0, tracer.talk
    assert any(re.search(r" \d+ lost, stacks (100|99\.\d\d) % whole$", line) for line in tracer.talk), tracer.talk
