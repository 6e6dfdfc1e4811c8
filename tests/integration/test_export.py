# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Exports say what the report says: the totals of every format are the report's for the same window, and the programs
the formats are for read them. Needs no root: works on the traces in tests/golden; one test records.
"""
import collections
import csv
import gzip
import io
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys

import pytest

from harness import RSSTRACE, TOP, Tracer, Workload, report, run, workload_path
from test_checkpoints import marked

GOLDEN = pathlib.Path(TOP) / "tests" / "golden"
EXPORT = pathlib.Path(TOP) / "user" / "export"
FORMATS = ["flamegraph", "pprof", "folded", "massif", "perfetto", "sqlite", "csv", "jsonl"]
BINARY = {"pprof", "perfetto", "sqlite"}
NAMES = ["mprotect_splits", "fork_child"]
WINDOWS = [(), ("--from", "10ms", "--to", "500ms"), ("--at", "200ms"), ("--from", "500ms"), ("--to", "peak")]
WINDOW_IDS = [" ".join(window) or "all" for window in WINDOWS]
VALUES = ["resident", "growth", "shrunk", "faulted", "freed"]

sys.path.insert(0, str(GOLDEN))
import rsst_read  # pylint: disable=wrong-import-position


def export(form, trace, *args, timeout=60):
    """The bytes of an export."""
    done = subprocess.run(
        [RSSTRACE, "export", "--format", form, *map(str, args), str(trace)], capture_output=True, timeout=timeout
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def need(program):
    path = shutil.which(program)
    if not path:
        pytest.skip(f"{program} is not installed")
    return path


@pytest.fixture(params=NAMES)
def trace(request):
    return GOLDEN / f"{request.param}.rsst"


@pytest.fixture(params=WINDOWS, ids=WINDOW_IDS)
def window(request):
    return request.param


def stack_sums(view):
    return {key: sum(stack[key] for stack in view["stacks"]) for key in ("rss", "growth", "faulted", "freed")}


# --- readers, each of one format ----------------------------------------------------------------


def folded(text):
    """{stack: bytes}."""
    found = {}
    for line in text.decode().splitlines():
        stack, _, number = line.rpartition(" ")
        assert stack and stack not in found and int(number) > 0, line
        found[stack] = int(number)
    return found


def page_data(page):
    text = page.decode()
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert len(found) == 1
    return json.loads(found[0])


def pprof_raw(profile, tmp_path):
    """(types, [values of a sample], text of `go tool pprof -raw`)."""
    path = tmp_path / "profile.pb.gz"
    path.write_bytes(profile)
    environment = {**os.environ, "HOME": str(tmp_path), "PPROF_TMPDIR": str(tmp_path), "GOFLAGS": "-mod=mod"}
    done = subprocess.run(
        [need("go"), "tool", "pprof", "-symbolize=none", "-raw", str(path)], capture_output=True, env=environment,
        timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    start = lines.index("Samples:")
    types = [word.split("/")[0] for word in lines[start + 1].split()]
    rows = [re.match(r"^\s*([-\d ]+):", line) for line in lines[start + 2 : lines.index("Locations")]]
    assert "inuse_space/bytes[dflt]" in lines[start + 1]
    return types, [[int(word) for word in row.group(1).split()] for row in rows if row], done.stdout.decode()


def massif_snapshots(text):
    """[{key: value, "tree": lines}]."""
    found = []
    for line in text.decode().splitlines():
        if line.startswith("snapshot="):
            found.append({"tree": []})
        key, equals, value = line.partition("=")
        if found and equals and not line.startswith((" ", "n", "#")):
            found[-1][key] = value
        elif found and re.match(r"^ *n\d+: ", line):
            found[-1]["tree"].append(line)
    return found


def perfetto_text(trace_bytes):
    done = subprocess.run(
        [need("protoc"), "--decode=perfetto.Trace", f"--proto_path={EXPORT}", "perfetto.proto"], input=trace_bytes,
        capture_output=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def message_fields(text):
    """A text-format message as {key: [values]}; nested ones likewise."""
    top = collections.defaultdict(list)
    stack = [top]
    for line in text.splitlines():
        line = line.strip()
        if line.endswith("{"):
            inner = collections.defaultdict(list)
            stack[-1][line[:-1].strip()].append(inner)
            stack.append(inner)
        elif line == "}":
            stack.pop()
        else:
            key, _, value = line.partition(": ")
            stack[-1][key].append(json.loads(value) if value[0] != '"' else value[1:-1])
    return top


def perfetto_last(packets, name):
    """The last value of a counter."""
    tracks = {p["track_descriptor"][0]["name"][0]: p["track_descriptor"][0]["uuid"][0]
              for p in packets if p["track_descriptor"] and p["track_descriptor"][0]["name"]}
    return [p["track_event"][0]["counter_value"][0] for p in packets
            if p["track_event"] and p["track_event"][0]["track_uuid"][0] == tracks[name]][-1]


def database(content, tmp_path):
    path = tmp_path / "trace.db"
    path.write_bytes(content)
    return sqlite3.connect(path)


# --- the totals are the report's ------------------------------------------------------------------


def test_folded_totals(trace, window):
    view = report(trace, "--all", *window)
    sums = {value: sum(folded(export("folded", trace, "--value", value, *window)).values()) for value in VALUES}
    stacks = stack_sums(view)
    assert sums["resident"] == view["rss"]["total"]
    assert sums["growth"] - sums["shrunk"] == view["growth"]["total"]
    assert sums["faulted"] == stacks["faulted"]
    assert sums["freed"] == stacks["freed"]


def test_folded_by_region_totals(trace, window):
    view = report(trace, "--all", *window)
    found = folded(export("folded", trace, "--by-region", *window))
    assert sum(found.values()) == view["rss"]["total"]
    by_name = collections.Counter()
    for region in view["regions"]:
        by_name[region["name"] or f"[{region['kind']}]"] += sum(stack["rss"] for stack in region["stacks"])
    ours = collections.Counter()
    for stack, size in found.items():
        if not stack.startswith(("[before attach]", "[unattributed]")):
            ours[stack.split(";")[0]] += size
    assert ours == +by_name


def test_folded_tells_what_no_stack_holds(trace):
    view = report(trace)
    found = folded(export("folded", trace))
    before = sum(size for stack, size in found.items() if stack.split(";")[0] == "[before attach]")
    assert before == view["ledger"]["before_attach"] > 0


def test_pprof_totals(trace, window, tmp_path):
    view = report(trace, "--all", *window)
    types, rows, _ = pprof_raw(export("pprof", trace, *window), tmp_path)
    sums = {kind: sum(row[i] for row in rows) for i, kind in enumerate(types)}
    stacks = stack_sums(view)
    assert sums["resident"] == sums["inuse_space"] == view["rss"]["total"]
    assert sums["growth"] == view["growth"]["total"]
    assert sums["faulted"] == sums["alloc_space"] == stacks["faulted"]
    assert sums["freed"] == stacks["freed"]


def test_flamegraph_totals(trace, window):
    view = report(trace, "--all", *window)
    data = page_data(export("flamegraph", trace, *window))
    samples = data["samples"]
    stacks = stack_sums(view)
    assert sum(row[2] for row in samples) == view["rss"]["total"] == data["rss"]["total"]
    assert sum(row[3] for row in samples) == view["growth"]["total"] == data["growth"]["total"]
    assert sum(row[4] for row in samples) == stacks["faulted"]
    assert sum(row[5] for row in samples) == stacks["freed"]
    assert data["ledger"] == view["ledger"]
    assert sum(row[2] for row in samples if row[0] == -1) == view["ledger"]["before_attach"]
    assert all(0 <= frame < len(data["frames"]) for stack in data["stacks"] for frame in stack)
    assert all(-1 <= text < len(data["strings"]) for frame in data["frames"] for text in frame[:4])


def test_csv_is_the_report_of_each_moment(trace, window):
    view = report(trace, "--all", *window)
    rows = list(csv.DictReader(io.StringIO(export("csv", trace, *window).decode())))
    last = rows[-1]
    assert int(last["ts_ns"]) == view["window"]["to_ns"] and int(rows[0]["ts_ns"]) == view["window"]["from_ns"]
    assert last["wall"] == view["window"]["wall_to"]
    for kind in ("anon", "file", "shmem", "total"):
        assert int(last[f"rss_{kind}"]) == view["rss"][kind]
    for key, value in view["ledger"].items():
        assert int(last[key]) == value
    assert sum(int(row["faults"]) for row in rows) == view["events"]["faults"]
    moved = collections.Counter()
    for row in rows:
        for column, value in row.items():
            if column.startswith(("in_", "out_")) and int(value):
                moved[column] += int(value)
    told = {f"{c['direction']}_{c['cause']}": c["anon"] + c["file"] + c["shmem"] for c in view["causes"]}
    assert moved == told
    growth = sum(v if k.startswith("in_") else -v for k, v in moved.items())
    assert growth == view["growth"]["total"]


def test_csv_interval(trace):
    every = export("csv", trace).splitlines()
    thin = export("csv", trace, "-i", "1s").splitlines()
    assert len(thin) < len(every)
    assert thin[0] == every[0] and thin[1] == every[1]
    assert thin[-1].split(b",")[:11] == every[-1].split(b",")[:11]


def test_massif_totals(trace, window):
    view = report(trace, *window)
    shots = massif_snapshots(export("massif", trace, *window))
    assert [int(shot["snapshot"]) for shot in shots] == list(range(len(shots)))
    assert int(shots[-1]["mem_heap_B"]) == view["rss"]["total"]
    assert [shot["heap_tree"] for shot in shots].count("peak") == 1
    peak = max(int(shot["mem_heap_B"]) for shot in shots)
    assert [int(s["mem_heap_B"]) for s in shots if s["heap_tree"] == "peak"] == [peak]
    assert [int(s["time"]) for s in shots] == sorted(int(s["time"]) for s in shots)
    for shot in shots:
        detailed = shot["heap_tree"] != "empty"
        assert bool(shot["tree"]) == detailed
        if detailed:
            root = int(shot["tree"][0].split()[1])
            kids = sum(int(line.split()[1]) for line in shot["tree"] if re.match(r"^ n", line))
            assert root == kids == int(shot["mem_heap_B"])
    assert shots[-1]["heap_tree"] in ("detailed", "peak")


def test_sqlite_totals(trace, window, tmp_path):
    view = report(trace, "--all", *window)
    with database(export("sqlite", trace, *window), tmp_path) as db:
        one = lambda question: db.execute(question).fetchone()
        assert one("PRAGMA integrity_check") == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert one("SELECT sum(bytes), sum(growth) FROM resident") == (view["rss"]["total"], view["growth"]["total"])
        assert one("SELECT total, anon, file, shmem FROM ticks ORDER BY ts_ns DESC, id DESC") == tuple(
            view["rss"][key] for key in ("total", "anon", "file", "shmem")
        )
        ledger = dict(db.execute("SELECT origin, sum(bytes) FROM resident GROUP BY origin"))
        assert ledger.get("stack", 0) == view["ledger"]["attributed"]
        assert ledger.get("before_attach", 0) == view["ledger"]["before_attach"]
        moved = one("SELECT coalesce(sum(CASE direction WHEN 'in' THEN total ELSE -total END), 0) FROM causes")
        assert moved == (view["growth"]["total"],)
        stacks = {row[0]: row[1:] for row in db.execute("SELECT id, rss, growth, faulted, freed FROM stacks")}
        assert stacks == {s["id"]: (s["rss"], s["growth"], s["faulted"], s["freed"]) for s in view["stacks"]}
        names = db.execute("SELECT symbol FROM frames WHERE stack = ? ORDER BY depth", (view["stacks"][0]["id"],))
        assert [name for (name,) in names] == [frame["symbol"] for frame in view["stacks"][0]["frames"]]
        assert one("SELECT count(*) FROM regions") == (len(view["regions"]),)


def test_every_format_tells_what_is_incomplete(tmp_path):
    trace = GOLDEN / "format_1_1.rsst"
    walks = report(trace, "--all")["walks"]
    incomplete = walks["incomplete"]
    assert incomplete and walks["complete_share"] == 0
    assert page_data(export("flamegraph", trace))["whole"] == "0 %"
    assert f"stacks 0 % whole by bytes (incomplete: {incomplete} resident" in pprof_raw(export("pprof", trace), tmp_path)[2]
    assert b"stacks 0 % whole by bytes" in export("massif", trace).splitlines()[0]
    packets = message_fields(perfetto_text(export("perfetto", trace)))["packet"]
    assert perfetto_last(packets, "rss: of these, to incomplete stacks") == incomplete
    with database(export("sqlite", trace), tmp_path) as db:
        assert db.execute("SELECT sum(rss) FROM stacks WHERE NOT complete").fetchone() == (incomplete,)
    assert int(list(csv.DictReader(io.StringIO(export("csv", trace).decode())))[-1]["incomplete"]) == incomplete
    ends = [json.loads(line) for line in export("jsonl", trace).splitlines()]
    assert not any(record["complete"] for record in ends if record["type"] == "stack")
    said = run("export", "--format", "folded", trace)
    assert said.returncode == 0 and "stacks 0 % whole by bytes" in said.stderr


def test_perfetto_totals(trace, window):
    view = report(trace, "--all", *window)
    packets = message_fields(perfetto_text(export("perfetto", trace, *window)))["packet"]
    stats = [p["process_stats"][0] for p in packets if p["process_stats"]]
    for key, kind in (("vm_rss_kb", "total"), ("rss_anon_kb", "anon"), ("rss_file_kb", "file"), ("rss_shmem_kb", "shmem")):
        assert sum(process[key][0] for process in stats[-1]["processes"]) << 10 == view["rss"][kind]
    ledger = view["ledger"]
    assert perfetto_last(packets, "rss: attributed to stacks") == ledger["attributed"]
    assert perfetto_last(packets, "rss: before attach") == ledger["before_attach"]
    assert perfetto_last(packets, "rss: unattributed") == ledger["unattributed"]
    dumps = [dump for p in packets for profile in p["profile_packet"] for dump in profile["process_dumps"]]
    held = sum(sample["self_allocated"][0] for dump in dumps for sample in dump["samples"])
    assert held == view["rss"]["total"]


def test_perfetto_packets_hold_together(trace):
    packets = message_fields(perfetto_text(export("perfetto", trace)))["packet"]
    view = report(trace, "--all")
    times = [packet["timestamp"][0] for packet in packets]
    assert times == sorted(times) and packets[0]["clock_snapshot"]
    named = {p["track_descriptor"][0]["uuid"][0] for p in packets if p["track_descriptor"]}
    used = {p["track_event"][0]["track_uuid"][0] for p in packets if p["track_event"]}
    assert used <= named
    smaps = [p["smaps_packet"][0] for p in packets if p["smaps_packet"]]
    for packet in smaps:
        entries = packet["packed_entries"][0]
        assert entries["string_table"][0] == "" and entries["recording_type"] == [1]
        assert len(entries["name_id"]) == len(entries["size_kb"]) == len(entries["rss_kb"])
        assert max(entries["name_id"]) < len(entries["string_table"])
    last = smaps[-1]["packed_entries"][0]
    assert sum(last["rss_kb"]) << 10 == sum(region["rss"] for region in view["regions"])
    data = next(p["interned_data"][0] for p in packets if p["interned_data"])
    frames = {frame["iid"][0] for frame in data["frames"]}
    assert all(set(stack["frame_ids"]) <= frames for stack in data["callstacks"])
    names = {name["iid"][0] for name in data["function_names"]}
    assert all(frame["function_name_id"][0] in names for frame in data["frames"])


def test_marks_are_in_every_export_that_has_time(tmp_path):
    """As places in time: a column, a table, instants, records."""
    need("zstd")
    trace = tmp_path / "marked.rsst"
    marked(trace, ["first", 'begin, "warm"', "load"])
    view = report(trace)
    assert [mark["label"] for mark in view["marks"]] == ['begin, "warm"', "load"]  # the first tick begins the window
    moments = {mark["label"]: mark["at_ns"] for mark in view["marks"]}
    rows = [row for row in csv.DictReader(io.StringIO(export("csv", trace).decode())) if row["marks"]]
    assert {row["marks"]: int(row["ts_ns"]) for row in rows} == moments
    with database(export("sqlite", trace), tmp_path) as db:
        assert dict(db.execute("SELECT label, ticks.ts_ns FROM marks JOIN ticks ON ticks.id = marks.tick")) == moments
        assert db.execute("SELECT DISTINCT set_by, pid FROM marks").fetchall() == [("socket", 9)]
    packets = message_fields(perfetto_text(export("perfetto", trace)))["packet"]
    instants = [packet for packet in packets if packet["track_event"] and packet["track_event"][0]["type"] == [3]]
    assert {packet["track_event"][0]["name"][0].replace('\\"', '"') for packet in instants} == set(moments)
    assert [packet["timestamp"] for packet in packets] == sorted(packet["timestamp"] for packet in packets)
    lines = [json.loads(line) for line in export("jsonl", trace).splitlines()]
    assert [line["label"] for line in lines if line["type"] == "mark"][1:] == list(moments)


def test_jsonl_is_every_record(trace):
    lines = [json.loads(line) for line in export("jsonl", trace).splitlines()]
    need("zstd")
    records = rsst_read.Trace(trace.read_bytes()).stream
    assert len(lines) == len(records)
    start = records[0][2]
    assert [line["ts_ns"] for line in lines] == [ts - start for _, _, ts in records]
    kinds = {}
    for line, (kind, _, _) in zip(lines, records):
        assert kinds.setdefault(kind, line["type"]) == line["type"] is not None


def test_jsonl_faults_are_the_reports(trace, window):
    view = report(trace, *window)
    lines = [json.loads(line) for line in export("jsonl", trace, *window).splitlines()]
    stacks = {line["id"] for line in lines if line["type"] == "stack"}
    faults = [line for line in lines if line["type"] == "fault"]
    assert all(fault["stack"] is None or fault["stack"] in stacks for fault in faults)
    if not window:
        faulted = sum(cause["anon"] + cause["file"] + cause["shmem"] for cause in view["causes"]
                      if cause["cause"] == "fault" and cause["direction"] == "in")
        assert sum(fault["pages"] for fault in faults) * 4096 >= faulted
    times = [line["ts_ns"] for line in lines if line["type"] == "fault"]
    if "--from" in window:
        assert all(time >= view["window"]["from_ns"] for time in times)
    if "--at" in window or "--to" in window:
        assert all(time <= view["window"]["to_ns"] for time in times)


# --- one process of many --------------------------------------------------------------------------

PARENT, CHILD = 10362, 10363


@pytest.mark.parametrize("moment", ["200ms", "peak", "end"])
def test_processes_add_up_to_the_whole(moment):
    trace = GOLDEN / "fork_child.rsst"
    whole = report(trace, "--all", "--at", moment)
    parts = [report(trace, "--all", "--at", moment, "-p", pid) for pid in (PARENT, CHILD)]
    for section in ("rss", "growth", "ledger"):
        for key in whole[section]:
            if not key.startswith("peak"):
                assert sum(part[section][key] for part in parts) == whole[section][key], (section, key)
    assert sum(part["events"]["faults"] for part in parts) == whole["events"]["faults"]
    assert sum(len(part["regions"]) for part in parts) == len(whole["regions"])
    for key, total in stack_sums(whole).items():
        assert sum(stack_sums(part)[key] for part in parts) == total, key
    for part in parts:
        ledger = part["ledger"]
        assert sum(ledger.values()) == part["rss"]["total"] == sum(region["rss"] for region in part["regions"])
        moved = sum((1 if c["direction"] == "in" else -1) * (c["anon"] + c["file"] + c["shmem"]) for c in part["causes"])
        assert moved == part["growth"]["total"]
        assert part["rss"]["peak_total"] >= part["rss"]["total"]
        assert sum(stack["rss"] for stack in part["stacks"]) == ledger["attributed"]
    assert [part["target"]["pid"] for part in parts] == [PARENT, CHILD]


@pytest.mark.parametrize("pid", [PARENT, CHILD])
def test_exports_of_one_process(pid, tmp_path):
    trace, args = GOLDEN / "fork_child.rsst", ("-p", pid, "--at", "peak")
    view = report(trace, "--all", *args)
    total = view["rss"]["total"]
    assert sum(folded(export("folded", trace, *args)).values()) == total
    data = page_data(export("flamegraph", trace, *args))
    assert sum(row[2] for row in data["samples"]) == total and data["target"]["pid"] == pid
    rows = list(csv.DictReader(io.StringIO(export("csv", trace, *args).decode())))
    assert int(rows[-1]["rss_total"]) == total
    assert int(massif_snapshots(export("massif", trace, *args))[-1]["mem_heap_B"]) == total
    with database(export("sqlite", trace, *args), tmp_path) as db:
        assert db.execute("SELECT sum(bytes) FROM resident").fetchone() == (total,)
        assert db.execute("SELECT pid FROM targets").fetchall() == [(pid,)]
    types, values, _ = pprof_raw(export("pprof", trace, *args), tmp_path)
    assert sum(row[types.index("resident")] for row in values) == total
    packets = message_fields(perfetto_text(export("perfetto", trace, *args)))["packet"]
    named = [p["track_descriptor"][0]["process"][0]["pid"] for p in packets
             if p["track_descriptor"] and p["track_descriptor"][0]["process"]]
    assert named == [[pid]]
    stats = [p["process_stats"][0] for p in packets if p["process_stats"]]
    assert [process["pid"][0] for process in stats[-1]["processes"]] == [pid]
    assert stats[-1]["processes"][0]["vm_rss_kb"][0] << 10 == total


def test_a_process_that_is_not_there(tmp_path):
    refused("--format", "csv", "-p", 77, "-o", tmp_path / "out", GOLDEN / "fork_child.rsst", words=["77", str(CHILD)])
    assert not os.listdir(tmp_path)
    done = run("report", "-p", 77, GOLDEN / "fork_child.rsst")
    assert done.returncode == 2 and "no process 77" in done.stderr
    refused("--format", "csv", "-p", "0", GOLDEN / "fork_child.rsst", words=["process id"])


# --- the programs the formats are for -------------------------------------------------------------


def test_go_tool_pprof_opens_it(trace, tmp_path):
    _, _, text = pprof_raw(export("pprof", trace), tmp_path)
    assert "PeriodType: space bytes" in text
    assert "inuse_space/bytes[dflt]" in text
    assert re.search(r"kind:\[anon\] origin:\[stack\] region:\[", text)
    assert re.search(r"/usr/local/bin/\w+ .*\[FN\]\[FL\]\[LN\]\[IN\]", text)
    top = subprocess.run(
        [need("go"), "tool", "pprof", "-symbolize=none", "-sample_index=growth", "-top", str(tmp_path / "profile.pb.gz")],
        capture_output=True, text=True, timeout=60, env={**os.environ, "HOME": str(tmp_path)}, check=False,
    )
    assert top.returncode == 0, top.stderr
    assert "Type: growth" in top.stdout and "workload__touch (inline)" in top.stdout


def test_pprof_can_be_subtracted(tmp_path):
    trace = GOLDEN / "fork_child.rsst"
    base, now = tmp_path / "base.pb.gz", tmp_path / "now.pb.gz"
    base.write_bytes(export("pprof", trace, "--at", "10ms"))
    now.write_bytes(export("pprof", trace, "--at", "200ms"))
    done = subprocess.run(
        [need("go"), "tool", "pprof", "-symbolize=none", "-sample_index=resident", "-top", "-unit=B", "-nodefraction=0",
         "-nodecount=100000", f"-diff_base={base}",
         str(now)], capture_output=True, text=True, timeout=60, env={**os.environ, "HOME": str(tmp_path)}, check=False,
    )
    assert done.returncode == 0, done.stderr
    grown = report(trace, "--from", "10ms", "--to", "200ms")["growth"]["total"]
    flat = [int(number) for number in re.findall(r"^ *(-?\d+)B? +-?[\d.]+%", done.stdout, re.M)]
    assert sum(flat) == grown > 0


def test_ms_print_opens_it(trace, tmp_path):
    path = tmp_path / "massif.out"
    path.write_bytes(export("massif", trace))
    done = subprocess.run([need("ms_print"), str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert "(peak)" in done.stdout and "workload__touch (workload.h:85)" in done.stdout


def test_sqlite3_opens_it(trace, tmp_path):
    path = tmp_path / "trace.db"
    path.write_bytes(export("sqlite", trace))
    done = subprocess.run(
        [need("sqlite3"), "-readonly", str(path), "SELECT sum(bytes) FROM resident"], capture_output=True, text=True,
        timeout=60, check=False,
    )
    assert done.stdout.strip() == str(report(trace)["rss"]["total"]), done.stderr


def questions():
    """The SQL of the README, with the line above each as its name."""
    text = (EXPORT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"```sql\n-- ([^\n]*)\n(.*?)```", text, re.S)


def test_readme_has_questions():
    assert len(questions()) >= 4


@pytest.mark.parametrize("question", [q for _, q in questions()], ids=[name for name, _ in questions()])
def test_readme_questions_have_answers(question, tmp_path):
    trace = GOLDEN / "fork_child.rsst"
    if "marks" in question:
        need("zstd")
        trace = tmp_path / "marked.rsst"
        marked(trace, ["warm", "load"])
    with database(export("sqlite", trace), tmp_path) as db:
        assert db.execute(question).fetchall()


CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", "--virtual-time-budget=3000", "--dump-dom"]


def dom(page, tmp_path, fragment=""):
    """The page after its script ran."""
    chromium = need("chromium")
    path = tmp_path / "page.html"
    path.write_bytes(page)
    done = subprocess.run(
        [chromium, *CHROMIUM, "--window-size=1280,800", f"--user-data-dir={tmp_path}/profile", f"file://{path}{fragment}"],
        capture_output=True, text=True, timeout=90, check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_browser_draws_it(tmp_path):
    trace = GOLDEN / "fork_child.rsst"
    text = dom(export("flamegraph", trace), tmp_path)
    assert "<title>fork_child (10362) - rsstrace</title>" in text
    assert 'aria-label="resident 13.5 MiB, 13.5 MiB, 100 %"' in text
    assert re.search(r'class="frame"[^>]*aria-label="site_parent, 8.00 MiB, 59.5 %"[^>]*>site_parent<', text)
    assert 'aria-label="[before attach], 16.0 KiB, 0.1 %"' in text
    text = dom(export("flamegraph", trace), tmp_path, "#value=faulted&fold=1&search=^site_")
    assert 'aria-label="faulted 30.0 MiB, ' in text
    assert len(re.findall(r'class="frame match"[^>]*>site_', text)) == 3
    assert "__libc_start_main" not in re.search(r'<div id="graph".*?<div id="detail"', text, re.S).group(0)


KEYS = """<script>
{
  const key = (key, at) => (at || document.activeElement).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const said = [];
  const say = (text) => said.push(text);
  drawn.get(root).focus();
  for (const name of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown"]) key(name);
  say(document.activeElement.node.name);
  key("ArrowRight"); say(document.activeElement.node.name);
  key("Enter"); say(zoom.name);
  key("Escape"); say(zoom.name);
  $("reset").click(); say(zoom.name);
  key("2", document.body); say(view.value);
  key("/", document.body); say(document.activeElement.id);
  document.title = said.join("|");
}
</script></body>"""


def test_keys_move_and_zoom(tmp_path):
    page = export("flamegraph", GOLDEN / "fork_child.rsst").replace(b"</body>", KEYS.encode())
    assert "<title>site_parent|site_shared|site_shared|main|resident 13.5 MiB|growth|search</title>" in dom(page, tmp_path)


def test_page_needs_nothing_else():
    page = export("flamegraph", GOLDEN / "fork_child.rsst").decode()
    markup = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.S)
    assert not re.search(r"(?:src|href)\s*=|url\(|@import|https?:", markup)
    assert "default-src 'none'" in markup


# --- names are hostile ----------------------------------------------------------------------------

MARKUP = b"</script><b>;\n\""  # as long as workload__touch
PATH = b'/<img src=x onerror=q()>"'  # as long as /usr/local/bin/fork_child


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """fork_child with a function and a program of bad names."""
    zstd = need("zstd")
    data = (GOLDEN / "fork_child.rsst").read_bytes()
    at = rsst_read.file_header(data)
    made = data[:at]
    while at < len(data):
        block = rsst_read.sound_header(data, at)
        body = at + rsst_read.BLOCK_HEADER.size
        raw = rsst_read.unpack(data[body : body + block.stored], block.raw)
        bad = raw.replace(b"workload__touch", MARKUP).replace(b"/usr/local/bin/fork_child", PATH)
        assert len(bad) == len(raw)
        payload = subprocess.run([zstd, "-cq"], input=bad, capture_output=True, check=True).stdout
        fields = block._replace(stored=len(payload), payload_crc=rsst_read.zlib.crc32(payload))
        header = rsst_read.BLOCK_HEADER.pack(rsst_read.BLOCK_MAGIC, *fields, 0)[:-4]
        made += header + rsst_read.zlib.crc32(header).to_bytes(4, "little") + payload
        at = body + block.stored
    path = tmp_path_factory.mktemp("hostile") / "hostile.rsst"
    path.write_bytes(made)
    assert any(stack["frames"] and stack["frames"][0]["symbol"] == MARKUP.decode() for stack in report(path)["stacks"])
    return path


def test_markup_in_names_stays_text(hostile, tmp_path):
    page = export("flamegraph", hostile)
    assert page.count(b"</script>") == export("flamegraph", GOLDEN / "fork_child.rsst").count(b"</script>")
    assert b"<img" not in page
    data = page_data(page)
    assert '</script><b>;?"' in data["strings"] and data["target"]["exe"] == PATH.decode()
    text = dom(page, tmp_path)
    assert '&lt;/script&gt;&lt;b&gt;;?"' in text
    assert "<img" not in text


def test_separators_in_names(hostile, tmp_path):
    view = report(hostile)
    found = folded(export("folded", hostile))
    assert sum(found.values()) == view["rss"]["total"]
    assert any(stack.endswith('</script><b>,?"') for stack in found)
    shots = massif_snapshots(export("massif", hostile))
    assert int(shots[-1]["mem_heap_B"]) == view["rss"]["total"]
    for line in export("jsonl", hostile).splitlines():
        json.loads(line)
    _, rows, _ = pprof_raw(export("pprof", hostile), tmp_path)
    assert sum(row[1] for row in rows) == view["rss"]["total"]


def test_any_text_is_sql_text(hostile, tmp_path):
    with database(export("sqlite", hostile), tmp_path) as db:
        assert db.execute("SELECT count(*) FROM frames WHERE function = ?", ('</script><b>;?"',)).fetchone()[0] > 0


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_same_window_same_bytes(form, trace, tmp_path):
    path = tmp_path / "out"
    done = run("export", "--format", form, "-o", path, trace)
    assert done.returncode == 0 and not done.stdout and not done.stderr, done.stderr
    assert path.read_bytes() == export(form, trace) == export(form, trace, "-o", "-") != b""
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("form", ["folded", "csv", "massif"])
def test_reads_as_ever(form, trace):
    golden = trace.with_suffix(f".{form}")
    printed = export(form, trace)
    if os.environ.get("RSSTRACE_WRITE_GOLDEN"):
        golden.write_bytes(printed)
    assert printed == golden.read_bytes()


def refused(*args, words=(), **kwargs):
    done = run("export", *args, **kwargs)
    assert done.returncode == 2 and not done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("rsstrace: "), done.stderr
    for word in words:
        assert word in lines[0]


def test_an_existing_file_is_kept(tmp_path):
    trace, path = GOLDEN / "fork_child.rsst", tmp_path / "out"
    path.write_text("mine")
    refused("--format", "csv", "-o", path, trace, words=["exists", "-f"])
    assert path.read_text() == "mine"
    assert run("export", "--format", "csv", "-f", "-o", path, trace).returncode == 0
    assert path.read_bytes() == export("csv", trace)
    assert os.listdir(tmp_path) == ["out"]


def test_the_trace_is_not_replaced(tmp_path):
    trace = tmp_path / "t.rsst"
    shutil.copy(GOLDEN / "fork_child.rsst", trace)
    os.link(trace, tmp_path / "other")
    for path in (trace, tmp_path / "other"):
        refused("--format", "csv", "-f", "-o", path, trace, words=["the trace itself"])
    assert trace.read_bytes() == (GOLDEN / "fork_child.rsst").read_bytes()


@pytest.mark.parametrize("form", FORMATS)
def test_a_broken_trace_leaves_nothing(form, tmp_path):
    broken, path = tmp_path / "broken.rsst", tmp_path / "out"
    broken.write_bytes(b"not a trace at all" * 100)
    refused("--format", form, "-o", path, broken, words=["not a trace"])
    path.write_text("mine")
    refused("--format", form, "-f", "-o", path, broken)
    assert path.read_text() == "mine" and sorted(os.listdir(tmp_path)) == ["broken.rsst", "out"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_cut_trace_is_exported_and_said(form, tmp_path):
    cut = tmp_path / "cut.rsst"
    cut.write_bytes((GOLDEN / "fork_child.rsst").read_bytes()[:-200])
    done = run("export", "--format", form, "-o", tmp_path / "out", cut)
    if done.returncode:
        assert run("report", cut).returncode == 2  # cut before its first moment
    else:
        assert "cut after" in done.stderr and (tmp_path / "out").stat().st_size > 0


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_is_told(form):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    refused("--format", form, "-o", "/dev/full", GOLDEN / "fork_child.rsst", words=["No space left"])
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = run("export", "--format", form, GOLDEN / "fork_child.rsst", stdout=full)
    assert done.returncode == 2 and "No space left" in done.stderr


def test_a_reader_that_leaves_is_no_failure():
    command = f"{RSSTRACE} export --format jsonl {GOLDEN / 'fork_child.rsst'} | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "0" and not done.stderr


def test_bad_asks():
    trace = GOLDEN / "fork_child.rsst"
    refused(trace, words=["--format"])
    refused("--format", "nope", trace, words=["nope", "pprof", "jsonl"])
    refused("--format", "pprof", words=["no target"])
    refused("--format", "pprof", "--value", "growth", trace, words=["--value", "pprof"])
    refused("--format", "folded", "--value", "nope", trace, words=["resident"])
    refused("--format", "csv", "--by-region", trace, words=["--by-region"])
    refused("--format", "massif", "-i", "1s", trace, words=["--interval"])
    refused("--format", "folded", "-n", "3", trace, words=["--top"])
    refused("--format", "csv", "-o", "/", trace, words=["directory"])
    refused("--format", "csv", "-o", "/nowhere/at/all", trace, words=["No such file"])
    refused("--format", "csv", "--from", "2s", "--to", "1s", trace)
    refused("--format", "csv", "/nowhere/trace.rsst", words=["/nowhere/trace.rsst"])


def test_binary_is_nothing_for_a_terminal():
    for form in sorted(BINARY):
        leader, follower = os.openpty()
        try:
            done = run("export", "--format", form, GOLDEN / "fork_child.rsst", stdout=follower)
        finally:
            os.close(leader)
            os.close(follower)
        assert done.returncode == 2 and "terminal" in done.stderr


def test_help_lists_every_format():
    done = run("export", "--help")
    assert done.returncode == 0
    for form in FORMATS:
        assert re.search(rf"^  {form} ", done.stdout, re.M)


# --- live -----------------------------------------------------------------------------------------


@pytest.mark.live
def test_of_a_fresh_trace(tmp_path):
    trace = tmp_path / "sites.rsst"
    with Workload("sites") as target:
        with Tracer("record", "-p", target.pid, "-o", trace) as tracer:
            tracer.attached()
            target.go()
            sites = target.truth()["sites"]
            assert tracer.stop() == 0, tracer.talk
    view = report(trace, "--all")
    found = folded(export("folded", trace))
    assert sum(found.values()) == view["rss"]["total"]
    for site, size in sites.items():
        ours = sum(n for stack, n in found.items() if site in stack.split(";"))
        told = sum(s["rss"] for s in view["stacks"] if any(f["symbol"] == site for f in s["frames"]))
        assert ours == told and (size == 0 or ours > 0)
    data = page_data(export("flamegraph", trace))
    assert sum(row[2] for row in data["samples"]) == view["rss"]["total"]
    with database(export("sqlite", trace), tmp_path) as db:
        assert db.execute("SELECT sum(bytes) FROM resident").fetchone() == (view["rss"]["total"],)
    rows = list(csv.DictReader(io.StringIO(export("csv", trace).decode())))
    assert int(rows[-1]["rss_total"]) == view["rss"]["total"]
    assert gzip.decompress(export("pprof", trace))
    if shutil.which("go") and shutil.which("readelf"):
        _, _, text = pprof_raw(export("pprof", trace), tmp_path)
        notes = subprocess.run(["readelf", "-n", workload_path("sites")], capture_output=True, text=True, check=True)
        build_id = re.search(r"Build ID: ([0-9a-f]+)", notes.stdout).group(1)
        assert re.search(rf"/sites {build_id} ", text), text
    assert int(massif_snapshots(export("massif", trace))[-1]["mem_heap_B"]) == view["rss"]["total"]
