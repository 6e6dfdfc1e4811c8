# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Replay is live: the same records give the same bytes."""
import json

import pytest

from harness import Tracer, Workload, run

pytestmark = pytest.mark.live
INTERVAL = ("-i", "200ms")


@pytest.fixture(scope="module", params=["sites", "threads", "fault_loop", "sampled --overhead 5%"])
def recorded(request, tmp_path_factory):
    """(live --json's lines, the trace written beside them)."""
    trace = tmp_path_factory.mktemp("replay") / "trace.rsst"
    name, *options = request.param.split()
    with Workload(name) as target:
        argv = ("live", "--json", *INTERVAL, *options, "-d", "2s", "-p", target.pid, "-o", trace)
        with Tracer(*argv) as tracer:
            tracer.attached()
            target.go()
            assert tracer.finish() == 0, tracer.talk
    assert tracer.output.endswith("\n")
    return tracer.output, trace


def test_lines_are_the_same(recorded):
    lines, trace = recorded
    assert len(lines.splitlines()) >= 5
    replay = run("live", "--json", *INTERVAL, trace)
    assert replay.returncode == 0, replay.stderr
    assert replay.stdout == lines


def test_replay_is_deterministic(recorded):
    _, trace = recorded
    argv = ("report", "--json", "--all", trace)
    assert run(*argv).stdout == run(*argv).stdout
    assert run("report", trace).stdout == run("report", trace).stdout


def test_report_of_a_window_is_a_live_line(recorded):
    lines, trace = recorded
    for line in lines.splitlines():
        live = json.loads(line)
        window = live["window"]
        done = run(
            "report", "--json", "--from", f"{window['from_ns']}ns", "--to", f"{window['to_ns']}ns", trace
        )
        assert done.returncode == 0, done.stderr
        assert {**json.loads(done.stdout), "kind": "live"} == live


def test_windows_are_seamless(recorded):
    lines, _ = recorded
    views = [json.loads(line) for line in lines.splitlines()]
    for before, after in zip(views, views[1:]):
        assert before["window"]["to_ns"] == after["window"]["from_ns"]
        for kind in ("anon", "file", "shmem", "total"):
            assert after["growth"][kind] == after["rss"][kind] - before["rss"][kind]
