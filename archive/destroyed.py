"""What was destroyed lawfully: the trace that is left of it, and how a lawful absence is told from a loss.

Of each destruction the store keeps one object with a line for every case file, and for every single document of a case
file that stays (archive/destroying.py writes it before anything goes); the ledger has an event for its beginning and
one for every case file and document that went. Only what both say was to be destroyed may be missing. The trace holds
nothing of the content: counts, hashes, decision, persons and times, and of the title what `destruction.titles` lets
stand (Luật Lưu trữ 33/2024/QH15 Điều 16, 36 khoản 4; TT 05/2025/TT-BNV Điều 49 khoản 7, Điều 50 khoản 3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, layout
from archive.catalogue import SOME
from archive.errors import DestroyedError as DestroyedError
from archive.errors import IntegrityError
from archive.i18n import _
from archive.model import CaseFile, Event, Item
from archive.opening import Archive
from archive.store import Store

PREFIX = "urn:luutru:destroyed:"
BEGUN, DONE, IN_COPY = "destruction_begun", "destroyed", "destroyed_in_copy"
STATE = "destroying"        # of a case file from the beginning until it is gone; of its items "destroyed" after
GONE = "destroyed"
TAKEN_OUT = "-"             # Document.indexed: the index does not hold it, and is not to take it up again
BESIDE = (layout.casefile_object, layout.rechecks_object, layout.texts_object)
_DOCUMENT = re.compile(r"(.+)\.\d{7}")

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Absence:
    """That a case file or a single document was destroyed: by which destruction and decision, who did it, when."""

    code: str
    destruction: str
    decision: str
    by: str
    at: str
    title: str
    documents: int

    def sentence(self) -> str:
        """For whoever asks for it or for one of its documents."""
        return _("{code} was destroyed on {day} by decision {decision} (destruction {destruction}); nothing of its "
                 "content is kept.").format(code=self.code, day=f"{clock.in_vietnam(clock.parse(self.at)):%d/%m/%Y}",
                                            decision=self.decision, destruction=self.destruction)


def object_id(destruction: str) -> str:
    """The id of the OCFL object that keeps the trace of a destruction."""
    return f"{PREFIX}{destruction}"


def part_path(n: int) -> str:
    """The n-th part of the list in that object (from 1)."""
    return f"items/{n:04d}.jsonl"


def parts(store: Store, destruction: str) -> dict[int, list[Line]]:
    """The lines of a destruction's trace by the part that they lie in; empty when nothing was begun.

    Raises IntegrityError when the stored bytes have changed.
    """
    name = object_id(destruction)
    if not store.has(name):
        return {}
    return {int(path[6:10]): [orjson.loads(line) for line in store.content(name, stored).splitlines()]
            for path, stored in sorted(store.files(name).items()) if path.startswith("items/")}


def lines(store: Store, destruction: str) -> dict[str, Line]:
    """The lines of a destruction's trace by the code of the case file."""
    return {line["code"]: line for part in parts(store, destruction).values() for line in part}


def objects_of(line: Line) -> list[str]:
    """The objects that go with a case file: those that were there, and those that may lie beside it by now.

    With a single document none goes; its case file's are written anew.
    """
    if is_single(line):
        return []
    return sorted({*line["objects"], *(kind(line["code"]) for kind in BESIDE)})


def is_single(line: Line) -> bool:
    """Whether a line tells of a single document, whose case file (`home`) stays."""
    return bool(line.get("home"))


