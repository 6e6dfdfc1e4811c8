# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Long recordings: --max-size, --rotate, --keep, and each --trigger, the OOM killer's among them."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from harness import MIB, Piped, Tracer, Workload, alive, read_line, report, run, site_bytes, workload_path

KIB = 1 << 10
GROWER = """
import mmap, sys
held = []
print("ready", flush=True)
for line in sys.stdin:
    size = int(line) << 20
    held.append(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    for at in range(0, size, 4096):
        held[-1][at] = 1
    print("grown", flush=True)
"""


class Grower(Piped):
    """A process that takes MiB when told to, and ends with its stdin."""

    def __init__(self):
        super().__init__([sys.executable, "-c", GROWER])
        assert read_line(self.process.stdout) == "ready"

    def grow(self, mib):
        self.process.stdin.write(f"{mib}\n".encode())
        assert read_line(self.process.stdout) == "grown"


def parts(trace):
    """The files of a recording, oldest first."""
    numbered = [path for path in trace.parent.glob(f"{trace.name}.*") if path.suffix[1:].isdigit()]
    return sorted(numbered, key=lambda path: int(path.suffix[1:])) + [trace]


def whole(trace, *argv):
    """The report of a trace that was closed in order."""
    done = run("report", "--json", trace)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return report(trace, *argv)


def labels(view, source):
    return [mark["label"] for mark in view["marks"] if mark["by"] == source]


