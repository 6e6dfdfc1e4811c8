#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A day of recording in a minute: build/bench/day writes it through rsstrace's own writer and model, rsstrace reads it."""
import argparse
import json
import os
import subprocess
import sys
import tempfile

MIB = 1 << 20
PERF_BYTES = 56  # of a fault in perf.data, without a stack


def simulate(build, trace, hours, faults, stages):
    """A dict a stage: hours, faults, file_bytes, rss_bytes (of the writing process), ..."""
    argv = [os.path.join(build, "bench", "day"), trace, str(hours), str(faults), str(stages)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


# The kernel counts what a process was before execve(2), too: a small one starts it.
MEASURE = """import resource, subprocess, sys, time
begin = time.monotonic()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
print(time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024, done.stderr.strip())"""


def read(build, trace, *argv):
    """(seconds, peak RSS in bytes, what -v says of the effort) of a report."""
    command = [os.path.join(build, "rsstrace"), "report", "-v", *argv, trace]
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, *command], stdout=subprocess.PIPE, text=True, check=True)
    seconds, rss, said = (done.stdout.strip() + " ").split(" ", 2)
    return float(seconds), int(rss), said.strip().removeprefix("rsstrace: ")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--faults", type=int, default=1000, help="a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "day.rsst")
        stages = simulate(options.build, trace, options.hours, options.faults, 12)
        last = stages[-1]
        print(f"{options.hours:g} h at {options.faults} faults/s: {last['faults']:,} faults, {last['records']:,} records")
        print(f"trace    {last['file_bytes'] / MIB:.0f} MiB, {last['file_bytes'] / last['faults']:.1f} bytes a fault (perf: {PERF_BYTES})")
        print(f"writing  {last['cpu_s']:.1f} s of processor time, {last['cpu_s'] / last['records'] * 1e9:.0f} ns a record, decoded, booked and packed")
        for name, argv in (("all of it", []), ("--at half", ["--at", f"{int(options.hours * 1800)}s"]), ("--at -1m", ["--at", "-1m"]),
                           ("--at peak", ["--at", "peak"]), ("--from -1m", ["--from", "-1m"])):  # fmt: skip
            seconds, rss, said = read(options.build, trace, *argv)
            print(f"reading  {name:10}  {seconds:6.2f} s  {rss / MIB:4.0f} MiB of memory  {said}")
        print("memory   of the writing side by hour: " + ", ".join(f"{s['hours']:.0f} h {s['rss_bytes'] / MIB:.1f} MiB" for s in stages))


if __name__ == "__main__":
    main()
