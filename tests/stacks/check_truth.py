#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Each unique stack the kernel side walked, beside what libdwfl makes of the same registers and the same words, program by program.

usage: check_truth.py [--build DIR] [--show N] [--cases TO] [NAME...]
DIR: built with UNWIND_TRUTH; TO: write walks there that are cases for tests/unit/elf; NAME: part of a program's name

identical   the same frames
longer      libdwfl gives up sooner, and each address we go on to is behind a call instruction
guessed     libdwfl has no rule for the code and takes rbp for a frame pointer, or nothing; each of ours is behind a call
astray      libdwfl goes on, or another way, to an address that is in no code or not behind a call; each of ours is
beyond      our root is in code that libdwfl has no rule for, and it guesses on; or it goes on in the same file, to such code
later       the kernel side came as far as libdwfl or less, and said so; its copy was walked afterwards, to one of the above
unseen      the same, but it was walked through what a JIT made and nobody looked at in time; a tenth at most
part        the same, and there was no copy, or it did not lead to the root either: told as incomplete. Of the faulted bytes their
            share must be as small as check_stacks.py asks
different   none of these. Must be 0
Exit status 1: one was different, too much in part, or of a program nothing was compared.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

import check_stacks
import return_addresses
import truth_cases

STACK_END_ROOT = 1
PATIENCE_S = 60
UNSEEN_MOST = 0.1
LINGER_S = 3  # programs that can stay for so long: what a JIT made is looked at while they are there
KINDS = ("identical", "longer", "guessed", "astray", "beyond", "later", "unseen", "part", "different")
GOEXIT = b"\x90\xe8"  # nop; call: Go's runtime puts the address of the call there by hand, below the first function of a goroutine
# mov -16(%rbp),%rsp; movq $0,-16(%rbp): where Java's interpreter goes on after an invocation, pushed by hand, too
JAVA_RETURN = b"\x48\x8b\x65\xf0\x48\xc7\x45\xf0"


class Place:
    """Where the code of address spaces is: in which files, or what it is."""

    def __init__(self, spaces):
        self.code = return_addresses.Code()
        self.spaces = {space["space"]: space["code"] for space in spaces}

    def file_of(self, space, pc):
        """(path, offset), None: it is in none."""
        for start, end, offset, path in self.spaces[space]:
            if start < pc <= end:
                return path, pc - start + offset
        return None

    def around(self, space, frame):
        """(bytes before a frame's pc, bytes from it on)."""
        found, longest = self.file_of(space, frame[0]), return_addresses.LONGEST
        if not found:
            told = bytes.fromhex(frame[2])
            return told[:longest], told[longest:]
        path, offset = found
        return self.code.at(path, offset - longest, longest), self.code.at(path, offset, len(return_addresses.SIGRETURN))


def unproven(place, space, frames, others=()):
    """The first of these frames that is not behind a call, nor the other side of a signal; None: each is. Some return addresses
    are pushed by hand; @others: pcs somebody else found, too."""
    interrupted = False
    for nr, frame in enumerate(frames, 1):
        before, after = place.around(space, frame)
        signal = after == return_addresses.SIGRETURN
        pushed = nr == len(frames) and before[-1:] + after[:1] == GOEXIT or not place.file_of(space, frame[0]) and after.startswith(JAVA_RETURN)
        called = len(before) == return_addresses.LONGEST and return_addresses.ends_with_call(before)
        if not (signal or interrupted or pushed or called or frame[0] in others):
            return frame
        interrupted = signal
    return None


def common(ours, theirs):
    """Frames the two have in common, from the innermost on."""
    nr = 0
    while nr < min(len(ours), len(theirs)) and ours[nr][0] == theirs[nr][0]:
        nr += 1
    return nr


def is_one_file(place, space, frames):
    found = {(place.file_of(space, frame[0]) or (None,))[0] for frame in frames}
    return len(found) == 1 and None not in found


def kind_of_walks(place, space, ours, theirs):
    """Of two walks, of which ours says that it reached the root."""
    nr = common(ours, theirs)
    if nr == len(ours) == len(theirs):
        return "identical"
    if not nr or unproven(place, space, ours[nr:], {frame[0] for frame in theirs}):
        return "different"
    if not theirs[nr - 1][1]:
        return "guessed" if nr < len(ours) else "beyond"
    if nr == len(theirs):
        return "longer"
    if nr == len(ours) and not theirs[-1][1] and is_one_file(place, space, theirs[nr - 1:]):
        return "beyond"  # Go's threads begin in C without rules
    return "astray" if unproven(place, space, theirs[nr:]) else "different"


def kind_of(place, stack, told):
    """@told: the frames of the stacks the trace calls whole, by id."""
    ours, theirs, space = stack["ours"], stack["theirs"], stack["space"]
    if stack["end"] == STACK_END_ROOT:
        return kind_of_walks(place, space, ours, theirs)
    if common(ours, theirs) < len(ours):
        return "different"
    walked = told.get(stack["id"], [])
    if not walked:
        return "part"
    if not all(place.around(space, frame)[0] for frame in walked[1:]):
        return "unseen"
    return "different" if kind_of_walks(place, space, walked, theirs) == "different" else "later"


