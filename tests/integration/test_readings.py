# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reading a trace in every way a user may ask for: groups, trees, filters, moments, diffs. No root: the traces of the tree."""
import datetime
import json
import pathlib

import pytest

from harness import report, run

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
FORK = GOLDEN / "fork_child.rsst"
SPLITS = GOLDEN / "mprotect_splits.rsst"
KEYS = ["region", "stack", "module", "file-line", "function", "kind"]
SECOND = 10**9


def refused(*argv):
    """The one line that says why."""
    done = run(*argv)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("rsstrace: "), done.stderr
    return done.stderr


def total(view, figure):
    """Over the groups and what was cut off."""
    rows = view["groups"] + ([view["other_groups"]] if "other_groups" in view else [])
    return sum(row[figure] for row in rows)


@pytest.mark.parametrize("trace", [FORK, SPLITS])
@pytest.mark.parametrize("key", KEYS)
def test_groups_add_up_to_the_whole(trace, key):
    for argv in (["--all"], ["-n", "2"]):
        view = report(trace, "--by", key, *argv)
        assert view["by"] == key
        assert total(view, "rss") == view["rss"]["total"]
        keyed = [row for row in view["groups"] if row["key"] is not None]
        assert [row["growth"] for row in keyed] == sorted((row["growth"] for row in keyed), reverse=True)


def test_causes_add_up_to_the_growth():
    view = report(FORK, "--by", "cause", "--all")
    assert total(view, "growth") == view["growth"]["total"]
    assert all(row["rss"] is None for row in view["groups"])


def test_threads_tell_what_they_brought_in():
    view = report(FORK, "--by", "thread", "--all")
    stacks = report(FORK, "--all")
    assert {row["tid"] for row in view["groups"]} == {10362, 10363}
    assert total(view, "faulted") == sum(stack["faulted"] for stack in stacks["stacks"])
    assert all(row["rss"] is None and row["freed"] is None for row in view["groups"])
    one = report(FORK, "--all", "--by", "function", "--filter", "thread=10363")
    assert total(one, "faulted") == next(row["faulted"] for row in view["groups"] if row["tid"] == 10363)


def test_one_process_of_several():
    for pid in (10362, 10363):
        view = report(FORK, "-p", pid, "--to", "1s", "--by", "thread")
        assert [row["tid"] for row in view["groups"]] == [pid]
        assert view["trend"]["points"] > 0
        assert view["trend"]["total"]["growth"] <= report(FORK, "--to", "1s")["trend"]["total"]["growth"]
        view = report(FORK, "-p", pid, "--to", "1s", "--by", "kind", "--all")
        assert total(view, "rss") == view["rss"]["total"] > 0


def test_without_a_reading_nothing_is_added():
    assert not {"groups", "by", "tree", "filter", "other_groups"} & report(FORK).keys()


def test_a_filter_and_its_opposite_make_the_whole():
    whole = report(SPLITS, "--all")
    some = report(SPLITS, "--all", "--filter", "region~libc")
    rest = report(SPLITS, "--all", "--filter", "region!~libc")
    assert some["filter"]["terms"] == ["region~libc"]
    assert 0 < some["filter"]["rss"] < whole["rss"]["total"]
    assert some["filter"]["rss"] + rest["filter"]["rss"] == whole["rss"]["total"] == some["filter"]["all_rss"]
    assert len(some["regions"]) + len(rest["regions"]) == len(whole["regions"])


def test_filters_are_anded():
    both = report(SPLITS, "--all", "--filter", "kind=anon", "--filter", "symbol=site_half")
    assert both["filter"]["rss"] == 8 << 20
    assert {region["kind"] for region in both["regions"]} == {"anon"}
    for stack in both["stacks"]:
        assert "site_half" in [frame["symbol"] for frame in stack["frames"]]
        assert stack["faulted"] is None and stack["freed"] is None
    assert report(SPLITS, "--filter", "kind=stack", "--filter", "symbol=site_half")["regions"] == []


def check_node(node, measure):
    assert sum(child["rss"] for child in node["children"]) <= node["rss"]
    weights = [child[measure] for child in node["children"]]
    assert weights == sorted(weights, reverse=True)
    for child in node["children"]:
        check_node(child, measure)


