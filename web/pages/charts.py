"""Charts drawn by the server as SVG, each with its figures in a table: for eyes, readers and paper alike.

Only places rectangles; colours are classes (static/charts.css), for no style may stand in a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import model
from archive.findings import Finding, Level, rules
from archive.i18n import _, language
from archive.terminal import local_day

WIDE, HIGH, LEFT, TOP, BOTTOM = 640, 230, 46, 16, 26     # of the drawing, in its own units
NIGHTS = 14
AGENCIES = 4            # shown by name; the rest together
REASONS = 8
REFUSED = ("quarantine", "failed", "kept_out", "turned_away")


@dataclass(frozen=True, slots=True)
class Piece:
    """A rectangle of a column: the number of its series (0 …), from where, how high."""

    series: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its label (written where `told`), its place, its rectangles from below, the number above it."""

    label: str
    told: bool
    x: float
    width: float
    pieces: tuple[Piece, ...]
    top: float
    total: int

    @property
    def middle(self) -> float:
        """Where its words stand."""
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True, slots=True)
class Columns:
    """Stacked columns: the names of the series, the values of each label, lines of the scale (number, height)."""

    name: str
    title: str
    of: str
    series: tuple[str, ...]
    columns: tuple[Column, ...]
    values: tuple[tuple[str, tuple[int, ...], int], ...]
    scale: tuple[tuple[int, float], ...]
    wide: int = WIDE
    high: int = HIGH
    left: int = LEFT
    base: int = HIGH - BOTTOM


@dataclass(frozen=True, slots=True)
class Row:
    """A bar that lies: its label, what that means, its number, and how long it is (0 to 100)."""

    label: str
    text: str
    count: int
    share: float


def columns(name: str, title: str, of: str, labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> Columns:
    """Columns for `labels`, each with one value of every series; `of` says what the labels are."""
    totals = [sum(values[n] for values in series.values()) for n in range(len(labels))]
    step = step_of(max(totals, default=0))
    lines = max(1, -(-max(totals, default=0) // step))
    base = HIGH - BOTTOM
    unit = (base - TOP) / (lines * step)
    slot = (WIDE - LEFT) / max(1, len(labels))
    every = -(-len(labels) // 7)
    made = []
    for n, label in enumerate(labels):
        at, pieces = float(base), []
        for number, values in enumerate(series.values()):
            height = values[n] * unit
            at -= height
            if height:
                pieces.append(Piece(number, round(at, 1), round(height, 1)))
        made.append(Column(label, (len(labels) - 1 - n) % every == 0, round(LEFT + n * slot + slot * 0.14, 1),
                           round(slot * 0.72, 1), tuple(pieces), round(at, 1), totals[n]))
    return Columns(name, title, of, tuple(series), tuple(made), tuple(
        (label, tuple(values[n] for values in series.values()), totals[n]) for n, label in enumerate(labels)),
        tuple((n * step, round(base - n * step * unit, 1)) for n in range(lines + 1)))


def step_of(most: int) -> int:
    """A round distance between at most five lines of a scale that goes to `most`: 1, 2, 5, 10, 20, 50, …"""
    power = 1
    while True:
        for first in (1, 2, 5):
            if most <= 5 * first * power:
                return first * power
        power *= 10


# --- what is charted ---------------------------------------------------------------------------------------


def intake(session: Session, last: str, *, by_agency: bool) -> Columns:
    """The documents stored in the nights up to `last` (YYYY-MM-DD), by the agency that issued them where wanted."""
    until = date.fromisoformat(last)
    days = [until - timedelta(days=n) for n in range(NIGHTS - 1, -1, -1)]
    night, key = model.Batch.night, model.Document.organ_key
    counted: dict[str, Counter[str]] = {}
    names: dict[str, str] = {}
    for day, organ, written, count in session.execute(
            select(night, key, func.max(model.Document.organ), func.count()).join(
                model.Document, model.Document.batch == model.Batch.id).where(
                night >= days[0].isoformat(), night <= last).group_by(night, key)):
        of = organ if by_agency else ""
        counted.setdefault(of, Counter())[day] += count
        names[of] = written
    order = sorted(counted, key=lambda of: (-counted[of].total(), of))
    shown = order if len(order) <= AGENCIES + 1 else order[:AGENCIES]
    series: dict[str, list[int]] = {}
    for of in shown:
        name = (names[of] or _("agency not known")) if by_agency else _("Documents")
        series[name] = [series.get(name, [0] * NIGHTS)[n] + counted[of][day.isoformat()] for n, day in enumerate(days)]
    if rest := order[len(shown):]:
        series[_("others together")] = [sum(counted[of][day.isoformat()] for of in rest) for day in days]
    return columns("intake", _("Documents stored, by night"), _("Night"), [
        local_day(day.isoformat())[:5] for day in days], series)


def refusals(session: Session) -> list[Row]:
    """What was refused and waits or was turned away, by the code of the finding; the most frequent first."""
    row = model.ItemFinding
    found = session.execute(
        select(row.code, func.count(row.item.distinct())).join(model.Item, model.Item.id == row.item).where(
            model.Item.state.in_(REFUSED), row.level.in_(("refused", "failed"))).group_by(row.code)).all()
    counted = sorted(found, key=lambda one: (-one[1], one[0]))[:REASONS]
    most = max((count for _code, count in counted), default=1)
    return [Row(code, _sentence(code), count, round(100 * count / most, 1)) for code, count in counted]


def _sentence(code: str) -> str:
    """What a finding says, of no item in particular."""
    told = Finding(code, Level.refused, "…", {}).sentence(language()) if code in rules() else ""
    return told.removeprefix("…: ")
