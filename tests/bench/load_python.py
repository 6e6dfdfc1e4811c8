# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A Python program that builds and drops what such programs do; times itself as loads.c does: `load_python.py FILE [--in-turns]`."""
import json
import resource
import sys
import time

ROUNDS = 40
ROWS = 4000


def once(number):
    rows = [{"id": i, "name": f"row {number} {i}", "tags": [str(i % 7), "x" * (i % 50)]} for i in range(ROWS)]
    text = json.dumps(rows)
    back = json.loads(text)
    index = {row["name"]: row for row in back}
    words = sorted(word for row in back for word in row["name"].split())
    return len(index) + len(words), text


def spent():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic_ns(), time.process_time_ns(), usage.ru_minflt + usage.ru_majflt


def main():
    kept, rounds = [], []
    first = spent()
    in_turns = sys.argv[2:] == ["--in-turns"]
    for number in range(ROUNDS):
        if in_turns and not sys.stdin.readline():
            return
        begin = spent()
        kept.append(once(number)[1])  # the texts stay: a leak, if you like
        end = spent()
        rounds.append(end[0] - begin[0])
        if in_turns:
            print(*(after - before for before, after in zip(begin, end)), flush=True)
    last = spent()
    ns, cpu_ns, faults = (after - before for before, after in zip(first, last))
    quartile = sorted(rounds)[ROUNDS // 4] * ROUNDS
    with open(sys.argv[1], "w", encoding="ascii") as out:
        json.dump({"ns": ns, "quartile_ns": quartile, "cpu_ns": cpu_ns, "ops": ROUNDS * ROWS, "faults": faults}, out)


main()
