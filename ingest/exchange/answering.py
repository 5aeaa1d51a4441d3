"""Answers to messages: what each is owed by when, and their writing into the outbox, each once for ever.

An answer is written aside (`.pending` in the outbox), told to the ledger, and only then moved into the outbox, from
where another program takes it. Killed in between: what the ledger knows is moved, what it does not know is made anew.
So none is ever written twice, even when the outbox was emptied meanwhile.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, model, working_days
from archive.catalogue import SOME, record
from archive.clock import VIETNAM
from archive.files import fsync_folder
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.settings import Settings
from archive.working_days import Calendar
from ingest.exchange import tasks, writing
from ingest.exchange.messages import Party, Reference, StatusMessage
from ingest.exchange.register import AGREED, DECIDED, NOTICES, Registered, registered
from ingest.receipt import add_working_hours, read_book

KIND = "message_answered"
RECALLED = "recalled"
PENDING = ".pending"
_LAST = {"02", "06", "15", "16"}        # after these nothing more is owed
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of answers.toml."""

    code: str
    when: str
    due: str
    article: str


@dataclass(frozen=True, slots=True)
class Owed:
    """An answer that is owed: to which message, which code with which words, by when; None: no term is known."""

    message: Registered
    code: str
    description: str
    due: datetime | None
    article: str
    again: str = ""         # key of the event of a second receipt that is acknowledged; "" for the first

    @property
    def key(self) -> str:
        """The key of its event: it is written once."""
        return event_key(KIND, self.message.item, self.code, *filter(None, [self.again]))

    def late(self, at: datetime) -> bool:
        """Whether its term is over at this moment."""
        return self.due is not None and at > self.due


@dataclass(frozen=True, slots=True)
class Waits:
    """A message about which a person must decide before it can be answered, and by when that is due."""

    message: Registered
    due: datetime | None
    what: str               # "refusal": it waits in quarantine; "decision": a recall, update or replacement


@cache
def _table() -> Mapping[str, Any]:
    with Path(__file__).with_name("answers.toml").open("rb") as stream:
        return tomllib.load(stream)


@cache
def rules() -> tuple[Rule, ...]:
    """The lines of answers.toml in their order."""
    return tuple(Rule(**one) for one in _table()["answers"])


def owed(session: Session, settings: Settings, now: datetime) -> tuple[list[Owed], list[Waits]]:
    """The answers that are owed and not written, oldest message first; and what waits for a person first.

    Messages of our own agency, and status messages, are owed nothing; nor is anything owed while edxml.answers is off,
    but for showing what would be. A message without sender or DocumentId cannot be answered: nobody knows to whom.
    """
    keys = set(session.scalars(select(model.Event.key).where(model.Event.kind == KIND)))
    every = [one for one in registered(session) if one.data["kind"] == "document" and not one.own]
    again = _again(session, {one.item: one for one in every})
    open_ones = [one for one in every if not any(event_key(KIND, one.item, code) in keys for code in _LAST)]
    rows = _rows(session, [one.item for one in open_ones])
    events = _events(session, [one.item for one in open_ones])
    today = clock.in_vietnam(now).date()
    not_done = tasks.unanswered(session, settings, today) | tasks.recalled(session, today) if open_ones else set()
    calendar = working_days.calendar(settings.agency.calendar, settings.root)
    found, waits = [], []
    for one in open_ones:
        row = rows.get(one.item)
        if row is None:
            continue
        said = _standing(one, row, events.get(one.item, {}), not_done)
        for rule in rules():
            if rule.when in said and event_key(KIND, one.item, rule.code) not in keys:
                found.append(Owed(one, rule.code, said[rule.when], _due(rule.due, one, settings, calendar),
                                  rule.article))
        if row.state == "quarantine":
            what = "decision" if one.business in NOTICES else "refusal"
            waits.append(Waits(one, _due("hours", one, settings, calendar), what))
    for one, key in again:
        repeated = Owed(one, "01", _table()["words"]["again"], None, "QĐ 28/2018/QĐ-TTg Điều 9", key)
        if repeated.key not in keys:
            found.append(repeated)
    return sorted(found, key=lambda each: (each.message.seq, each.again, each.code)), waits


def write(archive: Archive, now: datetime) -> list[Owed]:
    """Write every answer that is owed into the outbox, each once; nothing while edxml.answers is off.

    The caller owns the archive. Raises OSError; then those that were told to the ledger are moved by the next call.
    """
    if archive.settings.edxml.answers == "off":
        return []
    outbox = archive.settings.path(archive.settings.edxml.outbox)
    _finish(archive, outbox)
    with archive.catalogue.session() as session:
        due, _waits = owed(session, archive.settings, now)
    for start in range(0, len(due), _AT_ONCE):
        some = due[start:start + _AT_ONCE]
        entries = [_put_aside(archive.settings, outbox, one, now) for one in some]
        with archive.catalogue.session() as session:
            record(session, archive.ledger, entries)
        for entry in entries:
            (outbox / PENDING / entry.data["file"]).replace(outbox / entry.data["file"])
        fsync_folder(outbox)
    return due


