# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tracers that are killed, targets that vanish: no hang, no harm to the target, a readable trace."""
import json
import os
import resource
import select
import signal
import subprocess
import threading
import time

import pytest

from harness import PATIENCE_S, RSSTRACE, Tracer, Workload, alive, report, run

pytestmark = pytest.mark.live


def bpf_program_ids():
    """Ids of the loaded BPF programs that are ours, or None when bpftool cannot tell."""
    for tool in ("/usr/sbin/bpftool", "/usr/local/sbin/bpftool"):
        if os.access(tool, os.X_OK):
            shown = subprocess.run([tool, "prog", "show"], capture_output=True, text=True, check=False)
            return {line.split(":")[0] for line in shown.stdout.splitlines() if line[:1].isdigit()}
    return None


def has_faults(trace):
    """In what of it has reached the disk so far."""
    done = run("report", "--json", trace)
    return done.returncode == 0 and json.loads(done.stdout)["events"]["faults"] > 0


def test_killed_tracer(tmp_path):
    trace = tmp_path / "trace.rsst"
    with Workload("fault_loop", wait=False) as target:
        target.truth()
        with Tracer("record", "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            patience = time.monotonic() + PATIENCE_S
            while not has_faults(trace) and time.monotonic() < patience:
                time.sleep(0.5)
            tracer.process.kill()
            tracer.process.wait()
        time.sleep(0.2)
        assert alive(target.pid)
    view = report(trace, "--all")
    assert view["events"]["faults"] > 0
    text = run("report", trace)
    assert text.returncode == 0
    assert "cut" in (text.stdout + text.stderr).lower()


@pytest.mark.parametrize("command", ["record", "live"])
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end(command, signum, tmp_path):
    trace = tmp_path / "trace.rsst"
    with Workload("fault_loop", wait=False) as target:
        target.truth()
        with Tracer(command, "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            time.sleep(0.5)
            assert tracer.stop(signum) == 0, tracer.talk
        assert alive(target.pid)
    text = run("report", trace)
    assert text.returncode == 0
    assert "cut" not in (text.stdout + text.stderr).lower()


def is_full(pipe):
    return not select.select([], [pipe], [], 0)[1]


def test_a_signal_amid_a_write_is_no_error():
    """Whoever reads what it says is slow: it waits in write(2) when the signal comes."""
    with Workload("code_storm") as target:  # of so many regions that a line of JSON is larger than a pipe
        ours, theirs = os.pipe()
        with Tracer("live", "--json", "-i", "200ms", "-p", target.pid, stdout=theirs) as tracer:
            tracer.attached()
            target.go()
            target.truth()
            deadline = time.monotonic() + PATIENCE_S
            while not is_full(theirs):
                assert time.monotonic() < deadline, "it says too little"
                time.sleep(0.05)
            os.close(theirs)
            for _ in range(5):  # the first may find a part of it written, which is no error anyway
                tracer.process.send_signal(signal.SIGUSR1)
                time.sleep(0.05)
            reader = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(ours, 1 << 16), b"")])
            reader.start()
            assert tracer.stop() == 0, tracer.talk
            reader.join()
        os.close(ours)


def test_programs_are_gone_afterwards(tmp_path):
    before = bpf_program_ids()
    if before is None:
        pytest.skip("no bpftool to look with")
    with Workload("fault_loop", wait=False) as target:
        target.truth()
        with Tracer("record", "-p", target.pid, "-o", tmp_path / "trace.rsst") as tracer:
            tracer.attached()
            tracer.process.kill()
            tracer.process.wait()
    deadline = time.monotonic() + 10
    while bpf_program_ids() - before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not bpf_program_ids() - before


@pytest.mark.parametrize("delay_ms", [0, 1, 3, 10, 30, 100])
def test_target_exits_while_attaching(delay_ms, tmp_path):
    trace = tmp_path / "trace.rsst"
    with Workload("anon_touch", wait=False) as target:
        target.truth()
        with Tracer("record", "-p", target.pid, "-o", trace) as tracer:
            time.sleep(delay_ms / 1000)
            target.close()
            status = tracer.finish()
    assert status in (0, 2)
    if status == 2:
        assert len(tracer.talk) == 1 and tracer.talk[0].startswith("rsstrace: "), tracer.talk
    else:
        assert run("report", trace).returncode == 0


