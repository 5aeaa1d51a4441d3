"""Collect: take what waits in the inbox into the intake area and register it; join the registry lists to it.

Idempotent by source and content: the same file under the same name is the same item for ever. The inbox file
stays until the item has been stored or its refusal has been recorded (nightly.py removes it last of all).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, destroyed, layout, model
from archive.catalogue import SOME, record
from archive.findings import Finding, finding
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.records import finding_rows, set_findings
from ingest import intake
from ingest.copying import SourceError, hash_file
from ingest.item import Item
from ingest.receipt import legal_time, read_book
from ingest.sources import registry, scan_lists, scan_pages, scan_sides, signature_files
from ingest.sources.inbox import Waiting, item_id, not_taken, scan, take_in
from ingest.sources.packages import SOURCE
from ingest.stages import submission

DONE = {"stored", "duplicate", "list", "package", "quarantine", "turned_away", "notice"}
AT_ONCE = 50        # files registered with one write of the ledger


def waiting_files(archive: Archive, now: datetime) -> tuple[list[tuple[str, Waiting]], list[Finding]]:
    """What waits in the inbox folders, with the name of its source, and what stands in the way there."""
    found: list[tuple[str, Waiting]] = []
    findings: list[Finding] = []
    for number, place in enumerate(archive.settings.ingest.inbox, 1):
        source = "inbox" if number == 1 else f"inbox{number}"
        folder = archive.settings.path(place)
        left: list[Finding] = []
        ready, waits = signature_files.joined(
            list(scan(folder, archive.settings.ingest.settle_seconds, now, left)), left)
        ready = scan_pages.joined(scan_sides.joined(ready, archive.settings), archive.settings, left)
        found += [(source, one) for one in ready]
        findings += [*left, *waits]
    # "Tờ trình.pdf" before "Tờ trình (1).pdf": of two files with the same bytes the copy is the duplicate.
    return sorted(found, key=lambda one: (one[0], *_stem_and_suffix(one[1].name))), findings


def _stem_and_suffix(name: str) -> tuple[str, str]:
    stem, dot, suffix = name.rpartition(".")
    return (stem, suffix) if dot else (name, "")


def is_known(session: Session, source: str, waiting: Waiting) -> model.Item | None:
    """The item that this very file (source, name, bytes) is already, or None."""
    sha256 = hash_file(waiting.path).sha256
    return session.get(model.Item, identity(session, source, waiting.name, sha256))


def identity(session: Session, source: str, name: str, sha256: str) -> str:
    """The id of an item. Where the same file under the same name was destroyed, it comes as another one."""
    found, n = item_id(source, name, sha256), 0
    while session.scalar(select(model.Item.state).where(model.Item.id == found)) == destroyed.GONE:
        n += 1
        found = item_id(source, name, f"{sha256}.{n}")
    return found


def stays_in_inbox(session: Session, row: model.Item, waiting: Waiting) -> bool:
    """Whether a known file is left where it is.

    It was kept out, or holds something that was or has no outcome yet, or is done with in a folder that we may not
    write to.
    """
    return (row.state == "kept_out" or (row.state in DONE and not os.access(waiting.path.parent, os.W_OK))
            or (row.state == "package" and submission.stays_in_inbox(session, row.id)))


def collect(archive: Archive, batch: str, waiting: Sequence[tuple[str, Waiting]],
            now: datetime) -> tuple[list[str], list[Finding]]:
    """Take the waiting files in and register them as items of `batch`.

    Returns the ids of items of earlier nights whose files came once more, and what went wrong with any file.
    A file that was kept out for its secrecy mark is not copied again.
    """
    findings: list[Finding] = []
    again: list[str] = []
    fresh: list[Item] = []
    with archive.catalogue.session() as session:
        shut_out = {(row.source, row.name) for row in session.execute(select(model.Item.source, model.Item.name).where(
            model.Item.state == "kept_out"))}
        lying = {(source, one.name) for source, one in waiting}
        shut_out |= {(row.source, row.name) for row in session.scalars(select(model.Item).where(
            model.Item.state == "package")) if (row.source, row.name) in lying
            and submission.stays_in_inbox(session, row.id)}
        waiting = [(source, one) for source, one in waiting
                   if ((source, one.name) not in shut_out and os.access(one.path.parent, os.W_OK))
                   or (row := is_known(session, source, one)) is None or not stays_in_inbox(session, row, one)]

    def identify(source: str, name: str, sha256: str) -> str:
        with archive.catalogue.session() as session:
            return identity(session, source, name, sha256)

    for source, one in waiting:
        try:
            item = take_in(one, source, layout.intake_folder(archive.settings), now, identify)
            item.facts["collect"] = [found.as_dict() for found in one.findings]
            if one.by_page:
                item.facts["sides"] = {"how": scan_pages.HOW, "side": "front", "back": True}
            elif sides := scan_sides.noted(one.name, archive.settings, has_back=one.back is not None):
                item.facts["sides"] = sides
            fresh.append(item)
        except SourceError as error:
            findings.append(not_taken(error, one.name))
        if len(fresh) >= AT_ONCE:
            again += _register(archive, batch, fresh)
            fresh = []
    again += _register(archive, batch, fresh)
    return again, findings


def _register(archive: Archive, batch: str, items: Sequence[Item]) -> list[str]:
    if not items:
        return []
    again: list[str] = []
    agency, book = archive.settings.agency, read_book(folder=archive.settings.root)
    with archive.catalogue.session() as session:
        known = {row.id: row for row in _by_id(session, [item.id for item in items])}
        held = _holders(session, [item.main.sha256 for item in items])
        before = destroyed.before(session, [item.main.sha256 for item in items])
        entries, rows, findings = [], [], []
        for item in items:
            if item.id in known:
                entries += _joined_late(archive, batch, item, known[item.id])
                entries += _again(archive, batch, item, known[item.id])
                again.append(item.id)
                continue
            if (gone := before.get(item.main.sha256)) is not None:
                day = f"{clock.in_vietnam(clock.parse(gone.at)):%d/%m/%Y}"
                item.facts.setdefault("collect", []).append(finding(
                    "DESTROY-031", item.name, code=gone.code, decision=gone.decision, day=day).as_dict())
            receipt = legal_time(item.received_at, agency.receipt_rule, agency.calendar, book)
            part = item.main
            data = {"source": item.source, "name": item.name, "size": part.size, "sha256": part.sha256,
                    "sha512": part.sha512, "received_at": clock.stamp(item.received_at),
                    "legal_received_at": clock.in_vietnam(receipt.at).isoformat(), "rule": receipt.rule_id,
                    "batch": batch}
            beside = [intake.part_as_dict(one, item.folder) for one in item.parts
                      if one.role in ("signature", "back")]
            told = {**data, "beside": beside} if beside else data
            entries.append(Entry("received", item.id, told, event_key("received", item.id)))
            if beside:
                item.facts["beside"] = beside
            row = {**{key: value for key, value in data.items() if key != "rule"}, "id": item.id,
                   "receipt_rule": receipt.rule_id, "state": "received", "document": "", "fields": {},
                   "facts": {key: value for key, value in item.facts.items() if value}}
            twin = held.get(part.sha256)
            several = any(one.role == "back" for one in item.parts)     # its further files may be new
            if twin is not None and not several and not registry.is_list(part.path):
                code = finding("CHECK-090", item.name, twin=twin[1])
                found = [code.as_dict()]
                entries.append(Entry("duplicate", item.id, {"of": twin[0], "document": twin[2], "batch": batch,
                                                            "findings": found}, event_key("duplicate", item.id)))
                row.update(state="duplicate", document=twin[2], facts={})
                findings += finding_rows(item.id, found)
            else:
                held.setdefault(part.sha256, (item.id, item.name, ""))
            rows.append(row)
        record(session, archive.ledger, entries)
        if rows:
            session.execute(model.Item.__table__.insert(), rows)  # type: ignore[attr-defined]
        set_findings(session, [], findings)
    return again


def _again(archive: Archive, batch: str, item: Item, row: model.Item) -> list[Entry]:
    """A file that came before under the same name: nothing to do but to say so, once a night."""
    if row.state in {"stored", "duplicate", "kept_out"} or (row.state == "list" and row.batch != batch):
        intake.leave(archive.settings, item.id)
    if row.batch == batch or row.state in {"received", "examined", "failed", "released"}:
        return []
    return [Entry("received_again", item.id, {"batch": batch, "state": row.state, "document": row.document},
                  event_key("received_again", item.id, batch))]


def _joined_late(archive: Archive, batch: str, item: Item, row: model.Item) -> list[Entry]:
    """A document that waits for an archivist came again with a signature file: it goes through the night with it."""
    have = {part["sha256"] for part in (*row.facts.get("parts", ()), *row.facts.get("beside", ()))}
    fresh = [intake.part_as_dict(part, item.folder) for part in item.parts
             if part.role in ("signature", "back") and part.sha256 not in have]
    if not fresh or row.state != "quarantine" or row.batch == batch:
        return []
    facts = {key: value for key, value in row.facts.items() if key not in ("parts", "sheets", "sides", "package")}
    facts |= {"sides": item.facts["sides"]} if "sides" in item.facts else {}
    row.facts = {**facts, "beside": [*row.facts.get("beside", ()), *fresh]}
    row.state, row.batch = "received", batch
    intake.write_sidecar(intake.from_row(row, archive.settings))
    return [Entry("released", item.id, {"batch": batch, "signatures": [part["name"] for part in fresh]},
                  event_key("released", item.id, batch))]


def _by_id(session: Session, ids: Sequence[str]) -> list[model.Item]:
    return [row for start in range(0, len(ids), SOME)
            for row in session.scalars(select(model.Item).where(model.Item.id.in_(ids[start:start + SOME])))]


def _holders(session: Session, digests: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Who holds these bytes already: item id, name and document by SHA-256. Refused secrets are not held."""
    wanted = list(set(digests))
    found: dict[str, tuple[str, str, str]] = {}
    for start in range(0, len(wanted), SOME):
        chunk = wanted[start:start + SOME]
        for row in session.scalars(select(model.Item).where(
                model.Item.sha256.in_(chunk),
                model.Item.state.not_in(("duplicate", "kept_out", "list", destroyed.GONE)))):
            found[row.sha256] = (row.id, row.document or row.name, row.document)
    return found


