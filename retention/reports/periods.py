"""The periods of reports: months, quarters, halves and years of the calendar (statistics year 01/01–31/12)."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from archive import clock
from archive.errors import UsageError
from archive.i18n import _

Kind = Literal["month", "quarter", "half", "year"]
KINDS: tuple[Kind, ...] = ("month", "quarter", "half", "year")
_MONTHS = {"month": 1, "quarter": 3, "half": 6, "year": 12}
_LETTER = {"month": "", "quarter": "Q", "half": "H"}
_YEAR_FIRST = re.compile(r"(?P<year>[0-9]{4})(?:-(?P<letter>[QH]?)(?P<n>[0-9]{1,2}))?", re.IGNORECASE | re.ASCII)
_YEAR_LAST = re.compile(r"(?P<letter>[QH]?)(?P<n>[0-9]{1,2})/(?P<year>[0-9]{4})", re.IGNORECASE | re.ASCII)
_ROMAN = ("I", "II", "III", "IV")


@dataclass(frozen=True, slots=True)
class Period:
    """The n-th period of its kind in a year, n from 1."""

    kind: Kind
    year: int
    n: int = 1

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, (self.n - 1) * _MONTHS[self.kind] + 1, 1)

    @property
    def last(self) -> date:
        """Its last day."""
        month = self.n * _MONTHS[self.kind]
        return date(self.year, month, calendar.monthrange(self.year, month)[1])

    @property
    def name(self) -> str:
        """As a command takes it: 2026-11, 2026-Q4, 2026-H2, 2026."""
        if self.kind == "year":
            return str(self.year)
        return f"{self.year}-{self.n:02d}" if self.kind == "month" else f"{self.year}-{_LETTER[self.kind]}{self.n}"

    @property
    def vietnamese(self) -> str:
        """As a paper calls it: tháng 11 năm 2026, quý IV năm 2026, 06 tháng cuối năm 2026, năm 2026."""
        match self.kind:
            case "month":
                return f"tháng {self.n:02d} năm {self.year}" if self.n < 3 else f"tháng {self.n} năm {self.year}"
            case "quarter":
                return f"quý {_ROMAN[self.n - 1]} năm {self.year}"
            case "half":
                return f"06 tháng {'đầu' if self.n == 1 else 'cuối'} năm {self.year}"
            case _:
                return f"năm {self.year}"

    @property
    def begin(self) -> str:
        """Its first moment in Vietnam, as the ledger writes times."""
        return _stamp(self.first)

    @property
    def end(self) -> str:
        """The moment in which it is over, which no longer belongs to it."""
        return _stamp(self.last + timedelta(days=1))

    def before(self) -> Period:
        """The period of the same kind before this one."""
        if self.n > 1:
            return Period(self.kind, self.year, self.n - 1)
        return Period(self.kind, self.year - 1, 12 // _MONTHS[self.kind])


def period(kind: Kind, text: str, today: date) -> Period:
    """The period that `text` names (2026-11 or 11/2026, 2026-Q4 or Q4/2026, 2026-H2, 2026); the last whole one without.

    Raises UsageError for what names none of this kind.
    """
    current = Period(kind, today.year, (today.month - 1) // _MONTHS[kind] + 1)
    if not text:
        return current.before()
    match = _YEAR_FIRST.fullmatch(text.strip()) or _YEAR_LAST.fullmatch(text.strip())
    if match:
        parts = match.groupdict()
        n, letter, year = parts["n"], (parts["letter"] or "").upper(), int(parts["year"])
        if kind == "year" and n is None and year:
            return Period(kind, year)
        if kind != "year" and n is not None and letter in ("", _LETTER[kind]) and 1 <= int(n) <= 12 // _MONTHS[kind] \
                and year:
            return Period(kind, year, int(n))
    raise UsageError(_("“{text}” names no such period; write {example}.").format(text=text, example=current.name))


def _stamp(day: date) -> str:
    return clock.stamp(datetime.combine(day, time(), clock.VIETNAM))
