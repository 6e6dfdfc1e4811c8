# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""No room for the trace: RLIMIT_FSIZE (SIGXFSZ) or a full disk. One line says so, what was written reads, the target runs on."""
import os
import resource
import signal
import subprocess
import sys

import pytest

from harness import RSSTRACE, report, run

KIB = 1 << 10
LIMIT = 96 * KIB
# ever new call paths, and C frames tell them apart: each has a stack of its own to be written
GROWING = """
import sys, time
print("begins", flush=True)
def walk(path, held):
    if path > 1:
        (sorted if path & 1 else max)((0,), key=lambda _: walk(path >> 1, held) or 0)
    else:
        held.append(bytearray(40 << 10))
end, held = time.monotonic() + float(sys.argv[1]), []
for path in range(1 << 20):
    walk(1 << 14 | path * 2654435761 % (1 << 14), held)
    del held[:-2000]
    time.sleep(0.0002)
    if time.monotonic() > end:
        break
print("target done", flush=True)
"""


def limited():
    """A shell's `ulimit -f`; Python ignores the signal, a shell does not."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def complaints(text):
    return [line for line in text.splitlines() if "cannot write" in line]


def check_trace(trace, limit_bytes):
    """It ends with a whole block, and has something to say."""
    assert 4 * KIB < trace.stat().st_size <= limit_bytes
    done = run("report", "--json", trace)
    assert done.returncode == 0 and "never closed" in done.stderr, done.stderr
    view = report(trace)
    assert view["rss"]["total"] > 0 and view["ledger"]["error"] == 0


def test_a_file_size_limit_with_a_command(tmp_path):
    trace = tmp_path / "t.rsst"
    done = run("record", "-o", trace, "--", sys.executable, "-c", GROWING, "3", preexec_fn=limited)
    assert done.returncode == 125, done.stderr
    assert len(complaints(done.stderr)) == 1
    assert f'cannot write "{trace}": file too large; the trace is complete up to here' in done.stderr
    assert done.stdout.splitlines() == ["begins", "target done"]  # it was left alone; run() waits for its last word
    check_trace(trace, LIMIT)


def test_a_file_size_limit_with_a_process(tmp_path):
    trace = tmp_path / "t.rsst"
    with subprocess.Popen([sys.executable, "-c", GROWING, "10"], stdout=subprocess.PIPE, text=True) as target:
        assert target.stdout.readline() == "begins\n"
        done = run("record", "-p", target.pid, "-o", trace, preexec_fn=limited)
        assert done.returncode == 2 and len(complaints(done.stderr)) == 1, done.stderr
        assert "file too large" in done.stderr
        assert target.communicate(timeout=30)[0] == "target done\n"
        assert target.returncode == 0
    check_trace(trace, LIMIT)


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", disk]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("cannot mount a small tmpfs")
    yield disk
    subprocess.run(["umount", "-l", disk], check=False)


@pytest.mark.parametrize("plan", [[], ["--rotate", "64k"], ["--rotate", "1s"]])
def test_a_full_disk(small_disk, plan):
    trace = small_disk / "t.rsst"
    done = run("record", *plan, "-o", trace, "--", sys.executable, "-c", GROWING, "3")
    assert done.returncode == 125, done.stderr
    assert len([line for line in done.stderr.splitlines() if "no space left" in line]) == 1, done.stderr
    assert done.stdout.splitlines() == ["begins", "target done"]
    parts = sorted(small_disk.glob("t.rsst*"))
    for part in parts:
        if part.stat().st_size > 4 * KIB:
            assert report(part)["ledger"]["error"] == 0
    assert sum(part.stat().st_size for part in parts) > 80 * KIB


def test_the_last_minutes_stay_on_a_full_disk(small_disk):
    """--keep has two files going; where there is no room for both the older one goes on."""
    trace = small_disk / "t.rsst"
    done = run("record", "--keep", "64k", "-o", trace, "--", sys.executable, "-c", GROWING, "2")
    assert done.returncode in (0, 125), done.stderr
    assert done.stdout.splitlines() == ["begins", "target done"]
    assert report(trace)["rss"]["total"] > 0


def test_an_export_beyond_the_limit(tmp_path):
    golden = os.path.join(os.path.dirname(os.path.dirname(__file__)), "golden", "fork_child.rsst")
    out = tmp_path / "out.html"

    def tiny():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 * KIB, 4 * KIB))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)

    command = [RSSTRACE, "export", "--format", "flamegraph", "-o", out, golden]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, preexec_fn=tiny, check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "too large" in done.stderr.lower(), done
    assert not list(tmp_path.iterdir())
