"""A year of nights from measured costs: does a plan of machines bear what comes, and what does it grow to.

    python benchmarks/year_of_nights.py [PLAN …] [--machines N] [--processors N] [--documents N] [--json]

Each working day brings documents (more at the end of a month, most at the end of a year, none on days off), each night
has from 22:00 to 05:30. The machines examine, the one writer stores; whoever is later ends the night. What does not fit
waits for the next night, urgent documents first. Nothing is run: costs are those of year_of_nights.toml.
"""

from __future__ import annotations

import argparse
import json
import random
import tomllib
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).with_suffix(".toml")
WINDOW = 7.5 * 3600         # seconds from 22:00 to 05:30
AROUND_TET = ((2, 13), (2, 22))     # days off in a row, 2026
FIRST = date(2026, 1, 1)


@dataclass(frozen=True)
class Costs:
    """What things cost, seconds and bytes (year_of_nights.toml says where each comes from)."""

    letter_machine: float
    letter_writer: float
    page: float
    scan_writer: float
    night: float
    together: float
    handing_out: float
    read_mb_s: float
    index_bytes: int
    catalogue_bytes: int


@dataclass(frozen=True)
class Plan:
    """An archive, what comes to it, and its machines."""

    title: str
    documents_a_night: int
    scans: float
    pages: float
    document_mb: float
    held: int
    machines: int
    processors: int


@dataclass(frozen=True)
class Year:
    """What a year of nights came to; hours, unless the name says otherwise."""

    title: str
    documents: int          # came in the year
    waiting: int            # wait after the last night
    most_waiting: int       # after the worst one
    late_nights: int        # after which something waited
    mean_night: float
    longest_night: float
    longest_writer: float   # the one writer's share of the longest night
    machines_busy: float    # share of the machines' window that they work, mean over the nights
    held: int               # documents at the end
    store_tb: float         # one copy
    fixity: float           # a night, for each place: every file within 90 days
    index_gb: float
    catalogue_gb: float


def main() -> None:
    """Print a table of the plans, or JSON."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("plans", nargs="*", metavar="PLAN")
    for name in ("machines", "processors", "documents"):
        asked.add_argument(f"--{name}", type=int)
    asked.add_argument("--json", action="store_true")
    given = asked.parse_args()
    costs, plans = figures()
    chosen = {name: plans[name] for name in given.plans or plans}
    changes = {key: value for key, value in (("machines", given.machines), ("processors", given.processors),
                                             ("documents_a_night", given.documents)) if value}
    years = {name: year(costs, replace(plan, **changes)) for name, plan in chosen.items()}
    if given.json:
        print(json.dumps({name: asdict(one) for name, one in years.items()}, indent=1))
        return
    for name, one in years.items():
        plan = replace(chosen[name], **changes)
        print(f"{name}: {one.title}\n  {plan.machines} × {plan.processors} processors")
        for key, value in list(asdict(one).items())[1:]:
            print(f"  {key:<16}{value:>16,}" if isinstance(value, int) else f"  {key:<16}{value:>16,.2f}")


def figures() -> tuple[Costs, dict[str, Plan]]:
    """The costs and the plans of year_of_nights.toml."""
    told: dict[str, Any] = tomllib.loads(FIGURES.read_text(encoding="utf-8"))
    return Costs(**told["costs"]), {name: Plan(**plan) for name, plan in told["plans"].items()}


def year(costs: Costs, plan: Plan, nights: int = 365, seed: int = 1) -> Year:
    """Play `nights` nights; the same every time."""
    dice = random.Random(seed)
    waiting_letters = waiting_scans = most = late = came = 0
    hours: list[tuple[float, float, float]] = []        # the night, the writer, the machines, seconds
    for n in range(nights):
        documents = round(plan.documents_a_night * _busy(FIRST + timedelta(days=n)) * dice.uniform(0.8, 1.2))
        scans = round(documents * plan.scans)
        came += documents
        letters, scans = waiting_letters + documents - scans, waiting_scans + scans
        share = min(1.0, _fitting(costs, plan, letters, scans))
        done_letters, done_scans = int(letters * share), int(scans * share)
        hours.append(_seconds(costs, plan, done_letters, done_scans))
        waiting_letters, waiting_scans = letters - done_letters, scans - done_scans
        most = max(most, waiting_letters + waiting_scans)
        late += waiting_letters + waiting_scans > 0
    held = plan.held + came - waiting_letters - waiting_scans
    size = held * plan.document_mb
    longest = max(hours)
    return Year(
        plan.title, came, waiting_letters + waiting_scans, most, late, sum(one[0] for one in hours) / nights / 3600,
        longest[0] / 3600, longest[1] / 3600, sum(one[2] for one in hours) / nights / WINDOW, held, size / 1e6,
        size / 90 / costs.read_mb_s / 3600, held * costs.index_bytes / 1e9, held * costs.catalogue_bytes / 1e9)


def _seconds(costs: Costs, plan: Plan, letters: int, scans: int) -> tuple[float, float, float]:
    """How long a night takes by the clock, the writer's part and the machines' part of it, seconds.

    The writer stores when the machines are done with the batch (ingest/nightly.py), so their times add up; what it
    takes in and hands out runs beside them and is the writer's all the same: cautious.
    """
    processors = plan.machines * plan.processors
    power = 1 + (processors - 1) * costs.together if processors > 1 else 1.0
    work = letters * costs.letter_machine + scans * plan.pages * costs.page
    handed = (letters + scans) * costs.handing_out if plan.machines > 1 else 0.0
    writer = letters * costs.letter_writer + scans * costs.scan_writer + handed
    return costs.night + work / power + writer, writer, work / power


def _fitting(costs: Costs, plan: Plan, letters: int, scans: int) -> float:
    """Which share of the documents fits into the window."""
    whole, _writer, _machines = _seconds(costs, plan, letters, scans)
    return (WINDOW - costs.night) / max(whole - costs.night, 1e-9)


def _busy(day: date) -> float:
    """How much comes on a day, next to a usual working day."""
    if day.weekday() >= 5 or (day.month, day.day) in ((1, 1), (4, 30), (5, 1), (9, 1), (9, 2)) or (
            date(day.year, *AROUND_TET[0]) <= day <= date(day.year, *AROUND_TET[1])):
        return 0.05         # what machines send
    if day.month == 12 and day.day >= 15:
        return 3.0          # the end of the year
    return 1.6 if day.day >= 26 else 1.0


if __name__ == "__main__":
    main()
