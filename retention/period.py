"""The period of a case file: which one counts, from which year, until when. Pure: facts in, period out.

Luật Lưu trữ 33/2024/QH15 Điều 15: permanent, or whole years from the year the work ended; the longest period among
its documents; Điều 14 khoản 2 điểm c: never below the table; Điều 3 khoản 3: another law's period goes before it.
How the years are counted is an interpretation, and a setting (`Counting`): no text says whether the year in which the
work ended is itself counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from archive.retention_text import FOREVER, UNKNOWN

Kind = Literal["permanent", "years", "event"]
Source = Literal["plan", "table", "other_law"]
# next_year: kept until 31 December of the base year + N. end_year: the base year is the first of the N.
Counting = Literal["next_year", "end_year"]
Missing = Literal["", "rule", "open", "end", "event"]
Raised = Literal["", "table", "documents"]


@dataclass(frozen=True, slots=True)
class Rule:
    """The one rule of a case file: where it comes from, its kind, its years (of an event: after it; else 0).

    `floor` is what the table says where a person chose a longer period; UNKNOWN where no table binds.
    """

    source: Source
    kind: Kind
    years: int = 0
    floor: int = UNKNOWN


@dataclass(frozen=True, slots=True)
class Facts:
    """What the period of a case file depends on. Years as numbers; 0: not known.

    `documents`: the longest period that one of its documents names, UNKNOWN where none does. `ended`: the year the
    work ended, the later of what a person entered and the last document's. `event`: when what the rule waits for came.
    """

    rule: Rule | None
    documents: int = UNKNOWN
    closed: bool = False
    ended: int = 0
    event: int = 0
    counting: Counting = "next_year"


@dataclass(frozen=True, slots=True)
class Period:
    """How long a case file is kept.

    `years`: FOREVER, UNKNOWN, or the years that count. `base`: the year they are counted from; `last_year`: kept until
    31 December of it, None for ever or not known yet; then `missing` says what lacks. `raised`: what made the period
    longer than its rule.
    """

    years: int
    base: int = 0
    last_year: int | None = None
    missing: Missing = ""
    raised: Raised = ""

    @property
    def permanent(self) -> bool:
        """Whether the case file is kept for ever (vĩnh viễn)."""
        return self.years == FOREVER

    @property
    def expired_from(self) -> int | None:
        """The first year in which the case file can be listed as expired; None for none."""
        return None if self.last_year is None else self.last_year + 1


def explain(facts: Facts) -> Period:
    """The period of a case file with these facts.

    Permanent dominates, the longest document wins, the table's period is the least. Without an end of the work (an
    open case file, or one whose end nobody knows) or without the awaited event no clock runs.
    """
    rule = facts.rule
    if FOREVER in (facts.documents, rule.floor if rule else UNKNOWN) or (rule and rule.kind == "permanent"):
        own = rule is not None and rule.kind == "permanent"
        raised: Raised = "" if own else "documents" if facts.documents == FOREVER else "table"
        return Period(FOREVER, raised=raised)
    if rule is None:
        return Period(UNKNOWN, missing="rule")
    years = rule.years
    raised = ""
    if rule.floor > years:
        years, raised = rule.floor, "table"
    if rule.kind == "event":
        return _after_event(facts, years)
    if facts.documents > years:
        years, raised = facts.documents, "documents"
    if not facts.closed:
        return Period(years, missing="open", raised=raised)
    if not facts.ended:
        return Period(years, missing="end", raised=raised)
    return Period(years, facts.ended, last_year(facts.ended, years, facts.counting), raised=raised)


def _after_event(facts: Facts, years: int) -> Period:
    """The period that begins with an event; documents with a period of their own keep it from the end of the work."""
    missing: Missing = "" if facts.event else "event"
    if not missing and not facts.closed:
        missing = "open"
    if not missing and facts.documents != UNKNOWN and not facts.ended:
        missing = "end"
    if missing:
        return Period(years, missing=missing)
    last = last_year(facts.event, years, facts.counting) if years else facts.event
    if facts.documents != UNKNOWN and (own := last_year(facts.ended, facts.documents, facts.counting)) > last:
        return Period(facts.documents, facts.ended, own, raised="documents")
    return Period(years, facts.event, last)


def last_year(base: int, years: int, counting: Counting) -> int:
    """The year at whose end a period of `years` from `base` is over (interpretation; see the module)."""
    return base + years - (1 if counting == "end_year" else 0)
