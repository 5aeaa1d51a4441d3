"""Dates as people type them into the search field, and all the ways in which documents write the same day or month."""

from __future__ import annotations

import calendar
import re
from datetime import date
from functools import lru_cache
from itertools import product

_DAY = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})|(\d{4})-(\d{1,2})-(\d{1,2})")
_MONTH = re.compile(r"(\d{1,2})[/.-](\d{4})|(\d{4})-(\d{1,2})")
# With marks or without; "ngày" before a day in figures stays a word of its own.
_SPELT = re.compile(r"(?:ng[àa]y\s+)?(\d{1,2})\s+th[áa]ng\s+(\d{1,2})\s+n[ăa]m\s+([12]\d{3})(?!\w)"
                    r"|th[áa]ng\s+(\d{1,2})(?:\s+n[ăa]m\s+|\s?[/.-]\s?)([12]\d{3})(?![\w/-])", re.IGNORECASE)
_FIGURES = re.compile(r"(?:\d{1,2}[/.-]){1,2}[12]\d{3}(?![\w/-])|[12]\d{3}-\d{1,2}(?:-\d{1,2})?(?![\w/-])")


@lru_cache(maxsize=10_000)
def days(text: str) -> tuple[int, int] | None:
    """First and last day (YYYYMMDD) of a day, month or year as people and records write it; None otherwise.

    15/11/2016, 15-11-2016, 2016-11-15, 11/2016, 2016-11, 2016.
    """
    text = text.strip()
    try:
        if match := _DAY.fullmatch(text):
            day, month, year = map(int, match.groups()[:3] if match[1] else match.groups()[:2:-1])
            return _first_and_last(day, month, year)
        if match := _MONTH.fullmatch(text):
            month, year = map(int, match.groups()[:2] if match[1] else match.groups()[:1:-1])
            return _first_and_last(0, month, year)
        if re.fullmatch(r"[12]\d{3}", text) and text.isascii():
            return int(text) * 10000 + 101, int(text) * 10000 + 1231
    except ValueError:                       # 30/02/2020, month 13: no such day
        return None
    return None


def typed_at(text: str, place: int) -> tuple[int, tuple[int, int]] | None:
    """Where the day or month ends that is typed at `place`, in figures or spelt out, and its first and last day."""
    if spelt := _SPELT.match(text, place):
        day, month, year = (int(one or 0) for one in (spelt[1], spelt[2] or spelt[4], spelt[3] or spelt[5]))
        try:
            return spelt.end(), _first_and_last(day, month, year)
        except ValueError:
            return None
    if (figures := _FIGURES.match(text, place)) and (found := days(figures.group())):
        return figures.end(), found
    return None


def spellings(first: int, last: int) -> tuple[tuple[str, ...], ...]:
    """The words with which texts write a day or month, folded: 15/11/2016; ngày 05 tháng 6 năm 2016 (tháng 06)."""
    year, month, day = str(first // 10000), first // 100 % 100, first % 100 if first == last else 0
    months, dates = (list(dict.fromkeys((str(one), f"{one:02d}"))) for one in (month, day))
    if not day:
        return tuple(one for name in months for one in ((name, year), ("thang", name, "nam", year)))
    return tuple(one for number, name in product(dates, months)
                 for one in ((number, name, year), (number, "thang", name, "nam", year)))


def _first_and_last(day: int, month: int, year: int) -> tuple[int, int]:
    """Raises ValueError where there is no such day or month."""
    first = date(year, month, day or 1)
    last = first if day else date(year, month, calendar.monthrange(year, month)[1])
    return as_number(first), as_number(last)


def as_number(day: date) -> int:
    """A day as the index holds it: YYYYMMDD."""
    return day.year * 10000 + day.month * 100 + day.day
