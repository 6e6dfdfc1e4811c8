#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
guest.py PLAN DISK: runs the checks of a plan in the guest. It only runs and notes: each check's folder of files goes to DISK, a raw
block device, as part of one tar stream; judge.py says on the other side what they mean.
"""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tarfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]
os.environ.setdefault("PATIENCE_S", "180")

import bpf_programs  # noqa: E402
import checks  # noqa: E402
import harness  # noqa: E402

ROOM = pathlib.Path("/tmp/room")
THP = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
CGROUPS = pathlib.Path("/sys/fs/cgroup")
QUIET_S = 1
SETTLE_S = 0.3  # a moment for what goes on behind a target that waits


class Skip(Exception):
    """This kernel or machine lacks what the check is about."""


# --- the pieces of a check ---------------------------------------------------------------------------------------------

def note_kernel(folder, pid):
    """What the kernel says of a process that waits."""
    for name in ("status", "smaps", "smaps_rollup"):
        (folder / name).write_bytes(pathlib.Path(f"/proc/{pid}/{name}").read_bytes())


def note_report(folder, *options):
    done = harness.run("report", "--json", "--all", *options, folder / "trace.rsst", timeout=120)
    (folder / "report.json").write_text(done.stdout)
    if done.returncode:
        (folder / "report.err").write_text(f"status {done.returncode}\n{done.stderr}")


def holds_open(pid, path):
    folder = pathlib.Path(f"/proc/{pid}/fd")
    try:
        return any(os.path.realpath(link) == str(path) for link in folder.iterdir())
    except OSError:
        return False


def end_trace(tracer, path):
    """SIGINT; returns when the trace is written, though its target runs on."""
    tracer.process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + harness.PATIENCE_S
    while tracer.process.poll() is None and holds_open(tracer.process.pid, path) and time.monotonic() < deadline:
        time.sleep(0.05)


def wait_truth(stream, folder):
    """The line of a workload's final state, as a dict."""
    line = harness.read_line(stream)
    (folder / "truth.json").write_text(line + "\n")
    truth = json.loads(line)
    if "skip" in truth:
        raise Skip(truth["skip"])
    return truth


def attached(tracer, facts):
    begin = time.monotonic()
    pid = tracer.attached()
    facts["attach_s"] = round(time.monotonic() - begin, 1)
    return pid


def limit(check, pid):
    """Puts the process into a memory cgroup if the check wants it; what it has already is not moved. The tracer stays outside."""
    if "memory" not in check.settings:
        return
    group = CGROUPS / "limited"
    if group.exists():
        group.rmdir()
    group.mkdir()
    (group / "memory.max").write_text(str(check.bytes_of("memory")))
    if check.kind == "oom":
        (group / "memory.swap.max").write_text("0")
    (group / "cgroup.procs").write_text(str(pid))


def launch(program, folder, facts):
    trace = folder / "trace.rsst"
    with harness.Tracer("record", "-o", trace, "--", *program, stdin=subprocess.PIPE) as tracer:
        attached(tracer, facts)
        truth = wait_truth(tracer.process.stdout, folder)
        time.sleep(SETTLE_S)
        note_kernel(folder, truth["pid"])
        end_trace(tracer, trace)
        tracer.process.stdin.close()
        tracer.process.stdin = None
        facts["status"] = tracer.finish()
        (folder / "talk").write_text("\n".join(tracer.talk) + "\n")


def attach(check, folder, facts, command=("record",)):
    trace = folder / "trace.rsst"
    budget = check.settings.get("budget")
    command = (*command, "--overhead", budget) if budget else command
    with harness.Workload(*check.what) as target:
        limit(check, target.pid)
        with harness.Tracer(*command, "-p", target.pid, "-o", trace) as tracer:
            attached(tracer, facts)
            target.go()
            truth = wait_truth(target.process.stdout, folder)
            time.sleep(SETTLE_S)
            note_kernel(folder, truth["pid"])
            facts["status"] = tracer.stop()
            (folder / "talk").write_text("\n".join(tracer.talk) + "\n")
            (folder / "live.json").write_text(tracer.output)
        facts["target_status"] = target.close()


# --- kinds -------------------------------------------------------------------------------------------------------------

def run_workload(check, folder, facts):
    launch([harness.workload_path(check.what[0]), *check.what[1:]], folder, facts)
    note_report(folder)


def run_oom(check, folder, facts):
    """The target is killed: there is no truth but what the kernel did."""
    with harness.Workload(*check.what) as target:
        limit(check, target.pid)
        with harness.Tracer("record", "-p", target.pid, "-o", folder / "trace.rsst") as tracer:
            attached(tracer, facts)
            target.go()
            facts["target_status"] = target.process.wait(harness.PATIENCE_S)
            facts["status"] = tracer.finish(harness.PATIENCE_S)
            (folder / "talk").write_text("\n".join(tracer.talk) + "\n")
    note_report(folder)


def run_attach(check, folder, facts):
    attach(check, folder, facts)
    note_report(folder)


