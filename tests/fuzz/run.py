#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Runs the fuzzers: each file of their corpus once, and then, with a fixed seed, a fixed number of changes of them; with --seconds
changes for so long, with a seed of the day. What breaks a fuzzer is written to BUILD/found: a file to be run alone
(BUILD/fuzz_NAME FILE), and kept in its corpus once it is mended.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
CORPUS = {"records": HERE / "corpus/records", "step": HERE.parent / "unit/elf/stacks", "trace": HERE / "corpus/trace"}
RUNS = {"records": 10000, "step": 100000, "trace": 8000}
LIMITS = ["-max_len=8192", "-timeout=20", "-rss_limit_mb=1024", "-print_final_stats=0"]
SHOWN_LINES = 40


def call(argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def complain(output):
    lines = [line for line in output.splitlines() if not re.match(r"(#\d+\s|INFO:|\s*NEW_)", line)]
    print("\n".join(lines[-SHOWN_LINES:]))
    return 1


def run_corpus(fuzzer, name):
    files = sorted(CORPUS[name].iterdir())
    status, output = call([fuzzer, *LIMITS, *files])
    if status:
        return complain(output)
    print(f"{len(files)} files of the corpus")
    return 0 if files else complain("the corpus is empty")


def run_changes(fuzzer, name, found, how):
    with tempfile.TemporaryDirectory() as new:
        status, output = call([fuzzer, *LIMITS, *how, f"-artifact_prefix={found}/", new, CORPUS[name]])
        if status:
            return complain(output)
        done = re.findall(r"Done (\d+) runs", output)
        print(f"{done[-1] if done else '?'} changes of them")
    return 0


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--build", type=pathlib.Path, required=True)
    options.add_argument("--only", choices=RUNS)
    options.add_argument("--seconds", type=int)
    asked = options.parse_args()
    found = asked.build / "found"
    found.mkdir(exist_ok=True)
    status = 0
    for name in [asked.only] if asked.only else RUNS:
        fuzzer = asked.build / f"fuzz_{name}"
        how = [f"-max_total_time={asked.seconds}"] if asked.seconds else [f"-runs={RUNS[name]}", "-seed=1"]
        if not asked.only:
            print(name, flush=True)
        status |= run_corpus(fuzzer, name) or run_changes(fuzzer, name, found, how)
    return status


sys.exit(main())
