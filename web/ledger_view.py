"""The ledger for people: its events by day, kind, subject and actor, within what somebody may know of, and its chain.

Who may know of everything sees everything. Who has an agency of their own sees events about documents and case files
within reach, about accounts of that agency, and those that name no records. Anything that names several records or a
reader stays away from them: one of these may lie outside. Unknown kinds count as such.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, true
from sqlalchemy.orm import Session

from archive import acts, catalogue, clock, model
from archive.access import known_case_file, within
from archive.errors import IntegrityError
from archive.i18n import language
from archive.ledger import GENESIS, Ledger, line_hash
from web.people import Person
from web.site import Site

_KINDS = Path(__file__).with_name("ledger_kinds.toml")
LONGEST_WALK = 400 << 20        # bytes of a ledger whose whole chain a page walks; a longer one is the command's work


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the ledger; empty values ask for nothing. `before`: the number of an event; older ones follow.

    `day` is a day in Vietnam on which events were written down.
    """

    day: date | None = None
    kind: str = ""
    subject: str = ""
    actor: str = ""
    before: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """One event as a page shows it. `whole`: its hash is right, and the one before it is what it says it is."""

    seq: int
    at: str
    done_at: str
    kind: str
    title: str
    subject: str
    address: str            # the page of its subject; empty: none
    actor: str
    data: Mapping[str, Any]
    hash: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Chain:
    """How ledger and catalogue stand: the last event of each, the head, what is wrong, and how many acts wait."""

    events: int
    head: str
    copied: int
    fault: str
    waiting: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk over the whole chain found: when, up to which event, and the first faults."""

    at: str
    events: int
    faults: tuple[str, ...]


def page_of(session: Session, site: Site, who: Person, asked: Asked, limit: int) -> list[Shown]:
    """At most `limit` events that the person may know of, the newest first."""
    event = model.Event
    conditions = [_known(site, who)]
    if asked.before:
        conditions.append(event.seq < asked.before)
    if asked.day is not None:
        start = datetime.combine(asked.day, time(), clock.VIETNAM)
        conditions += [event.at >= clock.stamp(start), event.at < clock.stamp(start + timedelta(days=1))]
    conditions += [column == value for column, value in (
        (event.kind, asked.kind), (event.subject, asked.subject), (event.actor, asked.actor)) if value]
    found = list(session.scalars(select(event).where(*conditions).order_by(event.seq.desc()).limit(limit)))
    before = {row.seq: row.hash for row in session.execute(select(event.seq, event.hash).where(
        event.seq.in_([one.seq - 1 for one in found])))}
    return [_shown(one, before.get(one.seq - 1, GENESIS if one.seq == 1 else "")) for one in found]


@cache
def kinds() -> Mapping[str, Mapping[str, str]]:
    """Every known kind of event, with what its subject is and its name in both languages."""
    return tomllib.loads(_KINDS.read_text(encoding="utf-8"))


def kind_name(kind: str) -> str:
    """A kind of event in words; itself where it is none that we know."""
    told = kinds().get(kind)
    return told[language()] if told else kind


def chain(site: Site, session: Session) -> Chain:
    """How the ledger's end and the catalogue's copy of it agree; cheap, the lines between are not read."""
    copied, waiting = 0, len(acts.waiting(site.settings))
    folder = site.archive.ledger.folder
    size = sum(file.stat().st_size for file in folder.glob("*.jsonl"))
    try:
        ledger = Ledger(folder)
        copied = catalogue.compare(session, ledger)
    except IntegrityError as error:
        return Chain(0, "", copied, str(error), waiting, size)
    return Chain(ledger.seq, ledger.head, copied, "", waiting, size)


def walk(site: Site) -> Walk:
    """Read the whole ledger and check each line's hash and place. Raises OverflowError for one that is too long."""
    folder = site.archive.ledger.folder
    if sum(file.stat().st_size for file in folder.glob("*.jsonl")) > LONGEST_WALK:
        raise OverflowError
    faults: list[str] = []
    at, count = clock.stamp(clock.now()), 0
    for line, wrong in Ledger(folder).examine():
        count = line.seq if line is not None else count
        faults += wrong[:20 - len(faults)]
    return Walk(at, count, tuple(faults))


def _known(site: Site, who: Person) -> ColumnElement[bool]:
    """The events that the person may know of."""
    if who.reach.everything:
        return true()
    event, about = model.Event, {kind: told["about"] for kind, told in kinds().items()}

    def of(what: str) -> ColumnElement[bool]:
        return event.kind.in_([kind for kind, one in about.items() if one == what])

    documents = select(model.Document.code).join(
        model.CaseFile, model.CaseFile.code == model.Document.case_file).where(within(who.reach))
    items = select(model.Document.item).join(
        model.CaseFile, model.CaseFile.code == model.Document.case_file).where(within(who.reach))
    case_files = select(model.CaseFile.code).where(known_case_file(who.reach))
    names = [one.name for one in site.accounts.all() if one.fonds == who.fonds]
    return or_(of("system"), and_(of("item"), event.subject.in_(items)),
               and_(of("record"), or_(event.subject.in_(documents), event.subject.in_(case_files))),
               and_(of("account"), event.subject.in_(names)), and_(of("actor"), event.actor.in_(names)))


def _shown(one: model.Event, before: str) -> Shown:
    body = {"seq": one.seq, "key": one.key, "at": one.at, "kind": one.kind, "subject": one.subject,
            "actor": one.actor, "data": one.data, "prev": before}
    return Shown(one.seq, one.at, str(one.data.get("done_at", "")), one.kind, kind_name(one.kind), one.subject,
                 _address(one), one.actor, one.data, one.hash, line_hash(body) == one.hash)


def _address(one: model.Event) -> str:
    """The page of what an event is about; empty where there is none."""
    about, ordinal = kinds().get(one.kind, {}).get("about", ""), one.subject.rpartition(".")[2]
    if one.data.get("part") == "reader" or (one.kind.startswith("reading_") and one.kind != "reading_viewed"):
        return f"/readings/{one.subject}"
    if about == "record" or one.kind in ("reading_viewed", "destroyed"):
        whole = len(ordinal) != 7 or not ordinal.isdecimal()
        return f"/casefiles/{one.subject}" if whole else f"/documents/{one.subject}"
    if about == "item" and isinstance(one.data.get("document"), str) and one.data["document"]:
        return f"/documents/{one.data['document']}"
    return ""


def particulars(data: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """An event's data as names and values, nested ones with dots between; at most fifty, the rest is in the ledger."""
    found: list[tuple[str, str]] = []

    def take(name: str, value: Any) -> None:
        if isinstance(value, Mapping) and value:
            for key, one in value.items():
                take(f"{name}.{key}" if name else str(key), one)
        elif isinstance(value, list):
            shown = ", ".join(_in_a_line(one) for one in value[:20]) + (", …" if len(value) > 20 else "")
            found.append((name, shown or "—"))
        else:
            found.append((name, str(value)[:500] if value not in ("", None) else "—"))

    take("", data)
    return found[:50]


def _in_a_line(one: Any) -> str:
    """One of a list, in at most 200 characters; what has parts of its own as its names and values."""
    told = ", ".join(f"{name}: {value}" for name, value in one.items()) if isinstance(one, Mapping) else str(one)
    return f"({told[:198]})" if isinstance(one, Mapping) else told[:200]
