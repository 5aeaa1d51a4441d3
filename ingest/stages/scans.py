"""Long scans: looked at before the lists are read, held against the archive, and kept whole beside their documents.

A scan that was taken apart stands in the catalogue and the ledger as a package does (stages/packages.py). When each of
its documents is stored, the received files go into an object of their own, once and byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import codes, layout, model
from archive.agency_tables import agencies_of
from archive.catalogue import record
from archive.files import json_bytes
from archive.findings import Finding, finding
from archive.fonds_succession import held_under
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.store import DamagedSourceError, NewFile
from ingest import intake
from ingest.item import Context
from ingest.sources import scan_pages
from ingest.sources.packages import SOURCE, read_manifest
from ingest.sources.scan_splitting import FORM, may_be_split
from ingest.stages import submission
from ingest.stages.file import barred, in_our_words
from ingest.worker import examine_all

KEPT = "scan_kept"          # the event that says where the received files of a scan lie for good


def look_for_sheets(archive: Archive, batch: str, context: Context, cpu: dict[str, float],
                    progress: Callable[[str, int, int], None]) -> None:
    """Look for separator sheets on the pages of the batch's scans, and note them: the lists are read with them.

    Where that fails nothing is noted; the examining of the item comes to the same page again and says so.
    """
    with archive.catalogue.session() as session:
        rows = session.scalars(select(model.Item).where(
            model.Item.batch == batch, model.Item.state == "received", model.Item.source != SOURCE)
            .order_by(model.Item.size.desc(), model.Item.id))
        items = [intake.from_row(row, archive.settings) for row in rows
                 if "sheets" not in row.facts and may_be_split(
                     row.name, archive.settings, by_page=(row.facts.get("sides") or {}).get("how") == scan_pages.HOW)]
    if not items:
        return
    progress("sheets", 0, len(items))
    for count, one in enumerate(examine_all(items, context, only="sheets"), 1):
        for stage, seconds in one.cpu.items():
            cpu[stage] += seconds
        if "sheets" in one.item.facts:
            with archive.catalogue.session() as session:
                row = session.get_one(model.Item, one.item.id)
                row.facts = {**row.facts, "sheets": one.item.facts["sheets"]}
        progress("sheets", count, len(items))


def standing(archive: Archive, session: Session, row: model.Item, manifest: dict[str, Any]) -> list[Finding]:
    """What speaks against the case files that a scan's sheets name: unknown, closed, of another fonds."""
    found: list[Finding] = []
    agencies = agencies_of(archive.settings)
    held = held_under(session, agencies)
    told = {intake.read_sidecar(archive.settings, one["item"])["fields"].get("fileCode", ""): one
            for one in reversed(manifest["scan"]["documents"])}
    for stated, one in sorted(told.items()):
        parsed = codes.parse_file_code(in_our_words(stated, held, agencies), inventory=True)
        if parsed is None:
            continue            # no case file is said, or none that can be: each document waits for itself
        file, page, _last = one["pages"][0]
        planned = session.get(model.FilePlanEntry, (parsed.agency, parsed.year, parsed.notation))
        if against := barred(session, row.name, str(parsed)):
            found += against
        elif planned is None and session.get(model.CaseFile, str(parsed)) is None:
            found.append(finding("SCAN-037", row.name, part=file - 1, page=one["sheet"] or page, code=stated,
                                 year=parsed.year, notation=parsed.notation))
    return found


def keep_scans(archive: Archive, now: datetime) -> list[Finding]:
    """Put the received files of each scan whose documents are all stored into the store; safe to say again.

    A scan of which a document bears a secrecy mark is not kept: its bytes hold that document (promise 8).
    """
    with archive.catalogue.session() as session:
        rows = list(session.scalars(select(model.Item).where(model.Item.state == "package").order_by(model.Item.id)))
        ready = [(row, manifest) for row in rows if (manifest := _manifest(archive, row.id)) is not None
                 and manifest["form"] == FORM and set(submission.counts(session, row.id)) == {"stored"}]
        kept = set(session.scalars(select(model.Event.subject).where(
            model.Event.kind == KEPT, model.Event.subject.in_([row.id for row, _ in ready]))))
    said: list[Finding] = []
    for row, manifest in ready:
        if row.id in kept:
            continue
        try:
            _keep(archive, row, manifest, now)
        except DamagedSourceError as error:
            said.append(finding("STORE-001", row.name, path=error.path))
    return said


def _manifest(archive: Archive, item: str) -> dict[str, Any] | None:
    try:
        return read_manifest(archive.settings, item)
    except FileNotFoundError:
        return None


def _keep(archive: Archive, row: model.Item, manifest: dict[str, Any], now: datetime) -> None:
    told = manifest["scan"]
    place, object_id = intake.folder(archive.settings, row.id), layout.scan_object(row.id)
    files: dict[str, NewFile] = {}
    listed = []
    for number, one in enumerate(told["files"], 1):
        path = f"{layout.RECEIVED}/{number}-{one['path'].rpartition('/')[2]}"
        files[path] = NewFile(place / one["path"], sha512=one["sha512"], sha256=one["sha256"])
        listed.append({"path": path, **{key: one[key] for key in ("name", "size", "sha256", "sha512")}})
    with archive.catalogue.session() as session:
        documents = {item.id: item.document for item in session.scalars(select(model.Item).where(
            model.Item.id.in_(manifest["documents"])))}
    files[layout.SCAN] = NewFile(json_bytes({
        "schema": "luutru/scan/1", "item": row.id, "name": row.name, "batch": row.batch, "by": told["by"],
        "received_at": row.received_at, "files": listed, "sheets": told["sheets"], "backs": told["backs"],
        "documents": [{"document": documents[one["item"]], **{
            key: one[key] for key in ("item", "pages", "sheet", "pictures", "sha256")}} for one in told["documents"]]}))
    version = archive.store.put(object_id, files, message=f"scan {row.id}", user="luutru", created=now)
    data = {"object": object_id, "version": version, "batch": row.batch,
            "files": {one["path"]: one["sha256"] for one in listed}}
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(KEPT, row.id, data, event_key(KEPT, row.id))])
