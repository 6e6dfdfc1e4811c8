#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How many of the bytes that were faulted in have a call stack that reaches the root, program by program.

usage: check_stacks.py [--build DIR] [--keep DIR] [NAME...]   NAME: part of a program's name
A program that cannot be built or is not there skips by name. Exit status 1: one is below its bound.
tests/integration/test_whole_stacks.py asks the same of those that belong to `make check`.
"""
import argparse
import functools
import glob
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import return_addresses

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
FIXTURES = os.path.join(HERE, "fixtures")
PATIENCE_S = 120
NO_LIBRARY = 77  # exit status of big_object.c
WHOLE = 99.9
DLOPEN_HEAVY = 99.5  # what is asked of a process that loads library after library
# of a process with a library of 100 MiB, as told by -v
LARGE = {
    r"attached in (\d+) ms": 1500,
    r"first names (\d+) ms after the first stack": 1000,
    r"took ([\d.]+) MiB of its own": 64,
    r"kernel maps ([\d.]+) MiB": 64,
}


class Skip(Exception):
    """The program cannot be had here; the text says why."""


class Place:
    """Where things are built and recorded."""

    def __init__(self, build, folder):
        self.rsstrace = os.path.abspath(os.path.join(build, "rsstrace"))
        self.folder = os.path.abspath(folder)
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, argv, **more):
        """Runs a helper to its end; its output matters only when it fails."""
        done = subprocess.run(argv, stdin=more.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=PATIENCE_S,
                              env=self.env, check=False, **more)
        if done.returncode:
            raise Skip(f"{argv[0]} failed: {(done.stdout.strip().splitlines() or ['no word'])[-1]}")

    def build(self, name, *argv):
        """The program @argv writes with -o."""
        if not os.path.exists(self.path(name)):
            self.run([found(argv[0]), *argv[1:], "-o", self.path(name)], cwd=FIXTURES)
        return self.path(name)

    def launch(self, trace, argv, options=(), stdin=None):
        """Records a command from its first instruction, where it may leave what it likes: node writes a log."""
        with open(stdin or os.devnull, encoding="utf-8") as source:
            done = subprocess.run([self.rsstrace, "record", "-q", "-o", trace, *options, "--", *argv], stdin=source,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
                                  timeout=PATIENCE_S, env=self.env, cwd=self.folder, check=False)
        assert done.returncode == 0, f"{argv}: exit status {done.returncode}: {done.stderr}"

    def attach(self, trace, pid):
        """A recorder of a process, once every hook is live."""
        tracer = subprocess.Popen([self.rsstrace, "record", "-v", "-o", trace, "-p", str(pid)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        first = tracer.stderr.readline()
        assert first.startswith("rsstrace: attached"), first
        return tracer


def found(program):
    path = shutil.which(program)
    if not path:
        raise Skip(f"no {program}")
    return path


def system_python():
    """Not a version manager's shim, which is a shell script."""
    for path in ("/usr/bin/python3", "/usr/local/bin/python3"):
        if os.access(path, os.X_OK):
            return path
    raise Skip("no /usr/bin/python3")


