#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Each unique stack the kernel side walked, beside what libdwfl makes of the same registers and the same words, program by program.

usage: check_truth.py [--build DIR] [--show N] [NAME...]   DIR: built with UNWIND_TRUTH; NAME: part of a program's name

identical   the same frames
longer      libdwfl gives up sooner, and each address we go on to is behind a call instruction
guessed     libdwfl has no rule for the code and takes rbp for a frame pointer, or nothing; each of ours is behind a call
astray      libdwfl goes on, or another way, to an address that is in no code or not behind a call; each of ours is
beyond      our root is in code that libdwfl has no rule for, and it guesses on
later       the kernel side came as far as libdwfl or less, and said so; from its copy the rest was walked to what libdwfl has
part        the same, but from its copy not so far, or farther than libdwfl gets
different   none of these. Must be 0
Exit status 1: one was different, or of a program nothing was compared.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import check_stacks
import return_addresses

STACK_END_ROOT = 1
PATIENCE_S = 60
KINDS = ("identical", "longer", "guessed", "astray", "beyond", "later", "part", "different")
GOEXIT = b"\x90\xe8"  # nop; call: Go's runtime puts the address of the call there by hand, below the first function of a goroutine


def code_around(code, frame):
    """(bytes before a frame's pc, bytes from it on)."""
    _, path, offset, _, told = frame
    if not path:
        told = bytes.fromhex(told or "")
        return told[:return_addresses.LONGEST], told[return_addresses.LONGEST:]
    before = code.at(path, offset - return_addresses.LONGEST, return_addresses.LONGEST)
    return before, code.at(path, offset, len(return_addresses.SIGRETURN))


def behind_calls(code, frames):
    """Is each of these frames behind a call, or the other side of a signal? The outermost may be where Go begins."""
    interrupted = False
    for nr, frame in enumerate(frames, 1):
        before, after = code_around(code, frame)
        signal = after == return_addresses.SIGRETURN
        begins = nr == len(frames) and before[-1:] + after[:1] == GOEXIT
        called = len(before) == return_addresses.LONGEST and return_addresses.ends_with_call(before)
        if not (signal or interrupted or begins or called):
            return False
        interrupted = signal
    return True


def common(ours, theirs):
    """Frames the two have in common, from the innermost on."""
    nr = 0
    while nr < min(len(ours), len(theirs)) and ours[nr][0] == theirs[nr][0]:
        nr += 1
    return nr


def kind_of(code, stack, told):
    """@told: the frames of the stacks the trace calls whole, by id."""
    ours, theirs = stack["ours"], stack["theirs"]
    nr = common(ours, theirs)
    if stack["end"] != STACK_END_ROOT and nr == len(ours):
        return "later" if told.get(stack["id"]) == [int(frame[0], 16) for frame in theirs] else "part"
    if nr == len(ours) == len(theirs):
        return "identical"
    if not nr or not behind_calls(code, ours[nr:]):
        return "different"
    if not ours[nr - 1][3]:
        return "guessed" if nr < len(ours) else "beyond"
    if nr == len(theirs):
        return "longer"
    return "different" if behind_calls(code, theirs[nr:]) else "astray"


def show(stack, told):
    nr = common(stack["ours"], stack["theirs"])
    print(f"          stack {stack['id']} ends by {stack['end']}; {nr} frames are common")
    for pc, path, offset, has_cfi, _ in stack["ours"][max(0, nr - 2):nr + 3]:
        print(f"            ours   {pc} {path}+{offset:#x}{'' if has_cfi else ', no rule for libdwfl'}")
    print(f"            theirs {' '.join(pc for pc, *_ in stack['theirs'][max(0, nr - 2):nr + 3])}")
    if stack["end"] != STACK_END_ROOT:
        print(f"            told   {' '.join(f'{pc:x}' for pc in told.get(stack['id'], ())[max(0, nr - 2):nr + 3])}")


def whole_stacks(place, trace):
    """{id: frames} of the stacks a trace tells of as whole."""
    told = subprocess.run([place.rsstrace, "export", "-q", "--format", "jsonl", trace], stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True, errors="replace", check=True)
    stacks = (json.loads(line) for line in told.stdout.splitlines() if line.startswith('{"type":"stack"'))
    return {stack["id"]: [int(pc, 16) for pc in stack["frames"]] for stack in stacks if stack["complete"]}


def walked(build, record, place, trace):
    """(totals, the stacks the two do not agree on) of a program."""
    judge = subprocess.Popen([os.path.join(build, "stack_truth")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env=dict(os.environ, DEBUGINFOD_URLS=""))
    try:
        record(place, trace)
    finally:
        lines, talk = judge.communicate(timeout=PATIENCE_S)
    assert judge.returncode == 0, talk
    *stacks, totals = map(json.loads, lines.splitlines())
    return totals, stacks


def check(build, place, name, record, nr_shown):
    """Records, judges and prints one program: (verdict, figures); None: it skipped."""
    try:
        totals, stacks = walked(build, record, place, place.path(f"{name}.rsst"))
    except check_stacks.Skip as why:
        print(f"  skip  {name:<18} {why}", flush=True)
        return None
    code, found = return_addresses.Code(), {kind: [] for kind in KINDS}
    told = whole_stacks(place, place.path(f"{name}.rsst"))
    for stack in stacks:
        found[kind_of(code, stack, told)].append(stack)
    figures = dict({kind: len(found[kind]) for kind in KINDS}, stacks=totals["stacks"])
    figures["identical"] += totals["identical"]
    ok = totals["stacks"] > 0 and not figures["different"]
    print(f"  {'ok' if ok else 'FAIL':<5} {name:<18} {totals['stacks']:6} stacks, {totals['moments']:6} moments: {told_of(figures)};"
          f" not compared: {totals['gone']} moments of processes that were over, {totals['lost']} that did not fit", flush=True)
    for kind in KINDS[1:]:
        for stack in found[kind][:nr_shown if kind != "different" else max(nr_shown, 3)]:
            print(f"        {kind}:")
            show(stack, told)
    return ok, figures


def told_of(figures):
    return ", ".join(f"{figures[kind]} {kind}" for kind in KINDS if figures[kind] or kind == KINDS[-1])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", default=os.path.join(check_stacks.TOP, "build/truth"))
    options.add_argument("--show", type=int, default=0, metavar="N", help="so many stacks of each kind")
    options.add_argument("names", nargs="*", metavar="NAME")
    asked = options.parse_args()
    if os.geteuid():
        print("  skip  every program: not root")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        place = check_stacks.Place(asked.build, folder)
        verdicts = [check(asked.build, place, name, record, asked.show) for name, _, _, record in check_stacks.PROGRAMS
                    if not asked.names or any(part in name for part in asked.names)]
    held = [verdict for verdict in verdicts if verdict]
    sums = {kind: sum(figures[kind] for _, figures in held) for kind in (*KINDS, "stacks")}
    print(f"{sums['stacks']} stacks of {len(held)} programs: {told_of(sums)}")
    return 0 if verdicts and all(ok for ok, _ in held) else 1


if __name__ == "__main__":
    sys.exit(main())
