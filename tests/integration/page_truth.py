# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Which pages of a stopped process are resident, by the kernel's page tables (PAGEMAP_SCAN, or before Linux 6.7 page by page), and
what a ledger makes of the same moment. Runs are sorted, disjoint tuples (start, end, sort); the sort is "anon" or "file" (shmem included).
"""
import array
import ctypes
import fcntl
import os
import re
import signal
import subprocess
import time

from harness import BUILD, PAGE, smaps

LEDGER_PAGES = os.path.join(BUILD, "tests", "ledger_pages")
USER_END = 1 << 47
VEC_LEN = 512
IS_FILE, IS_PRESENT, IS_PFNZERO = 4, 8, 32
# Not made of pages that RSS counts; [vvar] is since Linux 7, where smaps says so.
SPECIAL = re.compile(r"^\[(vvar|vsyscall)")


class PmScanArg(ctypes.Structure):
    """struct pm_scan_arg of linux/fs.h"""

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            "size flags start end walk_end vec vec_len max_pages "
            "category_inverted category_mask category_anyof_mask return_mask"
        ).split()
    ]


class PageRegion(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("start", "end", "categories")]


PAGEMAP_SCAN = (3 << 30) | (ctypes.sizeof(PmScanArg) << 16) | (ord("f") << 8) | 16


def has_page_scan():
    with open("/proc/self/pagemap", "rb") as pagemap:
        try:
            scan(pagemap, 0, PAGE)
        except OSError:
            return False
    return True


def scan(pagemap, start, end):
    """[(start, end, sort)] of the resident pages in the range, the zero page left out."""
    vec = (PageRegion * VEC_LEN)()
    runs = []
    while start < end:
        arg = PmScanArg(
            size=ctypes.sizeof(PmScanArg),
            start=start,
            end=end,
            vec=ctypes.addressof(vec),
            vec_len=VEC_LEN,
            category_inverted=IS_PFNZERO,
            category_mask=IS_PRESENT | IS_PFNZERO,
            return_mask=IS_FILE,
        )
        found = fcntl.ioctl(pagemap, PAGEMAP_SCAN, arg)
        runs += [
            (run.start, run.end, "file" if run.categories & IS_FILE else "anon")
            for run in vec[:found]
        ]
        if found < VEC_LEN:  # a finished walk may leave walk_end behind
            break
        start = max(arg.walk_end, vec[found - 1].end)
    return runs


class EntryWalk:
    """The same by pagemap's entries and /proc/kpageflags, which alone knows the zero page then."""

    BLOCK = 512  # entries read at once
    PRESENT, IS_FILE, PFN = 1 << 63, 1 << 61, (1 << 55) - 1
    KPF_ZERO_PAGE = 1 << 24

    def __init__(self):
        self.flags = {}  # block of page frames: their flags

    def is_zero(self, frame):
        block, index = divmod(frame, self.BLOCK)
        if block not in self.flags:
            with open("/proc/kpageflags", "rb") as flags:
                self.flags[block] = self._entries(flags, block * self.BLOCK, self.BLOCK)
        found = self.flags[block]
        return index < len(found) and bool(found[index] & self.KPF_ZERO_PAGE)

    @staticmethod
    def _entries(file, first, count):
        words = array.array("Q")
        file.seek(first * 8)
        words.frombytes(file.read(count * 8))
        return words

    def scan(self, pagemap, start, end):
        runs = []
        for block in range(start // PAGE, end // PAGE, self.BLOCK):
            entries = self._entries(pagemap, block, min(self.BLOCK, end // PAGE - block))
            for number, entry in enumerate(entries, block):
                if entry & self.PRESENT and (entry & self.IS_FILE or not self.is_zero(entry & self.PFN)):
                    sort = "file" if entry & self.IS_FILE else "anon"
                    runs.append((number * PAGE, (number + 1) * PAGE, sort))
        return joined(runs)


def resident_runs(pid, areas):
    """What the page tables hold inside the VMAs that count."""
    runs, walk = [], scan if has_page_scan() else EntryWalk().scan
    with open(f"/proc/{pid}/pagemap", "rb") as pagemap:
        for start, end, _, name, rss in areas:
            if start < USER_END and (rss or not SPECIAL.match(name)) and "/anon_hugepage" not in name:
                runs += walk(pagemap, start, end)
    return joined(runs)


def joined(runs):
    """Neighbours of one sort become one."""
    whole = []
    for start, end, sort in runs:
        if whole and whole[-1][1] == start and whole[-1][2] == sort:
            whole[-1] = (whole[-1][0], end, sort)
        else:
            whole.append((start, end, sort))
    return whole


def nr_pages(runs):
    return sum(end - start for start, end, _ in runs) // PAGE


def wrong_runs(ours, kernel):
    """[(start, end, ours, kernel)] where the two differ; None: not resident."""
    cuts = sorted({edge for runs in (ours, kernel) for start, end, _ in runs for edge in (start, end)})
    wrong, i, k = [], 0, 0
    for start, end in zip(cuts, cuts[1:]):
        while i < len(ours) and ours[i][1] <= start:
            i += 1
        while k < len(kernel) and kernel[k][1] <= start:
            k += 1
        a = ours[i][2] if i < len(ours) and ours[i][0] <= start else None
        b = kernel[k][2] if k < len(kernel) and kernel[k][0] <= start else None
        if a != b:
            wrong.append((start, end, a, b))
    return wrong


def is_stopped(pid):
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/stat", encoding="utf-8", errors="replace") as stat:
                if stat.read().rpartition(")")[2].split()[0] not in "TtZX":
                    return False
        except FileNotFoundError:
            pass
    return True


def stop_still(pid, patience_s=10):
    """SIGSTOP; returns when no thread runs any more."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + patience_s
    while not is_stopped(pid):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{pid} does not stop")
        time.sleep(0.001)


class Moment:
    """What the kernel held of a process that stands still from .told_ns to beyond the first tick after .tick_ns."""

    def __init__(self, pid):
        self.told_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        self.areas = smaps(pid)
        self.runs = resident_runs(pid, self.areas)
        self.smaps_pages = sum(area[4] for area in self.areas) // PAGE
        self.tick_ns = None
        self.nr_lines = 0  # of a live run, up to its end

    def close(self):
        self.tick_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    def holds(self, pid):
        """Is it still so, and was it one state? khugepaged fills up the pages of a process that stands still, too."""
        areas = smaps(pid)
        return areas == self.areas and resident_runs(pid, areas) == self.runs


class Ledger:
    """One process at one instant, by ledger_pages."""

    def __init__(self):
        self.runs, self.regions, self.members = [], [], {}
        self.ownerless = []  # of the runs, those that came with no stack
        self.counted = self.placed = self.kernel = 0
        self.before = self.attributed = self.unknown = self.lost = 0

    @property
    def error(self):
        return self.kernel - self.counted

    @property
    def unattributed(self):
        """As in the report: what is counted but has neither a stack nor was there before."""
        return self.counted - self.before - self.attributed


def ledgers(trace, pid, instants):
    """({instant: Ledger}, records refused, (records lost: the ring full, a program left out)) of the process."""
    done = subprocess.run(
        [LEDGER_PAGES, str(trace), *instants], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found, ledger, bad, lost = {}, None, 0, (0, 0)
    for line in done.stdout.splitlines():
        what, *fields = line.split()
        if what == "at":
            ledger = Ledger() if fields[1] == "1" else None
            found[fields[0]] = ledger
        elif what == "bad":
            bad = int(fields[0])
        elif what == "lost":
            lost = tuple(map(int, fields))
        elif fields[0] != str(pid):
            continue
        elif what == "books":
            (ledger.counted, ledger.placed, ledger.kernel, ledger.before, ledger.attributed, ledger.unknown,
             ledger.lost) = map(int, fields[1:])
        elif what == "member":
            ledger.members[fields[1]] = tuple(map(int, fields[2:]))
        elif what == "region":
            ledger.regions.append((int(fields[1], 16), int(fields[2], 16), *fields[3:]))
        elif what == "run":
            start = int(fields[1], 16)
            sort = "anon" if fields[3] == "anon" else "file"
            ledger.runs.append((start, start + int(fields[2]) * PAGE, sort))
            if fields[4] == "unknown":
                ledger.ownerless.append(ledger.runs[-1])
    for ledger in found.values():
        if ledger:
            ledger.runs = joined(ledger.runs)
    return found, bad, lost


def pages_of_ranges(runs, ranges):
    """Pages of the runs in each of the sorted, disjoint ranges."""
    counts, i = [], 0
    for low, high in ranges:
        while i < len(runs) and runs[i][1] <= low:
            i += 1
        total, k = 0, i
        while k < len(runs) and runs[k][0] < high:
            total += min(high, runs[k][1]) - max(low, runs[k][0])
            k += 1
        counts.append(total // PAGE)
    return counts


def region_differences(ledger, areas):
    """
    [(low, high, pages they differ by, ours, kernel's)], per stretch between the boundaries both sides share, as one VMA may be two
    of ours: it differs by its pages, or when a permission with pages behind it is known to one side only.
    """
    ours = [(start, end, perms) for start, end, perms, _ in ledger.regions]
    counts = pages_of_ranges(ledger.runs, [area[:2] for area in ours])
    ours = [(*area, pages) for area, pages in zip(ours, counts) if pages]
    kernel = [(start, end, perms, rss // PAGE) for start, end, perms, _, rss in areas if rss]
    cuts = sorted({area[0] for area in ours} & {area[0] for area in kernel} | {0})
    found = []
    for low, high in zip(cuts, cuts[1:] + [1 << 64]):
        got = [area for area in ours if low <= area[0] < high]
        want = [area for area in kernel if low <= area[0] < high]
        gap = abs(sum(a[3] for a in got) - sum(a[3] for a in want))
        if gap or {a[2] for a in got} != {a[2] for a in want}:
            found.append((low, high, gap, got, want))
    return found
