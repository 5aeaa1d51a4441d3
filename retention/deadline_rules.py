"""The arithmetic of deadlines: which rules a kind has, and until when each lets one take. Pure: facts in, days out.

The periods are data (deadlines.toml). Where texts disagree every reading is computed: the strictest is the day that
counts, the last one is the day from which nobody can say that it was in time.
"""

from __future__ import annotations

import calendar as months_of
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Literal

from archive.working_days import Calendar

Unit = Literal["days", "working_days", "months", "years", "year_ends"]
Certainty = Literal["law", "reading", "secondary", "own"]
UNITS = ("days", "working_days", "months", "years", "year_ends")
CERTAINTIES = ("law", "reading", "secondary", "own")
# The day from which Luật Lưu trữ 33/2024/QH15 is in force (Điều 64), and the marks of the rules on both sides of it.
LAW_33 = date(2025, 7, 1)
ALWAYS, OLD, NEW, SPECIAL, CONSTRUCTION = "", "old", "new", "special", "construction"


@dataclass(frozen=True, slots=True)
class Rule:
    """One reading of how long a thing may take."""

    kind: str
    id: str
    amount: int
    unit: Unit
    article: str
    certainty: Certainty
    when: str = ALWAYS
    before: bool = False
    cap: date | None = None
    setting: str = ""

    @property
    def name(self) -> str:
        """The rule's name in the setting retention.deadlines_off."""
        return f"{self.kind}.{self.id}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of deadline: what it is counted from, its sentences (`vi`, `en`, for several `vi_many`, `en_many`)."""

    name: str
    event: str
    sentences: Mapping[str, str]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """What an archive has set: its working calendar, rules switched off, amounts of its own, by names of rules.

    `special`: fonds with the long terms of some sectors; `construction`: the symbols of case files of building works.
    """

    calendar: Calendar
    off: frozenset[str] = frozenset()
    amounts: Mapping[str, int] = field(default_factory=dict)
    special: frozenset[str] = frozenset()
    construction: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """Until when one rule lets a thing take."""

    due: date
    rule: Rule


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind of deadline, in the order of deadlines.toml."""
    with Path(__file__).with_name("deadlines.toml").open("rb") as stream:
        raw = tomllib.load(stream)
    return {name: Kind(name, entry["event"], {key: told for key, told in entry.items() if key.startswith(("vi", "en"))},
                       tuple(Rule(name, **rule) for rule in entry["rules"])) for name, entry in raw.items()}


def end(start: date, amount: int, unit: Unit, calendar: Calendar) -> date:
    """The last day of a period of so many units from `start`, which does not count itself.

    Months and years end on the day of the same number, on the last of a month that lacks it (Bộ luật Dân sự 2015 Điều
    147, 148); a last day on which nobody works is not moved on, the stricter reading. Raises ValueError for a negative
    amount, UsageError for a calendar in which nobody works.
    """
    if amount < 0:
        raise ValueError("a period is counted forward")
    match unit:
        case "days":
            return start + timedelta(days=amount)
        case "working_days":
            return calendar.after(start, amount)
        case "months":
            return _months(start, amount)
        case "years":
            return _months(start, 12 * amount)
        case "year_ends":
            return date(start.year + amount, 12, 31)


def back(event: date, amount: int, unit: Unit, calendar: Calendar) -> date:
    """The last day that lies so many units before `event`. Working days and year ends are never counted back."""
    match unit:
        case "days":
            return event - timedelta(days=amount)
        case "months":
            return _months(event, -amount)
        case "years":
            return _months(event, -12 * amount)
        case _:
            raise ValueError(f"{unit} are not counted back")


def term(rule: Rule, event: date, ground: Ground) -> Term:
    """Until when `rule` lets a thing take whose `event` was, or will be, on that day."""
    counted = back if rule.before else end
    due = counted(event, ground.amounts.get(rule.name, rule.amount), rule.unit, ground.calendar)
    return Term(due if rule.cap is None else min(due, rule.cap), rule)


def terms(kind: str, event: date, ground: Ground, *marks: str) -> list[Term]:
    """Until when every rule of a kind lets a thing take, the strictest first; none when all are switched off.

    `marks`: what the thing is (construction, …); a rule with another mark does not count.
    """
    return sorted((term(rule, event, ground) for rule in kinds()[kind].rules
                   if rule.name not in ground.off and (rule.when == ALWAYS or rule.when in marks)),
                  key=lambda one: one.due)


def historical(ended: int, submitted: int, ground: Ground, *, special: bool = False) -> list[Term]:
    """Until when a permanent case file goes to the historical archive, the strictest first (rule TR-02).

    `ended`: the year in which the work ended; `submitted`: in which it came to the current archive. Luật Lưu trữ
    33/2024/QH15 Điều 17 khoản 3: 5 years from the year of submission; Điều 65 khoản 6: what was formed before
    01/07/2025 by the old terms, 10 years from the year it ended (30 of some sectors: `special`), never after
    01/07/2030. Of 2025 nobody knows the half: both are computed, the stricter one counts.
    """
    by = {rule.when: rule for rule in kinds()["historical"].rules if rule.name not in ground.off}
    wanted = [(SPECIAL if special else OLD, ended)] if ended <= LAW_33.year else []
    wanted += [(NEW, max(submitted, ended))] if ended >= LAW_33.year else []
    return sorted((term(by[mark], date(year, 12, 31), ground) for mark, year in wanted if mark in by),
                  key=lambda one: one.due)


def _months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, months_of.monthrange(year, month + 1)[1]))
