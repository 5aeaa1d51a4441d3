"""Working calendars: when an agency works, its days off, and the days that are worked instead; working-day arithmetic.

Calendars are data: working_days.toml is shipped, others come in by `luutru calendar import` and lie in
`calendars.toml` in the archive's folder, beside the settings. No text that was read states office hours.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from archive.errors import UsageError
from archive.files import write_atomically
from archive.i18n import _

SHIPPED = Path(__file__).with_name("working_days.toml")
FILE = "calendars.toml"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# A calendar without a session in two months is a fault in its data, not a long holiday.
MOST_DAYS_OFF = 62

Session = tuple[time, time]


@dataclass(frozen=True, slots=True)
class Calendar:
    """When an agency works: sessions by weekday, days off, days worked instead, and what is not settled."""

    id: str
    name: str
    years: frozenset[int]
    week: Mapping[int, tuple[Session, ...]]
    off: frozenset[date]
    worked: Mapping[date, int]
    unsettled: frozenset[date]
    names: Mapping[date, str]

    def sessions(self, day: date) -> tuple[Session, ...]:
        """The office hours of `day`; none when nobody works."""
        if day in self.worked:
            return self.week.get(self.worked[day], ())
        return () if day in self.off else self.week.get(day.weekday(), ())

    def settled(self, day: date) -> bool:
        """Whether the calendar is sure of `day`; an ordinary day off of the week is sure in every year."""
        if day in self.unsettled:
            return False
        return day.year in self.years or not self.week.get(day.weekday())

    def after(self, start: date, working_days: int) -> date:
        """The day on which so many working days have passed since `start`, which is not counted itself.

        The first day of a period does not count (Bộ luật Dân sự 2015 Điều 147; taken over here as the system's
        convention). Raises ValueError for a negative number, UsageError for a calendar in which nobody works.
        """
        if working_days < 0:
            raise ValueError("working days are counted forward")
        day, idle = start, 0
        while working_days:
            day += timedelta(days=1)
            idle = 0 if self.sessions(day) else idle + 1
            working_days -= not idle
            self.check_idle(idle, day)
        return day

    def between(self, start: date, end: date) -> int:
        """How many working days lie after `start`, up to and with `end`."""
        return sum(bool(self.sessions(start + timedelta(days=n + 1))) for n in range((end - start).days))

    def check_idle(self, idle: int, day: date) -> None:
        """Raises UsageError when nobody worked for longer than any holiday lasts."""
        if idle > MOST_DAYS_OFF:
            raise UsageError(_("The working calendar {name} has no office hours for {days} days up to {day}.").format(
                name=self.id, days=idle, day=f"{day:%d/%m/%Y}"))


def calendars(folder: Path | None = None) -> Mapping[str, Calendar]:
    """Every calendar by its id: those that are shipped, and those imported into the archive's `folder` in their place.

    Raises UsageError for a file that cannot be right.
    """
    own = folder / FILE if folder is not None else None
    return {**_read(SHIPPED), **(_read(own, own.stat().st_mtime_ns) if own is not None and own.is_file() else {})}


def calendar(name: str, folder: Path | None = None) -> Calendar:
    """The calendar `name`. Raises UsageError for one that there is not."""
    return named(calendars(folder), name)


def named(known: Mapping[str, Calendar], name: str) -> Calendar:
    """The calendar `name` of these. Raises UsageError for one that is not among them."""
    if name not in known:
        raise UsageError(_("There is no working calendar {name}; there are {known}.").format(
            name=name, known=", ".join(sorted(known))))
    return known[name]


def read_calendars(text: str, origin: str) -> dict[str, Calendar]:
    """The calendars that a file in the form of working_days.toml has. Raises UsageError, naming what is wrong."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{origin}: {error}") from error
    made = {}
    for name, entry in raw.items():
        try:
            made[name] = _calendar(name, entry)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(_("{file}: the working calendar {name} is not complete: {detail}").format(
                file=origin, name=name, detail=error)) from error
    if not made:
        raise UsageError(_("{file}: there is no working calendar in it.").format(file=origin))
    return made


def import_calendars(folder: Path, text: str, origin: str) -> dict[str, Calendar]:
    """Take the calendars of a file into the archive's `folder`; those of the same id are replaced. What came in.

    Raises UsageError for a file that cannot be right; then nothing is changed.
    """
    new = read_calendars(text, origin)
    own = folder / FILE
    kept = tomllib.loads(own.read_text(encoding="utf-8")) if own.is_file() else {}
    kept |= tomllib.loads(text)
    write_atomically(own, "\n".join(_as_toml(name, entry) for name, entry in kept.items()).encode())
    return new


@cache
def _read(path: Path, changed: int = 0) -> dict[str, Calendar]:  # `changed`: a file that is new is read anew
    return read_calendars(path.read_text(encoding="utf-8"), path.name)


def _calendar(name: str, entry: Mapping[str, Any]) -> Calendar:
    week = {WEEKDAYS.index(day): tuple((start, end) for start, end in sessions)
            for day, sessions in entry["sessions"].items()}
    if not any(week.values()):
        raise UsageError(_("In the working calendar {name} nobody ever works.").format(name=name))
    for sessions in week.values():
        times = [moment for session in sessions for moment in session]
        if not all(isinstance(moment, time) for moment in times) or times != sorted(set(times)):
            message = _("In the working calendar {name} the sessions of a day do not follow one another.")
            raise UsageError(message.format(name=name))
    holidays, makeup, unsure = (list(entry.get(key, [])) for key in ("holidays", "makeup", "unsure"))
    listed = [*holidays, *makeup, *unsure]
    days = [one["date"] for one in listed]
    years = frozenset(int(year) for year in entry["years"])
    for day in days:
        if not isinstance(day, date) or day.year not in years or days.count(day) > 1:
            raise UsageError(_("In the working calendar {name} the day {day} stands twice, is no day, or lies in a "
                               "year that is not listed.").format(name=name, day=day))
    return Calendar(name, str(entry["name"]), years, week, frozenset(one["date"] for one in holidays),
                    {one["date"]: WEEKDAYS.index(one["like"]) for one in makeup},
                    frozenset([*(one["date"] for one in (*holidays, *makeup) if not one["confirmed"]),
                               *(one["date"] for one in unsure)]),
                    {one["date"]: str(one.get("name", "")) for one in listed})


def _as_toml(name: str, entry: Mapping[str, Any]) -> str:
    """A calendar as it was read, written again (dates, times, texts, yes and no, years)."""
    def told(value: Any) -> str:
        match value:
            case bool():
                return "true" if value else "false"
            case date() | time():
                return value.isoformat()
            case list():
                return "[" + ", ".join(told(one) for one in value) + "]"
            case dict():
                return "{ " + ", ".join(f"{json.dumps(key)} = {told(one)}" for key, one in value.items()) + " }"
            case _:
                return json.dumps(value, ensure_ascii=False)

    return f"[{json.dumps(name)}]\n" + "".join(f"{json.dumps(key)} = {told(value)}\n" for key, value in entry.items())
