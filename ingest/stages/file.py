"""File: find the case file (hồ sơ) of every examined document, opening it from its package or the file plan.

A document whose case file is unknown, closed or not said waits for an archivist; it is not lost. Nothing is
written to the store here: ordinals are given in the moment of storing (store.py), so that none is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, codes, destroyed, model
from archive.agencies import AgencyTable
from archive.agency_tables import agencies_of
from archive.catalogue import SOME
from archive.findings import Finding, finding
from archive.fonds_succession import held_under, is_later
from archive.opening import Archive
from archive.records import iso_date, name_key, read_case_file
from ingest import intake
from ingest.item import Item
from ingest.sources.packages import SOURCE
from ingest.stages.submission import opened_record


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
    numbers = _Numbers(session, rows[0].batch if rows else "", items)
    known, bytes_of = _identities(session, items), _twins(session, items)
    agencies = agencies_of(archive.settings)
    held = held_under(session, agencies)
    for item in items:
        code, findings = _case_file_code(item, archive.settings.agency.code)
        code = in_our_words(code, held, agencies)
        identity = _identity(item)
        twin = known.get(identity) or seen.get(identity) if identity else None
        if twin is not None and "CHECK-091" not in item.facts.get("accepted", []):
            findings.append(finding("CHECK-091", item.name, twin=twin))
        if item.source == SOURCE:
            first = bytes_of.setdefault(item.main.sha256, item.name)
            if first != item.name and "SIP-008" not in item.facts.get("accepted", []):
                findings.append(finding("SIP-008", item.name, twin=first))
        if not findings and code not in filed.folders:
            record, findings = _open(archive, session, item, code)
            if record is not None:
                filed.folders[code] = Folder(record)
        if findings:
            filed.waiting.append((item, findings))
            continue
        filed.folders[code].items.append(item)
        if identity:
            if another := numbers.taken_before(identity):
                item.facts["same_number"] = another
            seen[identity] = item.name
    return filed


def _order(item: Item) -> tuple[bool, int, str, str, str]:
    """First what says its ordinal, in that order; then the rest by date of issue."""
    ordinal = stated_ordinal(item)
    return not ordinal, ordinal, iso_date(item.fields.get("issuedDate", "")) or "9999", item.name, item.id


def stated_ordinal(item: Item) -> int:
    """The place in its case file that a document says itself: by its code in a package, or a scan by its name; or 0."""
    if package := item.facts.get("package"):
        return int(package["ordinal"])
    scan = codes.parse_scan_name(item.name.rpartition("/")[2])
    if scan is None or str(scan.file) != item.fields.get("fileCode", str(scan.file)):
        return 0
    return scan.ordinal or 0


def _twins(session: Session, items: Sequence[Item]) -> dict[str, str]:
    """By SHA-256, the documents that the archive holds, or takes in tonight, besides those that come in packages."""
    found = {item.main.sha256: item.name for item in reversed(items) if item.source != SOURCE}
    wanted = sorted({item.main.sha256 for item in items if item.source == SOURCE})
    for start in range(0, len(wanted), SOME):
        rows = session.execute(select(model.File.sha256, model.Item.name).join(
            model.Document, model.Document.code == model.File.document).join(
            model.Item, model.Item.id == model.Document.item).where(
            model.File.role == "original", model.File.sha256.in_(wanted[start:start + SOME])))
        found.update({row.sha256: row.name for row in rows})
    return found


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


def in_our_words(code: str, held: Mapping[str, str], agencies: AgencyTable) -> str:
    """`code` with the agency code under which the archive holds that agency's fonds; others stay as they are."""
    parsed = codes.parse_file_code(code, inventory=True)
    if parsed is None:
        return code
    ours = held.get(parsed.agency) or held.get(agencies.canonical(parsed.agency), parsed.agency)
    return str(replace(parsed, agency=ours))


