"""Store: one OCFL version a case file and night, read back before anything is called stored.

The order is: bytes into the store and read back; the event into the ledger; the rows into the catalogue. A kill
in between leaves the store ahead, and the next run admits what it finds there instead of storing it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from archive import codes, layout, model, records, revisions
from archive.catalogue import SOME
from archive.catalogue import record as record_events
from archive.files import json_bytes
from archive.findings import Finding, finding
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.store import DamagedSourceError, NewFile
from ingest.beside import signed_by
from ingest.copying import hash_file
from ingest.digitise.defects import Row, defects
from ingest.item import Item, Part
from ingest.rechecking import first_day
from ingest.stages import seal
from ingest.stages.file import Folder
from ingest.stages.submission import SUBMISSION, submission_files

PLACES = {"access": layout.ACCESS, "text": layout.TEXT}
KEPT_FACTS = {"check", "extract", "edxml", "registry_line", "corrections", "accepted", "scan", "media"}
NOT_KEPT = {"ocr-text", "ocr"}      # steps on the way to the text, which is kept


def store_folder(archive: Archive, batch: str, folder: Folder, now: datetime) -> list[tuple[Item, list[Finding]]]:
    """Store the items of one case file as its next version; return the items whose bytes were damaged on the way.

    Raises OSError when the disk is full: nothing of this case file was then stored.
    """
    code = folder.record["code"]
    catch_up_case_file(archive, code)
    if archive.store.has(layout.casefile_object(code)):     # a killed writer may have left more than filing knew
        folder.record = dict(records.read_case_file(archive.store, code))
    known = _rows(archive, [item.id for item in folder.items])
    items = [item for item in folder.items if known[item.id].state != "stored"]
    damaged: list[tuple[Item, list[Finding]]] = []
    while items:
        start = records.next_ordinal(archive.store, code)
        version = archive.store.version(layout.casefile_object(code)) + 1
        described = [_describe(item, known[item.id], code, start + n, batch, version, archive.settings.profile)
                     for n, item in enumerate(items)]
        for item, (record, _sources) in zip(items, described, strict=True):
            record |= first_day(record, item.facts.get("verify", {}).get("trust_version", ""), now)
        files: dict[str, NewFile] = {layout.CASE_FILE: NewFile(json_bytes(folder.record))}
        files |= submission_files(archive, filter(None, map(_package, items)))
        owner: dict[str, Item] = {}
        for item, (record, sources) in zip(items, described, strict=True):
            files[layout.record_path(record["ordinal"])] = NewFile(json_bytes(record))
            for path, source in sources.items():
                files[path] = source
                owner[path] = item
        try:
            archive.store.put(layout.casefile_object(code), files, message=f"batch {batch}", user="luutru", created=now)
        except DamagedSourceError as error:
            lost = [owner[error.path]] if error.path in owner else [
                item for item in items if error.path.startswith(f"{SUBMISSION}/{_package(item)}/")]
            damaged += [(item, [finding("STORE-001", item.name, path=Path(error.path).name)]) for item in lost]
            items = [item for item in items if item not in lost]
            continue
        _admit(archive, folder.record, [record for record, _ in described], version)
        break
    return damaged


def catch_up_case_file(archive: Archive, code: str) -> None:
    """Admit what the store holds of a case file and the catalogue does not know: the trace of a killed night."""
    revisions.catch_up(archive, code)
    stored = archive.store.version(layout.casefile_object(code))
    with archive.catalogue.session() as session:
        row = session.get(model.CaseFile, code)
        if stored == (row.version if row else 0):
            return
        have = set(session.scalars(select(model.Document.ordinal).where(model.Document.case_file == code)))
    missing = set(records.ordinals(archive.store, code)) - have
    _admit(archive, dict(records.read_case_file(archive.store, code)),
           list(records.read_documents(archive.store, code, missing)), stored)


def _admit(archive: Archive, case_file: dict[str, Any], found: Sequence[records.Record], version: int) -> None:
    code = case_file["code"]
    entries = [Entry("casefile_opened", code, {key: case_file[key] for key in ("fonds", "title", "retention")},
                     event_key("casefile_opened", code))]
    entries += [Entry("stored", record["item"], {
        "document": record["code"], "case_file": code, "version": version, "batch": record["batch"],
        "legal_value": record["legal_value"], "verdict": record["verdict"],
        "files": {file["path"]: file["sha256"] for file in record["files"]}, **_scanned(record)},
        event_key("stored", record["item"])) for record in found]
    entries += filter(None, map(revisions.sealed_entry, found))
    with archive.catalogue.session() as session:
        record_events(session, archive.ledger, entries)
        records.admit_case_file(session, case_file, version)
        session.flush()
        records.admit(session, found)


def _scanned(record: records.Record) -> dict[str, Any]:
    """What the ledger keeps of a scan, so that the rate of a past period never changes: pages, errors, faulty or not.

    By the reading of NĐ 31/2026/NĐ-CP Điều 12 that stood when it was stored (ingest/digitise/defects.toml).
    """
    if not record["digitised"] and record["legal_value"] != "signed_copy":
        return {}
    told = defects((Row(record["item"], one["code"], str(one.get("params", {}).get("pages", "")))
                    for one in record["findings"]), {record["item"]: record["pages"]})
    return {"scan": {"pages": record["pages"], "kinds": sorted(told.kinds), "faulty": bool(told.faulty)}}


@dataclass(slots=True)
class _Row:
    """What the catalogue says of an item: its receipt and its findings."""

    state: str
    receipt: dict[str, str]
    findings: list[dict[str, Any]]


def _rows(archive: Archive, ids: Sequence[str]) -> dict[str, _Row]:
    found: dict[str, _Row] = {}
    with archive.catalogue.session() as session:
        for start in range(0, len(ids), SOME):
            chunk = ids[start:start + SOME]
            for row in session.scalars(select(model.Item).where(model.Item.id.in_(chunk))):
                found[row.id] = _Row(row.state, {"received_at": row.received_at, "rule": row.receipt_rule,
                                                 "legal_received_at": row.legal_received_at}, [])
            for one in session.scalars(select(model.ItemFinding).where(model.ItemFinding.item.in_(chunk)).order_by(
                    model.ItemFinding.item, model.ItemFinding.n)):
                found[one.item].findings.append(
                    {"code": one.code, "level": one.level, "subject": one.subject, "params": one.params})
    return found


def _describe(item: Item, row: _Row, code: str, ordinal: int, batch: str, version: int,
              profile: str) -> tuple[dict[str, Any], dict[str, NewFile]]:
    """The record of a document and the files that go with it, by logical path."""
    file_code = codes.parse_file_code(code, inventory=True)
    assert file_code is not None
    document = str(codes.DocumentCode(file_code, ordinal))
    files: list[dict[str, Any]] = []
    sources: dict[str, NewFile] = {}

    def add(path: str, source: Path, role: str, name: str, fmt: str, size: int, sha256: str, sha512: str) -> None:
        sources[path] = NewFile(source, sha512=sha512, sha256=sha256)
        files.append({"path": path, "role": role, "name": name, "format": fmt, "size": size, "sha256": sha256,
                      "sha512": sha512})

    stems = _stems(item.parts, document)
    for part, stem in zip(item.parts, stems, strict=True):
        add(f"{layout.RECEIVED}/{stem}{_suffix(part)}", part.path, part.role, part.name, part.format, part.size,
            part.sha256, part.sha512)
    stored: dict[str, str] = {}
    for made in item.facts.get("files", []):
        if made["role"] in NOT_KEPT:
            continue
        source = item.folder / made["path"]
        if made["role"] == "signature-report":
            path = layout.signatures_path(ordinal)
        elif made["role"] == "signature-print":
            path = layout.printed_path(ordinal)
        else:
            path = f"{PLACES[made['role']]}/{_stem(source, stems)}{source.suffix}"
        name, sha256 = seal.stored_for(item, made["path"])
        digest, stored[made["path"]] = hash_file(item.folder / name), path
        add(path, item.folder / name, made["role"], source.name, made["format"], digest.size, sha256 or digest.sha256,
            digest.sha512)
    origin = {key: value for key, value in item.facts.get("package", {}).items() if key != "parts"}
    findings = list(row.findings)
    if origin.get("code") and not f".{origin['code']}".endswith(f".{document}"):
        findings.append(finding("SIP-009", item.name, sent=origin["code"], code=document).as_dict())
    if twin := item.facts.get("same_number"):
        findings.append(finding("CHECK-092", item.name, twin=twin).as_dict())
    verify, digitised = item.facts.get("verify", {}), item.facts.get("digitise", {})
    record = {
        "schema": "luutru/document/1", "code": document, "case_file": code, "ordinal": ordinal, "item": item.id,
        "batch": batch, "version": version, "profile": profile,
        "source": {"source": item.source, "name": item.name}, "receipt": row.receipt, "fields": dict(item.fields),
        "pages": _pages(item), "legal_value": verify.get("legal_value", ""), "verdict": verify.get("verdict", ""),
        "signatures": verify.get("signatures", []), "digitised": digitised if digitised.get("scan") else {},
        "facts": {**{key: value for key, value in item.facts.items() if key in KEPT_FACTS},
                  **({"package": origin} if origin else {}),
                  **({"seal": seal.recorded(item.facts["seal"], stored, version)} if "seal" in item.facts else {})},
        "findings": findings, "files": files}
    return record, sources


def _stems(parts: Sequence[Part], document: str) -> list[str]:
    """The names of the parts in the store, without their endings; a signature file is called after all of its file's.

    So the pair can be checked with any program that looks for `X.pdf.p7s` beside `X.pdf`.
    """
    attachments, stems = 0, dict[int, str]()
    for n, part in enumerate(parts):
        stems[n] = document
        if part.role == "attachment":
            attachments += 1
            stems[n] = f"{document}-a{attachments:02d}"
        elif part.role == "message":
            stems[n] = f"{document}-message"
    names = [part.name for part in parts]
    taken: Counter[str] = Counter()
    for n, part in enumerate(parts):
        if part.role == "signature":
            signed = [names.index(owner) for owner in signed_by(part.name, names)]
            stems[n] = f"{stems[signed[0]]}{_suffix(parts[signed[0]])}" if signed else f"{document}-signature"
            taken[stems[n] + _suffix(part)] += 1
            if (times := taken[stems[n] + _suffix(part)]) > 1:
                stems[n] = f"{stems[n]}.{times}"
    return [stems[n] for n in range(len(parts))]


def _package(item: Item) -> str:
    """The case file's package that an item came out of; "" for others. What loose ones brought lies with the batch."""
    origin = item.facts.get("package", {})
    return str(origin["item"]) if origin.get("case_file") else ""


def _stem(made: Path, stems: Sequence[str]) -> str:
    """The name of a made file in the store: "access-2.pdf" was made of the second part and gets its name."""
    number = made.stem.rpartition("-")[2]
    return stems[int(number) - 1] if number.isdecimal() and 0 < int(number) <= len(stems) else stems[0]


def _pages(item: Item) -> int:
    for stage in ("digitise", "extract", "check"):
        pages = item.facts.get(stage, {}).get("pages")
        if isinstance(pages, list) and pages:
            return len(pages)
        if isinstance(pages, int) and pages:
            return pages
    return 0


def _suffix(part: Part) -> str:
    """The name's own ending where it is a plain one, so that a stored file opens as it did."""
    suffix = Path(part.name).suffix.lower()
    return suffix if suffix[1:].isalnum() and suffix.isascii() else ".bin"
