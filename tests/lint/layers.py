#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A folder of user/ includes only what stands left of it, elfutils and libbpf stay in their rooms, few folders print."""
import pathlib
import re
import sys

LAYERS = ["base", "model", "trace", "elf", "live", "view", "report", "export", "cmd"]
MAY_PRINT = {"report", "export", "cmd"}
# library header prefix -> the folders that may include it
ROOMS = {
    "bpf/": {"live"},
    "rsstrace.skel.h": {"live"},
    "elfutils/": {"elf"},
    "libelf.h": {"elf"},
    "gelf.h": {"elf"},
    "dwarf.h": {"elf"},
    "zstd.h": {"trace"},
    "json-c/": {"report", "export", "cmd"},
    "sqlite3.h": {"export"},
    "protobuf-c/": {"export"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
PRINTS = re.compile(r"\b(printf|puts|putchar|vprintf)\s*\(|\bstdout\b|\bSTDOUT_FILENO\b")
BAD_NAMES = re.compile(r"util|helper|common|misc")


def complaints(path):
    layer = path.parts[1]
    text = path.read_text(encoding="utf-8", errors="replace")
    if layer not in LAYERS:
        yield f"{path}: '{layer}' is no layer"
        return
    if BAD_NAMES.search(path.name):
        yield f"{path}: the name does not say what it is"
    for quote, name in INCLUDE.findall(text):
        first = name.split("/")[0]
        if quote == '"' and first in LAYERS and LAYERS.index(first) > LAYERS.index(layer):
            yield f"{path}: {layer}/ may not include {name}"
        for prefix, rooms in ROOMS.items():
            if name.startswith(prefix) and layer not in rooms:
                yield f"{path}: {name} belongs to {', '.join(sorted(rooms))}/"
    if layer not in MAY_PRINT:
        code = STRING.sub('""', COMMENT.sub(" ", text))
        for match in PRINTS.finditer(code):
            yield f"{path}: {layer}/ prints: {match.group(0)}"


def main():
    files = sorted(p for p in pathlib.Path("user").rglob("*.[ch]"))
    found = [line for path in files for line in complaints(path)]
    print("\n".join(found) or f"{len(files)} files keep to their layers")
    return 1 if found or not files else 0


sys.exit(main())
