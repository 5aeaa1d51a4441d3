"""Why this date? The rule of one case file, its base year, the arithmetic, what stops it, and every change; on any day.

Read from the store: a past day is answered from the versions of that day and the decisions taken by then, so that the
answer is the one that would have been given on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, layout, model
from archive.errors import UsageError
from archive.i18n import _
from archive.opening import Archive
from archive.records import dated_year
from archive.retention_text import FOREVER, UNKNOWN, kept_years, latest_year
from retention import assigning, blocking, life
from retention.holds import Told
from retention.period import Counting, Facts, Period, Rule, explain

_RECORD = re.compile(rf"{layout.DOCUMENTS}/\d{{7}}\.json")
_DATES = ("issuedDate", "photoTime", "recordDate")


@dataclass(frozen=True, slots=True)
class Known:
    """What the store said of a case file on a day, and the decisions that counted then."""

    code: str
    record: dict[str, Any]
    version: int
    facts: Facts
    period: Period
    decision: model.PeriodDecision | None
    row: model.RetentionRule | None
    event: model.PeriodDecision | None
    entered_end: str                    # endDate as a person entered it
    last_document: str                  # the document of the latest year, and its date
    last_date: str
    longest_document: str               # the document whose own period is the longest


@dataclass(frozen=True, slots=True)
class Linked:
    """A case file that needs a document of another: the document, and the year until which it is kept."""

    code: str
    document: str
    until: int


@dataclass(frozen=True, slots=True)
class Change:
    """One change of what a case file's period depends on: when, by whom, what it was and is, from which day, why."""

    at: str
    by: str
    what: str                           # opened, corrected, closed, reopened, table, other_law, event
    before: str
    after: str
    from_day: str
    reason: str
    n: int = 0                          # number of the decision


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer for one case file and one day. `until`: the year until which it really stays; life.NEVER: no end."""

    known: Known
    on: str
    until: int
    holds: Sequence[Told]
    links: Sequence[Linked]
    changes: Sequence[Change]

    @property
    def blocked(self) -> str:
        """What keeps the case file although its own period is over on the day: "", "hold" or "link"."""
        own = life.until(self.known.period)
        if own >= int(self.on[:4]):
            return ""
        return "hold" if self.holds else "link" if self.until >= int(self.on[:4]) else ""


def explanation(archive: Archive, session: Session, code: str, on: str, counting: Counting) -> Explanation:
    """Why the case file `code` is kept as long as it is, as of the end of the day `on` (YYYY-MM-DD).

    Raises UsageError for a case file that is unknown, or did not exist on that day.
    """
    known = known_on(archive, session, code, on, counting)
    links = links_of(archive, session, code, on, counting)
    holds = tuple(blocking.holds_of(session, code, on))
    until = FOREVER if holds else max([life.until(known.period), *(one.until for one in links)])
    return Explanation(known, on, until, holds, links, history(session, code, on, known))


def known_on(archive: Archive, session: Session, code: str, on: str, counting: Counting) -> Known:
    """What was known of a case file at the end of the day `on`, and the period that follows from it."""
    object_id = layout.casefile_object(code)
    if not archive.store.has(object_id):
        raise UsageError(_("There is no case file {code}.").format(code=code))
    version = _version_on(archive, object_id, on)
    if not version:
        raise UsageError(_("On {day} there was no case file {code} yet.").format(day=on, code=code))
    held = archive.store.files(object_id, version)
    record = json.loads(archive.store.content(object_id, held[layout.CASE_FILE]))
    documents = [json.loads(archive.store.content(object_id, held[path])) for path in sorted(held)
                 if _RECORD.fullmatch(path)]
    decided = assigning.history(session, code)
    decision, event = assigning.in_force(decided, on), assigning.in_force(decided, on, event=True)
    row = assigning.row_of(session, decision)
    fields = record.get("fields", {})
    last = max(documents, key=lambda one: dated_year(one["fields"]), default=None)
    longest = max(documents, key=lambda one: kept_years(one["fields"]), default=None)
    facts = Facts(
        rule=assigning.rule_by(decision, row, kept_years(fields, record["retention"])),
        documents=kept_years(longest["fields"]) if longest else UNKNOWN, closed=bool(record.get("closed_at")),
        ended=max(latest_year(fields.get("endDate", "")), dated_year(last["fields"]) if last else 0),
        event=int(event.event_on[:4]) if event else 0, counting=counting)
    dated = last is not None and dated_year(last["fields"]) > 0
    return Known(
        code, record, version, facts, explain(facts), decision, row, event, fields.get("endDate", ""),
        last["code"] if last is not None and dated else "",
        next((last["fields"][key] for key in _DATES if last["fields"].get(key)), "") if last is not None else "",
        longest["code"] if longest is not None and kept_years(longest["fields"]) != UNKNOWN else "")


def links_of(archive: Archive, session: Session, code: str, on: str, counting: Counting) -> tuple[Linked, ...]:
    """The case files that need documents of this one on the day `on`, each with the year until which it stays itself.

    A case file that is needed by a further one stays as long as that; a held one for ever.
    """
    stays: dict[str, int] = {}
    needs: dict[str, list[tuple[str, str]]] = {}
    waiting = [code]
    while waiting:
        one = waiting.pop()
        if one in needs:
            continue
        needs[one] = _linked_from(session, one, on)
        waiting += [other for other, _document in needs[one]]
        stays[one] = FOREVER if blocking.holds_of(session, one, on) else life.until(
            known_on(archive, session, one, on, counting).period)
    changed = True
    while changed:
        changed = False
        for one, others in needs.items():
            longest = max([stays[one], *(stays[other] for other, _document in others if other != code)])
            if one != code and longest > stays[one]:
                stays[one], changed = longest, True
    return tuple(Linked(other, document, stays[other]) for other, document in needs[code])


def _linked_from(session: Session, home: str, on: str) -> list[tuple[str, str]]:
    rows = session.scalars(select(model.DocumentLink).where(model.DocumentLink.home == home).order_by(
        model.DocumentLink.case_file, model.DocumentLink.document))
    return [(row.case_file, row.document) for row in rows
            if _day(row.at) <= on and (not row.ended or _day(row.ended_at) > on)]


def _version_on(archive: Archive, object_id: str, on: str) -> int:
    """The newest version of an object that was made by the end of a day in Vietnam; 0 where there was none yet."""
    versions = archive.store.inventory(object_id).told["versions"]
    made = [int(name[1:]) for name, told in versions.items() if _day(told["created"]) <= on]
    return max(made, default=0)


def _day(stamp: str) -> str:
    return clock.in_vietnam(clock.parse(stamp)).date().isoformat()


# --- history ----------------------------------------------------------------------------------------------

_KINDS = ("casefile_opened", "casefile_corrected", "casefile_closed", "casefile_reopened")
_TAGS = ("maintenance", "maintenanceText", "endDate")


def history(session: Session, code: str, on: str, known: Known) -> tuple[Change, ...]:
    """Every change until the end of the day `on`, oldest first: of the plan's words, the state, and by decisions."""
    found = []
    for event in session.scalars(select(model.Event).where(
            model.Event.kind.in_(_KINDS), model.Event.subject == code).order_by(model.Event.seq)):
        found += [change for change in _of_event(event) if _day(change.at) <= on]
    decided = [one for one in assigning.history(session, code) if _day(one.at) <= on]
    for n, one in enumerate(decided):
        # What counted on its first day before it was taken, the period of the plan where nothing did.
        before = assigning.in_force(decided[:n], max(one.from_day, _day(one.at)), event=one.kind == "event")
        found.append(_of_decision(session, one, before, _plan_at(found, one.at)))
    return tuple(sorted(found, key=lambda change: change.at))