def test_it_ends_at_a_size(tmp_path):
    trace = tmp_path / "t.rsst"
    with Workload("fault_loop", wait=False) as target:
        target.truth()
        with Tracer("record", "--max-size", "192k", "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            assert tracer.finish(60) == 0
        assert "rsstrace: --max-size 192 KiB: the recording ends here" in tracer.talk
        assert alive(target.pid)
    assert 8 * KIB < trace.stat().st_size <= 192 * KIB  # what is not packed yet counts as it is
    assert whole(trace)["ledger"]["error"] == 0


@pytest.mark.parametrize("length", ["64k", "1s"])
def test_each_part_stands_alone(length, tmp_path):
    trace = tmp_path / "t.rsst"
    with Grower() as target, Workload("fault_loop", wait=False) as busy:
        busy.truth()
        with Tracer("record", "--rotate", length, "-p", f"{target.pid},{busy.pid}", "-o", trace) as tracer:
            tracer.attached()
            target.grow(8)
            give_up = time.monotonic() + 30
            while len(parts(trace)) < 3 and time.monotonic() < give_up:
                time.sleep(0.1)
            assert tracer.stop() == 0, tracer.talk
    files = parts(trace)
    assert len(files) >= 3 and any(f"the oldest is {trace}.1" in line for line in tracer.talk)
    for before, after in zip(files, files[1:]):
        old, new = whole(before, "--at", "end"), whole(after, "--at", "start")
        assert new["window"]["from_ns"] == old["window"]["to_ns"]
        assert new["rss"] == old["rss"] and new["ledger"] == old["ledger"] and new["ledger"]["error"] == 0
    # who brought in what, before this file began
    last = report(trace, "--at", "start", "--all", "-p", target.pid)
    assert last["ledger"]["attributed"] >= 8 * MIB
    assert max(stack["rss"] for stack in last["stacks"]) >= 7 * MIB


def test_only_the_last_is_kept(tmp_path):
    """From a complete ledger: what came before is known, what happened before is not there."""
    trace = tmp_path / "t.rsst"
    with Grower() as target, Workload("fault_loop", wait=False) as busy:
        busy.truth()
        with Tracer("record", "--keep", "1s", "-p", f"{target.pid},{busy.pid}", "-o", trace) as tracer:
            tracer.attached()
            target.grow(8)
            time.sleep(4)
            target.grow(8)
            assert tracer.stop() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.rsst"]
    view = whole(trace, "--all", "-p", target.pid)
    start = report(trace, "--at", "start", "--all", "-p", target.pid)
    assert start["window"]["from_ns"] > 1_000_000_000
    assert start["ledger"]["attributed"] >= 8 * MIB and start["ledger"]["error"] == 0
    assert view["growth"]["total"] >= 8 * MIB and view["rss"]["total"] > start["rss"]["total"]


def test_the_disk_is_held_to_a_size(tmp_path):
    trace = tmp_path / "t.rsst"
    with Workload("fault_loop", wait=False) as target:
        target.truth()
        with Tracer("record", "--keep", "10m", "--max-size", "96k", "-d", "5s", "-p", target.pid, "-o", trace) as tracer:
            assert tracer.finish(60) == 0
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 160 * KIB
    assert whole(trace)["window"]["from_ns"] > 0


TRIGGERS = {
    "rss>64M": lambda target, tracer: target.grow(80),
    "growth>32M/10s": lambda target, tracer: target.grow(40),
    "signal": lambda target, tracer: os.kill(tracer.process.pid, signal.SIGUSR2),
}


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_trigger_keeps_what_there_is(trigger, tmp_path):
    trace = tmp_path / "t.rsst"
    with Grower() as target, Tracer("record", "--keep", "10m", "--trigger", trigger, "-p", target.pid, "-o", trace) as tracer:
        tracer.attached()
        target.grow(4)
        time.sleep(0.5)
        assert len(parts(trace)) == 1
        TRIGGERS[trigger](target, tracer)
        give_up = time.monotonic() + 20
        while len(parts(trace)) < 2 and time.monotonic() < give_up:
            time.sleep(0.05)
        target.grow(1)
        assert tracer.stop() == 0
    assert [path.name for path in parts(trace)] == ["t.rsst.1", "t.rsst"]
    assert any(f"trigger {trigger}: kept as {trace}.1" in line for line in tracer.talk), tracer.talk
    kept = whole(pathlib.Path(f"{trace}.1"), "--at", trigger)
    assert labels(whole(pathlib.Path(f"{trace}.1")), "trigger") == [trigger]
    if trigger.startswith("rss"):
        assert kept["rss"]["total"] > 64 * MIB
    assert whole(trace)["ledger"]["error"] == 0


def test_without_keep_a_trigger_is_a_mark(tmp_path):
    trace = tmp_path / "t.rsst"
    with Grower() as target, Tracer("record", "--trigger", "rss>48M", "-p", target.pid, "-o", trace) as tracer:
        tracer.attached()
        target.grow(60)
        time.sleep(0.5)
        target.grow(60)  # it is above already
        assert tracer.stop() == 0
    assert labels(whole(trace), "trigger") == ["rss>48M"]
    assert 48 * MIB < report(trace, "--at", "rss>48M")["rss"]["total"] <= report(trace)["rss"]["total"]


def test_the_end_of_the_target(tmp_path):
    trace = tmp_path / "t.rsst"
    with Grower() as target, Tracer("record", "--keep", "1s", "--trigger", "exit", "-p", target.pid, "-o", trace) as tracer:
        tracer.attached()
        target.grow(16)
        target.process.kill()
        assert tracer.finish() == 0
    view = whole(trace)
    assert view["rss"]["total"] > 16 * MIB  # what it held when it ended
    assert labels(view, "trigger") == ["exit"]


def memory_group():
    """A new cgroup of 48 MiB: (its directory, the file a process is put in by). None: there can be none."""
    for root, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = pathlib.Path(root) / f"rsstrace-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            group.mkdir()
            if (group / limit).exists():
                (group / limit).write_text(str(48 * MIB), encoding="ascii")
                return group
            group.rmdir()
    return None


@pytest.mark.parametrize("plan", [[], ["--keep", "1s", "--trigger", "oom"]], ids=["plain", "keep"])
def test_what_it_held_when_the_oom_killer_came(plan, tmp_path):
    group = memory_group()
    if not group:
        pytest.skip("no memory cgroup can be made")
    trace = tmp_path / "t.rsst"
    target = subprocess.Popen([workload_path("oom_killed"), "--wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    try:
        read_line(target.stdout)
        (group / "cgroup.procs").write_text(str(target.pid), encoding="ascii")
        with Tracer("record", *plan, "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            target.stdin.write(b"\n")
            assert tracer.finish(60) == 0
        status = target.wait(30)
    finally:
        target.kill()
        target.wait()
        target.stdin.close()
        target.stdout.close()
        group.rmdir()
    if status != -signal.SIGKILL:
        pytest.skip(f"the limit did not kill it: {status}")
    view = whole(trace, "--all")
    assert 40 * MIB < view["rss"]["total"] <= 50 * MIB
    assert site_bytes(view, "site_take") > 40 * MIB
    assert len(labels(whole(parts(trace)[0]), "oom")) == 1  # with --keep, the part that ends there
