# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Does each frame of a walked stack return behind a call? A walk that lost its way finds other words."""

SIGRETURN = b"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"  # mov $15,%rax; syscall
LONGEST = 8  # bytes of a call instruction that matter


def modrm_bytes(modrm, sib):
    """Bytes of an operand, its ModRM byte included."""
    mod, base = modrm >> 6, modrm & 7
    length = 1 + (mod != 3 and base == 4) + (0, 1, 4, 0)[mod]
    if mod == 0 and (base == 5 or (base == 4 and sib & 7 == 5)):
        length += 4  # a displacement in place of a base
    return length


def ends_with_call(code):
    """Can these bytes, LONGEST of them, end with a call instruction of x86-64?"""
    if code[-5:-4] == b"\xe8":
        return True
    return any(
        code[-length] == 0xFF and code[1 - length] >> 3 & 7 == 2
        and 1 + modrm_bytes(code[1 - length], code[2 - length] if length > 2 else 0) == length
        for length in range(2, LONGEST)
    )


class Code:
    """The bytes of files, by their paths."""

    def __init__(self):
        self.files = {}

    def at(self, path, start, length):
        if path not in self.files:
            try:
                self.files[path] = open(path, "rb")  # pylint: disable=consider-using-with
            except OSError:
                self.files[path] = None
        file = self.files[path]
        if not file or start < 0:
            return b""
        file.seek(start)
        return file.read(length)


def levels(stack):
    """(file, offset of the byte before the return address, symbol) of each frame but the innermost, inlined ones told once."""
    told = None
    for number, frame in enumerate(stack["frames"]):
        place = frame["module"], frame["offset"]
        if place != told and number:
            yield frame["module"], int(frame["offset"], 0), frame["symbol"]
        told = place


def judge(stacks):
    """(places a complete stack returns to, those of them that are not behind a call)."""
    code, good, wrong = Code(), set(), set()
    for stack in stacks:
        interrupted = False
        for path, offset, symbol in levels(stack) if stack["complete"] else ():
            before = code.at(path, offset + 1 - LONGEST, LONGEST) if path else b""
            signal = bool(path) and code.at(path, offset + 1, len(SIGRETURN)) == SIGRETURN
            # goexit: Go's runtime puts it there by hand
            if len(before) == LONGEST and not (interrupted or signal or (symbol or "").startswith("runtime.goexit")):
                (good if ends_with_call(before) else wrong).add((path, offset))
            interrupted = signal
    return len(good) + len(wrong), wrong
