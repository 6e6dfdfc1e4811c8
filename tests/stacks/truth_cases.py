# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Walks as files of tests/unit/elf/stacks: few and small ones, that together do all the step can.

A line each, numbers but the last two kinds' in hexadecimal:

regs 0 ... 16          by DWARF number, the last is the pc
code PC RULE           how, rbx_words, rbp_off, cfa_off in decimal, as struct unwind_rule; or minus the enum stack_end it means
word ADDR VALUE        "-": it could not be read. "+" before ADDR: above the stack pointer
frame PC [FILE+OFFSET] what the step must find; FILE is for the reader
end N                  enum stack_end
"""
import glob
import os

BYTES_MAX = 8000  # of a file
PER_PROGRAM = 4
FRAMES_MIN = 2
CFA_REG = 7  # enum unwind_cfa
REG_SP = 7
LANGUAGES = ("cxx", "rust", "go", "python", "node", "java")  # the rest is in C
KINDS = {
    "identical": "libdwfl finds the same frames",
    "longer": "libdwfl gives up sooner; each frame it does not have is behind a call",
    "guessed": "libdwfl has no rule for some of the code; each frame it does not have is behind a call",
    "astray": "libdwfl goes astray; each frame it does not have is behind a call",
    "beyond": "libdwfl guesses on behind the root",
    "later": "no rule can say what comes next, libdwfl goes on",
    "part": "no rule can say what comes next, libdwfl goes on",
}


def text_of(case, name, kind):
    stack = case["regs"][REG_SP]
    lines = [f"# {name}: {KINDS[kind]}", "regs " + " ".join(f"{value:x}" for value in case["regs"])]
    lines += [f"code {pc:x} {' '.join(map(str, rule)) if isinstance(rule, list) else rule}" for pc, rule in case["codes"]]
    for addr, *value in case["words"]:
        near = 0 <= addr - stack < 1 << 24
        lines.append(f"word {f'+{addr - stack:x}' if near else f'{addr:x}'} {f'{value[0]:x}' if value else '-'}")
    lines += [f"frame {pc:x} {place}".rstrip() for pc, place in case["frames"]]
    return "\n".join([*lines, f"end {case['end']}"]) + "\n"


def features(case, kind, language):
    """What it has the step do, and in which language; what was seen elsewhere adds nothing."""
    pcs = {pc for pc, _ in case["frames"]}
    found = {("kind", kind), ("end", case["end"])}
    for _, rule in case["codes"]:
        found.add((language, rule[0], bool(rule[1])) if isinstance(rule, list) else ("no rule", rule))
    rules = {pc: rule for pc, rule in case["codes"] if isinstance(rule, list)}
    for nr, (pc, _) in enumerate(case["frames"][:-1]):
        how, _, _, offset = rules.get(pc - 1) or rules.get(pc) or (0, 0, 0, 0)
        found.add(("step", how & 15, offset & 0xff if how & 15 == CFA_REG else 0, nr == 0))
    found |= {("epilogue",) for addr, *_ in case["words"] if addr in pcs}
    found |= {("unreadable",) for _, *value in case["words"] if not value}
    found |= {("file", place.partition("+")[0].split(".")[0]) for _, place in case["frames"]
              if place.startswith(("libgcc_s", "ld-linux", "vdso")) or not place}
    return found


class Chooser:
    def __init__(self, folder):
        self.folder, self.seen = folder, set()
        os.makedirs(folder, exist_ok=True)

    def choose(self, name, cases):
        """Write those of [(case, kind)] of a program that have most to add, and one at least; how many."""
        language = name.partition("-")[0]
        offered = [(text, features(case, kind, language if language in LANGUAGES else "c")) for case, kind in cases
                   if kind in KINDS and len(case["frames"]) >= FRAMES_MIN
                   for text in [text_of(case, name, kind)] if len(text) <= BYTES_MAX]
        for old in glob.glob(os.path.join(glob.escape(self.folder), f"{name}-[0-9].txt")):
            os.unlink(old)
        written = 0
        while offered and written < PER_PROGRAM:
            text, found = max(offered, key=lambda one: (len(one[1] - self.seen), len(one[1]), -len(one[0])))
            if written and found <= self.seen:
                break
            written += 1
            with open(os.path.join(self.folder, f"{name}-{written}.txt"), "w", encoding="utf-8") as out:
                out.write(text)
            self.seen |= found
        return written
