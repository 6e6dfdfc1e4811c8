# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
What the books must say of a scenario (tests/workload/scenarios.c): the kernel's numbers to the page, each member and each
region, and the causes the scenario states. Knows no pytest and no virtual machine: both judge by it.
"""
import re

PAGE = 4096
# a program's own pages beside the scenario: its code, its stack, the linker's tables, fault-around windows of 16 pages
OWN_PAGES = {"fault": 160, "fault_kernel": 32, "populate": 0}
MEMBERS = {"anon": "RssAnon", "file": "RssFile", "shmem": "RssShmem", "swap": "VmSwap"}
SMAPS_HEAD = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) \S{4} ")


def status_bytes(status):
    """Bytes by member, of the text of /proc/PID/status."""
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB", status, re.M))
    return {member: int(found[field]) << 10 for member, field in MEMBERS.items()}


def smaps_regions(smaps):
    """{(start, end): resident bytes} of the text of /proc/PID/smaps; hugetlb pages are not RSS and stand nowhere in it."""
    regions, key = {}, None
    for line in smaps.splitlines():
        head = SMAPS_HEAD.match(line)
        if head:
            key = (int(head.group(1), 16), int(head.group(2), 16))
        elif line.startswith("Rss:"):
            regions[key] = int(line.split()[1]) << 10
    return regions


def pages(number):
    return f"{number // PAGE:+d}"


def smaps_bytes(smaps, field):
    return sum(int(number) << 10 for number in re.findall(rf"^{field}:\s+(\d+) kB", smaps, re.M))


def judge_members(view, status, smaps, exact):
    """exact: status tells the counters as they are. Before 6.2 it lacks what threads have not synced; page tables know."""
    if exact:
        kernel = status_bytes(status)
    else:
        kernel = {"total": smaps_bytes(smaps, "Rss"), "anon": smaps_bytes(smaps, "Anonymous"), "swap": smaps_bytes(smaps, "Swap")}
    for member, number in kernel.items():
        off = view["rss"][member] - number
        if off:
            yield f"{member}: {pages(off)} pages off the kernel's"


def joined(rows):
    """Runs of (start, end, ours, kernel's) rows that overlap, as (start, end, sum of ours, sum of the kernel's)."""
    runs = []
    for start, end, own, kernel in sorted(rows):
        if runs and start < runs[-1][1]:
            runs[-1] = (runs[-1][0], max(end, runs[-1][1]), runs[-1][2] + own, runs[-1][3] + kernel)
        else:
            runs.append((start, end, own, kernel))
    return runs


def judge_regions(view, smaps):
    """
    Where both have a boundary. They differ in mappings that touch: the kernel keeps two apart for their anon_vma, which
    nobody else sees, and joins what we know by another stack.
    """
    rows = [(start, end, 0, rss) for (start, end), rss in smaps_regions(smaps).items()]
    rows += [(int(row["start"], 16), int(row["end"], 16), row["rss"], 0) for row in view["regions"] if not row["unmapped"]]
    for start, end, own, kernel in joined(rows):
        if own != kernel:
            yield f"region {start:x}-{end:x}: {pages(own - kernel)} pages off smaps"


def judge_causes(view, expected):
    rows = {(row["cause"], row["direction"], member): row[member] // PAGE
            for row in view["causes"] for member in ("anon", "file", "shmem") if row[member]}
    for member in ("anon", "file", "shmem"):
        moved = sum(number if key[1] == "in" else -number for key, number in rows.items() if key[2] == member)
        if moved != view["growth"][member] // PAGE:
            yield f"causes of {member} sum up to {moved} pages, growth is {view['growth'][member] // PAGE}"
    for cause, direction, member, number, at_least in expected:
        got = rows.pop((cause, direction, member), 0)
        slack = OWN_PAGES.get(cause, 0) if direction == "in" else 0
        if got < number or (not at_least and got > number + slack):
            yield f"{cause} {direction} {member}: {got} pages, not {number}"
    for (cause, direction, member), number in rows.items():
        slack = OWN_PAGES.get(cause, 0)
        if cause in ("munmap", "exec"):
            slack = 8  # a thread's or a library's own; the arguments of a vfork child's execve
        if number > slack:
            yield f"{cause} {direction} {member}: {number} pages that the scenario does not know"


def judge(truth, view, status, smaps, exact=True):
    """Problems, as sentences; none: it holds."""
    ledger = view["ledger"]
    if ledger["error"]:
        yield f"books off by {pages(ledger['error'])} pages"
    if ledger["attributed"] + ledger["before_attach"] + ledger["unattributed"] + ledger["error"] != view["rss"]["total"]:
        yield f"the books do not add up: {ledger}"
    nobodys = sum(number for cause, _, _, number, _ in truth["expected"] if cause == "unattributed")
    if not 0 <= ledger["unattributed"] // PAGE <= nobodys:
        yield f"{pages(ledger['unattributed'])} pages are nobody's"
    if view["events"]["lost"]:
        yield f"{view['events']['lost']} records lost"
    yield from judge_members(view, status, smaps, exact)
    yield from judge_regions(view, smaps)
    yield from judge_causes(view, [row for row in truth["expected"] if row[0] != "unattributed"])
