"""The legal time of receipt: which moment counts, by the province's rule and the agency's working calendar.

Rules are data (receipt.toml), and so are calendars (archive/working_days.toml). The raw time of entry is never changed
or replaced here: the legal time is derived from it and stored beside it, with the rule's id (LS Đ11, LA Đ10, DN Đ10,
PY Đ8.3).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from archive import working_days
from archive.clock import VIETNAM
from archive.errors import UsageError
from archive.i18n import _
from archive.working_days import Calendar

BOOK = Path(__file__).with_name("receipt.toml")

Kind = Literal["raw", "next_period", "next_workday"]


@dataclass(frozen=True, slots=True)
class LegalTime:
    """The moment that counts as receipt, in Vietnam's time, and what it rests on.

    `doubtful` when the rule can be read in two ways here, or the calendar is not sure of a day it rests on.
    """

    at: datetime
    rule_id: str
    calendar_id: str
    article: str
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One province's rule: how an entry outside office hours counts."""

    id: str
    kind: Kind
    literal: bool
    article: str


@dataclass(frozen=True, slots=True)
class Book:
    """All rules of one receipt.toml, and the working calendars."""

    rules: Mapping[str, Rule]
    calendars: Mapping[str, Calendar]

    def rule(self, name: str) -> Rule:
        """The rule `name`. Raises UsageError for one that the book does not have."""
        if name not in self.rules:
            raise UsageError(_("There is no receipt rule {name}; there are {known}.").format(
                name=name, known=", ".join(sorted(self.rules))))
        return self.rules[name]

    def calendar(self, name: str) -> Calendar:
        """The calendar `name`. Raises UsageError for one that the book does not have."""
        return working_days.named(self.calendars, name)


def read_book(path: Path = BOOK, folder: Path | None = None) -> Book:
    """The rules of `path`, and the calendars with those imported into the archive's `folder`.

    Raises UsageError for rules or calendars that cannot be right.
    """
    return Book(_rules(path), working_days.calendars(folder))


@cache
def _rules(path: Path) -> Mapping[str, Rule]:
    with path.open("rb") as stream:
        raw = tomllib.load(stream)
    return {name: _rule(name, entry) for name, entry in raw["rules"].items()}


def legal_time(received_at: datetime, rule: str, calendar: str, book: Book | None = None) -> LegalTime:
    """The moment that counts as the receipt of something that entered the system at `received_at`.

    `received_at` carries a zone; the result is in Vietnam's time (+07:00), never earlier than it.
    Raises UsageError for a rule or calendar that the book does not have.
    """
    book = book or read_book()
    law, days = book.rule(rule), book.calendar(calendar)
    entry = _local(received_at)
    if law.kind == "raw":
        return LegalTime(entry, law.id, days.id, law.article, doubtful=False)
    today = days.sessions(entry.date())
    if any(start <= entry.time() <= end for start, end in today):
        return LegalTime(entry, law.id, days.id, law.article, doubtful=not days.settled(entry.date()))
    same_day, touched = _next_start(days, entry)
    next_day, later = _next_start(days, datetime.combine(entry.date(), time.max, VIETNAM))
    # The two readings of "the next working day" part only before the last session of a working day.
    readings_part = law.kind == "next_workday" and same_day != next_day
    wait_a_day = readings_part and law.literal
    rests_on = later if wait_a_day else touched
    doubtful = readings_part or not all(days.settled(day) for day in rests_on)
    return LegalTime(next_day if wait_a_day else same_day, law.id, days.id, law.article, doubtful)


def is_working_day(day: date, calendar: str, book: Book | None = None) -> bool:
    """Whether the agency works on `day`. Raises UsageError for an unknown calendar."""
    return bool((book or read_book()).calendar(calendar).sessions(day))


def add_working_hours(start: datetime, hours: float, calendar: str, book: Book | None = None) -> datetime:
    """The moment when `hours` office hours have passed since `start` (LA Đ5.2.b: hand on within two).

    In Vietnam's time. A deadline that falls on the end of a session stays there and does not slip on.
    Raises UsageError for an unknown calendar, ValueError for negative hours.
    """
    if hours < 0:
        raise ValueError("office hours are counted forward")
    days = (book or read_book()).calendar(calendar)
    left, moment = timedelta(hours=hours), _local(start)
    for begin, end in _sessions_from(days, moment):
        begin = max(begin, moment)
        if left <= end - begin:
            return begin + left
        left -= end - begin
    raise AssertionError("unreachable: the sessions of a calendar do not end")


def _next_start(days: Calendar, moment: datetime) -> tuple[datetime, list[date]]:
    """The first session that starts at or after `moment`, and the days that were looked at."""
    for begin, _end in _sessions_from(days, moment):
        if begin >= moment:
            count = (begin.date() - moment.date()).days
            return begin, [moment.date() + timedelta(days=n) for n in range(count + 1)]
    raise AssertionError("unreachable: the sessions of a calendar do not end")


def _sessions_from(days: Calendar, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The sessions that end at or after `moment`, for ever. Raises UsageError when there are no more."""
    day, idle = moment.date(), 0
    while True:
        today = days.sessions(day)
        for start, end in today:
            if datetime.combine(day, end, VIETNAM) >= moment:
                yield datetime.combine(day, start, VIETNAM), datetime.combine(day, end, VIETNAM)
        idle = 0 if today else idle + 1
        days.check_idle(idle, day)
        day += timedelta(days=1)


def _local(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time of receipt needs its zone")
    return moment.astimezone(VIETNAM)


def _rule(name: str, entry: Mapping[str, Any]) -> Rule:
    if entry["kind"] not in ("raw", "next_period", "next_workday"):
        raise UsageError(_("The receipt rule {name} has the unknown kind {kind}.").format(
            name=name, kind=entry["kind"]))
    return Rule(name, entry["kind"], bool(entry.get("literal", False)), entry["article"])
