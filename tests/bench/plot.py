#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The slowdowns of a run of bench.py as one picture: `plot.py FIGURES.json PICTURE.svg`."""
import json
import sys

try:
    import matplotlib
except ImportError:
    sys.exit("plot: no matplotlib (make deps-bench); no picture")

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "rsstrace"
from matplotlib import pyplot, ticker  # noqa: E402

LEFT_OUT = ("nothing", "paced", "big")  # not about the target's time
MARKS = {
    "rsstrace": ("o", "#c0392b"),
    "perf record": ("s", "#2c6fbb"),
    "perf trace -F": ("^", "#7fb2e5"),
    "heaptrack": ("D", "#8e44ad"),
    "massif": ("v", "#7f8c8d"),
    "bpftrace": ("P", "#d68910"),
}


def draw(figures, axes):
    rows = [name for name in figures if name not in LEFT_OUT]
    for tracer, (mark, colour) in MARKS.items():
        spots = [(figures[name].get(tracer, {}).get("slowdown"), at) for at, name in enumerate(rows)]
        spots = [(spot, at) for spot, at in spots if spot]
        if not spots:
            continue
        medians = [spot["median"] for spot, _ in spots]
        ends = [(spot.get("low", spot["least"]), spot.get("high", spot["most"])) for spot, _ in spots]
        spread = [[m - low for m, (low, _) in zip(medians, ends)], [high - m for m, (_, high) in zip(medians, ends)]]
        axes.errorbar(
            medians, [at for _, at in spots], xerr=spread, fmt=mark, color=colour, label=tracer, markersize=6, elinewidth=1,
            zorder=3 if tracer == "rsstrace" else 2,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), rows)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.xaxis.set_major_locator(ticker.FixedLocator([1, 1.5, 2, 3, 5, 10, 30, 100]))
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("x%g"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.grid(axis="both", color="#dddddd", linewidth=0.6)


def main():
    source, picture = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        whole = json.load(file)
    machine = whole["machine"]
    figure, axes = pyplot.subplots(figsize=(9, 6))
    draw(whole["figures"], axes)
    axes.set_title(
        f"Run time of the traced program, untraced = 1 (median of {whole['rounds']} rounds, and where it lies with 95 %)\n"
        f"{machine['processor']}, {machine['cpus']} CPUs, Linux {machine['kernel']}",
        fontsize=10,
    )
    axes.legend(loc="lower right", fontsize=9)
    figure.tight_layout()
    figure.savefig(picture, format="svg", metadata={"Date": None})


main()
