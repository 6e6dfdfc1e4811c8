# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Whatever is wrong: exit 2, one line on stderr that says what, nothing on stdout, no trace left behind."""
import os
import random
import shutil
import subprocess

import pytest

from harness import RSSTRACE, Tracer, Workload, run

NOBODY = 65534


def assert_refused(done, *words):
    assert done.returncode == 2, (done.returncode, done.stderr)
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("rsstrace: "), done.stderr
    assert done.stdout in ("", None)
    for word in words:
        assert word in lines[0], lines[0]


def dead_pid():
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def kernel_thread_pid():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/status", encoding="utf-8") as status:
                if "\nKthread:\t1" in status.read():
                    return pid
            if os.path.exists("/proc/2/comm") and open("/proc/2/comm").read() == "kthreadd\n":
                return "2"
        except OSError:
            continue
    return None


# --- targets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["live", "record", "snapshot"])
@pytest.mark.parametrize(
    "pid", ["junk", "-1", "0", "1x", "", "99999999999999999999", "0x10", "1,", ",1", "1,junk", "4194305"]
)
def test_pid_that_is_none(command, pid, tmp_path):
    output = ["-o", tmp_path / "t"] if command == "record" else []
    assert_refused(run(command, f"-p{pid}" if pid else "--pid=", *output))


@pytest.mark.live
@pytest.mark.parametrize("command", ["live", "record", "snapshot"])
def test_no_such_process(command, tmp_path):
    trace = tmp_path / "t"
    pid = dead_pid()
    assert_refused(run(command, "-p", pid, *(["-o", trace] if command == "record" else [])), str(pid))
    assert not trace.exists()


@pytest.mark.live
@pytest.mark.parametrize("command", ["live", "record", "snapshot"])
def test_kernel_thread(command, tmp_path):
    pid = kernel_thread_pid()
    if not pid:
        pytest.skip("no kernel thread to be seen here")
    output = ["-o", tmp_path / "t"] if command == "record" else []
    assert_refused(run(command, "-p", pid, *output), "kernel thread")


@pytest.mark.live
def test_zombie(tmp_path):
    child = os.fork()
    if not child:
        os._exit(0)
    try:
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert_refused(run("record", "-p", child, "-o", tmp_path / "t"), str(child))
    finally:
        os.waitpid(child, 0)


@pytest.mark.parametrize("command", ["live", "record", "report", "snapshot"])
def test_no_target(command, tmp_path):
    assert_refused(run(command))


def test_two_targets(sleeper, tmp_path):
    assert_refused(run("record", "-o", tmp_path / "t", "-p", sleeper, "--", "true"))
    assert_refused(run("live", "-p", sleeper, "--", "true"))


@pytest.mark.live
@pytest.mark.parametrize("command", ["/nonexistent/command", "/etc", "/etc/passwd"])
def test_command_that_cannot_run(command, tmp_path):
    done = run("record", "-o", tmp_path / "t", "--", command)
    assert done.returncode == 125
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("rsstrace: ")
    assert command in done.stderr


# --- privileges ---------------------------------------------------------------------------------


