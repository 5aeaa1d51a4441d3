"""The simulation of a year: it loses no document, is the same every time, and tells when a plan is too small."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from benchmarks.year_of_nights import WINDOW, figures, year

COSTS, PLANS = figures()


def test_what_came_is_done_or_waits_and_the_year_is_the_same_each_time() -> None:
    for plan in PLANS.values():
        small = replace(plan, machines=1, processors=1)
        for one in (plan, small):
            told = year(COSTS, one, 60)
            assert told == year(COSTS, one, 60)
            assert told.held + told.waiting == one.held + told.documents
            assert told.longest_night * 3600 <= WINDOW + 1


def test_a_plan_that_is_too_small_is_late_and_more_machines_are_never_slower() -> None:
    plan = PLANS["province"]
    told = [year(COSTS, replace(plan, machines=n, processors=2)) for n in (1, 2, 4, 8)]
    assert told[0].late_nights > told[-1].late_nights == 0
    assert all(more.longest_night <= fewer.longest_night and more.most_waiting <= fewer.most_waiting
               for fewer, more in pairwise(told))


def test_the_plans_that_are_recommended_bear_their_year_and_the_one_that_is_not_does_not() -> None:
    for name in ("office", "department", "province", "province_digitising"):
        told = year(COSTS, PLANS[name])
        assert (told.waiting, told.late_nights) == (0, 0), name
    told = year(COSTS, PLANS["country_in_one"])
    assert told.fixity > 24, "it cannot even read what it holds"