@pytest.mark.parametrize("direction", ["top-down", "bottom-up"])
def test_trees_hold_every_stack(direction):
    view = report(FORK, "--all", f"--{direction}")
    tree = view["tree"]
    assert tree["direction"] == direction.replace("-", "_")
    assert tree["measure"] == "growth"
    assert tree["root"]["rss"] == view["ledger"]["attributed"]
    assert tree["root"]["left_out"] == 0
    assert tree["root"]["stacks"] == len(view["stacks"])
    check_node(tree["root"], "growth")


def test_trees_are_pruned_and_say_so():
    tree = report(FORK, "--top-down", "-n", "1")["tree"]
    assert len(tree["root"]["children"]) == 1 and tree["root"]["left_out"] > 10
    text = run("report", "--top-down", "-n", "1", FORK).stdout
    assert "main" in text and " smaller" in text


def test_every_frame_when_asked():
    names = run("report", "--top-down", "--all", "-v", FORK).stdout
    assert "__libc_start_main" in names or "__libc_start_call_main" in names
    assert "__libc_start_call_main" not in run("report", "--top-down", "--all", FORK).stdout


STORM = GOLDEN / "torture_storm.rsst"


@pytest.mark.parametrize(
    "command", [["report"], ["report", "--top-down"], ["report", "--by", "stack"], ["live", "-i", "10s"], ["diff"]]
)
def test_what_is_hidden_is_asked_for(command):
    """An op_malloc of the storm has malloc() inside of it, and __libc_start_call_main() below main()."""

    def words(*argv):
        return set(run(*command, "--all", *argv, STORM).stdout.split())

    default, every = words(), words("--hide", "none")
    assert "malloc" not in default and "start_thread" not in default
    assert {"malloc", "start_thread"} <= every
    assert words("--hide", "alloc,libc,runtime") == default
    if command[-1] != "live":
        assert words("-v", "--hide", "libc,alloc,runtime") == default
    only = words("--hide", "libc,runtime")
    assert "malloc" in only and "start_thread" not in only
    only = words("--hide", "alloc")
    assert "malloc" not in only and "start_thread" in only


def test_json_has_every_frame_whatever_is_hidden():
    printed = run("report", "--json", "--all", STORM).stdout
    assert '"malloc"' in printed
    for asked in ("alloc", "alloc,libc,runtime", "none"):
        assert run("report", "--json", "--all", "--hide", asked, STORM).stdout == printed


@pytest.mark.parametrize(
    "argv",
    [
        ["--filter", "nonsense"],
        ["--filter", "colour=red"],
        ["--filter", "kind=annon"],
        ["--filter", "region="],
        ["--filter", ""],
        ["--by", "colour"],
        ["--by", ""],
        ["--top-down", "--bottom-up"],
        ["--hide", "allocators"],
        ["--hide", ""],
        ["--hide", "none,alloc"],
        ["--by", "cause", "--filter", "kind=anon"],
        ["--by", "thread", "--filter", "kind=anon"],
        ["--by", "region", "--filter", "thread=1"],
        ["--filter", "thread=1"],
    ],
)
def test_what_has_no_answer_is_refused(argv):
    refused("report", *argv, FORK)


def window(*argv, trace=SPLITS):
    found = report(trace, *argv)["window"]
    return found["from_ns"], found["to_ns"]


def wall(iso):
    return datetime.datetime.fromisoformat(iso[:26] + "+00:00")