def _of_event(event: model.Event) -> list[Change]:
    day = _day(event.at)
    if event.kind == "casefile_opened":
        return [Change(event.at, event.actor, "opened", "", event.data.get("retention", ""), day, "")]
    if event.kind == "casefile_corrected":
        before, after = event.data["before"], event.data["after"]
        return [Change(event.at, event.actor, "corrected", f"{tag}: {before.get(tag, '') or '—'}",
                       f"{tag}: {after.get(tag, '') or '—'}", day, event.data["reason"])
                for tag in _TAGS if tag in after]
    what = "closed" if event.kind == "casefile_closed" else "reopened"
    return [Change(event.at, event.actor, what, "", "", day, event.data.get("reason", ""))]


def _plan_at(changes: Sequence[Change], at: str) -> str:
    words = ""
    for change in changes:
        if change.at <= at and change.what == "opened":
            words = change.after
        elif change.at <= at and change.after.startswith("maintenance: "):
            words = change.after.removeprefix("maintenance: ")
    return words


def _of_decision(session: Session, one: model.PeriodDecision, before: model.PeriodDecision | None,
                 plan: str) -> Change:
    return Change(one.at, one.by, one.kind, in_words(session, before) if before else
                  (plan if one.kind != "event" else ""), in_words(session, one), one.from_day, one.reason, one.n)


def in_words(session: Session, decision: model.PeriodDecision) -> str:
    """A decision in a few words: period and where it comes from."""
    if decision.kind == "event":
        return decision.event_on
    if decision.kind == "other_law":
        return f"{assigning.years_in_words(decision.years)} ({decision.law})"
    row = assigning.row_of(session, decision)
    rule: Rule | None = assigning.rule_by(decision, row, UNKNOWN)
    return f"{assigning.words(rule)} ({decision.table_id}@{decision.version}:{decision.rule})"
