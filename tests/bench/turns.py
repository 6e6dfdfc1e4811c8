# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Two of the same program take turns, round by round of some 10 to 100 ms, and one of them is traced: for the first half of
the rounds the one, then the other. What a shared machine does to run times lasts longer than a round and meets both; that
one of the two is the slower by itself, as its memory happens to lie, meets the two halves in opposite ways. So hundredths
can be told in seconds. The one that is not traced is still a process on a machine where somebody is: see the load
`unrelated` for what that costs. With the tracer at a third process the two show what is left of the noise.

And where even that is more than what is to be told: what the programs took, by the kernel's own statistics (bpf_stats),
of the processor time of the rounds. That counts some 20 to 60 ns too much for each run of a program, for it includes
looking at the clock, and leaves out what calling it takes, which is as much.
"""
import contextlib
import math
import os
import statistics
import shutil
import subprocess
import sys
import tempfile

import tables
import workloads

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vm"))
import bpf_programs  # noqa: E402

PYTHON_LOAD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "load_python.py")
LEFT_OUT = 1  # first rounds of a half: the tracer has just come, and looks up its first names
RUNS_LEAST = 6  # from here on there is an interval
REDIS_REQUESTS = 8000
ROUNDS = {"storm": 30, "churn": 10, "calls": 50, "switches": 40, "sqlite": 24, "python": 40, "redis": 12}  # of loads.c, and here
PATIENCE_S = 30


class Load:
    """A load that waits for its turn."""

    def __init__(self, argv):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.pid = self.process.pid

    def go(self):
        """Processor time of a round, ns."""
        self.process.stdin.write("\n")
        return int(self.process.stdout.readline().split()[1])

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()


class Redis:
    """A server; a round is so many requests."""

    ports = iter(range(16400, 1 << 16))

    def __init__(self):
        self.port = next(self.ports)
        argv = [shutil.which("redis-server"), "--port", str(self.port), "--save", "", "--daemonize", "no"]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        self.pid = self.process.pid
        answers = ["redis-cli", "-p", str(self.port), "ping"]
        while subprocess.run(answers, capture_output=True, check=False).stdout != b"PONG\n":
            if self.process.poll() is not None:
                raise workloads.CannotRun("the server does not begin")

    def cpu_ns(self):
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0])

    def go(self):
        argv = ["redis-benchmark", "-p", str(self.port), "-q", "-t", "set,get", "-n", str(REDIS_REQUESTS)]
        before = self.cpu_ns()
        subprocess.run([*argv, "-r", "100000", "-d", "400", "-c", "16"], stdout=subprocess.DEVNULL, check=True)
        return self.cpu_ns() - before

    def end(self):
        self.process.terminate()
        self.process.wait()


def makers(build):
    def load(*argv):
        return lambda: Load([*argv, os.devnull, "--in-turns"])

    found = {name: load(f"{build}/bench/loads", name) for name in ("storm", "churn", "calls", "switches", "sqlite")}
    if os.path.exists(workloads.PYTHON):
        found["python"] = load(workloads.PYTHON, PYTHON_LOAD)
    if all(map(shutil.which, ("redis-server", "redis-benchmark", "redis-cli"))):
        found["redis"] = Redis
    return found


class Tracer:
    """rsstrace at a process, once every hook is live."""

    def __init__(self, build, pid, folder):
        output = os.path.join(folder, "trace.rsst")
        argv = [f"{build}/rsstrace", "record", "-f", "--overhead", "none", "-o", output, "-p", str(pid)]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        first = self.process.stderr.readline()
        if "attached" not in first:
            raise workloads.CannotRun(first.strip())

    def end(self):
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE_S)


def half(traced, other, nr):
    """How many times as long as the other the first takes; they begin in turns."""
    found = []
    for i in range(nr):
        order = (traced, other) if i % 2 else (other, traced)
        took = {one: one.go() for one in order}
        found.append(took[traced] / took[other])
    return statistics.median(found[LEFT_OUT:])


def pair(name, make, build, traced, folder):
    """What tracing one of the two costs, by a run; or what it seems to cost when nobody traces either."""
    with subprocess.Popen(["sleep", "1000"]) as idle:
        both, halves = (make(), make()), []
        try:
            for one, other in (both, both[::-1]):
                tracer = Tracer(build, one.pid if traced else idle.pid, folder)
                halves.append(half(one, other, ROUNDS[name] // 2))
                tracer.end()
        finally:
            for one in both:
                one.end()
            idle.kill()
    return math.sqrt(halves[0] * halves[1])


def share_of_programs(name, make, build, folder):
    """Of the processor time of a traced load's rounds, what the programs took."""
    load = make()
    tracer = Tracer(build, load.pid, folder)
    counting = bpf_programs.enable_stats()
    try:
        ours = bpf_programs.of_process(tracer.process.pid)
        took = [load.go() for _ in range(LEFT_OUT)]
        before = bpf_programs.run_ns(ours)
        took = [load.go() for _ in range(ROUNDS[name] - LEFT_OUT)]
        return (bpf_programs.run_ns(ours) - before) / sum(took)
    finally:
        os.close(counting)
        tracer.end()
        load.end()


def figures(build, rounds, chosen):
    """
    {load: {"traced", "untraced", "programs"}}, see tables.of(): the target's processor time, that without a tracer = 1,
    and the programs' share of it.
    """
    found = {}
    for name, make in makers(build).items():
        if not chosen(name):
            continue
        told = {"traced": [], "untraced": [], "programs": []}
        try:
            for _ in range(max(rounds, RUNS_LEAST)):
                for which, costs in told.items():
                    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                        if which == "programs":
                            costs.append(share_of_programs(name, make, build, folder))
                        else:
                            costs.append(pair(name, make, build, which == "traced", folder))
        except (workloads.CannotRun, OSError, subprocess.SubprocessError) as why:
            found[name] = {"reason": str(why)}
            continue
        found[name] = {which: tables.of(costs) for which, costs in told.items()}
    return found


def as_text(found):
    lines = ["in turns, round by round, with another that nobody traces: processor time, where its median lies with 95 %"]
    for name, row in found.items():
        if "reason" in row:
            lines.append(f"  {name:<12}  - {row['reason']}")
            continue
        traced, untraced = (f"x{row[key]['median']:.4f}  {tables.spread(row[key])}" for key in ("traced", "untraced"))
        share = row["programs"]["median"]
        lines.append(f"  {name:<12}  {traced:<38}  nobody traced: {untraced:<38}  the programs: {share:.2%}")
    return "\n".join(lines)
