"""What falls due: the case files whose period is over, and those of the ten years to come, as far as a person may know.

Reckoned by the same sets as `luutru retention due` (retention/life.py). That takes a while in a large archive, so it is
kept until something happens that could change it, or another day begins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import not_, or_, select
from sqlalchemy.orm import Session

from archive import clock, model
from retention import blocking, life
from web.pages.retention_reach import fully_known
from web.people import Person
from web.site import Site

YEARS = 10
KEPT = 16           # answers that are kept at once
# What people do at the portal changes no period.
_IDLE = ("viewed", "downloaded", "exported", "logged_in", "logged_out", "login_failed", "password_set")
_IDLE_BEGINNINGS = ("account_", "second_factor_")


@dataclass(frozen=True, slots=True)
class Line:
    """A case file that is due: from which year it can be listed (0: by now), and what keeps it then."""

    code: str
    fonds: str
    rule: str
    until: int
    year: int
    blocked: str
    documents: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Year:
    """How many case files become due in a year (0: are due by now): all, free to be listed, held, linked."""

    year: int
    due: int
    free: int
    hold: int
    link: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is due on `on` and becomes due in the years to come, the years in order, the case files by year and code."""

    on: str
    years: tuple[Year, ...]
    lines: tuple[Line, ...]

    def sifted(self, *, fonds: str = "", rule: str = "", year: str = "") -> list[Line]:
        """The case files of one fonds, rule and year ("0": due by now); what is empty does not sift."""
        return [one for one in self.lines if fonds in ("", one.fonds) and rule in ("", one.rule)
                and year in ("", str(one.year))]


def today() -> date:
    """The day in Vietnam."""
    return clock.in_vietnam(clock.now()).date()


def outlook(site: Site, who: Person) -> Outlook:
    """What falls due, of the case files that the person may know of in full."""
    def reckon() -> Outlook:
        with site.session() as session:
            known = None if who.reach.everything else set(session.scalars(
                select(model.CaseFile.code).where(fully_known(who.reach))))
            lines = sorted(_lines(session, site, known), key=lambda one: (one.year, one.fonds, one.code))
        return Outlook(today().isoformat(), years_of(lines), tuple(lines))

    return kept(site, ("outlook", who.reach.plain), reckon)


def years_of(lines: Iterable[Line]) -> tuple[Year, ...]:
    """The lines counted by year: first what is due by now, then the ten years to come."""
    this = today().year
    counted: dict[int, list[Line]] = {0: [], **{year: [] for year in range(this + 1, this + 1 + YEARS)}}
    for one in lines:
        counted[one.year].append(one)
    return tuple(Year(year, len(some), free=sum(not one.blocked for one in some),
                      hold=sum(one.blocked == "hold" for one in some), link=sum(one.blocked == "link" for one in some),
                      bytes=sum(one.bytes for one in some)) for year, some in counted.items())


def _lines(session: Session, site: Site, known: set[str] | None) -> Iterable[Line]:
    """What is due by the last of the years; what a link keeps is asked for the year in which each becomes due."""
    this = today().year
    life.gather(session, today().isoformat(), blocking.held_case_files(session))
    try:
        life.judge(session, site.settings.retention.counting)
        found = {one.code: one for one in life.due(session, this + YEARS)
                 if known is None or one.code in known}
        links = session.scalar(select(model.DocumentLink.document).where(model.DocumentLink.ended == 0).limit(1))
        stays = {} if links is None else {code: until for code, until, _why in life.stays(session) if code in found}
    finally:
        life.forget(session)
    for one in found.values():
        year = 0 if one.until < this else one.until + 1
        linked = stays.get(one.code, one.until) >= (year or this)
        yield Line(one.code, one.fonds, one.rule, one.until, year,
                   "hold" if one.blocked == "hold" else "link" if linked else "", one.documents, one.bytes)


# --- what is kept --------------------------------------------------------------------------------------------------

_KEPT: WeakKeyDictionary[Site, dict[Any, tuple[Any, Any]]] = WeakKeyDictionary()
_RECKONING = threading.Lock()       # two people who ask at once wait for one answer
Answer = TypeVar("Answer")


def kept(site: Site, what: Any, reckon: Callable[[], Answer]) -> Answer:
    """What `reckon` answers, or answered for the same archive, day and question `what` before."""
    with _RECKONING:
        with site.session() as session:
            idle = or_(model.Event.kind.in_(_IDLE), *(model.Event.kind.startswith(one) for one in _IDLE_BEGINNINGS))
            last = session.scalar(select(model.Event.seq).where(not_(idle)).order_by(
                model.Event.seq.desc()).limit(1)) or 0
        state = (last, today())
        answers = _KEPT.setdefault(site, {})
        held = answers.get(what)
        if held is None or held[0] != state:
            for old in [key for key, (of, _answer) in answers.items() if of != state] or list(answers)[:-KEPT]:
                del answers[old]
            held = answers[what] = (state, reckon())
        answer: Answer = held[1]
        return answer


# --- the chart -----------------------------------------------------------------------------------------------------

WIDE, HIGH, LEFT, TOP, BOTTOM = 560, 240, 44, 18, 26      # of the drawing, in its own units


@dataclass(frozen=True, slots=True)
class Piece:
    """A rectangle of a bar: what it counts (free, hold, link), from where, how high."""

    what: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of one year: its place, its rectangles from below, and the number above it."""

    year: int
    x: float
    width: float
    pieces: tuple[Piece, ...]
    top: float
    due: int

    @property
    def middle(self) -> float:
        """Where its words stand."""
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True, slots=True)
class Chart:
    """What the drawing needs: bars, lines of the scale (number, height), and the years in figures."""

    bars: tuple[Bar, ...]
    scale: tuple[tuple[int, float], ...]
    years: tuple[Year, ...]
    wide: int = WIDE
    high: int = HIGH
    left: int = LEFT
    base: int = HIGH - BOTTOM


def drawn(found: Outlook | Sequence[Year]) -> Chart:
    """The years as a chart of stacked bars, drawn by the template retention/chart.html."""
    years = tuple(found.years if isinstance(found, Outlook) else found)
    step = _step(max((one.due for one in years), default=0))
    lines = max(1, -(-max((one.due for one in years), default=0) // step))
    base = HIGH - BOTTOM
    unit = (base - TOP) / (lines * step)
    slot = (WIDE - LEFT) / max(1, len(years))
    bars = []
    for n, one in enumerate(years):
        at, pieces = float(base), []
        for what in ("free", "hold", "link"):
            height = getattr(one, what) * unit
            at -= height
            if height:
                pieces.append(Piece(what, round(at, 1), round(height, 1)))
        bars.append(Bar(one.year, round(LEFT + n * slot + slot * 0.16, 1), round(slot * 0.68, 1), tuple(pieces),
                        round(at, 1), one.due))
    return Chart(tuple(bars), tuple((n * step, round(base - n * step * unit, 1)) for n in range(lines + 1)), years)


def _step(most: int) -> int:
    """A round distance between the lines of a scale that goes to `most`: 1, 2, 5, 10, 20, 50, …"""
    step = 1
    while most / step > 5:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return step