def test_moments_in_every_form():
    whole = report(SPLITS)
    start, end = window()
    at_one_second = window("--to", "1s")[1]
    assert start < at_one_second <= SECOND < end
    for form in ("1000ms", "1", "0m1s", "0h0m1s", "1.0s"):
        assert window("--to", form) == (start, at_one_second), form
    assert window("--to", "1h30m") == (start, end)
    assert window("--from", "90s") == (end, end)
    assert window("--from", "start", "--to", "end") == (start, end)
    assert window("--from", "-10s") == (start, end)
    assert window("--to", f"-{end - SECOND}ns")[1] == at_one_second
    assert window("--to", "-0s") == (start, end)
    assert window("--at", "end") == window("--to", "end")
    begin = wall(whole["window"]["wall_from"]) - datetime.timedelta(microseconds=start // 1000)
    utc = (begin + datetime.timedelta(seconds=1)).isoformat(timespec="microseconds")
    assert window("--to", utc.replace("+00:00", "Z")) == (start, at_one_second)
    assert window("--to", utc) == (start, at_one_second)
    east = (begin + datetime.timedelta(hours=2, seconds=1)).isoformat(timespec="microseconds")
    assert window("--to", east.replace("+00:00", "+02:00")) == (start, at_one_second)
    assert window("--from", "2000-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z") == (start, end)


def test_the_peak_is_where_rss_stood_highest():
    view = report(FORK, "--to", "peak")
    assert view["window"]["to_ns"] <= report(FORK)["rss"]["peak_at_ns"] <= report(FORK)["window"]["to_ns"]


@pytest.mark.parametrize("word", ["no-such-mark", "", "-", "1x", "2026-13-01T00:00:00Z"])
def test_a_moment_that_is_none_is_refused(word):
    for option in ("--from", "--to", "--at"):
        assert "moment" in refused("report", option, word, FORK)
    assert "moment" in refused("diff", "--at", word, FORK, SPLITS)


def diff(*argv, code=0):
    done = run("diff", "--json", *argv)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def changes(answer, rows):
    return sum(row["change"] for row in answer[rows]) + answer["other"][rows]["change"]


def test_a_trace_does_not_differ_from_itself():
    answer = diff("--exit-code", FORK, FORK)
    assert not answer["differs"] and answer["regions"] == answer["stacks"] == []
    assert "differs" in run("diff", FORK, FORK).stdout


def test_two_traces():
    answer = diff("--exit-code", FORK, SPLITS, code=1)
    assert answer["schema"] == "rsstrace/1" and answer["kind"] == "diff" and answer["differs"]
    assert answer["a"]["comm"] == "fork_child" and answer["b"]["comm"] == "mprotect_splits"
    for rows in ("regions", "stacks"):
        assert changes(answer, rows) == answer["change"]["total"]
        sizes = [abs(row["change"]) for row in answer[rows]]
        assert sizes == sorted(sizes, reverse=True)
    sites = {row["frames"][row["named_by"] + 1]["symbol"]: row["status"] for row in answer["stacks"][:4]}
    assert sites == {"site_half": "new", "site_rest": "new", "site_parent": "gone", "site_shared": "gone"}
    assert run("diff", FORK, SPLITS).returncode == 0


def test_two_moments_of_one_trace():
    whole = report(FORK)
    answer = diff(FORK)
    assert answer["a"]["at_ns"] == whole["window"]["from_ns"]
    assert answer["b"]["at_ns"] == whole["window"]["to_ns"]
    assert answer["change"]["total"] == whole["growth"]["total"]
    back = diff("--from", "start", "--to", "start", FORK)
    assert not back["differs"]


def test_moments_of_two_traces():
    both = diff("--at", "0.2s", FORK, FORK)
    assert both["a"]["at_ns"] == both["b"]["at_ns"] <= SECOND // 5 and not both["differs"]
    each = diff("--at", "start", "--at", "end", FORK, FORK)
    assert each["a"]["at_ns"] < each["b"]["at_ns"] and each["differs"]
    assert each["stacks"] == diff(FORK)["stacks"]


def test_a_threshold_makes_small_changes_none():
    assert diff("--exit-code", "--threshold", "9MiB", FORK, SPLITS)["differs"] is False
    answer = diff("--exit-code", "--threshold", "1MiB", FORK, SPLITS, code=1)
    assert answer["threshold"] == 1 << 20
    assert all(abs(row["change"]) >= 1 << 20 for row in answer["regions"] + answer["stacks"])
    assert "--all" in run("diff", "--threshold", "1MiB", FORK, SPLITS).stdout


def test_rows_are_limited_unless_all_are_asked_for():
    assert len(diff("-n", "2", FORK, SPLITS)["stacks"]) == 2
    everything = diff("--all", FORK, SPLITS)
    assert everything["other"]["stacks"]["count"] == 0
    assert "same" in {row["status"] for row in everything["regions"]}


@pytest.mark.parametrize(
    "argv",
    [
        [],
        [FORK, SPLITS, FORK],
        ["--at", "end", FORK],
        ["--from", "start", FORK, SPLITS],
        ["--at", "1s", "--at", "2s", "--at", "3s", FORK, SPLITS],
        ["--threshold", "many", FORK, SPLITS],
        ["--from", "end", "--to", "start", FORK],
        [FORK, "no-such-trace.rsst"],
        ["--exit-code", "no-such-trace.rsst", FORK],
        [FORK, GOLDEN / "fork_child.txt"],
    ],
)
def test_diffs_that_cannot_be_made(argv):
    refused("diff", *argv)


def test_help_lists_diff():
    assert "\n  diff " in run("--help").stdout
    assert "--threshold" in run("diff", "--help").stdout
    for command in ("report", "live", "diff"):
        assert "--hide LIST" in run(command, "--help").stdout