def join_registry(archive: Archive, batch: str) -> dict[str, list[Finding]]:
    """Read the batch's registry lists and lay their rows over the items they name; findings by the list's item id.

    A row may also name an item that waits in quarantine since an earlier night: it is released by it.
    """
    outcome: dict[str, list[Finding]] = {}
    with archive.catalogue.session() as session:
        tonight = list(session.scalars(select(model.Item).where(model.Item.batch == batch).order_by(model.Item.name)))
        lists = [row for row in tonight if row.state in {"received", "list"} and _is_list(archive, row)]
        if not lists:
            return {}
        earlier = session.scalars(select(model.Item).where(
            model.Item.state == "quarantine", model.Item.batch != batch))
        fresh = submission.registered_in(session, batch)      # their metadata came with their package
        by_name = {row.name: row for row in (*earlier, *tonight) if row not in lists and row.id not in fresh}
        scans = {name: noted for name, row in by_name.items() if (noted := _sheets(session, row))}
        released: list[Entry] = []
        named: set[str] = set()
        for row in lists:
            read, folder = registry.read_list(_place(archive, row), long_scans=True), row.name.rpartition("/")[0]
            files, of_scans = scan_lists.take(read.rows, scans, by_name, folder, row.name)
            matched, findings = registry.match(files, list(by_name), folder=folder, subject=row.name)
            named |= {*matched, *of_scans}
            for name, told in of_scans.items():
                released += _lay(by_name[name], {"scan_rows": told}, row, batch, told[0]["line"])
            for name, one in matched.items():
                item = by_name[name]
                if item.state == "duplicate":       # the list knows the copy: what it says holds for the original
                    item = next((first for first in tonight if first.sha256 == item.sha256
                                 and first.state == "received" and "registry" not in first.facts), item)
                released += _apply(item, one, row, batch)
            outcome[row.id] = [*read.findings, *findings]
        for folder, row in {one.name.rpartition("/")[0]: one for one in reversed(lists)}.items():
            scanned = (one.name for one in tonight if one.source != SOURCE)
            outcome[row.id] += scan_lists.not_named(scanned, named, folder, row.name)
        record(session, archive.ledger, released)
    return outcome