def python_with_perf():
    """3.12 or later: it can give each function of a script a trampoline, and name it in a perf map."""
    homes = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.1[2-9]*/bin/python3")), reverse=True)
    for path in [*filter(None, map(shutil.which, ("python3.14", "python3.13", "python3.12"))), *homes, system_python()]:
        asked = subprocess.run([path, "-X", "perf", "-c", "import sys; sys.exit(not sys.is_stack_trampoline_active())"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if asked.returncode == 0:
            return path
    raise Skip("no python 3.12 with trampolines")


def python_shim():
    path = found("python3")
    with open(path, "rb") as program:
        if program.read(2) != b"#!":
            raise Skip("python3 is no script here")
    return path


# --- the programs: each takes a place and the trace to write --------------------------------------


def launched(build, options=()):
    def record(place, trace):
        place.launch(trace, build(place), options)

    return record


def c_program(*flags, strip=False):
    def build(place):
        name = "calls" + "".join(flags) + ("-stripped" if strip else "")
        path = place.build(name, "gcc", "-O2", "-g", *flags, "calls.c", "-lpthread")
        if strip:
            place.run(["strip", path])
        return [path]

    return build


def cxx_program(compiler):
    return lambda place: [place.build(f"exceptions-{compiler}", compiler, "-O2", "exceptions.cc", "-lpthread")]


def rust_program(place):
    return [place.build("collections", "rustc", "-O", "collections.rs")]


def go_program(*flags, source="goroutines"):
    def build(place):
        place.env.setdefault("GOCACHE", place.path("go-cache"))
        place.env.setdefault("HOME", place.folder)
        name = source + "".join(flags).replace("=", "")
        go = found("go")
        if not os.path.exists(place.path(name)):
            place.run([go, "build", *flags, "-o", place.path(name), f"{source}.go"], cwd=FIXTURES)
        return [place.path(name)]

    return build


def script(interpreter, name, *more):
    return lambda place: [interpreter(), os.path.join(FIXTURES, name), *more]


def attached(build, most=None):
    """Attaches to what says "ready" and then waits for a line; @most: limits to the numbers that -v tells."""

    def record(place, trace):
        target = subprocess.Popen(build(place), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=place.env)
        with target:
            if target.stdout.readline() != "ready\n":
                raise Skip("there is no LLVM to map" if target.wait() == NO_LIBRARY else "it does not begin")
            tracer = place.attach(trace, target.pid)
            target.stdin.write("\n")
            target.stdin.close()
            _, talk = tracer.communicate(timeout=PATIENCE_S)
            assert tracer.returncode == 0, talk
        for pattern, limit in (most or {}).items():
            told = re.search(pattern, talk)
            assert told and float(told[1]) <= limit, f"not at most {limit}: {pattern} in {talk}"
        return [line.partition(": ")[2] for line in talk.splitlines() if "unwind tables" in line or " of its own" in line]

    return record


def odd_frames(*flags):
    """Its stacks must be whole, and told with their names."""

    def record(place, trace):
        launched(lambda _: [place.build("odd_frames" + "".join(flags), "gcc", "-O2", "-g", *flags, "odd_frames.c")])(place, trace)
        told = {tuple(symbols(stack)[:3]): symbols(stack) for stack in stacks_of(place, trace) if stack["complete"]}
        for begin in (("odd_leaf", "down", "down"), ("plain_leaf", "odd_middle", "down"), ("odd_leaf", "big", "left"),
                      ("odd_leaf", "big", "right")):
            assert "main" in told.get(begin, ()), f"no whole stack begins with {begin}"

    return record


def big_object(place):
    return [place.build("big_object", "gcc", "-O2", "big_object.c")]


def java(place):
    """Keys are made by a class every runtime has; its perf map is written when it ends."""
    place.run([found("java"), "-XX:+UnlockDiagnosticVMOptions", "-XX:+DumpPerfMapAtExit", "-version"])
    return [found("java"), "-XX:+UnlockDiagnosticVMOptions", "-XX:+DumpPerfMapAtExit", "-XX:+PreserveFramePointer",
            "-m", "java.base/sun.security.tools.keytool.Main", "-genkeypair", "-keyalg", "RSA", "-keysize", "2048",
            "-dname", "CN=rsstrace", "-storepass", "rsstrace", "-keystore", place.path(f"keys-{time.monotonic_ns()}")]


def postgres(place, trace):
    """A cluster of its own in one process: what a backend does, without the others."""
    homes = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    if not homes:
        raise Skip("no postgres")
    data = place.path("postgres")
    as_user = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
    os.makedirs(data, exist_ok=True)
    os.chmod(place.folder, 0o755)
    shutil.chown(data, "nobody", "nogroup")
    if not os.path.exists(os.path.join(data, "PG_VERSION")):
        place.run([*as_user, f"{homes[0]}/initdb", "-D", data, "-N", "--locale=C", "-E", "UTF8"], cwd="/")
    with open(os.path.join(FIXTURES, "rows_postgres.sql"), encoding="utf-8") as source:
        statements = source.read().replace("\n", " ") + "\n"
    with open(place.path("statements"), "w", encoding="utf-8") as told:
        told.write(statements)
    place.launch(trace, [*as_user, f"{homes[0]}/postgres", "--single", "-j", "-D", data, "template1"],
                 stdin=place.path("statements"))


def sqlite(place, trace):
    place.launch(trace, [found("sqlite3"), ":memory:"], stdin=os.path.join(FIXTURES, "rows.sql"))


def redis(place, trace):
    server, client, load = found("redis-server"), found("redis-cli"), found("redis-benchmark")
    socket = place.path("redis.sock")
    recorder = subprocess.Popen(
        [place.rsstrace, "record", "-q", "-o", trace, "--", server, "--port", "0", "--unixsocket", socket,
         "--save", "", "--appendonly", "no", "--daemonize", "no"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=place.folder)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while not os.path.exists(socket) and recorder.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        place.run([load, "-s", socket, "-n", "20000", "-r", "20000", "-d", "200", "-t", "set,lpush,hset,sadd", "-q"])
        place.run([client, "-s", socket, "shutdown", "nosave"])
        _, talk = recorder.communicate(timeout=PATIENCE_S)
        assert recorder.returncode == 0, talk
    finally:
        if recorder.poll() is None:
            recorder.send_signal(signal.SIGTERM)
            recorder.wait()


def compiler(name, *options):
    def record(place, trace):
        place.launch(trace, [found(name), "-O2", "-c", os.path.join(FIXTURES, "exceptions.cc"), "-o",
                             place.path(f"{name}.o")], options)

    return record


# name, bound in percent, does it belong to `make check` (what it needs comes with `make deps`, or it is quick), recorder
PROGRAMS = [
    ("c", WHOLE, True, launched(c_program())),
    ("c-static", WHOLE, True, launched(c_program("-static"))),
    ("c-stripped", WHOLE, True, launched(c_program(strip=True))),
    ("c-static-stripped", WHOLE, True, launched(c_program("-static", strip=True))),
    ("cut-mapping", WHOLE, True, launched(lambda place: [place.build("cut_mapping", "gcc", "-O2", "-Wl,-z,noseparate-code",
                                                                     "cut_mapping.c")])),
    ("realigned", WHOLE, True, launched(lambda place: [place.build("realigned", "gcc", "-O2", "-g", "realigned.c")])),
    ("odd-frames", WHOLE, True, odd_frames()),
    ("odd-frames-fixed", WHOLE, True, odd_frames("-no-pie")),
    ("cxx", WHOLE, True, launched(cxx_program("g++"))),
    ("cxx-clang", WHOLE, True, launched(cxx_program("clang++"))),
    ("rust", WHOLE, False, launched(rust_program)),
    ("go", WHOLE, True, launched(go_program())),
    ("go-stripped", WHOLE, True, launched(go_program("-ldflags=-s -w"))),
    ("go-cgo", WHOLE, False, launched(go_program(source="cgo"))),
    ("go-cgo-pie", WHOLE, False, launched(go_program("-buildmode=pie", source="cgo"))),
    ("go-cgo-pie-stripped", WHOLE, False, launched(go_program("-buildmode=pie", "-ldflags=-s -w", source="cgo"))),
    ("python-attached", WHOLE, True, attached(script(system_python, "objects.py", "wait"))),
    ("python-started", WHOLE, True, launched(script(system_python, "objects.py"))),
    ("python-imports", DLOPEN_HEAVY, True, launched(script(system_python, "imports.py"))),
    ("python-perf", WHOLE, True, launched(lambda place: [python_with_perf(), "-X", "perf",
                                                          os.path.join(FIXTURES, "objects.py")])),
    ("python-shim", WHOLE, False, launched(script(python_shim, "objects.py"))),
    ("redis", WHOLE, True, redis),
    ("sqlite", WHOLE, True, sqlite),
    ("postgres", WHOLE, False, postgres),
    ("node", WHOLE, False, launched(lambda place: [found("node"), "--perf-basic-prof", os.path.join(FIXTURES, "objects.js")])),
    ("java", WHOLE, False, launched(java)),
    ("big-object", WHOLE, False, attached(big_object, LARGE)),
    ("clang", WHOLE, True, compiler("clang++")),
    ("gcc", WHOLE, False, compiler("g++", "--children")),
    ("short-children", WHOLE, True, launched(script(lambda: found("sh"), "children.sh"), ["--children"])),
]


# --- the verdict ------------------------------------------------------------------------------------


def stacks_of(place, trace):
    done = subprocess.run([place.rsstrace, "report", "--json", "--all", trace], stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, "the trace does not read"
    return json.loads(done.stdout)["stacks"]


def symbols(stack):
    return [frame["symbol"] for frame in stack["frames"]]


def told_by_trace(place, trace, *types):
    """The records of these types, in their order."""
    told = subprocess.run([place.rsstrace, "export", "-q", "--format", "jsonl", trace], stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True, errors="replace", check=True)
    begins = tuple(f'{{"type":"{name}"' for name in types)
    return [json.loads(line) for line in told.stdout.splitlines() if line.startswith(begins)]


def without_stack(place, trace):
    """Faulted bytes of which nothing is known, not even where the thread was."""
    return sum(fault["pages"] * 4096 for fault in told_by_trace(place, trace, "fault") if not fault["stack"])


def completeness(place, trace):
    """(percent of faulted bytes whose stack is whole, faulted bytes, stacks, the largest that is not, places that whole stacks
    return to, those of them not behind a call)."""
    stacks = stacks_of(place, trace)
    faulted = sum(stack["faulted"] for stack in stacks) + without_stack(place, trace)
    whole = sum(stack["faulted"] for stack in stacks if stack["complete"])
    places, astray = return_addresses.judge(stacks)
    broken = sorted((stack for stack in stacks if not stack["complete"]), key=lambda stack: -stack["faulted"])
    return 100 * whole / faulted if faulted else 0, faulted, len(stacks), broken, places, astray


def delays_ms(place, trace):
    """Of each stack that was told as a part first and then as a whole: how long that took, sorted."""
    parts, found = {}, []
    for stack in told_by_trace(place, trace, "stack"):
        key = stack["space"], stack["id"]
        if not stack["complete"]:
            parts.setdefault(key, stack["ts_ns"])
        elif key in parts:
            found.append((stack["ts_ns"] - parts.pop(key)) / 1e6)
    return sorted(found)


def sentence(stack):
    names = [frame["symbol"] or frame["offset"] or "?" for frame in stack["frames"]]
    more = " ..." if len(names) > 5 else ""
    return f"{stack['faulted'] >> 10} KiB: {' < '.join(map(str, names[:5]))}{more} ({len(names)} frames)"


def check(place, name, bound, record):
    """Records, judges and prints one program: whether it holds its bound; None: it skipped."""
    trace = place.path(f"{name}.rsst")
    begin = time.monotonic()
    try:
        told = record(place, trace)
    except Skip as why:
        print(f"  skip  {name:<18} {why}", flush=True)
        return None
    except AssertionError as why:
        print(f"  FAIL  {name:<18} {why}", flush=True)
        return False
    percent, faulted, nr, broken, places, astray = completeness(place, trace)
    ok = bool(faulted > 0 and percent >= bound and places and not astray)
    late = delays_ms(place, trace)
    print(f"  {'ok' if ok else 'FAIL':<5} {name:<18} {percent:8.4f} % of {faulted / 2**20:7.1f} MiB in {nr:5} stacks"
          f" whole, at least {bound} asked; {len(astray)} of {places} return addresses not behind a call"
          f" ({time.monotonic() - begin:.1f} s)", flush=True)
    if late:
        print(f"          {len(late)} stacks waited for a table: {statistics.median(late):.1f} ms, {late[-1]:.1f} ms at most")
    for line in told or []:
        print(f"          {line}")
    for path, offset in sorted(astray)[:3]:
        print(f"          {path}+{offset + 1:#x} is not behind a call")
    for stack in broken[:3] if not ok else []:
        print(f"          {sentence(stack)}")
    return ok


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", default=os.path.join(TOP, "build"))
    options.add_argument("--keep", metavar="DIR", help="leave the programs and traces there")
    options.add_argument("names", nargs="*", metavar="NAME")
    asked = options.parse_args()
    if os.geteuid():
        print("  skip  every program: not root")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        if asked.keep:
            os.makedirs(asked.keep, exist_ok=True)
        place = Place(asked.build, asked.keep or folder)
        run = functools.partial(check, place)
        chosen = [p for p in PROGRAMS if not asked.names or any(part in p[0] for part in asked.names)]
        verdicts = [run(name, bound, record) for name, bound, _, record in chosen]
    nr_held, nr_judged = verdicts.count(True), len(verdicts) - verdicts.count(None)
    print(f"{nr_held} of {nr_judged} hold their bound, {len(verdicts) - nr_judged} skipped")
    return 0 if verdicts and nr_held == nr_judged else 1


if __name__ == "__main__":
    sys.exit(main())
