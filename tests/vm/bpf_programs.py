# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The BPF programs the kernel holds now, by bpf(2); for what bpftool does not print."""
import contextlib
import ctypes
import mmap
import os
import struct

SYS_BPF = 321  # x86-64
PROG_TEST_RUN, PROG_GET_NEXT_ID, PROG_GET_FD_BY_ID, MAP_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD, ENABLE_STATS = 10, 11, 13, 14, 15, 32
INFO_BYTES = 256
# struct bpf_prog_info of linux/bpf.h
XLATED_LEN_AT, MAP_COUNT_AT, NAME_AT, RUN_TIME_AT, VERIFIED_INSNS_AT = 20, 52, 64, 192, 216
# struct bpf_map_info of linux/bpf.h
MAP_TYPE_RINGBUF, MAP_SIZE_AT, MAP_NAME_AT = 27, 16, 24
MAPS_AT_MOST = 64  # of a program, BPF's own limit
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    """The call's result; attr is changed in place."""
    result = libc.syscall(SYS_BPF, command, attr, len(attr))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def open_by_id(command, number):
    """A descriptor of it, the caller's to close."""
    return bpf(command, ctypes.create_string_buffer(struct.pack("=III", number, 0, 0), 12))


def open_program(number):
    return open_by_id(PROG_GET_FD_BY_ID, number)


def runner(fd, *words):
    """What runs that raw tracepoint's program once, with these arguments."""
    context = ctypes.create_string_buffer(struct.pack(f"={len(words)}Q", *words))
    sizes = (0, 0, len(words) * 8, 0)  # how often, how long, of the context in and out
    attr = struct.pack("=IIIIQQIIIIQQII", fd, 0, 0, 0, 0, 0, *sizes, ctypes.addressof(context), 0, 0, 0)
    buffer = ctypes.create_string_buffer(attr + bytes(8), len(attr) + 8)
    return lambda context=context: bpf(PROG_TEST_RUN, buffer)


def info_by_fd(fd, info):
    """What the kernel tells of the program or map into the buffer; its bytes."""
    attr = struct.pack("=IIQ", fd, INFO_BYTES, ctypes.addressof(info))
    bpf(OBJ_GET_INFO_BY_FD, ctypes.create_string_buffer(attr, 16))
    return info.raw


def info_of(number):
    fd = open_program(number)
    try:
        return info_by_fd(fd, ctypes.create_string_buffer(INFO_BYTES))
    finally:
        os.close(fd)


def maps_of(fd):
    """Ids of the maps that the program uses."""
    ids = (ctypes.c_uint32 * MAPS_AT_MOST)()
    info = ctypes.create_string_buffer(INFO_BYTES)
    struct.pack_into("=IQ", info, MAP_COUNT_AT, MAPS_AT_MOST, ctypes.addressof(ids))
    info_by_fd(fd, info)
    return ids[:struct.unpack_from("=I", info, MAP_COUNT_AT)[0]]


class RingBuffer:
    """The ring buffer that a program writes into, as its reader has taken from it so far (kernel/bpf/ringbuf.c: the page at 0
    tells where the reader is, the next one where writers are)."""

    def __init__(self, program_fd, name):
        for number in maps_of(program_fd):
            fd = open_by_id(MAP_GET_FD_BY_ID, number)
            try:
                info = info_by_fd(fd, ctypes.create_string_buffer(INFO_BYTES))
                named = info[MAP_NAME_AT:MAP_NAME_AT + 16].split(b"\0")[0].decode()
                if (struct.unpack_from("=I", info)[0], named) == (MAP_TYPE_RINGBUF, name):
                    self.size = struct.unpack_from("=I", info, MAP_SIZE_AT)[0]
                    self.reader, self.writers = (mmap.mmap(fd, mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ, offset=at)
                                                 for at in (0, mmap.PAGESIZE))
                    return
            finally:
                os.close(fd)
        raise FileNotFoundError(f"no ring buffer {name}")

    def fill(self):
        """Which part of it is written and not read: 0 to 1."""
        taken, written = (struct.unpack_from("=Q", page)[0] for page in (self.reader, self.writers))
        return (written - taken) / self.size


def enable_stats():
    """A descriptor; as long as it is open the kernel counts what programs take (Linux 5.8)."""
    return bpf(ENABLE_STATS, ctypes.create_string_buffer(struct.pack("=I", 0), 4))


def of_process(pid):
    """Ids of the programs that it holds."""
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as lines:
            found.update(int(line.split()[1]) for line in lines if line.startswith("prog_id:"))
    return found


def run_ns(numbers):
    """Processor time of these programs so far, while it was counted."""
    return sum(struct.unpack_from("=Q", info_of(number), RUN_TIME_AT)[0] for number in numbers)


def loaded():
    """[{"id", "name", "xlated" instructions, "verified" instructions or None before Linux 5.16}]"""
    found, number = [], 0
    while True:
        attr = ctypes.create_string_buffer(struct.pack("=III", number, 0, 0), 12)
        try:
            bpf(PROG_GET_NEXT_ID, attr)
        except FileNotFoundError:
            return found
        number = struct.unpack_from("=I", attr.raw, 4)[0]
        raw = info_of(number)
        found.append({
            "id": number,
            "name": raw[NAME_AT:NAME_AT + 16].split(b"\0")[0].decode(),
            "xlated": struct.unpack_from("=I", raw, XLATED_LEN_AT)[0] // 8,
            "misses": struct.unpack_from("=Q", raw, 208)[0],
            "verified": struct.unpack_from("=I", raw, VERIFIED_INSNS_AT)[0] or None,
        })
