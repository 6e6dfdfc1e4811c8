# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Marks: every way to set one, whom each way lets in, and what a mark is good for afterwards."""
import os
import re
import signal
import socket
import stat
import subprocess
import time

import pytest

from harness import MIB, PATIENCE_S, RSSTRACE, TOP, Tracer, Workload, report, run, site_bytes

pytestmark = pytest.mark.live
NOBODY = 65534


def record(*args):
    return Tracer("record", *args)


def labels(view):
    return [mark["label"] for mark in view["marks"]]


def dial(recorder):
    """The recorder's socket, greeted."""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(PATIENCE_S)
    line.connect(f"\0rsstrace/{recorder}")
    lines = line.makefile("rw", encoding="utf-8", errors="replace")
    return line, lines


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_way(sleeper, tmp_path):
    trace, fifo = tmp_path / "t.rsst", tmp_path / "marks"
    with record("-p", sleeper, "-o", trace, "--marks", fifo) as tracer:
        tracer.attached()
        assert run("mark", "-p", tracer.process.pid, "by recorder").returncode == 0
        assert run("mark", "-p", sleeper, "by target").returncode == 0
        line, lines = dial(tracer.process.pid)
        assert lines.readline().split()[3:] == [str(tracer.process.pid), str(sleeper)]
        lines.write("by socket\n \nlast, without its end")
        lines.flush()
        assert lines.readline() == "ok by socket\n"
        assert lines.readline().startswith("error ")
        line.shutdown(socket.SHUT_WR)
        assert lines.readline() == "ok last, without its end\n"
        line.close()
        tracer.process.send_signal(signal.SIGUSR1)
        time.sleep(0.05)
        tracer.process.send_signal(signal.SIGUSR1)
        assert stat.S_ISFIFO(fifo.stat().st_mode) and not fifo.stat().st_mode & 0o077
        fifo.write_bytes("fifo Größe\n\xff\x1b[0m".encode("latin-1") + b"x" * 1000 + b"\nagain\n")
        assert run("mark", "-p", sleeper, "by recorder").returncode == 0
        assert tracer.stop() == 0, tracer.talk
    assert not fifo.exists()
    view = report(trace)
    found = {mark["label"]: mark for mark in view["marks"]}
    assert labels(view)[:4] == ["by recorder", "by target", "by socket", "last, without its end"]
    assert {"usr1-1", "usr1-2", "again"} <= set(found)
    assert [label for label in found if label.startswith("fifo Gr")]
    assert all(ord(letter) >= 32 for label in found for letter in label)
    assert max(len(label.encode()) for label in found) == 63
    assert found["usr1-1"]["by"] == "signal" and found["usr1-1"]["pid"] == os.getpid()
    assert found["again"]["by"] == "fifo" and found["again"]["pid"] is None
    text = run("report", trace).stdout
    assert "\nMarks\n" in text and "usr1-2  (" in text
    # the last one, unless a number says which
    first, last = (mark["at_ns"] for mark in view["marks"] if mark["label"] == "by recorder")
    assert report(trace, "--at", "by recorder")["window"]["to_ns"] == last
    assert report(trace, "--at", "by recorder#1")["window"]["to_ns"] == first
    assert report(trace, "--at", "mark:by recorder#2")["window"]["to_ns"] == last
    for label in ("by recorder#3", "nonsense"):
        done = run("report", "--at", label, trace)
        assert done.returncode == 2 and f'no mark "{label}"' in done.stderr and len(done.stderr.splitlines()) == 1


def test_refusals(sleeper, tmp_path):
    trace = tmp_path / "t.rsst"
    for arguments, says in (
        (["mark"], "no label"),
        (["mark", "a", "b"], "one label at a time"),
        (["mark", ""], "is no label"),
        (["mark", "a\nb"], "is no label"),
        (["mark", "x" * 64], "longer than 63 bytes"),
        (["mark", "-p", "1", "x"], "no r"),
        (["record", "-p", sleeper, "-o", trace, "--marks", __file__], "is no FIFO"),
        (["record", "-p", sleeper, "-o", trace, "--marks", "/nowhere/x"], "No such file"),
    ):
        done = run(*arguments)
        assert done.returncode == 2, arguments
        assert says in done.stderr and len(done.stderr.splitlines()) == 1, (arguments, done.stderr)


