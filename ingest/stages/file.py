"""File: find the case file (hồ sơ) of every examined document, opening it from the file plan when needed.

A document whose case file is unknown, closed or not said waits for an archivist; it is not lost. Nothing is
written to the store here: ordinals are given in the moment of storing (store.py), so that none is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, codes, model
from archive.findings import Finding, finding
from archive.opening import Archive
from archive.records import case_file_record, iso_date, name_key
from ingest import intake
from ingest.item import Item


@dataclass(slots=True)
class Folder:
    """A case file and the items that go into it tonight, in their order."""

    record: dict[str, Any]
    items: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class Filed:
    """What filing came to: the case files with their items, and the items that must wait, with the reasons."""

    folders: dict[str, Folder]
    waiting: list[tuple[Item, list[Finding]]]


def file_items(archive: Archive, session: Session, rows: Sequence[model.Item]) -> Filed:
    """Sort the examined items into case files: by date of issue, then by name, the same on every run."""
    filed = Filed({}, [])
    items = sorted((intake.from_row(row, archive.settings) for row in rows), key=_order)
    seen: dict[tuple[str, ...], str] = {}
    known = _identities(session, items)
    for item in items:
        code, findings = _case_file_code(item, archive.settings.agency.code)
        identity = _identity(item)
        twin = known.get(identity) or seen.get(identity) if identity else None
        if twin is not None and "CHECK-091" not in item.facts.get("accepted", []):
            findings.append(finding("CHECK-091", item.name, twin=twin))
        if not findings and code not in filed.folders:
            record, findings = _open(archive, session, item, code)
            if record is not None:
                filed.folders[code] = Folder(record)
        if findings:
            filed.waiting.append((item, findings))
            continue
        filed.folders[code].items.append(item)
        if identity:
            seen[identity] = item.name
    return filed


def _order(item: Item) -> tuple[str, str, str]:
    return iso_date(item.fields.get("issuedDate", "")) or "9999", item.name, item.id


def _case_file_code(item: Item, agency: str) -> tuple[str, list[Finding]]:
    """The case file's code as the fields say it: whole, or as year and notation of our own file plan."""
    stated = item.fields.get("fileCode", "")
    if not stated and item.fields.get("fileNotation") and item.fields.get("fileCatalog"):
        stated = f"{agency}.{item.fields['fileCatalog']}.{item.fields['fileNotation']}"
    if not stated:
        return "", [finding("FILE-001", item.name)]
    parsed = codes.parse_file_code(stated, inventory=True)
    if parsed is None:
        return "", [finding("FILE-002", item.name, code=stated)]
    return str(parsed), []


def _open(archive: Archive, session: Session, item: Item, code: str) -> tuple[dict[str, Any] | None, list[Finding]]:
    """The record of the case file: the one that is open, or a new one from the file plan."""
    held = session.get(model.CaseFile, code)
    if held is not None:
        if held.state != "open":
            return None, [finding("FILE-003", item.name, code=code)]
        return case_file_record(held), []
    parsed = codes.parse_file_code(code, inventory=True)
    assert parsed is not None
    if session.get(model.Fonds, parsed.agency) is None:
        return None, [finding("FILE-004", item.name, code=code, fonds=parsed.agency)]
    planned = session.get(model.FilePlanEntry, (parsed.agency, parsed.year, parsed.notation))
    if planned is None:
        return None, [finding("FILE-005", item.name, code=code, year=parsed.year, notation=parsed.notation)]
    return {"schema": "luutru/casefile/1", "code": code, "fonds": parsed.agency, "year": parsed.year,
            "notation": parsed.notation, "title": planned.title, "retention": planned.retention,
            "keeper": planned.keeper, "state": "open", "profile": archive.settings.profile,
            "opened_at": clock.stamp(clock.now())}, []


def _identity(item: Item) -> tuple[str, str, str, str] | None:
    """Issuer, number, notation and date: what makes a document the same (NĐ 30/2020 Phụ lục VI.III.1.h)."""
    identity = (name_key(item.fields.get("organName", "")), item.fields.get("codeNumber", ""),
                item.fields.get("codeNotation", ""), iso_date(item.fields.get("issuedDate", "")))
    return identity if all(identity) else None


def _identities(session: Session, items: Iterable[Item]) -> dict[tuple[str, ...], str]:
    """The documents that the archive holds under the identities of `items`."""
    ours: dict[tuple[str, ...], list[str]] = {}
    for item in items:
        if own := _identity(item):
            ours.setdefault(own, []).append(item.id)
    found: dict[tuple[str, ...], str] = {}
    for identity, ids in ours.items():      # one by one: with a list of four columns SQLite reads the whole table
        twin = session.scalar(select(model.Document.code).where(
            model.Document.organ_key == identity[0], model.Document.number == identity[1],
            model.Document.notation == identity[2], model.Document.issued_on == identity[3],
            model.Document.item.not_in(ids)))
        if twin is not None:
            found[identity] = twin
    return found
