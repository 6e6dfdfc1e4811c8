#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Holds the figures of a run of bench.py against those kept in the tree. A slowdown has drifted when the ranges of the two
do not meet and the medians are apart by more than 3 %. It says what moved, it does not judge: another machine is another
figure.
"""
import json
import sys

APART = 0.03
PROGRAM_APART = 0.1


def drift(then, now, most=APART):
    apart = now["median"] / then["median"] - 1
    meet = now["least"] <= then["most"] and then["least"] <= now["most"]
    if meet or abs(apart) <= most:
        return ""
    return "  slower" if apart > 0 else "  faster"


def of_costs(then, now):
    yield "{:<12}{:>26}{:>26}".format("rsstrace", "kept", "now")
    for workload, row in now["figures"].items():
        mine, kept = row.get("rsstrace", {}), then["figures"].get(workload, {}).get("rsstrace", {})
        new, old = mine.get("slowdown"), kept.get("slowdown")
        if not new:
            continue
        texts = ["x{median:.3f} ({least:.3f} - {most:.3f})".format(**side) if side else "-" for side in (old, new)]
        more = drift(old, new) if old else "  new"
        if mine.get("lost"):
            more += f"  {mine['lost']} events lost"
        if kept.get("bytes_per_fault") and mine.get("bytes_per_fault"):
            before, after = kept["bytes_per_fault"], mine["bytes_per_fault"]
            if abs(after / before - 1) > 0.2:
                more += f"  bytes per fault {before:.1f} -> {after:.1f}"
        yield f"{workload:<12}{texts[0]:>26}{texts[1]:>26}{more}"


def of_turns(then, now):
    """What the programs take of a load's processor time is known better than how much longer that takes."""
    kept = then.get("turns", {})
    for load, row in now.get("turns", {}).items():
        new, old = (side.get(load, {}).get("programs") for side in (now["turns"], kept))
        if not new:
            continue
        more = drift(old, new, PROGRAM_APART) if old else "  new"
        texts = ["{:.2%} ({:.2%} - {:.2%})".format(*map(side.get, ("median", "least", "most"))) if side else "-" for side in (old, new)]
        yield f"{load:<12}{texts[0]:>26}{texts[1]:>26}{more}"


def of_programs(then, now):
    old, new = then.get("programs", {}), now.get("programs", {})
    yield "verified instructions: {} programs, {} -> {} programs, {}".format(
        len(old), sum(old.values()), len(new), sum(new.values())
    )
    for name in sorted(set(old) | set(new)):
        before, after = old.get(name), new.get(name)
        if not before or not after:
            yield f"  {name:<16} {before or '-'} -> {after or '-'}"
        elif abs(after / before - 1) > PROGRAM_APART:
            yield f"  {name:<16} {before} -> {after}  {after / before - 1:+.0%}"


def main():
    kept, run = sys.argv[1:]
    with open(kept, encoding="utf-8") as file:
        then = json.load(file)
    with open(run, encoding="utf-8") as file:
        now = json.load(file)
    if then["machine"] != now["machine"]:
        print(f"kept: {then['machine']}\nnow:  {now['machine']}\nanother machine: only large differences mean something")
    print("\n".join(of_costs(then, now)))
    print("the programs' share of a load's processor time\n" + "\n".join(of_turns(then, now)))
    print("\n".join(of_programs(then, now)))


main()
