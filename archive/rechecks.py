"""Rechecks: what a later look at a document's signatures made of it, in the store, the ledger and the catalogue.

The verdict on receipt stays for ever, in its report and in the earlier version of the record. A later one lies in a
new version of the record with a report of its own; of a closed case file, whose object is a whole AIP and gets no more
versions, in an object beside it (`layout.rechecks_object`), and who reads the records reads both (archive/records.py).
When a look changes nothing only the day of the next one moves on: one event for all documents of a night.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from archive import layout, records, revisions
from archive.catalogue import SOME
from archive.catalogue import record as record_events
from archive.files import json_bytes
from archive.ledger import Entry, event_key
from archive.model import CaseFile, Document, Event
from archive.opening import Archive
from archive.records import Record
from archive.store import NewFile

CHANGED = "rechecked"
MOVED = "rechecks_moved"
# What a later look may change of a record; all else of it is as it was.
KEYS = ("verdict", "legal_value", "signatures", "findings", "recheck", "rechecked")
_NAMES = ("code", "case_file", "ordinal", "item")
_LATER = re.compile(rf"{layout.DOCUMENTS}/(\d{{7}})\.json")


@dataclass(frozen=True, slots=True)
class Look:
    """A later look that changed something: the record as it was, what changes (`KEYS`), the new reports by suffix."""

    record: Record
    changes: Mapping[str, Any]
    reports: Mapping[str, bytes]


def number(record: Record) -> int:
    """How many later looks changed a document."""
    return int(record.get("rechecked", {}).get("n", 0))


def write(archive: Archive, code: str, looks: Sequence[Look], at: datetime) -> None:
    """Keep later looks at documents of one case file: one version, then ledger, then catalogue.

    The caller owns the archive. Safe to say again after a kill: what the store has is told to the ledger by `catch_up`,
    here or by the next owner.
    """
    if records.read_case_file(archive.store, code)["state"] == "open":
        files: dict[str, NewFile] = {}
        for look in looks:
            ordinal, added = look.record["ordinal"], _reports(look)
            files |= {one["path"]: NewFile(look.reports[one["format"]]) for one in added}
            files[layout.record_path(ordinal)] = NewFile(json_bytes(
                {**_without(look.record), **look.changes, "files": [*look.record["files"], *added]}))
        revisions.put(archive, layout.casefile_object(code), files, "signatures checked again", at)
        return
    files = {}
    for look in looks:
        added = _reports(look)
        files |= {one["path"]: NewFile(look.reports[one["format"]]) for one in added}
        files[layout.record_path(look.record["ordinal"])] = NewFile(json_bytes({
            "schema": "luutru/recheck/1", **{key: look.record[key] for key in _NAMES}, **look.changes, "files": added}))
    archive.store.put(layout.rechecks_object(code), files, message="signatures checked again", user="luutru",
                      created=at)
    catch_up(archive, code)


def catch_up(archive: Archive, code: str) -> None:
    """Tell ledger and catalogue what the store knows of later looks at documents of a closed case file."""
    object_id = layout.rechecks_object(code)
    if not archive.store.has(object_id):
        return
    with archive.catalogue.session() as session:
        told = announce(archive, session, object_id)
        if told:
            records.renew(session, *records.read_documents(archive.store, code, told))


def announce(archive: Archive, session: Session, object_id: str) -> list[int]:
    """Write the events of later looks that the ledger lacks; the ordinals of the documents concerned."""
    later = [json.loads(archive.store.read(object_id, path)) for path in archive.store.files(object_id)
             if _LATER.fullmatch(path)]
    version = archive.store.version(object_id)
    lines = record_events(session, archive.ledger, [entry(one, version, object_id) for one in later])
    new = {line.subject for line in lines}
    rows = {row.code: row for row in _rows(session, [one["code"] for one in later])}
    # Also what the ledger has and the catalogue does not show: a kill between the two.
    return [one["ordinal"] for one in later if (row := rows.get(one["code"])) is not None and (
        one["item"] in new or row.verdict != one["verdict"] or row.recheck_on < (on := records.recheck_of(one)["on"])
        or (row.recheck_on and not on))]


def entry(record: Record, version: int, object_id: str = "") -> Entry:
    """The event of a later look, from the record that tells of it; `object_id` where it is not the case file's."""
    told = {key: value for key, value in record["rechecked"].items() if key != "by"}
    # Files of another object than the case file's are under the night's seal through its inventory.
    files = {one["path"]: one["sha256"] for one in record["files"] if _is_report(one["path"], record) and not object_id}
    place = {"object": object_id} if object_id else {}
    return Entry(CHANGED, record["item"], {**told, "document": record["code"], "case_file": record["case_file"],
                                           "version": version, **place, "files": files},
                 event_key(CHANGED, record["code"], str(number(record))), record["rechecked"]["by"])


