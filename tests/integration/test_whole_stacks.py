# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Of real programs nearly every faulted byte has a stack that reaches the root: those of tests/stacks that can be had anywhere."""
import os
import statistics
import sys

import pytest

from harness import BUILD, TOP

sys.path.insert(0, os.path.join(TOP, "tests", "stacks"))
import check_stacks  # noqa: E402

pytestmark = pytest.mark.live

PROGRAMS = {name: (bound, record) for name, bound, is_checked, record in check_stacks.PROGRAMS if is_checked}
MEDIAN_MS = 100  # from a stack with code that has no table to its whole: it takes 1 to 30, and does not wait for a tick
TRIES = 3  # of what is a matter of time: others use this machine, too


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return check_stacks.Place(BUILD, tmp_path_factory.mktemp("stacks"))


def recorded(place, name):
    """The trace of a program, or skipped."""
    trace = place.path(f"{name}.rsst")
    if os.path.exists(trace):
        os.unlink(trace)
    try:
        PROGRAMS[name][1](place, trace)
    except check_stacks.Skip as why:
        pytest.skip(str(why))
    return trace


@pytest.mark.parametrize("name", PROGRAMS)
def test_stacks_reach_the_root(name, place):
    percent, faulted, _, broken, places, astray = check_stacks.completeness(place, recorded(place, name))
    assert faulted > 0 < places
    assert not astray, "not behind a call"
    assert percent >= PROGRAMS[name][0], [check_stacks.sentence(stack) for stack in broken[:3]]


def test_a_table_takes_milliseconds(place):
    """Of libraries loaded one after the other; told first as parts, then whole."""
    for tried in range(1, TRIES + 1):
        late = check_stacks.delays_ms(place, recorded(place, "python-imports"))
        assert late, "no stack was told twice"
        print(f"{len(late)} stacks waited {statistics.median(late):.1f} ms, {late[-1]:.1f} at most")
        if statistics.median(late) <= MEDIAN_MS:
            return
    pytest.fail(f"after {tried} tries a table takes {statistics.median(late):.1f} ms, {late[-1]:.1f} at most")