def test_several_recorders_want_a_name(sleeper, tmp_path):
    with record("-p", sleeper, "-o", tmp_path / "a") as one, record("-p", sleeper, "-o", tmp_path / "b") as two:
        one.attached(), two.attached()
        done = run("mark", "x")
        assert done.returncode == 2 and "several recorders" in done.stderr
        assert str(one.process.pid) in done.stderr and str(two.process.pid) in done.stderr
        assert run("mark", "-p", sleeper, "x").returncode == 2
        assert run("mark", "-p", two.process.pid, "only here").returncode == 0
        assert one.stop() == 0 and two.stop() == 0
    assert labels(report(tmp_path / "a")) == []
    assert labels(report(tmp_path / "b")) == ["only here"]


def as_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def test_whom_it_lets_in(sleeper, tmp_path):
    """Root's target is not nobody's business; a target of nobody's may be marked by nobody."""
    argv = [RSSTRACE, "mark", "mine"]
    with record("-p", sleeper, "-o", tmp_path / "root") as tracer:
        tracer.attached()
        done = subprocess.run([*argv, "-p", str(tracer.process.pid)], preexec_fn=as_nobody, capture_output=True, text=True)
        assert done.returncode == 2, done
        assert "takes no marks from this user" in done.stderr or "Permission denied" in done.stderr
        assert tracer.stop() == 0
    assert labels(report(tmp_path / "root")) == []
    with subprocess.Popen(["sleep", "10"], preexec_fn=as_nobody) as own:
        with record("-p", own.pid, "-o", tmp_path / "own") as tracer:
            tracer.attached()
            line = subprocess.run(
                ["python3", "-c", "import socket,sys\ns = socket.socket(socket.AF_UNIX)\n"
                 f"s.connect('\\0rsstrace/{tracer.process.pid}')\ns.sendall(b'mine\\n')\n"
                 "f = s.makefile()\nprint(f.readline() + f.readline())"],
                preexec_fn=as_nobody, capture_output=True, text=True)
            assert "ok mine" in line.stdout, line
            assert tracer.stop() == 0
        own.kill()
    assert labels(report(tmp_path / "own")) == ["mine"]


@pytest.mark.parametrize("launch", [False, True])
def test_the_target_names_its_moments(tmp_path, launch):
    trace = tmp_path / "t.rsst"
    if launch:
        with Tracer("record", "-o", trace, "--", os.path.join(TOP, "build/workload/marks"), stdin=subprocess.PIPE) as tracer:
            pid = tracer.attached()
            assert b"sites" in tracer.process.stdout.readline()
            tracer.process.stdin.close()
            tracer.process.stdin = None
            assert tracer.finish() == 0, tracer.talk
    else:
        with Workload("marks") as target, record("-p", target.pid, "-o", trace) as tracer:
            pid = tracer.attached()
            target.go()
            target.truth()
            assert tracer.stop() == 0, tracer.talk
    view = report(trace, "--all")
    assert labels(view)[:2] == ["warm", "loaded"]
    assert re.fullmatch(r"round 1, \?\[31mred \?, 0+", labels(view)[2]) and len(labels(view)[2]) == 63
    assert all(mark["by"] == "probe" and mark["pid"] == pid and mark["tid"] == pid for mark in view["marks"])
    between = report(trace, "--from", "warm", "--to", "loaded", "--all")
    assert site_bytes(between, "site_load") == 8 * MIB and site_bytes(between, "site_more") == 0
    assert between["growth"]["anon"] == 8 * MIB
    after = report(trace, "--from", "loaded", "--to", labels(view)[2], "--all")
    assert after["growth"]["anon"] == 4 * MIB
    assert view["ledger"]["error"] == 0


def test_a_probe_costs_nothing_untraced():
    """A nop, a note, and no symbol more than the program has."""
    code = subprocess.run(["objdump", "-d", os.path.join(TOP, "build/workload/marks")], capture_output=True, text=True)
    notes = subprocess.run(["readelf", "-n", os.path.join(TOP, "build/workload/marks")], capture_output=True, text=True)
    assert code.returncode == 0 and notes.stdout.count("Name: mark") == 3 and "8@%rdi" in notes.stdout
    assert not re.search(r"call.*rsstrace", code.stdout)


def test_live_lists_them(sleeper, tmp_path):
    trace = tmp_path / "t.rsst"
    with Tracer("live", "-p", sleeper, "-i", "200ms", "--json", "-o", trace) as tracer:
        tracer.attached()
        assert run("mark", "-p", sleeper, "seen").returncode == 0
        time.sleep(0.5)
        assert tracer.stop() == 0, tracer.talk
    assert tracer.output.count('"label":"seen"') == 1
    assert run("live", "-i", "200ms", "--json", trace).stdout == tracer.output