# --- when nothing changed ----------------------------------------------------------------------------------


def due(session: Session, today: str) -> list[tuple[str, str, str]]:
    """The documents whose day has come, the oldest first: day, code, version of the trust lists of the last look."""
    rows = session.execute(select(Document.recheck_on, Document.code, Document.recheck_trust).where(
        Document.recheck_on != "", Document.recheck_on <= today)).all()
    return sorted((row.recheck_on, row.code, row.recheck_trust) for row in rows)


def move_on(archive: Archive, seen: Sequence[tuple[str, str, str]], but: Iterable[str], to: str, trust: str,
            looked: int, at: str) -> None:
    """Let the documents `seen` (the first of `due`), `but` some, be looked at again from the day `to` on.

    One event, which says where in the order of the days it began and ended. The caller owns the archive.
    """
    if not seen:
        return
    data = {"first": list(seen[0][:2]), "last": list(seen[-1][:2]), "to": to, "trust": trust, "but": sorted(but),
            "documents": len(seen), "looked": looked}
    with archive.catalogue.session() as session:
        record_events(session, archive.ledger, [Entry(MOVED, "signatures", data, event_key(MOVED, "signatures", at))])
        moved(session, data)


def moved(session: Session, data: Mapping[str, Any]) -> None:
    """What an event of `move_on` does to the catalogue; nothing when it is said again."""
    first, last, but = tuple(data["first"]), tuple(data["last"]), set(data["but"])
    rows = session.execute(select(Document.recheck_on, Document.code).where(
        Document.recheck_on >= first[0], Document.recheck_on <= last[0], Document.recheck_on != "")).all()
    codes = [row.code for row in rows if first <= (row.recheck_on, row.code) <= last and row.code not in but]
    for start in range(0, len(codes), SOME):
        session.execute(update(Document).where(Document.code.in_(codes[start:start + SOME])).values(
            recheck_on=data["to"], recheck_trust=data["trust"]))


def finish(archive: Archive) -> None:
    """Do what the last event of `move_on` says, if a kill came before the catalogue. The caller owns the archive."""
    with archive.catalogue.session() as session:
        last = session.scalar(select(Event.data).where(Event.kind == MOVED).order_by(Event.seq.desc()).limit(1))
        if last is not None:
            moved(session, last)


def closed(session: Session, codes: Iterable[str]) -> set[str]:
    """Which of these case files are closed."""
    wanted, found = sorted(set(codes)), set()
    for start in range(0, len(wanted), SOME):
        found |= set(session.scalars(select(CaseFile.code).where(
            CaseFile.code.in_(wanted[start:start + SOME]), CaseFile.state == "closed")))
    return found


# --- steps -------------------------------------------------------------------------------------------------


def _reports(look: Look) -> list[dict[str, Any]]:
    """The new reports as entries of the record's files."""
    import hashlib

    made = []
    for suffix, data in sorted(look.reports.items()):
        path = layout.later_report_path(look.record["ordinal"], number(look.changes) + 1, suffix)
        role = "signature-report" if suffix == "json" else "signature-print"
        made.append({"path": path, "role": role, "name": f"signatures.{suffix}", "format": suffix, "size": len(data),
                     "sha256": hashlib.sha256(data).hexdigest(), "sha512": hashlib.sha512(data).hexdigest()})
    return made


def _is_report(path: str, record: Record) -> bool:
    return path.startswith(layout.later_report_path(record["ordinal"], number(record) + 1, ""))


def _without(record: Record) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in KEYS}


def _rows(session: Session, codes: Sequence[str]) -> Iterable[Document]:
    for start in range(0, len(codes), SOME):
        yield from session.scalars(select(Document).where(Document.code.in_(codes[start:start + SOME])))