def as_nobody(*args):
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or not setpriv:
        pytest.skip("needs root and setpriv to become nobody")
    argv = [setpriv, "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    return subprocess.run(
        [*argv, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, cwd="/", check=False
    )


@pytest.fixture
def nobodys_rsstrace(tmp_path_factory):
    """A copy nobody can run, wherever the checkout lies; and a directory nobody can write."""
    place = tmp_path_factory.mktemp("nobody")
    for folder in [place, *list(place.parents)[:2]]:
        os.chmod(folder, 0o755)
    copy = place / "rsstrace"
    shutil.copy(RSSTRACE, copy)
    os.chmod(copy, 0o755)
    writable = place / "out"
    writable.mkdir()
    os.chmod(writable, 0o777)
    if as_nobody(copy, "--version").returncode != 0:
        pytest.skip("nobody cannot run a program from the temporary directory")
    return copy, writable


@pytest.mark.parametrize("command", ["live", "record"])
def test_unprivileged(command, nobodys_rsstrace, sleeper):
    rsstrace, writable = nobodys_rsstrace
    trace = writable / "t"
    output = ["-o", trace] if command == "record" else []
    assert_refused(as_nobody(rsstrace, command, "-p", sleeper, *output))
    assert not trace.exists()


def test_unprivileged_launch(nobodys_rsstrace):
    rsstrace, writable = nobodys_rsstrace
    done = as_nobody(rsstrace, "record", "-o", writable / "t", "--", "true")
    assert done.returncode == 125
    assert len(done.stderr.splitlines()) == 1


def test_unprivileged_snapshot_of_others(nobodys_rsstrace, sleeper):
    rsstrace, _ = nobodys_rsstrace
    assert_refused(as_nobody(rsstrace, "snapshot", "-p", sleeper), str(sleeper))


def test_unprivileged_doctor(nobodys_rsstrace):
    rsstrace, _ = nobodys_rsstrace
    done = as_nobody(rsstrace, "doctor")
    assert done.returncode in (0, 2)
    assert done.stdout


def test_unprivileged_report(nobodys_rsstrace, sample_trace):
    rsstrace, writable = nobodys_rsstrace
    copy = writable / "sample.rsst"
    shutil.copy(sample_trace[0], copy)
    os.chmod(copy, 0o644)
    done = as_nobody(rsstrace, "report", copy)
    assert done.returncode == 0, done.stderr
    assert done.stdout


# --- output -------------------------------------------------------------------------------------


@pytest.mark.live
def test_existing_output(sleeper, tmp_path):
    """A trace is not overwritten by accident."""
    trace = tmp_path / "precious"
    trace.write_text("precious")
    assert_refused(run("record", "-d", "100ms", "-p", sleeper, "-o", trace), str(trace))
    assert trace.read_text() == "precious"


@pytest.mark.live
@pytest.mark.parametrize("path", ["/nonexistent/t.rsst", "/proc/t.rsst", "/"])
def test_unwritable_output(path, sleeper):
    assert_refused(run("record", "-d", "100ms", "-p", sleeper, "-o", path), path)


@pytest.mark.live
def test_full_disk(tmp_path, need_root):
    """The target runs on, the message names the file, what was written reads."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("cannot mount a small tmpfs")
    try:
        trace = disk / "t.rsst"
        (disk / "ballast").write_bytes(b"\0" * (48 << 10))
        with Workload("fault_loop", wait=False) as target:
            target.truth()
            with Tracer("record", "-d", "8s", "-i", "100ms", "-p", target.pid, "-o", trace) as tracer:
                status = tracer.finish()
            assert target.process.poll() is None
        assert status == 2, tracer.talk
        assert any("rsstrace: " in line and "t.rsst" in line for line in tracer.talk), tracer.talk
        if trace.exists() and trace.stat().st_size:
            done = run("report", trace)
            assert done.returncode in (0, 2)
            assert done.returncode == 0 or len(done.stderr.splitlines()) == 1
    finally:
        subprocess.run(["umount", disk], check=False)


@pytest.mark.parametrize("argv", [["--help"], ["doctor"], ["doctor", "--json"], ["--version"]])
def test_full_stdout(argv):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = run(*argv, stdout=full)
    assert_refused(done)


def test_full_stdout_of_report(sample_trace):
    for argv in (["report"], ["report", "--json", "--all"], ["live", "--json"]):
        with open("/dev/full", "w", encoding="utf-8") as full:
            assert_refused(run(*argv, sample_trace[0], stdout=full))


# --- traces -------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["report", "live"])
@pytest.mark.parametrize(
    "path", ["/nonexistent", "/", "/etc/passwd", "/dev/null", "/dev/zero", "/bin/true", "/proc/self/maps"]
)
def test_foreign_trace(command, path):
    assert_refused(run(command, path), path)


def test_empty_trace(tmp_path):
    trace = tmp_path / "empty"
    trace.touch()
    assert_refused(run("report", trace), str(trace))


def test_fifo_is_not_waited_for_ever(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert_refused(run("report", fifo, timeout=5), str(fifo))


def assert_reads_or_refuses(trace):
    done = run("report", "--json", trace, timeout=20)
    assert done.returncode in (0, 2), (done.returncode, done.stderr)
    if done.returncode == 2:
        assert_refused(done, str(trace))


def test_cut_trace(sample_trace, tmp_path):
    """Cut anywhere: reads up to the last whole block, or says in one line that there is none."""
    whole = sample_trace[0].read_bytes()
    trace = tmp_path / "cut"
    places = {0, 1, 4, 7, 8, 15, 16, 32, 64, len(whole) // 2, len(whole) - 1, len(whole) - 17}
    places |= {random.Random(3).randrange(len(whole)) for _ in range(20)}
    for length in sorted(places):
        trace.write_bytes(whole[:length])
        assert_reads_or_refuses(trace)


def test_cut_trace_says_so(sample_trace, tmp_path):
    whole = sample_trace[0].read_bytes()
    trace = tmp_path / "cut"
    trace.write_bytes(whole[: len(whole) - 9])
    done = run("report", trace)
    assert done.returncode in (0, 2)
    assert "cut" in (done.stdout + done.stderr).lower()


def test_damaged_trace(sample_trace, tmp_path):
    whole = sample_trace[0].read_bytes()
    trace = tmp_path / "damaged"
    rng = random.Random(4)
    for _ in range(40):
        broken = bytearray(whole)
        for _ in range(rng.choice((1, 1, 8, 64))):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        trace.write_bytes(broken)
        assert_reads_or_refuses(trace)


def test_newer_trace(sample_trace, tmp_path):
    """A format version from the future: refused by name, wherever the header keeps it."""
    whole = bytearray(sample_trace[0].read_bytes())
    trace = tmp_path / "newer"
    told = []
    for at in range(4, 16):
        newer = bytearray(whole)
        newer[at] = (newer[at] + 1) & 0xFF
        trace.write_bytes(newer)
        done = run("report", trace)
        if done.returncode == 2:
            assert_refused(done, str(trace))
            told.append(done.stderr)
    assert any("version" in line or "newer" in line for line in told), told


def test_trailing_junk(sample_trace, tmp_path):
    trace = tmp_path / "junk"
    trace.write_bytes(sample_trace[0].read_bytes() + bytes(range(256)) * 100)
    assert_reads_or_refuses(trace)


# --- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv",
    [
        ["nonsense"],
        ["--nonsense"],
        ["live", "--nonsense"],
        ["live", "-p", "1", "-i", "0"],
        ["live", "-p", "1", "-i", "-1s"],
        ["live", "-p", "1", "-i", "1y"],
        ["live", "-p", "1", "-i", "999999999999999999999s"],
        ["live", "-p", "1", "-i", ""],
        ["live", "-p", "1", "-d", "soon"],
        ["live", "-p", "1", "-d", "-5"],
        ["live", "-p", "1", "-n", "-3"],
        ["live", "-p", "1", "-n", "many"],
        ["live", "-p", "1", "-n", "99999999999999999999"],
        ["live", "-p", "1", "--color", "purple"],
        ["live", "-p"],
        ["live", "-p", "1", "-p", "1"],
        ["record", "-p", "1", "-o", ""],
        ["record", "-p", "1", "-o"],
        ["record", "--"],
        ["report", "one", "two"],
        ["report", "--from", "yesterday-ish", "x"],
        ["report", "--to", "", "x"],
        ["report", "--at", "-", "x"],
        ["snapshot", "-p", "1", "--from", "1s"],
        ["doctor", "-p", "1"],
        ["doctor", "extra"],
        ["top", "--frobnicate"],
    ],
)
def test_absurd_options(argv):
    done = run(*argv)
    if argv[:2] == ["record", "--"]:
        assert done.returncode in (2, 125)
        assert len(done.stderr.splitlines()) == 1
        return
    assert_refused(done)


def test_window_that_ends_before_it_starts(sample_trace):
    assert_refused(run("report", "--from", "end", "--to", "start", sample_trace[0]))


def test_no_command():
    done = run()
    assert done.returncode == 2
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["live", "record", "report", "diff", "snapshot", "doctor"])
def test_help(command):
    done = run(command, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert command in done.stdout
    assert command in run("--help").stdout


def test_version():
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("rsstrace ")
