# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A process run to its end while its own processor time, memory and kernel memory are watched."""
import contextlib
import dataclasses
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
LOOK_EVERY_S = 0.03
MEMORY = re.compile(r"^(VmHWM|RssAnon):\s+(\d+)", re.M)
SHARE = re.compile(r"^Pss:\s+(\d+)", re.M)
MAPPED = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) .*anon_inode:\[perf_event\]", re.M)


@dataclasses.dataclass
class Watched:
    """What was seen of a process. Its children are not in it."""

    status: object = None  # of the end; "timeout"
    cpu_s: float = 0
    rss_bytes: int = 0  # its peak, with shared pages: the buffers it maps, too
    anon_bytes: int = 0  # the peak of what is its alone, as far as seen
    pss_bytes: int = 0  # the same of its share: a page in two of its mappings counts once
    kernel_bytes: int = 0  # BPF maps and perf's buffers
    talk: str = ""


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def cpu_s(pid):
    """Of the process alone, also when it is a zombie."""
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def bpf_map_bytes(pid):
    seen = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with contextlib.suppress(OSError):
            text = read(f"/proc/{pid}/fdinfo/{fd}")
            if "map_id:" in text and "memlock:" in text:
                facts = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
                seen[facts["map_id"]] = int(facts["memlock"])
    return sum(seen.values())


def perf_bytes(pid):
    return sum(int(end, 16) - int(start, 16) for start, end in MAPPED.findall(read(f"/proc/{pid}/maps")))


def children(pid):
    return [int(child) for child in read(f"/proc/{pid}/task/{pid}/children").split()]


class Watch:
    """Starts argv; finish() waits for its end. Nobody looks at a load that runs by itself: that costs it time."""

    def __init__(self, argv, look=True):
        self.seen = Watched()
        self.talk = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=self.talk, stderr=self.talk, start_new_session=True
        )
        self.pid = self.process.pid
        self.over = threading.Event()
        self.looking = threading.Thread(target=self._look)
        if look:
            self.looking.start()

    def _look(self):
        kernel_looks = 0
        while not self.over.wait(LOOK_EVERY_S):
            with contextlib.suppress(OSError):
                status = dict(MEMORY.findall(read(f"/proc/{self.pid}/status")))
                if status:
                    self.seen.rss_bytes = max(self.seen.rss_bytes, int(status["VmHWM"]) << 10)
                    self.seen.anon_bytes = max(self.seen.anon_bytes, int(status["RssAnon"]) << 10)
                if kernel_looks % 10 == 3:  # costs more to ask
                    held = bpf_map_bytes(self.pid) + perf_bytes(self.pid)
                    self.seen.kernel_bytes = max(self.seen.kernel_bytes, held)
                    share = SHARE.search(read(f"/proc/{self.pid}/smaps_rollup"))
                    self.seen.pss_bytes = max(self.seen.pss_bytes, int(share.group(1)) << 10 if share else 0)
                kernel_looks += 1

    def ended(self):
        """It is not reaped: a zombie still tells its processor time."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def _until_dead(self, timeout_s):
        deadline = time.monotonic() + timeout_s
        while not self.ended():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def finish(self, timeout_s):
        in_time = self._until_dead(timeout_s)
        if not in_time:
            os.killpg(self.pid, signal.SIGKILL)
            self._until_dead(10)
        self.over.set()
        if self.looking.ident:
            self.looking.join()
        self.seen.cpu_s = cpu_s(self.pid)
        status = self.process.wait()
        self.seen.status = status if in_time else "timeout"
        self.talk.seek(0)
        self.seen.talk = self.talk.read().decode(errors="replace")
        self.talk.close()
        return self.seen


def run(argv, timeout_s, look=True):
    return Watch(argv, look).finish(timeout_s)
