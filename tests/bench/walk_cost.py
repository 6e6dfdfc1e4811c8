#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
What the walk of a stack costs a page fault, by the kernel's statistics of the BPF program that does nothing else
(walk/walk_cost.c), beside one that calls bpf_get_stack(). A program's share in running at all is in its figure; what a
program that does nothing costs is told, too. Medians over the rounds; a ratio is that of two runs of one round.
"""
import argparse
import json
import os
import subprocess
import sys

import tables

FRAME_POINTERS, NONE = "frame pointers", "none"
KINDS = {1: "same", 4096: "one_of_4096", 65536: "new"}
ROW = "{:>8}{:>8}{:>8}{:>8}{:>16}{:>8}{:>8}{:>9}{:>12}{:>10}{:>9}"
HEAD = """the walk of a stack by rsstrace's tables and by bpf_get_stack(), ns a fault; a program that does nothing: {:.0f}"""
LEGEND = """same, 4096, new: ours, no frame pointers, of always the same stack (found again, not walked), of 4096 in turn, of stacks never seen, which
are told, too. bpf_get_stack, ours, ratio: 4096 stacks in turn of a program built with frame pointers. found: frames that each finds; without:
bpf_get_stack() without frame pointers"""


def measured(build, rounds):
    walk = os.path.join(build, "bench", "walk")
    done = subprocess.run([f"{walk}/walk_cost", str(rounds), f"{walk}/deep_fp", f"{walk}/deep_none"], stdout=subprocess.PIPE,
                          text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def figures(build, rounds):
    """As JSON: nothing: ns; frames: {frames: {...}}; None: this machine cannot tell."""
    try:
        runs = measured(build, rounds)
    except (OSError, subprocess.CalledProcessError) as why:
        print(f"bench: the walk was not measured: {why}", file=sys.stderr)
        return None

    def of(key, **wanted):
        """By round."""
        return {run["round"]: run[key] for run in runs if all(run[name] == value for name, value in wanted.items())}

    found = {}
    for frames in sorted({run["frames"] for run in runs}):
        row = found[str(frames)] = {}
        for stacks, kind in KINDS.items():
            row[kind] = tables.of(of("ns", build=NONE, frames=frames, stacks=stacks, program="by_tables").values())
        beside = {"frames": frames, "stacks": 4096, "build": FRAME_POINTERS}
        ours, theirs = of("ns", program="by_tables", **beside), of("ns", program="by_get_stack", **beside)
        row["beside"], row["get_stack"] = tables.of(ours.values()), tables.of(theirs.values())
        row["ratio"] = tables.of(ours[number] / theirs[number] for number in ours)
        row["found"] = min(of("found", program="by_tables", frames=frames, stacks=4096, build=NONE).values())
        row["get_stack_found"] = min(of("found", program="by_get_stack", **beside).values())
        row["get_stack_found_without"] = min(of("found", program="by_get_stack", **dict(beside, build=NONE)).values())
        row["reused"] = min(of("reused", program="by_tables", frames=frames, stacks=1, build=NONE).values())
    return {"nothing_ns": tables.of(of("ns", program="nothing", stacks=1, frames=6, build=NONE).values()), "frames": found}


def as_text(told):
    lines = [HEAD.format(told["nothing_ns"]["median"]),
             ROW.format("frames", "same", "4096", "new", "bpf_get_stack", "ours", "ratio", "found:", "ours", "get_stack", "without"),
             *(ROW.format(frames, *(f"{row[key]['median']:.0f}" for key in (*KINDS.values(), "get_stack", "beside")),
                          f"{row['ratio']['median']:.2f}", "", row["found"], row["get_stack_found"], row["get_stack_found_without"])
               for frames, row in told["frames"].items())]
    return "\n".join(lines + [LEGEND])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="where the figures go")
    given = parser.parse_args()
    if os.geteuid():
        sys.exit("bench: tracing needs root")
    told = figures(given.build, given.rounds)
    if not told:
        return 1
    print(as_text(told))
    if given.json:
        with open(given.json, "w", encoding="ascii") as file:
            json.dump(told, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