def _apply(item: model.Item, line: registry.Row, source: model.Item, batch: str) -> list[Entry]:
    """Lay a row of a list over the item it names; an item that waited since an earlier night is released by it."""
    fields, beside = registry.fields_of(line)
    told = {"registry": fields, "registry_line": {"list": source.name, "line": line.line, **beside}}
    return _lay(item, told, source, batch, line.line)


def _lay(item: model.Item, told: dict[str, Any], source: model.Item, batch: str, line: int) -> list[Entry]:
    if item.state != "received" and (item.state != "quarantine" or item.batch == batch):
        return []
    item.facts = {**item.facts, **told}
    if item.state == "received":
        return []
    item.state, item.batch = "received", batch
    return [Entry("released", item.id, {"batch": batch, "list": source.id, "line": line},
                  event_key("released", item.id, batch))]


def _sheets(session: Session, row: model.Item) -> dict[str, Any]:
    """What was seen of separator sheets in a long scan; of one that was split already, as the ledger tells it."""
    if row.state != "package":
        return dict(row.facts.get("sheets") or {})
    told = session.scalar(select(model.Event.data).where(
        model.Event.kind == "package_received", model.Event.subject == row.id)) or {}
    return dict(told.get("scan", {}).get("looked", {}))


def _is_list(archive: Archive, row: model.Item) -> bool:
    if row.source == SOURCE:
        return False
    place = _place(archive, row)
    return place.exists() and registry.is_list(place)


def _place(archive: Archive, row: model.Item) -> Path:
    folder = intake.folder(archive.settings, row.id)
    part = intake.received_parts(folder, row.name, row.size, row.sha256, row.sha512)[0]
    return folder / str(part["path"])
