"""Tasks that documents give, and what became of them: given, due, answered by which document, extended, late.

By the rules of LS Điều 13 (Lạng Sơn, 2020): a task counts as done by the document that answers it and on the day that
document was issued, never before; an extension must be asked for within the term. Everything is computed from the
register of messages and from the extensions in the ledger, so that a past month gives the same list for ever.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, model
from archive.agency_tables import agencies_of
from archive.catalogue import SOME, record
from archive.errors import RefusedError, UsageError
from archive.findings import finding
from archive.i18n import _, language
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.settings import Settings
from ingest.exchange.register import AGREED, DECIDED, REPORT, STEERING, Registered, registered

EXTENDED = "task_extended"
TASK, REPLY = "task", "reply"


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension (gia hạn): asked for when, until when, by which document; `n`: its event's number."""

    requested: date
    approved: date
    until: date
    document: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Task:
    """One task for one agency, as it stands on a day.

    `kind`: "task" of a steering document (SteeringType 2), "reply" where a document only wants an answer by a day; that
    is the separate flow of opinions in LS Điều 13.3.b. `state`: open, late, answered, answered_late; answered is not
    yet approved: who gave the task decides on that in the document management system.
    """

    id: str
    kind: str
    code: str               # TaskCode; empty: the document is the task
    document: str           # number and notation of the document that gives it
    document_id: str
    stored: str             # our code of that document; empty: it is not in the archive
    giver: str
    giver_name: str
    assignee: str           # agency code, canonical
    subject: str
    given: date
    first_due: date | None
    due: date | None
    extensions: tuple[Extension, ...] = ()
    answered_on: date | None = None
    answered_by: str = ""   # number and notation of the answering document
    answered_stored: str = ""
    state: str = "open"
    days_late: int = 0


def tasks(session: Session, settings: Settings, on: date) -> list[Task]:
    """Every task that was given until `on`, as it stood on that day: the ones due first first."""
    canonical = agencies_of(settings).canonical
    refused = _refused(session, on) | recalled(session, on)
    every = [one for one in registered(session) if one.data["kind"] == "document" and _day(one) <= on
             and not one.data.get("secret") and one.item not in refused]
    extended = _extensions(session, on)
    found = [task for one in every for task in _given(one, canonical(settings.agency.code))]
    by_code, by_id, by_number = _answers(every, canonical)
    stood = []
    for task in found:
        answers = (by_code.get(task.code, []) if task.code else []) or [
            *by_id.get(task.document_id, []), *by_number.get((canonical(task.giver), task.document), [])]
        done = min((one for one in answers if canonical(one.data["from"]["organ_id"]) == task.assignee
                    and _day(one) >= task.given), key=_issued, default=None)
        stood.append(_stands(task, extended.get(task.id, ()), done, on))
    stored = _stored(session, [one.item for one in every])
    named = [replace(one, stored=stored.get(one.id.partition(".")[0], ""),
                     answered_stored=stored.get(one.answered_stored, "")) for one in stood]
    return sorted(named, key=lambda one: (one.due or date.max, one.given, one.id))


def of_month(every: Iterable[Task], year: int, month: int) -> list[Task]:
    """Those of `every` (as they stood at the month's end) that the monthly list tells of.

    Given, due or answered in the month, or open at its end.
    """
    first, last = bounds(year, month)
    return [one for one in every if one.answered_on is None or any(
        day is not None and first <= day <= last for day in (one.given, one.due, one.answered_on))]


def bounds(year: int, month: int) -> tuple[date, date]:
    """The first and the last day of a month."""
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])


def unanswered(session: Session, settings: Settings, on: date) -> set[str]:
    """The items of messages that gave our agency a task which is not answered yet."""
    ours = agencies_of(settings).canonical(settings.agency.code)
    return {one.id.partition(".")[0] for one in tasks(session, settings, on)
            if one.kind == TASK and one.assignee == ours and one.answered_on is None}


def extend(archive: Archive, task_id: str, *, until: date, requested: date, approved: date, document: str, reason: str,
           by: str, dry_run: bool = False) -> Task:
    """Give a task a new day. The caller owns the archive.

    Raises UsageError for an unknown task or a day that is none later, RefusedError (EXCHANGE-010) when it was asked
    for after the term: then the task is overdue (LS Điều 13.5).
    """
    today = clock.in_vietnam(clock.now()).date()
    with archive.catalogue.session() as session:
        task = next((one for one in tasks(session, archive.settings, today) if one.id == task_id), None)
        if task is None:
            raise UsageError(_("There is no task {task}; see: luutru edxml tasks").format(task=task_id))
        if task.due is None or until <= task.due:
            raise UsageError(_("The new day of {task} must come after the present one ({due}).").format(
                task=task_id, due=f"{task.due:%d/%m/%Y}" if task.due else "—"))
        if not document.strip():
            raise UsageError(_("An extension needs the document that approves it."))
        if not requested <= approved <= today:
            raise UsageError(_("An extension is asked for first, then approved, and neither in the future."))
        if requested > task.due:
            late = finding("EXCHANGE-010", task_id, requested=f"{requested:%d/%m/%Y}", due=f"{task.due:%d/%m/%Y}")
            raise RefusedError(f"{late.code} {late.sentence(language())}")
        data = {"until": until.isoformat(), "before": task.due.isoformat(), "requested": requested.isoformat(),
                "approved": approved.isoformat(), "document": document, "reason": reason}
        if dry_run:
            return replace(task, due=until)
        record(session, archive.ledger, [Entry(EXTENDED, task_id, data, event_key(
            EXTENDED, task_id, until.isoformat(), document), actor=by)])
        return next(one for one in tasks(session, archive.settings, today) if one.id == task_id)