def run_live(check, folder, facts):
    facts["command"] = ["live", "--json", "-i", "500ms"]
    attach(check, folder, facts, facts["command"])
    note_report(folder)


def run_scenario(check, folder, facts):
    """Quiet is a tick after the last change: the ticks come sooner, so that it does."""
    trace = folder / "trace.rsst"
    with harness.Workload("scenarios", *check.what) as target:
        limit(check, target.pid)
        with harness.Tracer("record", "-i", "200ms", "-o", trace, "-p", target.pid) as tracer:
            attached(tracer, facts)
            target.go()
            truth = wait_truth(target.process.stdout, folder)
            facts["skipped"] = truth.get("skipped", "")
            time.sleep(QUIET_S)
            facts["status"] = tracer.stop()
            note_kernel(folder, truth["pid"])
    note_report(folder)


def run_torture(check, folder, facts):
    import torture_run

    numbers = dict(zip(check.what[::2], check.what[1::2]))
    given = {name[2:]: value if name in ("--mode", "--only", "--skip") else int(value) for name, value in numbers.items()}
    verdict, first = torture_run.attempts(torture_run.Case(**given), folder / "trace.rsst")
    facts["said"], facts["problems"] = f"{verdict}; {first}" if first else str(verdict), verdict.problems()


@contextlib.contextmanager
def sleeper():
    """A process that does nothing, gone at the end, however that comes."""
    with subprocess.Popen(["sleep", "1000"]) as target:
        try:
            yield target
        finally:
            target.kill()


def run_programs(_check, folder, facts):
    """The BPF programs of a session, and that none is left after it."""
    before = {program["id"] for program in bpf_programs.loaded()}
    with sleeper() as target:
        with harness.Tracer("record", "-v", "-p", target.pid, "-o", folder / "trace.rsst") as tracer:
            attached(tracer, facts)
            facts["programs"] = [program for program in bpf_programs.loaded() if program["id"] not in before]
            facts["status"] = tracer.stop()
        facts["faults"] = next(line.rpartition("; ")[2] for line in tracer.talk if "faults are found" in line)
        facts["target_lives"] = harness.alive(target.pid)
    time.sleep(SETTLE_S)  # programs are freed after a grace period
    facts["left"] = sorted(program["name"] for program in bpf_programs.loaded() if program["id"] not in before)


def run_refused(_check, folder, facts):
    with sleeper() as target:
        done = harness.run("record", "-o", folder / "trace.rsst", "-p", target.pid)
        facts["status"], facts["said"] = done.returncode, done.stderr
        facts["target_lives"] = harness.alive(target.pid)


def run_shell(check, folder, facts):
    facts["status"] = subprocess.run(["sh", "-c", check.what[0]], stdin=subprocess.DEVNULL, cwd=folder, check=False).returncode


# --- surroundings ------------------------------------------------------------------------------------------------------

def enter(settings):
    """Sets the machine up for a check."""
    if "thp" in settings:
        THP.write_text(settings["thp"])


def leave(settings):
    if "thp" in settings:
        THP.write_text("madvise")


def perform(check, release):
    """Leaves a folder with what is to be judged; returns it."""
    folder = ROOM / check.folder
    folder.mkdir(parents=True)
    facts, begin = {"name": check.name}, time.monotonic()
    try:
        facts["skipped"] = check.too_old(release)
        if not facts["skipped"]:
            enter(check.settings)
            globals()[f"run_{check.kind}"](check, folder, facts)
    except Skip as reason:
        facts["skipped"] = str(reason)
    except Exception as wrong:  # whatever it is: the next check has its turn
        facts["broke"] = f"{type(wrong).__name__}: {wrong}"
        (folder / "traceback").write_text(traceback.format_exc())
    finally:
        leave(check.settings)
    facts["seconds"] = round(time.monotonic() - begin, 1)
    (folder / "facts.json").write_text(json.dumps(facts))
    return folder


def main():
    plan, disk = sys.argv[1:3]
    release = os.uname().release
    doctor = harness.run("doctor", timeout=60)
    machine = {"release": release, "doctor": doctor.stdout, "doctor_status": doctor.returncode,
               "swap": len(pathlib.Path("/proc/swaps").read_text().splitlines()) - 1}
    wanted = checks.parse(pathlib.Path(plan).read_text())
    if doctor.returncode and wanted[0].kind != "shell":
        wanted = [checks.Check("refused", ["record"], {})]
    with open(disk, "r+b", buffering=1 << 20) as device, tarfile.open(fileobj=device, mode="w") as tar:
        ROOM.mkdir()
        (ROOM / "machine.json").write_text(json.dumps(machine))
        tar.add(ROOM / "machine.json", "machine.json")
        for number, check in enumerate(wanted, 1):
            print(f"check {number} of {len(wanted)}: {check.name}")
            folder = perform(check, release)
            tar.add(folder, folder.name)
            device.flush()
            os.fsync(device.fileno())
            subprocess.run(["rm", "-rf", folder], check=True)
        (ROOM / "end").write_text("")
        tar.add(ROOM / "end", "end")


main()
