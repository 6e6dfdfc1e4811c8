# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The rules: what a guest noted of a check (a folder of files) to problems, which are sentences; none: it passed."""
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import scenario_judge  # noqa: E402  (the live tests' as well)

PAGE = 4096
SITE_TOLERANCE_BYTES = 64 << 10  # a site's first step into a page of code brings one fault-around window
UNATTRIBUTED_BYTES = 128 << 10
VERIFIED_MAX = 100_000
VERIFIED_FROM = (5, 16)  # the kernel tells the number of verified instructions
PREEMPTIBLE_FROM = (7, 0)  # a program that loses its CPU has others left out: told as lost, and mended
LOST_MOST = 3
SYNCS_BEFORE = (6, 2)  # before, /proc/PID/status lags behind by what each thread has not yet synced
FAULTS_ON_STACK = (6, 2)  # see bpf/fault_frame.bpf.h; before, a fault's end is told by an event of its own


def read_json(path):
    return json.loads(path.read_text())


def smaps_bytes(folder, field):
    return sum(int(kb) << 10 for kb in re.findall(rf"^{field}:\s+(\d+)", (folder / "smaps_rollup").read_text(), re.M))


def status_bytes(folder, field):
    return int(re.search(rf"^{field}:\s+(\d+)", (folder / "status").read_text(), re.M).group(1)) << 10


def has_frame(stack, symbol):
    return any(frame["symbol"] == symbol for frame in stack["frames"] or [])


def site_stacks(view, site):
    return [stack for stack in view["stacks"] if has_frame(stack, site)]


def whole_share(view):
    """The share of faulted bytes whose stack was walked to its outermost frame; None when nothing came."""
    total = sum(stack["faulted"] for stack in view["stacks"])
    whole = sum(stack["faulted"] for stack in view["stacks"] if stack["complete"])
    return whole / total if total else None


def collapsed_bytes(view):
    """
    What khugepaged changed behind the program's back: it fills the holes of a huge page before the program comes to touch them,
    on nobody's stack, and unmaps small pages of a file until they are touched again.
    """
    return sum(row["anon"] if row["direction"] == "in" else row["file"] + row["shmem"]
               for row in view["causes"] if row["cause"] == "collapse")


def sampling_bytes(view):
    """How far a sampled stack may be off: by more once in 10^9."""
    return 6 * view.get("overhead", {"error": 0})["error"]


# --- rules for any view ------------------------------------------------------------------------------------------------