def groups(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """The lines of single documents by their case file: those of one go together."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        if is_single(line):
            found.setdefault(line["home"], []).append(line)
    return found


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What single documents' destructions made of the objects that stay: their histories were written anew.

    `done`: object → version → (SHA-256 before, after, SHA-512 before, after) of its inventory, one for each time, in
    order. `under_way`: the objects of which nobody can say yet which history they have.
    """

    done: Mapping[str, Mapping[int, Sequence[tuple[str, str, str, str]]]]
    under_way: frozenset[str]

    def original(self, object_id: str, version: int, sha256: str) -> str:
        """The inventory (SHA-256) of which this one is what was left; "" for one that is no more to be there."""
        told = self.done.get(object_id, {}).get(version, ())
        if not told:
            return sha256
        return told[0][0] if sha256 == told[-1][1] else ""

    def now(self, object_id: str, version: int, sha512: str) -> str:
        """The inventory (SHA-512) that stands where this one stood."""
        for _before, _after, old, new in self.done.get(object_id, {}).get(version, ()):
            sha512 = new if sha512 == old else sha512
        return sha512


def rewriting(archive: Archive) -> Rewriting:
    """What the ledger and the traces tell of objects whose history was written anew."""
    done: dict[str, dict[int, list[tuple[str, str, str, str]]]] = {}
    open_: set[str] = set()
    with archive.catalogue.session() as session:
        begun = [data for data in session.scalars(select(Event.data).where(Event.kind == BEGUN).order_by(Event.seq))
                 if data.get("single")]
        if not begun:
            return Rewriting({}, frozenset())
        gone = {(data["destruction"], code) for code, data in session.execute(select(
            Event.subject, Event.data).where(Event.kind == DONE)) if "home" in data}
    for data in begun:
        part = parts(archive.store, data["destruction"]).get(data["version"], [])
        for some in groups(part).values():
            told = some[0]["rewritten"]
            if not all((line["destruction"], line["code"]) in gone for line in some):
                open_ |= told.keys()
                continue
            for name, versions in told.items():
                for version, four in versions.items():
                    done.setdefault(name, {}).setdefault(int(version), []).append(tuple(four))
    return Rewriting(done, frozenset(open_))


def gone(events: Iterable[tuple[str, Mapping[str, Any]]], store: Store) -> dict[str, str]:
    """The objects that may lawfully be missing: id → destruction. `events`: kind and data of the ledger's events.

    What is done the ledger names itself; of a destruction that is under way the trace does.
    """
    found: dict[str, str] = {}
    open_: dict[str, int] = {}
    for kind, data in events:
        if kind == DONE:
            found.update(dict.fromkeys(data["objects"], data["destruction"]))
            open_[data["destruction"]] = open_.get(data["destruction"], 0) - 1
        elif kind == BEGUN:
            open_[data["destruction"]] = open_.get(data["destruction"], 0) + data["count"]
    for destruction, left in open_.items():
        if left > 0:
            try:
                for line in lines(store, destruction).values():
                    found.update(dict.fromkeys(objects_of(line), destruction))
            except (IntegrityError, OSError, ValueError, KeyError):
                continue        # nothing excuses an absence then
    return found


def objects(archive: Archive) -> dict[str, str]:
    """As `gone`, by the catalogue's copy of the ledger."""
    with archive.catalogue.session() as session:
        events = session.execute(select(Event.kind, Event.data).where(Event.kind.in_((BEGUN, DONE)))).all()
    return gone([(row.kind, row.data) for row in events], archive.store) if events else {}


def of(session: Session, code: str) -> Absence | None:
    """Whether the case file with this code, or the home of the document with this code, was destroyed."""
    match = _DOCUMENT.fullmatch(code)
    wanted = [code, match[1]] if match else [code]
    event = session.scalars(select(Event).where(Event.kind == DONE, Event.subject.in_(wanted))
                            .order_by(Event.seq.desc()).limit(1)).first()
    if event is None:
        return None
    data = event.data
    return Absence(event.subject, data["destruction"], data["decision"], event.actor, event.at, data.get("title", ""),
                   data["documents"])


def refuse(session: Session, code: str) -> None:
    """Raise DestroyedError, which says when and by which decision, when `code` was destroyed."""
    if (absence := of(session, code)) is not None:
        raise DestroyedError(absence.sentence())


def before(session: Session, digests: Iterable[str]) -> dict[str, Absence]:
    """Which of these SHA-256 (hex) of received files were destroyed before, and how."""
    wanted, found = sorted(set(digests)), {}
    for start in range(0, len(wanted), SOME):
        for row in session.execute(select(Item.sha256, Item.document).where(
                Item.sha256.in_(wanted[start:start + SOME]), Item.state == GONE)):
            if (absence := of(session, row.document)) is not None:
                found[row.sha256] = absence
    return found


def under_way(session: Session, store: Store | None = None) -> list[str]:
    """The case files whose destruction, or that of a single document in them, was begun and is not done.

    With `store`: instead of the case files that stay the documents that go.
    """
    codes = list(session.scalars(select(CaseFile.code).where(CaseFile.state == STATE).order_by(CaseFile.code)))
    if store is None or not codes:
        return codes
    homes = groups(line for data in session.scalars(select(Event.data).where(Event.kind == BEGUN))
                   if data.get("single") for line in parts(store, data["destruction"])[data["version"]]
                   if line.get("home") in codes)
    return sorted({*codes} - homes.keys() | {line["code"] for some in homes.values() for line in some})


def digests(store: Store) -> set[str]:
    """The SHA-256 (hex) of every file and inventory that was destroyed, or is about to be."""
    return {digest for one in told(store) for line in lines(store, one).values() for digest in line["sha256"]}


def told(store: Store) -> Iterator[str]:
    """The destructions of which the store keeps a trace."""
    for folder in store.folders():
        # Its folder bears its id (OCFL extension 0003): of all others nothing is read.
        if unquote(folder.name).startswith(PREFIX):
            yield store.id_of(folder).removeprefix(PREFIX)
