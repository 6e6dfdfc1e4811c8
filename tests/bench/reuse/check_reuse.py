#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Stacks that an earlier walk found, held against a new walk each (bpf/stack_memo.bpf.h). Needs an rsstrace built with
UNWIND_CHECK_REUSE: `make check-reuse`. Prints a line a program; exit status 1: a stack was wrong, or none was reused.
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LOADS = ("storm", "stacks", "churn", "threads", "sqlite", "forks", "maps")


def built(folder, argv):
    """The program argv writes, as a command; None: no compiler for it."""
    out = os.path.join(folder, os.path.basename(argv[-1]) + ".bin")
    place = argv.index("-o") + 1
    try:
        subprocess.run([*argv[:place], out, *argv[place:]], check=True, cwd=HERE, env=dict(os.environ, GOCACHE=folder))
    except (OSError, subprocess.CalledProcessError):
        return None
    return [out]


def counters(build, command, trace):
    argv = [f"{build}/rsstrace", "record", "-q", "-f", "--children", "-o", trace, "--", *command]
    status = subprocess.run(argv, stdout=subprocess.DEVNULL, check=False).returncode
    told = subprocess.run(
        [f"{build}/rsstrace", "export", "--format", "jsonl", "-o", "-", trace], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    stats = [line for line in told.splitlines() if line.startswith('{"type":"stats"')]
    return status, json.loads(stats[-1])["counters"]


def main():
    build, loads = sys.argv[1:]
    bad, checked = 0, 0
    with tempfile.TemporaryDirectory(prefix="reuse-") as folder:
        result, trace = os.path.join(folder, "result"), os.path.join(folder, "trace.rsst")
        commands = {name: [loads, name, result] for name in LOADS}
        commands["python"] = ["/usr/bin/python3", os.path.join(os.path.dirname(HERE), "load_python.py"), result]
        commands["python imports"] = ["/usr/bin/python3", "-c", "import asyncio, decimal, http.server, sqlite3, unittest.mock"]
        commands["C++"] = built(folder, ["g++", "-O2", "-o", "maps.cc"])
        commands["C++ -O0"] = built(folder, ["g++", "-O0", "-o", "maps.cc"])
        commands["Go"] = built(folder, ["go", "build", "-o", "trees.go"])
        print("{:<16}{:>10}{:>10}{:>8}{:>8}".format("", "stacks", "reused", "share", "wrong"))
        for name, command in commands.items():
            if not command:
                print(f"{name:<16} skipped: does not compile here")
                continue
            status, found = counters(build, command, trace)
            walked, reused, wrong = (found[key] for key in ("STACKS_WALKED", "STACKS_REUSED", "REUSE_WRONG"))
            checked += reused
            bad += wrong + (status != 0)
            note = f"  exit status {status}" if status else ""
            print(f"{name:<16}{walked:>10}{reused:>10}{reused / max(walked, 1):>8.1%}{wrong:>8}{note}")
    return 1 if bad or not checked else 0


sys.exit(main())