def judge_books(view, unattributed_bytes, release, running=False):
    """@running: the last look caught the target in the midst of a fault."""
    ledger, rss = view["ledger"], view["rss"]
    if abs(ledger["error"]) > (rss["total"] // 1000 if running else 0):
        yield f"books off by {ledger['error']}"
    if ledger["attributed"] + ledger["before_attach"] + ledger["unattributed"] + ledger["error"] != rss["total"]:
        yield f"the books do not add up: {ledger}"
    limit = max(rss["total"] // 200, UNATTRIBUTED_BYTES, unattributed_bytes) + collapsed_bytes(view)
    if abs(ledger["unattributed"]) > limit:
        yield f"unattributed {ledger['unattributed']}"
    for kind in ("anon", "file", "shmem"):
        moved = sum(row[kind] * (1 if row["direction"] == "in" else -1) for row in view["causes"])
        if abs(moved - view["growth"][kind]) > abs(ledger["error"]):
            yield f"causes of {kind} sum up to {moved}, not {view['growth'][kind]}"
    if view["events"]["lost"] > (LOST_MOST if release >= PREEMPTIBLE_FROM else 0):
        yield f"{view['events']['lost']} records lost"


def judge_kernel(view, folder, release):
    """smaps looks at the page tables; the counters of status must agree where they are exact."""
    rss, total = view["rss"], smaps_bytes(folder, "Rss")
    if rss["total"] != total:
        yield f"rss {rss['total']} is not smaps' {total} ({rss['total'] - total:+d})"
    if release >= SYNCS_BEFORE:
        for kind, field in (("anon", "RssAnon"), ("file", "RssFile"), ("shmem", "RssShmem"), ("swap", "VmSwap")):
            kernel = status_bytes(folder, field)
            if rss[kind] != kernel:
                yield f"rss.{kind} {rss[kind]} is not the kernel's {kernel}"


def judge_sites(view, truth, whole=True):
    for site, size in truth["sites"].items():
        stacks = site_stacks(view, site)
        got = sum(stack["rss"] for stack in stacks)
        tolerance = max(size // 100, SITE_TOLERANCE_BYTES) + sampling_bytes(view)
        if not -tolerance - collapsed_bytes(view) <= got - size <= tolerance:
            yield f"{site} holds {got}, not {size}"
        cut = sum(1 for stack in stacks if not stack["complete"])
        if cut and whole:
            yield f"{cut} of {len(stacks)} stacks of {site} are not whole"


def judge_names(view, truth):
    for name, size in truth.get("names", {}).items():
        got = sum(region["rss"] for region in view["regions"] if region["name"] == name)
        if got != size:
            yield f"regions called {name} hold {got}, not {size}"


def judge_replay(folder, rsstrace):
    """The guest's report and this machine's, of the same trace, are the same bytes."""
    done = subprocess.run([rsstrace, "report", "--json", "--all", folder / "trace.rsst"], capture_output=True,
                          timeout=120, check=False)
    if done.returncode or done.stdout != (folder / "report.json").read_bytes():
        yield "the trace is read differently on this machine"


def judge_live_replay(folder, facts, rsstrace):
    done = subprocess.run([rsstrace, *facts["command"], folder / "trace.rsst"], capture_output=True, timeout=120, check=False)
    said = (folder / "live.json").read_bytes()
    if done.returncode or not said or done.stdout != said:
        yield "live's lines are not those of its trace"


# --- kinds -------------------------------------------------------------------------------------------------------------

def judge_traced(check, folder, facts, machine, rsstrace):
    view, truth = read_json(folder / "report.json"), read_json(folder / "truth.json")
    facts["whole"] = whole_share(view)
    yield from judge_books(view, check.bytes_of("unattributed"), machine["version"])
    yield from judge_kernel(view, folder, machine["version"])
    yield from judge_sites(view, truth, check.settings.get("stacks") != "any")
    yield from judge_names(view, truth)
    if "budget" in check.settings and not view["overhead"]["unsampled"]:
        yield "every stack was taken"
    yield from judge_replay(folder, rsstrace)
    if facts["status"]:
        yield f"rsstrace ended with {facts['status']}"


def judge_live(check, folder, facts, machine, rsstrace):
    yield from judge_traced(check, folder, facts, machine, rsstrace)
    yield from judge_live_replay(folder, facts, rsstrace)


def judge_scenario(_check, folder, facts, machine, rsstrace):
    truth, view = read_json(folder / "truth.json"), read_json(folder / "report.json")
    status, smaps = (folder / "status").read_text(), (folder / "smaps").read_text()
    yield from scenario_judge.judge(truth, view, status, smaps, machine["version"] >= SYNCS_BEFORE)
    yield from judge_replay(folder, rsstrace)
    if facts["status"]:
        yield f"rsstrace ended with {facts['status']}"


def judge_oom(check, folder, facts, machine, rsstrace):
    view, limit = read_json(folder / "report.json"), check.bytes_of("memory")
    facts["whole"] = whole_share(view)
    yield from judge_books(view, 0, machine["version"], running=True)
    if facts["target_status"] != -9 or facts["status"]:
        yield f"the target ended with {facts['target_status']}, rsstrace with {facts['status']}"
    if not limit // 2 <= view["rss"]["peak_total"] <= limit * 2:
        yield f"peak {view['rss']['peak_total']}, with a limit of {limit}"
    yield from judge_replay(folder, rsstrace)


def judge_torture(_check, _folder, facts, _machine, _rsstrace):
    yield from facts["problems"]


def judge_programs(_check, _folder, facts, machine, _rsstrace):
    if not facts["programs"]:
        yield "no program was loaded"
    if machine["version"] >= FAULTS_ON_STACK and "on the kernel's stack" not in facts["faults"]:
        yield f"{facts['faults']}: their place on the kernel's stack was not learned"
    for program in facts["programs"]:
        if not program["verified"] and machine["version"] >= VERIFIED_FROM:
            yield f"{program['name']}: how many instructions were verified is not told"
        if (program["verified"] or 0) >= VERIFIED_MAX:
            yield f"{program['name']}: {program['verified']} instructions verified, at most {VERIFIED_MAX}"
    if facts["left"]:
        yield f"programs left behind: {' '.join(facts['left'])}"
    if facts["status"] or not facts["target_lives"]:
        yield f"record ended with {facts['status']}, the target {'lives' if facts['target_lives'] else 'died'}"


def judge_refused(_check, _folder, facts, _machine, _rsstrace):
    if facts["status"] != 2:
        yield f"record ended with {facts['status']}"
    if not re.fullmatch(r"rsstrace: [^\n]+\n", facts["said"]):
        yield f"record said {facts['said']!r}"
    if not facts["target_lives"]:
        yield "the target did not survive"


def judge_shell(_check, _folder, facts, _machine, _rsstrace):
    if facts["status"]:
        yield f"ended with {facts['status']}"


def left_out(check, facts):
    """(what, why) of each question to a check that passed which this kernel does not answer."""
    if check.kind == "programs" and not any(program["verified"] for program in facts["programs"]):
        yield "verified instructions", "this kernel does not tell their number (Linux 5.16)"


RULES = {"shell": judge_shell, "oom": judge_oom, "workload": judge_traced, "attach": judge_traced, "live": judge_live, "torture": judge_torture,
         "scenario": judge_scenario,
         "programs": judge_programs, "refused": judge_refused}


def problems_of(check, folder, facts, machine, rsstrace):
    """[sentence] of a check that was not skipped. @machine: machine.json with its "version" as a pair of numbers."""
    if "broke" in facts:
        return [f"no verdict: {facts['broke']}"]
    try:
        return list(RULES[check.kind](check, folder, facts, machine, rsstrace))
    except (KeyError, ValueError, IndexError, OSError, AttributeError, subprocess.TimeoutExpired) as wrong:
        return [f"no verdict: {wrong!r}"]
