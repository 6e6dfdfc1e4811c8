# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is traced. A workload's run() gives its own measurement, see loads.c, and what was seen of the tracer."""
import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import time

import watched

TIMEOUT_S = 90
REDIS_PORT = 16379
REDIS_REQUESTS = 50000
PYTHON = "/usr/bin/python3"


class CannotRun(Exception):
    """This workload under this tracer, here; says why."""


def measured(path, seen):
    try:
        with open(path, encoding="ascii") as result:
            return json.load(result)
    except (OSError, ValueError):
        why = "took over %d s" % TIMEOUT_S if seen.status == "timeout" else f"ended with {seen.status}"
        last = [line for line in seen.talk.splitlines() if line.strip()][-1:]
        raise CannotRun(f"{why}: {last[0].strip()[:100]}" if last else why) from None


class Workload:
    """A load of loads.c."""

    children = False
    tracers = None  # names; None: all
    rounds = None  # at most
    allocates = False  # with malloc, so that those who see only that have something to see
    pairs = 1  # of runs with and without rsstrace, a round
    touches = 256  # MiB at most

    def __init__(self, name, words, **more):
        self.name, self.words = name, words
        for key, value in more.items():
            assert hasattr(self, key), key
            setattr(self, key, value)

    def missing(self):
        return None

    def command(self, build, result):
        return [f"{build}/bench/loads", self.name, result]

    def run(self, tracer, build, result, output):
        """({"ns", "quartile_ns", "cpu_ns", "ops", "faults"}, watched.Watched)"""
        seen = watched.run(tracer.argv(self.command(build, result), output, self.children), TIMEOUT_S, tracer.watched)
        return measured(result, seen), seen


class Python(Workload):
    def missing(self):
        return None if os.path.exists(PYTHON) else f"no {PYTHON}"

    def command(self, build, result):
        return [PYTHON, os.path.join(os.path.dirname(os.path.abspath(__file__)), "load_python.py"), result]


class Redis(Workload):
    """The time is what redis-benchmark takes over loopback; processor time and faults are the server's."""

    def missing(self):
        wants = [name for name in ("redis-server", "redis-benchmark", "redis-cli") if not shutil.which(name)]
        return f"{wants[0]} is not installed (make deps-bench)" if wants else None

    def command(self, build, result):
        return [shutil.which("redis-server"), "--port", str(REDIS_PORT), "--save", "", "--appendonly", "no", "--daemonize", "no"]

    @staticmethod
    def ask(*words):
        argv = ["redis-cli", "-p", str(REDIS_PORT), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TIMEOUT_S).stdout

    def pid(self, watch):
        for _ in range(200):
            for line in self.ask("info", "server").splitlines():
                if line.startswith("process_id:"):
                    return int(line.split(":")[1])
            if watch.ended():
                break
            time.sleep(0.1)
        raise CannotRun("the server does not answer")

    @staticmethod
    def spent(pid):
        fields = watched.read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return watched.cpu_s(pid), int(fields[7]) + int(fields[9])

    def load(self):
        argv = ["redis-benchmark", "-p", str(REDIS_PORT), "--csv", "-t", "set,get", "-n", str(REDIS_REQUESTS)]
        argv += ["-r", "100000", "-d", "400", "-c", "16"]
        told = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=TIMEOUT_S).stdout
        rates = [float(row["rps"]) for row in csv.DictReader(told.splitlines())]
        return sum(REDIS_REQUESTS / rate for rate in rates)

    def run(self, tracer, build, result, output):
        watch = watched.Watch(tracer.argv(self.command(build, result), output, False), tracer.watched)
        try:
            pid = self.pid(watch)
            before = self.spent(pid)
            seconds = self.load()
            after = self.spent(pid)
        except (CannotRun, subprocess.SubprocessError, OSError) as error:
            last = watch.finish(0).talk.strip().splitlines()[-1:]
            raise CannotRun(f"{error}; {last}"[:150]) from None
        self.ask("shutdown", "nosave")
        seen = watch.finish(TIMEOUT_S)
        ns, cpu_ns = int(seconds * 1e9), int((after[0] - before[0]) * 1e9)
        return {
            "ns": ns, "quartile_ns": ns, "cpu_ns": cpu_ns, "ops": 2 * REDIS_REQUESTS, "faults": after[1] - before[1],
        }, seen  # fmt: skip


class Unrelated(Workload):
    """A fault storm that nobody traces, while an idle process is traced."""

    def run(self, tracer, build, result, output):
        if not tracer.separate:
            raise CannotRun("works inside its target only")
        storm, idle = Workload("storm", ""), result + ".idle"
        watch = watched.Watch(tracer.argv([f"{build}/bench/loads", "idle", idle], output, False), tracer.watched)
        try:
            pid = self.wait_for(idle, watch)
            time.sleep(0.3)
            seen = watched.run(storm.command(build, result), TIMEOUT_S, look=False)
            os.kill(pid, signal.SIGTERM)
        finally:
            of_tracer = watch.finish(TIMEOUT_S if os.path.exists(idle) else 0)
        return measured(result, seen), of_tracer

    @staticmethod
    def wait_for(path, watch):
        for _ in range(200):
            with contextlib.suppress(OSError, ValueError):
                with open(path, encoding="ascii") as file:
                    return json.load(file)["pid"]
            if watch.ended():
                break
            time.sleep(0.1)
        raise CannotRun("the idle target did not start")


ALL = (
    Workload("nothing", "a program that ends at once: what starting costs", allocates=True),
    Workload("storm", "64 MiB touched in order, 4 KiB pages"),
    Workload("scatter", "the same in no order"),
    Workload("stacks", "the same, each page by a call path of its own, 30 frames"),
    Workload("huge", "128 MiB touched, 2 MiB pages"),
    Workload("file", "64 MiB of a mapped file read"),
    Workload("threads", "8 threads touch and drop 8 MiB each"),
    Workload("churn", "malloc and free with a leak", allocates=True, pairs=2),
    Workload("maps", "mmap, touch 4 pages, munmap"),
    Workload("calls", "system calls that have nothing to do with memory"),
    Workload("switches", "two threads hand a byte to and fro"),
    Workload("forks", "fork, exec, wait; children traced, too", children=True),
    Redis("redis", "redis-benchmark over loopback, set and get", allocates=True, pairs=2),
    Workload("sqlite", "inserts, updates, queries in memory", allocates=True, pairs=2),
    Python("python", "JSON, dictionaries, strings", allocates=True, pairs=3),
    Unrelated("unrelated", "a storm next to a traced process", allocates=True),
    Workload("paced", "10 000 faults a second: see the tracer's own time"),
    Workload("big", "4 GiB touched: see the tracer's own memory", tracers=("untraced", "rsstrace"), rounds=2, touches=4200),
)
