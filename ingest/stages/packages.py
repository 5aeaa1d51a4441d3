"""Packages: register the documents of tonight's sound packages as items, and keep what came with them.

A package stands in the ledger like a registry list (`package_received`), its documents like files of the inbox. The
ZIP leaves the inbox when each of its documents is stored, held as an item of its own, or refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import codes, model
from archive.agency_tables import agencies_of
from archive.catalogue import record
from archive.findings import Finding, Level, finding, worst
from archive.fonds_succession import held_under
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.packages.containers import UnreadableError
from archive.records import finding_rows, set_findings
from archive.settings import Settings
from ingest import intake
from ingest.copying import hash_file
from ingest.sources.inbox import Waiting, printable_name
from ingest.sources.packages import SOURCE, read_manifest, unfold_again
from ingest.sources.scan_cutting import NotCopiedError
from ingest.sources.scan_splitting import cut_again
from ingest.stages import scans
from ingest.stages.file import barred, in_our_words
from ingest.stages.submission import states


def is_package(row: model.Item) -> bool:
    """Whether the item is a package that the examine stage knew for one (not a document out of a package)."""
    return row.source != SOURCE and "package" in row.facts


def register_packages(archive: Archive, batch: str) -> None:
    """Make items of the documents of every package of `batch` that examine found sound; safe to say again.

    A package that does not fit what the archive holds (its fonds, its case file, an earlier package of its id) keeps
    its state and gets the findings that hold it.
    """
    with archive.catalogue.session() as session:
        rows = session.scalars(select(model.Item).where(
            model.Item.batch == batch, model.Item.state == "examined", model.Item.source != SOURCE)
            .order_by(model.Item.name, model.Item.id))
        packages = [row.id for row in rows if is_package(row)]
    for package in packages:        # one transaction each: a package may have thousands of documents
        with archive.catalogue.session() as session:
            _register(archive, session, session.get_one(model.Item, package))


def _register(archive: Archive, session: Session, row: model.Item) -> None:
    known = intake.findings_of(session, [row.id])[row.id]
    if worst(known) >= Level.refused:
        return
    accepted = row.facts.get("accepted", [])
    manifest = read_manifest(archive.settings, row.id) if row.facts["package"]["unfolded"] else None
    if manifest is None or not manifest["documents"]:       # nothing to store: nobody can answer for that
        found = [finding("SIP-001" if manifest is None else "SIP-002", row.name)]
    else:
        found = intake.answered_for(_standing(archive, session, row, manifest), accepted)
    found = [*(one for one in known if one not in found), *found]
    as_dicts = [one.as_dict() for one in found]
    set_findings(session, [row.id], finding_rows(row.id, as_dicts))
    if manifest is None:
        return
    if worst(found) >= Level.refused:       # its documents come out of it again when a person lets it in
        for one in manifest["documents"]:
            intake.leave(archive.settings, one)
        return
    entries, rows = [], []
    for one in manifest["documents"]:
        entry, values = _document(archive.settings, row, one)
        entries.append(entry)
        rows.append(values)
    told = {key: manifest[key] for key in ("objid", "form", "request", "fonds", "case_file", "status", "documents")}
    told |= {"scan": manifest["scan"]} if "scan" in manifest else {}
    entries.append(Entry("package_received", row.id, {"batch": row.batch, **told, "findings": as_dicts},
                         event_key("package_received", row.id)))
    record(session, archive.ledger, entries)
    have = set(states(session, manifest["documents"]))
    if rows := [values for values in rows if values["id"] not in have]:
        session.execute(model.Item.__table__.insert(), rows)  # type: ignore[attr-defined]
    row.state, row.fields, row.facts = "package", {}, {}


def _document(settings: Settings, package: model.Item, item: str) -> tuple[Entry, dict[str, Any]]:
    """The event and the row of a document; it was received when and as its package was."""
    told = intake.read_sidecar(settings, item)
    origin = told["facts"]["package"]
    main = origin["parts"][0]
    name = printable_name(f"{package.name}/{origin['code'] or main['name']}")
    data = {"source": SOURCE, "name": name, "size": main["size"],
            "sha256": main["sha256"], "sha512": main["sha512"], "received_at": package.received_at,
            "legal_received_at": package.legal_received_at, "batch": package.batch}
    values = {**data, "id": item, "receipt_rule": package.receipt_rule, "state": "received", "document": "",
              "fields": told["fields"], "facts": told["facts"]}
    event = {**data, "rule": package.receipt_rule, "package": package.id}
    return Entry("received", item, event, event_key("received", item)), values


def fetch_again(archive: Archive, row: model.Item, waiting: Iterable[tuple[str, Waiting]]) -> bool:
    """Whether the bytes of a released document are in the intake area again, out of its package in the inbox.

    A document that was kept out leaves no content; its package stayed in the inbox. What a person corrected or
    answered for stays with it.
    """
    with archive.catalogue.session() as session:
        received = session.scalar(select(model.Event.data).where(model.Event.kind == "received",
                                                                 model.Event.subject == row.id))
        package = session.get(model.Item, received.get("package", "")) if received else None
        told = session.scalar(select(model.Event.data).where(
            model.Event.kind == "package_received", model.Event.subject == package.id)) if package else None
    found = next((one for source, one in waiting if package is not None
                  and (source, one.name) == (package.source, package.name)), None)
    if package is None or found is None or hash_file(found.path).sha256 != package.sha256:
        return False
    item = intake.from_row(package, archive.settings)
    item.parts = [replace(item.main, path=found.path)]
    item.facts |= {"accepted": row.facts.get("accepted", [])}
    try:
        if split := (told or {}).get("scan"):
            cut_again(item, archive.settings, split, {row.id}, [one.path for one in (found, *found.further)])
        else:
            item.facts["corrections"] = {"fileCode": told["case_file"] if told else ""}
            unfold_again(item, archive.settings, {row.id})
    except (UnreadableError, NotCopiedError):
        return False
    if not intake.folder(archive.settings, row.id).exists():
        return False
    told = intake.read_sidecar(archive.settings, row.id)
    row.fields = {**told["fields"], **row.fields}
    row.facts = {**told["facts"], **row.facts}
    return True


def _standing(archive: Archive, session: Session, row: model.Item,
              manifest: dict[str, Any]) -> list[Finding]:
    """What speaks against a package in what the archive holds: an earlier one of its id, no fonds, the case file."""
    if "scan" in manifest:
        return scans.standing(archive, session, row, manifest)
    found: list[Finding] = []
    twin = session.scalar(select(model.Event.subject).where(
        model.Event.kind == "package_received", model.Event.subject != row.id,
        func.lower(model.Event.data["objid"].as_string()) == manifest["objid"].lower())
        .order_by(model.Event.seq).limit(1)) if manifest["objid"] else None
    if twin is not None:
        earlier = session.get_one(model.Item, twin)
        code = "SIP-006" if manifest["status"] in ("SUPPLEMENT", "REPLACEMENT") else "SIP-005"
        found.append(finding(code, row.name, objid=manifest["objid"], earlier=earlier.name, item=earlier.id,
                             status=manifest["status"]))
    if code := manifest["case_file"]:
        found += _case_file(archive, session, row.name, code)
    return found


def _case_file(archive: Archive, session: Session, name: str, stated: str) -> list[Finding]:
    if codes.parse_file_code(stated, inventory=True) is None:
        return [finding("FILE-002", name, code=stated)]
    agencies = agencies_of(archive.settings)
    code = in_our_words(stated, held_under(session, agencies), agencies)
    if found := barred(session, name, code):
        return found
    held = session.get(model.CaseFile, code)
    return [finding("SIP-007", name, code=code, title=held.title)] if held is not None else []
