"""Making the catalogue again from the store alone: ledger, OCFL objects and the intake area.

The result equals the catalogue that was lost, row by row; a test compares them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from archive import closing, destroyed, destroying, layout, links, rechecks, records, revisions, scan_jobs, texts
from archive.catalogue import SOME
from archive.evidence.seals import admit_seal
from archive.ledger import Line
from archive.model import Batch, Event, Item
from archive.opening import Archive

Progress = Callable[[str, int, int], None]
# Makes the rows of one object, and writes those of its events that a kill kept from the ledger.
Admit = Callable[[Archive, Session, str], None]

# Objects of `archive` that tell of case files and documents: beginning of the id -> how they come in, in this order.
ADMITS: Mapping[str, Admit] = {layout.scanjob_object(""): scan_jobs.admit, links.PREFIX: links.admit,
                               destroyed.PREFIX: destroying.admit}


def rebuild(archive: Archive, progress: Progress = lambda *_: None,
            admits: Mapping[str, Admit] | None = None) -> dict[str, int]:
    """Empty the catalogue and fill it from the store; return how many rows of each kind were made.

    `admits`: how the objects of other wings come in, by the beginning of their ids; they follow when all fonds, case
    files and documents are there, in the order of the mapping, of one kind in the order of their ids. The search index
    follows separately (`luutru index rebuild`), since documents come back as not indexed. Raises IntegrityError when
    a stored record has changed.
    """
    archive.catalogue.clear()
    counts = {"events": 0, "objects": 0, "documents": 0, "items": 0}
    with archive.catalogue.session() as session:
        lines = list(archive.ledger.lines())
        for start in range(0, len(lines), SOME):
            session.execute(Event.__table__.insert(),  # type: ignore[attr-defined]
                            [_event(line) for line in lines[start:start + SOME]])
        counts["events"] = len(lines)
        for line in lines:
            _replay(session, line)
        session.flush()
        objects = sorted(archive.store.objects(), key=lambda one: (layout.fonds_object("") not in one, one))
        for n, object_id in enumerate(objects, 1):
            progress("objects", n, len(objects))
            counts["documents"] += _admit_object(session, archive, object_id)
        session.flush()
        for admit, object_id in _later(objects, {**ADMITS, **(admits or {})}):
            admit(archive, session, object_id)
            session.flush()
        for line in lines:
            if line.kind == rechecks.MOVED:
                rechecks.moved(session, line.data)
        counts["objects"] = len(objects)
        counts["items"] = _read_intake(session, layout.intake_folder(archive.settings))
    return counts


def _later(objects: Iterable[str], admits: Mapping[str, Admit]) -> list[tuple[Admit, str]]:
    """The objects that come in after case files and documents, in the order of their kinds, each with its way in."""
    found = sorted(objects)
    return [(admit, one) for prefix, admit in admits.items() for one in found if one.startswith(prefix)]


def _event(line: Line) -> dict[str, Any]:
    return {key: value for key, value in asdict(line).items() if key != "prev"}


def _replay(session: Session, line: Line) -> None:
    """What an event says of items and batches; documents and case files come from their records."""
    data = line.data
    match line.kind:
        case "batch_started":
            session.merge(Batch(id=line.subject, night=data["night"], started_at=data["started_at"], finished_at="",
                                summary={}))
        case "batch_finished":
            batch = session.get_one(Batch, line.subject)
            batch.finished_at, batch.summary = data["finished_at"], data["summary"]
        case "received":
            session.merge(Item(
                id=line.subject, source=data["source"], name=data["name"], size=data["size"], sha256=data["sha256"],
                sha512=data["sha512"], received_at=data["received_at"], legal_received_at=data["legal_received_at"],
                receipt_rule=data["rule"], batch=data["batch"], state="received", document="", fields={},
                facts={"beside": data["beside"]} if "beside" in data else {}))
        case kind if kind in STATES:
            item = session.get_one(Item, line.subject)
            item.state, item.batch = STATES[line.kind], data.get("batch", item.batch)
            item.document = data.get("document", item.document)
            if "accepted" in data:
                item.fields = data["fields"]
                item.facts = {"corrections": data["corrections"], "accepted": data["accepted"]}
            if line.kind in ("kept_out", "package_received"):
                item.fields, item.facts = {}, {}
            if "findings" in data:
                records.set_findings(session, [item.id], records.finding_rows(item.id, data["findings"]))


STATES = {"quarantined": "quarantine", "failed": "failed", "released": "released", "turned_away": "turned_away",
          "duplicate": "duplicate", "kept_out": "kept_out", "list_received": "list",
          "list_redacted": "list", "package_received": "package", "notice_kept": "notice"}


def _admit_object(session: Session, archive: Archive, object_id: str) -> int:
    if object_id.startswith(layout.fonds_object("")):
        records.admit_fonds(session, archive.store, object_id)
        session.flush()
        revisions.announce(archive, session, object_id)     # a correction that was killed before its event
        return 0
    if object_id.startswith(layout.rechecks_object("")):
        session.flush()
        rechecks.announce(archive, session, object_id)      # a later look that was killed before its event
        return 0
    if object_id.startswith(layout.texts_object("")):
        session.flush()
        texts.announce(archive, session, object_id)         # a changed text that was killed before its event
        return 0
    if object_id.startswith(layout.seal_object("")):
        admit_seal(session, archive.store, object_id)
        return 0
    code = object_id.removeprefix(layout.casefile_object(""))
    if code == object_id:
        return 0
    described = records.read_case_file(archive.store, code)
    records.admit_case_file(session, described, archive.store.version(object_id))
    session.flush()
    found = list(records.read_documents(archive.store, code))
    records.admit(session, found)
    if any(map(revisions.is_revised, found)) or described.get("revised_at"):
        revisions.announce(archive, session, object_id)     # a correction or seal that was killed before its event
    if "closing" in described or "reopened" in described:
        closing.announce(archive, session, described)
    return len(found)


def _read_intake(session: Session, intake: Path) -> int:
    """Fields and facts of the items that wait in the intake area, as the last night left them there."""
    count = 0
    for sidecar in sorted(intake.glob("*/item.json")):
        data = json.loads(sidecar.read_bytes())
        item = session.get(Item, data["id"])
        # A received item has one when it came out of a package, or when a night left it for the next one.
        if item is not None and item.state in {"quarantine", "failed", "released", "turned_away", "notice", "received"}:
            item.fields, item.facts = data["fields"], data["facts"]
            count += 1
    return count
