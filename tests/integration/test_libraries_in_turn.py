# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Libraries that come and go at the same addresses: stacks through them are whole, and named by the one that was there."""
import itertools
import json
import os
import shutil
import subprocess

import pytest

from harness import TOP, Piped, Tracer, read_line, report

pytestmark = pytest.mark.live
SOURCE = os.path.join(TOP, "tests", "stacks", "fixtures", "turns.c")
# of turns.c
ROUNDS = 200
BYTES = ROUNDS // 2 * (16 << 12)
DEPTH = 12
SAME_LEAST = 190  # of the rounds
STAY_US = 300000  # what is there for so long is looked at, however busy the machine
# frames of the second library, and whether its code is at other offsets than the first's
SECONDS = {"other_code": ["-DFRAME=2000", "-DFILLER"], "other_frames": ["-DFRAME=600"]}


@pytest.fixture(params=SECONDS)
def program(request, tmp_path):
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    cc = ["gcc", "-O2", "-g", "-fno-optimize-sibling-calls", SOURCE]
    for name, flags in (("first", ["-DFRAME=72"]), ("second", SECONDS[request.param])):
        subprocess.run([*cc, f"-DLIBRARY={name}", *flags, "-shared", "-fPIC", "-o", tmp_path / f"lib{name}.so"], check=True)
    subprocess.run([*cc, "-o", tmp_path / "turns", "-ldl"], check=True)
    return [tmp_path / "turns", tmp_path / "libfirst.so", tmp_path / "libsecond.so"]


def places(stack):
    """[(function, file)] of its frames, innermost first."""
    return [(frame["symbol"], os.path.basename(frame["module"] or "")) for frame in stack["frames"] if not frame["inlined"]]


def path_of(name):
    """From a library's innermost function to main()."""
    inside = [f"{name}_leaf", *[f"{name}_deep"] * DEPTH, "turn"]
    return [(symbol, f"lib{name}.so") for symbol in inside] + [("take_turn", "turns"), ("main", "turns")]


def bytes_of(view, name):
    """Of the whole stacks on that path."""
    path = path_of(name)
    return sum(stack["faulted"] for stack in view["stacks"] if stack["complete"] and places(stack)[:len(path)] == path)


def is_of_another(stack):
    """Is it whole, of a turn, and on no library's path?"""
    called = list(itertools.takewhile(lambda place: place != ("take_turn", "turns"), places(stack)))
    if not stack["complete"] or len(called) == len(places(stack)) or any(file.startswith(("libc.", "ld-")) for _, file in called):
        return False
    return not any(called == path_of(name)[:DEPTH + 2][DEPTH + 2 - len(called):] for name in ("first", "second"))


def recorded(program, stay_us, trace):
    """What is told of a program's turns, of which the first of each library takes so long."""
    with Piped([*program, str(stay_us)]) as target:
        assert json.loads(read_line(target.process.stdout))["ready"]
        with Tracer("record", "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            target.process.stdin.write(b"\n")
            told = json.loads(read_line(target.process.stdout))
            assert tracer.stop() == 0, tracer.talk
    assert told["same"] >= SAME_LEAST, "they did not lie where the other did"
    return report(trace, "--all")


def assert_all_whole(view):
    broken = [stack for stack in view["stacks"] if not stack["complete"]]
    assert not broken, broken[:2]
    assert (bytes_of(view, "first"), bytes_of(view, "second")) == (BYTES, BYTES)


def test_each_stack_is_of_the_library_that_was_there(program, tmp_path):
    assert_all_whole(recorded(program, STAY_US, tmp_path / "trace.rsst"))


def test_what_was_gone_before_its_table_is_marked_and_never_told_as_another(program, tmp_path):
    view = recorded(program, 0, tmp_path / "trace.rsst")
    wrong = [places(stack) for stack in view["stacks"] if is_of_another(stack)]
    assert not wrong, wrong[:2]
    whole, parts = bytes_of(view, "first") + bytes_of(view, "second"), view["walks"]["incomplete_faulted"]
    assert view["ledger"]["unattributed"] == 0
    assert whole <= 2 * BYTES <= whole + parts
    assert whole, "no table came in all of the rounds"
