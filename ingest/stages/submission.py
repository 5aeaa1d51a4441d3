"""What came with a package besides its documents, and where its documents stand: for the stages after them.

The package's own files (METS, EAD, PREMIS, documentation) go byte for byte into each case file that takes one of its
documents; those of loose documents, which have no case file yet, into the batch's object.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, codes, layout, model
from archive.catalogue import SOME
from archive.fields.tables import code_lists
from archive.fixity.leaving import ENDS
from archive.opening import Archive
from archive.store import NewFile
from ingest import intake
from ingest.sources.packages import SOURCE, read_manifest

SUBMISSION = "documentation/submission"     # where a package's own files lie in an object of the store
# States of documents while which their package's ZIP must not leave the inbox. A document that was kept out for its
# secrecy mark is in there still, and that is for people to deal with.
UNSETTLED = frozenset({"received", "examined", "released", "failed", "kept_out"})
# Fields of the sender's EAD that the record of a case file says in another place, or that follow from its documents.
_SAID_ELSEWHERE = frozenset({"fileCode", "arcFileCode", "title", "maintenance", "totalDoc"})

# Who made the file, as the note in EAD says it (TT 05/2025/TT-BNV Phụ lục I mục 2.a): archive/describing.py.
_KEEPER = re.compile(r"(?:^|(?<=;)) *Người lập hồ sơ *: *([^;]*[^; ])")


def documents_of(session: Session, package: str) -> list[str]:
    """The items that the documents of a registered package became, in its order; empty for any other item."""
    data = session.scalar(select(model.Event.data).where(
        model.Event.kind == "package_received", model.Event.subject == package))
    return list(data["documents"]) if data else []


def counts(session: Session, package: str) -> Counter[str]:
    """How many of the documents of a package stand in which state."""
    return Counter(states(session, documents_of(session, package)).values())


def stays_in_inbox(session: Session, package: str) -> bool:
    """Whether the ZIP must stay in the inbox: a document has no outcome yet, or was kept out for its secrecy mark."""
    return not UNSETTLED.isdisjoint(counts(session, package))


def registered_in(session: Session, batch: str) -> set[str]:
    """The items that came out of packages in this very batch."""
    rows = session.scalars(select(model.Item.id).where(model.Item.batch == batch, model.Item.source == SOURCE)).all()
    found: set[str] = set()
    for start in range(0, len(rows), SOME):
        events = session.execute(select(model.Event.subject, model.Event.data).where(
            model.Event.kind == "received", model.Event.subject.in_(rows[start:start + SOME])))
        found.update(subject for subject, data in events if data["batch"] == batch)
    return found


def leave_settled(archive: Archive) -> None:
    """Remove the intake folder of each package whose documents are all stored, kept out or gone; safe to say again.

    While one of them waits, or when it was turned away, the folder stays: what came with the package is needed when
    the document is stored, and a refusal keeps its bytes.
    """
    with archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.Item.id).where(model.Item.state == "package")))
        settled = [package for package in rows if intake.folder(archive.settings, package).exists()
                   and (outcomes := set(counts(session, package))) <= set(ENDS)
                   and ("kept_out" in outcomes or _lies_in_store(archive, session, package))]
    for package in settled:
        intake.leave(archive.settings, package)


def _lies_in_store(archive: Archive, session: Session, package: str) -> bool:
    """Whether nothing of what was received would go with the intake folder: of a split scan, that it was kept."""
    try:
        form = read_manifest(archive.settings, package)["form"]
    except FileNotFoundError:
        return True
    return form != "scan" or session.scalar(select(model.Event.seq).where(
        model.Event.kind == "scan_kept", model.Event.subject == package)) is not None


def opened_record(archive: Archive, package: str, code: codes.FileCode) -> dict[str, Any] | None:
    """The record of the case file `code` as the package describes it: opened by the sender's code, not by our plan.

    None when the package's description is not in the intake area any more.
    """
    try:
        manifest = read_manifest(archive.settings, package)
    except FileNotFoundError:
        return None
    fields = manifest["fields"]
    period = fields.get("maintenance", "")
    keeper = _KEEPER.search(fields.get("description", ""))
    own = {tag: value for tag, value in fields.items() if tag not in _SAID_ELSEWHERE}
    if keeper and keeper[0] == own["description"]:
        own.pop("description")          # all that it says: made anew from the keeper for the next package
    return {"schema": "luutru/casefile/1", "code": str(code), "fonds": code.agency, "year": code.year,
            "notation": code.notation, "title": fields.get("title", manifest["title"]),
            "retention": code_lists()["tt05_maintenance"].values.get(period, period),
            "keeper": keeper[1].strip() if keeper else "", "state": "open", "profile": archive.settings.profile,
            "opened_at": clock.stamp(clock.now()), "fields": own,
            "origin": {"package": package, "name": manifest["name"], "objid": manifest["objid"],
                       "form": manifest["form"], "request": manifest["request"],
                       "organisation": manifest["organisation"], "fields": fields}}


def submission_files(archive: Archive, packages: Iterable[str]) -> dict[str, NewFile]:
    """What came with the packages besides documents, by its path in an object; nothing of what was kept out."""
    files: dict[str, NewFile] = {}
    for package in sorted(set(packages)):
        try:
            manifest = read_manifest(archive.settings, package)
        except FileNotFoundError:
            continue        # all of it is in the store, or was turned away
        with archive.catalogue.session() as session:
            secret = {item for item, state in states(session, manifest["documents"]).items() if state == "kept_out"}
        place = intake.folder(archive.settings, package)
        for one in manifest["submission"]:
            if one["document"] not in secret:
                files[f"{SUBMISSION}/{package}/{one['path']}"] = NewFile(
                    place / one["place"], sha512=one["sha512"], sha256=one["sha256"])
    return files


def store_loose(archive: Archive, batch: str, now: datetime) -> None:
    """Put what came with the night's packages of loose documents into the batch's object; safe to say again."""
    with archive.catalogue.session() as session:
        rows = session.scalars(select(model.Item.id).where(model.Item.batch == batch, model.Item.state == "package"))
        loose = [row for row in rows if intake.folder(archive.settings, row).exists()
                 and not read_manifest(archive.settings, row)["case_file"]]
    if files := submission_files(archive, loose):
        archive.store.put(layout.batch_object(batch), files, message=f"batch {batch}", user="luutru", created=now)


def states(session: Session, items: Sequence[str]) -> dict[str, str]:
    """Where each of some items stands."""
    found: dict[str, str] = {}
    for start in range(0, len(items), SOME):
        rows = session.execute(select(model.Item.id, model.Item.state).where(
            model.Item.id.in_(items[start:start + SOME])))
        found.update({row.id: row.state for row in rows})
    return found