@pytest.mark.parametrize("script", ["exec sleep 3", "for i in 1 2 3 4 5 6 7 8 9; do /bin/true; done; sleep 3"])
def test_target_execs_or_forks_while_attaching(script, tmp_path):
    for delay_ms in (0, 20, 60, 150, 300):
        trace = tmp_path / f"trace-{delay_ms}.rsst"
        argv = ["sh", "-c", f"sleep {delay_ms / 1000}; {script}"]
        with subprocess.Popen(argv) as target:
            with Tracer("record", "--children", "-d", "600ms", "-p", target.pid, "-o", trace) as tracer:
                status = tracer.finish()
            target.kill()
        assert status in (0, 2), tracer.talk
        if status == 0:
            view = report(trace, "--all")
            assert view["ledger"]["error"] == 0, delay_ms


def test_target_ends(tmp_path):
    trace = tmp_path / "trace.rsst"
    with Workload("anon_touch") as target:
        with Tracer("record", "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            target.go()
            target.truth()
            target.close()
            assert tracer.finish() == 0, tracer.talk
    view = report(trace, "--all")
    # what was resident then is the question, not the nothing that is left
    assert view["rss"]["total"] > 32 << 20
    assert view["ledger"]["error"] == 0


def test_attach_again_and_again(sleeper, tmp_path):
    for turn in range(5):
        trace = tmp_path / f"{turn}.rsst"
        with Tracer("record", "-p", sleeper, "-o", trace) as tracer:
            tracer.attached()
            assert tracer.stop() == 0, tracer.talk
        assert report(trace)["ledger"]["error"] == 0
    assert alive(sleeper)


def test_two_tracers_of_one_target(tmp_path):
    with Workload("anon_touch") as target:
        with Tracer("record", "-p", target.pid, "-o", tmp_path / "a.rsst") as first:
            first.attached()
            with Tracer("record", "-p", target.pid, "-o", tmp_path / "b.rsst") as second:
                second.attached()
                target.go()
                target.truth()
                assert second.stop() == 0
            assert first.stop() == 0
    for name in ("a.rsst", "b.rsst"):
        view = report(tmp_path / name, "--all")
        assert view["ledger"]["error"] == 0
        assert view["growth"]["anon"] >= 32 << 20


def test_launched_command_is_not_harmed_by_a_killed_tracer(tmp_path):
    trace = tmp_path / "trace.rsst"
    proof = tmp_path / "proof"
    argv = ["record", "-o", trace, "--", "sh", "-c", f"sleep 1; echo done > {proof}"]
    with Tracer(*argv) as tracer:
        tracer.attached()
        tracer.process.kill()
        tracer.process.wait()
        deadline = time.monotonic() + 10
        while not proof.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
    assert proof.exists()


def test_tiny_ring(tmp_path):
    """Losses are told, and the amounts stay right."""
    listing = run("record", "--help").stdout
    if "--ring" not in listing:
        pytest.skip("record has no option for the ring's size")
    option = next(word for word in listing.split() if word.startswith("--ring")).split("=")[0]
    trace = tmp_path / "trace.rsst"
    with Workload("threads") as target:
        with Tracer("record", option, "4K", "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            target.go()
            target.truth()
            assert tracer.stop() == 0
    view = report(trace, "--all")
    ledger = view["ledger"]
    owned = ledger["attributed"] + ledger["before_attach"] + ledger["unattributed"]
    assert owned + ledger["error"] == view["rss"]["total"]


def test_stopped_target(tmp_path):
    """SIGSTOP does not keep the tracer from attaching or from ending."""
    with Workload("anon_touch", wait=False) as target:
        target.truth()
        target.process.send_signal(signal.SIGSTOP)
        with Tracer("record", "-p", target.pid, "-o", tmp_path / "trace.rsst") as tracer:
            tracer.attached()
            assert tracer.stop() == 0
        target.process.send_signal(signal.SIGCONT)
        assert target.close() == 0


def test_rsstrace_is_a_good_child(tmp_path):
    """A closed stdout (a pager that quit) ends it without a crash."""
    with Workload("fault_loop", wait=False) as target:
        target.truth()
        with subprocess.Popen(
            [RSSTRACE, "live", "-i", "100ms", "-p", str(target.pid)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as tracer:
            tracer.stdout.readline()
            tracer.stdout.close()
            tracer.wait(10)
            tracer.stderr.read()
        assert tracer.returncode in (0, 2, -signal.SIGPIPE)
        assert alive(target.pid)


def test_the_limit_of_open_files_is_ours_to_raise_not_the_commands(tmp_path):
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

    done = subprocess.run([RSSTRACE, "record", "-q", "-o", tmp_path / "trace.rsst", "--", "sh", "-c", "ulimit -n"],
                          preexec_fn=few_files, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (0, "40\n"), done.stderr