# --- steps -------------------------------------------------------------------------------------------------


def _given(one: Registered, ours: str) -> list[Task]:
    """The tasks that a message gives: one for each code and, of our own documents, each receiver."""
    data = one.data
    steering, due = data.get("steering", ""), _date(data.get("due", ""))
    if data.get("business", "new") != "new" or steering == REPORT or not (steering == STEERING or due):
        return []
    kind = TASK if steering == STEERING else REPLY
    # What another agency sends us is ours to do, whoever else received it: of theirs we learn nothing.
    assignees = [organ for organ in data.get("to", ()) if organ != ours] if one.own else [ours]
    lines = [(code, organ) for code in (data.get("tasks") or [""]) for organ in assignees]
    return [Task(id=one.item if n == 1 else f"{one.item}.{n}", kind=kind, code=code, document=data.get("code", ""),
                 document_id=data["identity"]["documentId"], stored="", giver=data["from"]["organ_id"],
                 giver_name=data["from"]["name"], assignee=organ, subject=data.get("subject", ""), given=_day(one),
                 first_due=due, due=due) for n, (code, organ) in enumerate(lines, 1)]


def _answers(every: Iterable[Registered], canonical: Any) -> tuple[
        dict[str, list[Registered]], dict[str, list[Registered]], dict[tuple[str, str], list[Registered]]]:
    """The messages that answer something: by task code, by DocumentId, by agency and number."""
    by_code: dict[str, list[Registered]] = defaultdict(list)
    by_id: dict[str, list[Registered]] = defaultdict(list)
    by_number: dict[tuple[str, str], list[Registered]] = defaultdict(list)
    for one in every:
        if one.business != "new":
            continue
        if one.data.get("steering") != STEERING:
            for code in one.data.get("tasks", ()):
                by_code[code].append(one)
        for told in one.data.get("response_for", ()):
            if told["document_id"]:
                by_id[told["document_id"]].append(one)
            elif told["code"]:
                by_number[canonical(told["organ_id"]), told["code"]].append(one)
    return by_code, by_id, by_number


def _stands(task: Task, extensions: Iterable[Extension], done: Registered | None, on: date) -> Task:
    held = tuple(extensions)
    due = held[-1].until if held else task.first_due
    answered = _issued(done) if done is not None else None
    if answered is not None and answered > on:
        answered, done = None, None
    measured = answered or on
    late = (measured - due).days if due is not None and measured > due else 0
    state = ("answered_late" if late else "answered") if answered else "late" if late else "open"
    return replace(task, due=due, extensions=held, answered_on=answered, state=state, days_late=late,
                   answered_by=done.data.get("code", "") if done else "", answered_stored=done.item if done else "")


def _extensions(session: Session, on: date) -> dict[str, list[Extension]]:
    found: dict[str, list[Extension]] = defaultdict(list)
    for subject, actor, data in session.execute(select(
            model.Event.subject, model.Event.actor, model.Event.data).where(
            model.Event.kind == EXTENDED).order_by(model.Event.seq)):
        one = Extension(date.fromisoformat(data["requested"]), date.fromisoformat(data["approved"]),
                        date.fromisoformat(data["until"]), data["document"], data["reason"], actor)
        if one.approved <= on:
            found[subject].append(one)
    return found


def recalled(session: Session, on: date) -> set[str]:
    """The items whose sender took them back until `on`, with our consent: what they asked for is over."""
    return {row.data["target_item"] for row in session.execute(select(model.Event.at, model.Event.data).where(
        model.Event.kind == DECIDED)) if row.data["decision"] == AGREED and row.data["business"] == "recall"
        and row.data["target_item"] and clock.in_vietnam(clock.parse(row.at)).date() <= on}


def _refused(session: Session, on: date) -> set[str]:
    """The items that were refused for good until `on`: their tasks were not taken."""
    return {row.subject for row in session.execute(select(model.Event.subject, model.Event.at).where(
        model.Event.kind == "turned_away")) if clock.in_vietnam(clock.parse(row.at)).date() <= on}


def _stored(session: Session, items: list[str]) -> Mapping[str, str]:
    return {row.id: row.document for start in range(0, len(items), SOME) for row in session.execute(
        select(model.Item.id, model.Item.document).where(
            model.Item.id.in_(items[start:start + SOME]), model.Item.state == "stored"))}


def _day(one: Registered) -> date:
    """The day on which a message was received, in Vietnam."""
    return clock.in_vietnam(clock.parse(one.data["received_at"])).date()


def _issued(one: Registered) -> date:
    """The day on which its document was issued, which counts (LS Điều 13.4); of one that tells none, of its receipt."""
    return _date(one.data.get("date", "")) or _day(one)


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
