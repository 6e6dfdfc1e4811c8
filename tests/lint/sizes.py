#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Limits on the length of files and functions. Soft ones warn, hard ones fail."""
import pathlib
import re
import sys

C_HARD = 800
C_SOFT = 500
H_SOFT = 150
FUNCTION_HARD = 100
# Longer by nature: the wire format, the interface of the model and that of the view are each read as one page.
LONG_HEADERS = {"include/record_abi.h", "user/model/session.h", "user/view/query.h"}
FOLDERS = ["bpf", "user", "include", "tests"]


def functions(lines):
    """(name, first line, length) of each function: a body is a '{' and a '}' in the first column."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start:
            head = " ".join(lines[max(0, start - 4) : start - 1])
            names = re.findall(r"(\w+)\s*\(", head)
            yield (names[-1] if names else "?", start, number - start - 1)
            start = None


def check(path):
    """(hard complaints, soft complaints)."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    hard, soft = [], []
    if path.suffix == ".c":
        if len(lines) > C_HARD:
            hard.append(f"{path}: {len(lines)} lines, at most {C_HARD}")
        elif len(lines) > C_SOFT:
            soft.append(f"{path}: {len(lines)} lines, wants an argument above {C_SOFT}")
    # BPF code lives in headers of one object: the limit of .c files holds
    elif not path.name.endswith(".bpf.h") and len(lines) > H_SOFT:
        if str(path) not in LONG_HEADERS:
            soft.append(f"{path}: {len(lines)} lines, better {H_SOFT}")
    elif len(lines) > C_HARD:
        hard.append(f"{path}: {len(lines)} lines, at most {C_HARD}")
    for name, at, length in functions(lines):
        if length > FUNCTION_HARD:
            hard.append(f"{path}:{at}: {name}() has {length} lines, at most {FUNCTION_HARD}")
    return hard, soft


def percentile(values, part):
    return sorted(values)[int(len(values) * part)] if values else 0


def main():
    files = [p for folder in FOLDERS for p in sorted(pathlib.Path(folder).rglob("*.[ch]"))]
    hard, soft, lengths = [], [], []
    for path in files:
        more = check(path)
        hard += more[0]
        soft += more[1]
        text = path.read_text(encoding="utf-8", errors="replace").splitlines()
        lengths += [length for _, _, length in functions(text)]
    for line in soft:
        print(f"note: {line}")
    for line in hard:
        print(line)
    print(
        f"{len(files)} files, {len(lengths)} functions: median {percentile(lengths, 0.5)} lines,"
        f" 90 % within {percentile(lengths, 0.9)}"
    )
    return 1 if hard or not files else 0


sys.exit(main())