def message_of(data: Mapping[str, Any]) -> StatusMessage:
    """The answer that an event tells of, as it was written: the bytes can be made again from it."""
    about = data["response_for"]
    return StatusMessage(
        Party(data["from"]["organ_id"], data["from"]["name"]),
        Reference(about["organ_id"], about["code"], about["document_id"],
                  date.fromisoformat(about["date"]) if about["date"] else None),
        data["code"], data["description"], clock.parse(data["at"]))


def _put_aside(settings: Settings, outbox: Path, one: Owed, now: datetime) -> Entry:
    """Write an answer where nobody takes it yet; its event."""
    told = one.message.data
    data: dict[str, Any] = {
        "item": one.message.item, "code": one.code, "description": one.description, "at": clock.stamp(
            now.astimezone(UTC).replace(microsecond=0)),
        "from": {"organ_id": settings.agency.code, "name": settings.agency.name}, "to": told["from"],
        "response_for": {"organ_id": told["from"]["organ_id"], "code": told.get("code", ""),
                         "document_id": (told.get("about") if one.message.business in NOTICES else "")
                         or told["identity"]["documentId"], "date": told.get("date", "")},
        "due": clock.stamp(one.due) if one.due else "", "late": one.late(now), "article": one.article,
        "file": f"{one.message.item}-{one.code}-{one.key[:12]}.edxml"}
    if one.again:
        data["again"] = one.again
    written = writing.save(message_of(data), outbox / PENDING / data["file"])
    return Entry(KIND, one.message.item, {**data, "size": written.size, "sha256": written.sha256}, one.key)


def _finish(archive: Archive, outbox: Path) -> None:
    """What a kill left aside: answers that the ledger knows go out, others are made anew."""
    left = sorted((outbox / PENDING).glob("*")) if (outbox / PENDING).is_dir() else []
    for path in left:
        with archive.catalogue.session() as session:
            told = session.scalars(select(model.Event.data).where(
                model.Event.kind == KIND, model.Event.subject == path.name.partition("-")[0])).all()
        if any(data["file"] == path.name for data in told):
            path.replace(outbox / path.name)
        else:
            path.unlink()
    if left:
        fsync_folder(outbox)


# --- what is owed ------------------------------------------------------------------------------------------


def _standing(one: Registered, row: model.Item, events: Mapping[str, Mapping[str, Any]],
              not_done: set[str]) -> dict[str, str]:
    """What is so of a message (`when` of answers.toml), with the words for its sender."""
    words = _table()["words"]
    said = {"received": words["01"]}
    if one.business in NOTICES:
        if decided := events.get(DECIDED):
            agreed = decided["decision"] == AGREED
            said["agreed" if agreed else "disagreed"] = decided["reason"] or words["15"]
        elif row.state == "turned_away":
            said["disagreed"] = str(events.get("turned_away", {}).get("reason", ""))
    elif row.state == "turned_away":
        if RECALLED not in events:      # the sender took it back itself
            said["refused"] = str(events.get("turned_away", {}).get("reason", ""))
    elif row.state == "kept_out":
        said["refused"] = words["secret"]
    elif row.state == "stored":
        said["stored"] = words["03"].format(document=row.document)
        if one.item not in not_done:
            said["done"] = words["06"].format(document=row.document)
    return said


def _due(kind: str, one: Registered, settings: Settings, calendar: Calendar) -> datetime | None:
    start = clock.in_vietnam(clock.parse(one.data["legal_received_at"]))
    if kind == "hours":
        return add_working_hours(start, settings.edxml.refusal_hours, settings.agency.calendar,
                                 read_book(folder=settings.root))
    if kind == "day":
        day = start.date()
        while not calendar.sessions(day) or datetime.combine(day, calendar.sessions(day)[-1][1], VIETNAM) < start:
            day, start = calendar.after(day, 1), datetime.combine(day + timedelta(days=1), time.min, VIETNAM)
        return datetime.combine(day, calendar.sessions(day)[-1][1], VIETNAM)
    return None


def _again(session: Session, items: Mapping[str, Registered]) -> Iterator[tuple[Registered, str]]:
    """Second receipts of the same bytes, under the same name or another: ignored, and acknowledged again."""
    for kind, subject, data, key in session.execute(
            select(model.Event.kind, model.Event.subject, model.Event.data, model.Event.key).where(
                model.Event.kind.in_(("received_again", "duplicate"))).order_by(model.Event.seq)):
        item = subject if kind == "received_again" else data["of"]
        if item in items:
            yield items[item], key


def _rows(session: Session, items: Sequence[str]) -> dict[str, model.Item]:
    return {row.id: row for start in range(0, len(items), SOME) for row in session.scalars(
        select(model.Item).where(model.Item.id.in_(items[start:start + SOME])))}


def _events(session: Session, items: Sequence[str]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """What was decided about some items: data by kind, by item."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for chunk in _chunks(items):
        for kind, subject, data in session.execute(select(
                model.Event.kind, model.Event.subject, model.Event.data).where(
                model.Event.kind.in_((DECIDED, "turned_away")), model.Event.subject.in_(chunk)).order_by(
                model.Event.seq)):
            found.setdefault(subject, {})[kind] = data
            if data.get("recalled_by"):
                found[subject][RECALLED] = data
    return found


def _chunks(items: Sequence[str]) -> Iterable[Sequence[str]]:
    return (items[start:start + SOME] for start in range(0, len(items), SOME))
