#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a record costs by the size of the target, as `scale` measured it: `plot_scale.py FIGURES.jsonl PICTURE.svg`."""
import json
import sys

try:
    import matplotlib
except ImportError:
    sys.exit("plot: no matplotlib (make deps-bench); no picture")

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "rsstrace"
from matplotlib import pyplot  # noqa: E402

SIZES = {  # of a stream's name: which figure varies, and what it is called
    "regions": ("regions", "regions"),
    "threads": ("threads", "threads"),
    "stacks": ("stacks", "different stacks"),
    "resident": ("resident_mib", "resident MiB"),
    "long": ("records", "records"),
}


def main():
    source, picture = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    figure, panels = pyplot.subplots(1, len(SIZES), figsize=(13, 3), sharey=True)
    for (what, (size, title)), axes in zip(SIZES.items(), panels):
        spots = sorted((row[size], row["ns_each"]) for row in rows if row["what"] in ("small", what))
        axes.plot([x for x, _ in spots], [y for _, y in spots], "o-", color="#c0392b", markersize=5)
        axes.set_xscale("log")
        axes.set_xlabel(title)
        axes.grid(color="#dddddd", linewidth=0.6)
    panels[0].set_ylabel("ns a record")
    panels[0].set_ylim(bottom=0)
    figure.suptitle("Decoding a record and entering it in the books, one core", fontsize=10)
    figure.tight_layout()
    figure.savefig(picture, format="svg", metadata={"Date": None})


main()
