# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A row is named by the user's own code, whatever the language allocates through; the JSON has every frame."""
import os
import re
import shutil
import subprocess
import sys

import pytest

from harness import TOP, Tracer, report, run

sys.path.insert(0, os.path.join(TOP, "tests", "stacks"))
import check_stacks  # noqa: E402

pytestmark = pytest.mark.live
FIXTURES = os.path.join(TOP, "tests", "stacks", "fixtures")


def needs(program):
    path = shutil.which(program)
    if not path:
        pytest.skip(f"no {program}")
    return path


def built(folder, name, *argv, **more):
    subprocess.run([needs(argv[0]), *argv[1:], "-o", folder / name], check=True, cwd=FIXTURES, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, **more)
    return [folder / name]


def c_program(folder):
    return built(folder, "calls", "gcc", "-O2", "-g", "calls.c", "-lpthread")


def cxx_program(folder):
    return built(folder, "exceptions", "g++", "-O2", "exceptions.cc", "-lpthread")


def rust_program(folder):
    return built(folder, "collections", "rustc", "-O", "collections.rs")


def go_program(folder):
    argv = [needs("go"), "build", "-o", folder / "goroutines", "goroutines.go"]
    env = {**os.environ, "GOCACHE": str(folder / "cache"), "HOME": str(folder)}
    subprocess.run(argv, check=True, cwd=FIXTURES, env=env, stdin=subprocess.DEVNULL)
    return [folder / "goroutines"]


def python_program(_):
    return ["/usr/bin/python3" if os.path.exists("/usr/bin/python3") else needs("python3"),
            os.path.join(FIXTURES, "objects.py")]


def python_perf_program(_):
    """Each function of a script has a trampoline, and a name in the perf map."""
    try:
        return [check_stacks.python_with_perf(), "-X", "perf", os.path.join(FIXTURES, "objects.py")]
    except check_stacks.Skip as why:
        pytest.skip(str(why))


def node_program(folder):
    """It leaves a log where it runs."""
    return [needs("env"), "-C", folder, needs("node"), "--perf-basic-prof", os.path.join(FIXTURES, "objects.js")]


# what builds it, its own functions, and what is in the JSON though no row of theirs is called so
PROGRAMS = {
    "c": (c_program, r"^(leaf|down|by_stack|compare|on_signal|thread|main)\b", {"malloc", "_int_malloc"}),
    "cxx": (cxx_program, r"^(\(anonymous namespace\)::|main$)", {"malloc", "operator new(unsigned long)"}),
    "rust": (rust_program, r"^collections::", {"malloc"}),
    "go": (go_program, r"^main\.", {"runtime.mallocgc"}),
    "python": (python_program, r"^(?!_?(PyObject|PyMem)_(Malloc|Calloc|Realloc|RawMalloc))(_?Py|python3)", {"malloc"}),
    "python-perf": (python_perf_program, r"^py::", {"malloc", "_PyEval_EvalFrameDefault"}),
    "node": (node_program, r"^JS:(?!.* node:)", {"malloc"}),
}


def own_bytes(view, own):
    """Faulted bytes of the stacks that run through a program's own functions."""
    return sum(
        stack["faulted"] for stack in view["stacks"]
        if any(re.search(own, frame["symbol"] or "") for frame in stack["frames"])
    )


@pytest.mark.parametrize("language", PROGRAMS)
def test_rows_are_named_by_own_code(language, tmp_path):
    build, own, folded = PROGRAMS[language]
    with Tracer("record", "-o", tmp_path / "t", "--", *build(tmp_path)) as tracer:
        assert tracer.finish() == 0, tracer.talk
    view = report(tmp_path / "t", "--all")
    symbols = {frame["symbol"] for stack in view["stacks"] for frame in stack["frames"]}
    assert folded <= symbols, "the JSON leaves nothing out"
    groups = report(tmp_path / "t", "--all", "--by", "function")["groups"]
    named = sum(group["faulted"] for group in groups if re.search(own, group["key"] or ""))
    assert 0 < named >= 0.99 * own_bytes(view, own), [group["key"] for group in groups][:10]
    text = run("report", "--by", "stack", "--all", tmp_path / "t").stdout
    row = next(line for line in text.partition("By stack\n")[2].splitlines() if re.search(own, line[column_of(text):]))
    assert not re.search(r"(malloc|operator new|memset|alloc::|runtime\.)", row), row


def column_of(text):
    """Where the names of the table by stack begin."""
    return text.partition("By stack\n")[2].splitlines()[0].index("stack")