def show(place, stack, told):
    nr, space = common(stack["ours"], stack["theirs"]), stack["space"]
    walks = {"ours": stack["ours"], "theirs": stack["theirs"], "later": told.get(stack["id"], [])}
    print(f"          stack {stack['id']} ends by {stack['end']}; {nr} frames are common")
    for whose, frames in walks.items() if stack["end"] != STACK_END_ROOT else list(walks.items())[:2]:
        for frame in frames[max(0, nr - 2):nr + 3]:
            path, offset = place.file_of(space, frame[0]) or ("in no file", 0)
            print(f"            {whose:<6} {frame[0]:x} {path}+{offset:#x}{'' if frame[1] else ', no rule for libdwfl'}")
        frame = unproven(place, space, frames[nr:])
        if frame:
            before, after = place.around(space, frame)
            print(f"            {whose:<6} {frame[0]:x} is not behind a call: {before.hex(' ')} | {after.hex(' ')}")


def whole_stacks(place, trace):
    """{id: frames} of the stacks a trace tells of as whole, the frames as libdwfl's, though of their code nothing is known."""
    stacks = check_stacks.told_by_trace(place, trace, "stack")
    return {stack["id"]: [[int(pc, 16), True, ""] for pc in stack["frames"]] for stack in stacks if stack["complete"]}


def percent_of_bytes(place, trace, stacks):
    """What these brought in, of all that was faulted in."""
    ids, faults = {stack["id"] for stack in stacks}, check_stacks.told_by_trace(place, trace, "fault")
    pages = sum(fault["pages"] for fault in faults)
    return 100 * sum(fault["pages"] for fault in faults if fault["stack"] in ids) / pages if pages else 0


def walked(build, record, place, trace, *options):
    """(totals, the stacks the two do not agree on, the address spaces, the cases) of a program."""
    judge = subprocess.Popen([os.path.join(build, "stack_truth"), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env=dict(os.environ, DEBUGINFOD_URLS=""))
    with judge, concurrent.futures.ThreadPoolExecutor(1) as readers:
        assert judge.stdout.readline() == "ready\n"
        lines = readers.submit(judge.stdout.readlines)  # all the time: it looks at processes while they are there
        try:
            record(place, trace)
        finally:
            judge.stdin.close()
            judge.wait(timeout=PATIENCE_S)
        assert judge.returncode == 0, judge.stderr.read()
    *told, totals = map(json.loads, lines.result())
    return totals, *([one for one in told if key in one] for key in ("id", "code", "case"))


def kinds_of_cases(cases, found):
    """[(case, kind)] of those whose frames were judged."""
    kinds = {stack["id"]: kind for kind in KINDS for stack in found[kind]}
    kinds.update((case["case"], "identical") for case in cases if case["is_theirs"])
    return [(case, kinds[case["case"]]) for case in cases if case["case"] in kinds]


def check(build, place, program, nr_shown, chooser=None):
    """Records, judges and prints one program: (verdict, figures); None: it skipped."""
    name, bound, _, record = program
    trace = place.path(f"{name}.rsst")
    try:
        totals, stacks, spaces, cases = walked(build, record, place, trace, *["cases"] * bool(chooser))
    except check_stacks.Skip as why:
        print(f"  skip  {name:<18} {why}", flush=True)
        return None
    code, found = Place(spaces), {kind: [] for kind in KINDS}
    told = whole_stacks(place, trace)
    for stack in stacks:
        found[kind_of(code, stack, told)].append(stack)
    figures = dict({kind: len(found[kind]) for kind in KINDS}, stacks=totals["stacks"])
    figures["identical"] += totals["identical"]
    in_part = percent_of_bytes(place, trace, found["part"])
    ok = totals["stacks"] > 0 and not figures["different"] and in_part <= 100 - bound
    ok = ok and figures["unseen"] <= UNSEEN_MOST * totals["stacks"]
    print(f"  {'ok' if ok else 'FAIL':<5} {name:<18} {totals['stacks']:6} stacks, {totals['moments']:6} moments: {told_of(figures)};"
          f" not compared: {totals['gone']} moments of processes that were over, {totals['lost']} that did not fit", flush=True)
    if found["part"]:
        print(f"        in part: {in_part:.4f} % of the faulted bytes, at most {100 - bound:.1f} asked")
    if chooser:
        print(f"        {len(cases)} walked again, {chooser.choose(name, kinds_of_cases(cases, found))} of them kept")
    for kind in KINDS[1:]:
        for stack in found[kind][:nr_shown if kind != "different" else max(nr_shown, 3)]:
            print(f"        {kind}:")
            show(code, stack, told)
    return ok, figures


def told_of(figures):
    return ", ".join(f"{figures[kind]} {kind}" for kind in KINDS if figures[kind] or kind == KINDS[-1])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", default=os.path.join(check_stacks.TOP, "build/truth"))
    options.add_argument("--show", type=int, default=0, metavar="N", help="so many stacks of each kind")
    options.add_argument("--cases", metavar="TO", help="write some walks there, for tests/unit/elf/test_unwind_cases.c")
    options.add_argument("names", nargs="*", metavar="NAME")
    asked = options.parse_args()
    if os.geteuid():
        print("  skip  every program: not root")
        return 0
    chooser = truth_cases.Chooser(asked.cases) if asked.cases else None
    with tempfile.TemporaryDirectory() as folder:
        place = check_stacks.Place(asked.build, folder)
        place.env["LINGER_S"] = str(LINGER_S)
        verdicts = [check(asked.build, place, program, asked.show, chooser) for program in check_stacks.PROGRAMS
                    if not asked.names or any(part in program[0] for part in asked.names)]
    held = [verdict for verdict in verdicts if verdict]
    sums = {kind: sum(figures[kind] for _, figures in held) for kind in (*KINDS, "stacks")}
    print(f"{sums['stacks']} stacks of {len(held)} programs: {told_of(sums)}")
    return 0 if verdicts and all(ok for ok, _ in held) else 1


if __name__ == "__main__":
    sys.exit(main())