def _open(archive: Archive, session: Session, item: Item, code: str) -> tuple[dict[str, Any] | None, list[Finding]]:
    """The record of the case file: the one that is open, or a new one from its package or the file plan."""
    if found := barred(session, item.name, code, iso_date(item.fields.get("issuedDate", ""))):
        return None, found
    if session.get(model.CaseFile, code) is not None:
        return dict(read_case_file(archive.store, code)), []
    parsed = codes.parse_file_code(code, inventory=True)
    assert parsed is not None
    package = item.facts.get("package", {})
    # The case file of a package has its sender's code; a person who gives another one means our own file plan.
    if package.get("case_file") and package["case_file"] == item.fields.get("fileCode") and (
            record := opened_record(archive, package["item"], parsed)):
        return record, []
    planned = session.get(model.FilePlanEntry, (parsed.agency, parsed.year, parsed.notation))
    if planned is None:
        return None, [finding("FILE-005", item.name, code=code, year=parsed.year, notation=parsed.notation)]
    return {"schema": "luutru/casefile/1", "code": code, "fonds": parsed.agency, "year": parsed.year,
            "notation": parsed.notation, "title": planned.title, "retention": planned.retention,
            "keeper": planned.keeper, "state": "open", "profile": archive.settings.profile,
            "opened_at": clock.stamp(clock.now())}, []


def barred(session: Session, subject: str, code: str, day: str = "") -> list[Finding]:
    """Why nothing may be filed under `code`: its case file is closed, its fonds not held, or closed before `day`."""
    held = session.get(model.CaseFile, code)
    if held is not None:
        return [] if held.state == "open" else [finding("FILE-003", subject, code=code)]
    if (gone := destroyed.of(session, code)) is not None:
        day = f"{clock.in_vietnam(clock.parse(gone.at)):%d/%m/%Y}"
        return [finding("DESTROY-032", subject, code=code, decision=gone.decision, day=day)]
    parsed = codes.parse_file_code(code, inventory=True)
    assert parsed is not None
    fonds = session.get(model.Fonds, parsed.agency)
    if fonds is None:
        return [finding("FILE-004", subject, code=code, fonds=parsed.agency)]
    if is_later(fonds, parsed.year, day):
        closed = f"{date.fromisoformat(fonds.valid_to):%d/%m/%Y}"
        return [finding("FILE-007", subject, code=code, fonds=fonds.code, closed=closed,
                        successor=fonds.successor or "—")]
    return []


def _identity(item: Item) -> tuple[str, str, str, str] | None:
    """Issuer, number, notation and date: what makes a document the same (NĐ 30/2020 Phụ lục VI.III.1.h)."""
    identity = (name_key(item.fields.get("organName", "")), item.fields.get("codeNumber", ""),
                item.fields.get("codeNotation", ""), iso_date(item.fields.get("issuedDate", "")))
    return identity if all(identity) else None


class _Numbers:
    """Which numbers were given before: one issuer gives a number once a year (NĐ 30/2020/NĐ-CP, Điều 15).

    Of two documents that come in one night the later one is told of: so an interrupted night says the same.
    """

    def __init__(self, session: Session, batch: str, items: Iterable[Item]) -> None:
        self.session, self.batch = session, batch
        self.tonight: dict[tuple[str, ...], tuple[str, str]] = {}       # the earliest of each number: day, name
        for item in items:
            if own := _identity(item):
                key = (*own[:3], own[3][:4])
                self.tonight[key] = min(self.tonight.get(key, ("9999", "")), (own[3], item.name))

    def taken_before(self, identity: tuple[str, str, str, str]) -> str:
        """A document of another day that bears the number of `identity` within the year; "" for none."""
        organ, number, notation, day = identity
        held = model.Document
        code = self.session.scalar(select(held.code).where(
            held.organ_key == organ, held.number == number, held.notation == notation,
            held.issued_on.between(f"{day[:4]}-01-01", f"{day[:4]}-12-31"), held.issued_on != day,
            held.batch != self.batch).order_by(held.code).limit(1))
        if code:
            return code
        earlier = self.session.execute(select(held.issued_on, model.Item.name).join(
            model.Item, model.Item.id == held.item).where(
            held.organ_key == organ, held.number == number, held.notation == notation, held.batch == self.batch,
            held.issued_on.between(f"{day[:4]}-01-01", day), held.issued_on != day)
            .order_by(held.issued_on, model.Item.name).limit(1)).first()
        first = min(self.tonight.get((organ, number, notation, day[:4]), ("9999", "")), tuple(earlier or ("9999", "")))
        return first[1] if first[0] < day else ""


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
