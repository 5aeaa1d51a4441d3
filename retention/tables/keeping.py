"""Keeping retention tables: every version in the store, and how its rows come into the catalogue.

One object for all tables. A new version of a table is a further file in it; those before stay in the newest state, so
that a case file's rule can always be looked up as it was when it was chosen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from archive import clock
from archive.catalogue import record as record_events
from archive.errors import RefusedError
from archive.files import json_bytes
from archive.findings import Level, finding, worst
from archive.ledger import Entry, event_key
from archive.model import RetentionRule, RetentionTable
from archive.opening import Archive
from archive.store import NewFile
from retention.tables.reading import Row, Table

OBJECT = "urn:luutru:retention:tables"
IMPORTED = "retention_table_imported"
_PATH = re.compile(r"tables/([a-z0-9_.-]+)/(\d{4})\.json")
_TOLD = ("id", "instrument", "title", "scope", "valid_from", "valid_to", "approver", "legacy")


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of an import: the table with all its findings; `version` 0: nothing was imported."""

    table: Table
    version: int = 0


def import_table(archive: Archive, table: Table, received: Path, *, by: str, at: datetime,
                 dry_run: bool = False) -> Kept:
    """Keep a table that was read from `received` as the next version of its id, with the file as it came.

    The caller owns the archive. Raises RefusedError with findings that refuse (unless `dry_run`, which changes
    nothing); a table like the newest version of its id makes none.
    """
    catch_up(archive)
    with archive.catalogue.session() as session:
        table = replace(table, findings=(*table.findings, *overlaps(session, table)))
        same = _same(session, table)
    if same:
        return Kept(replace(table, findings=(*table.findings, finding(
            "RETAIN-013", received.name, version=same, table=table.id))))
    if dry_run:
        return Kept(table)
    if refused := [one.sentence() for one in table.findings if one.level >= Level.refused]:
        raise RefusedError("; ".join(refused))
    with archive.catalogue.session() as session:
        version = newest(session, table.id) + 1
    place = f"tables/{table.id}/{version:04d}"
    body = {"schema": "luutru/retention-table/1", "version": version, "imported_at": clock.stamp(at), "imported_by": by,
            **{key: getattr(table, key) for key in _TOLD}, "rows": [asdict(row) for row in table.rows]}
    archive.store.put(OBJECT, {f"{place}.json": NewFile(json_bytes(body)),
                               f"{place}-received{received.suffix.lower()}": NewFile(received.read_bytes())},
                      message=f"retention table {table.id}", user="luutru", created=at)
    with archive.catalogue.session() as session:
        admit(archive, session, OBJECT)
    return Kept(table, version)


def admit(archive: Archive, session: Session, object_id: str) -> None:
    """The events and rows of all tables of the object that are not known yet."""
    known = {(row.id, row.version) for row in session.execute(select(RetentionTable.id, RetentionTable.version))}
    for path, told in _held(archive, object_id):
        if (told["id"], told["version"]) in known:
            continue
        record_events(session, archive.ledger, [_entry(archive, told, path)])
        session.add(RetentionTable(**{key: told[key] for key in _TOLD}, version=told["version"],
                                   imported_at=told["imported_at"]))
        session.flush()
        if told["rows"]:
            session.execute(insert(RetentionRule), [
                {"table_id": told["id"], "version": told["version"], "position": n, **row}
                for n, row in enumerate(told["rows"], 1)])


def catch_up(archive: Archive) -> None:
    """Tell ledger and catalogue of tables that a kill left in the store alone. The caller owns the archive."""
    if not archive.store.has(OBJECT):
        return
    with archive.catalogue.session() as session:
        known = session.scalar(select(func.count()).select_from(RetentionTable)) or 0
        if known < sum(1 for path in archive.store.files(OBJECT) if _PATH.fullmatch(path)):
            admit(archive, session, OBJECT)


def _held(archive: Archive, object_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Every table of the object with its path, in the order in which they were imported."""
    held = archive.store.files(object_id)
    found = [(path, json.loads(archive.store.content(object_id, held[path]))) for path in held
             if _PATH.fullmatch(path)]
    return sorted(found, key=lambda one: (one[1]["imported_at"], one[1]["id"], one[1]["version"]))


def _entry(archive: Archive, told: dict[str, Any], path: str) -> Entry:
    number = 1      # the object's version that brought the file
    while path not in archive.store.files(OBJECT, number):
        number += 1
    data = {"object": OBJECT, "version": number, "table_version": told["version"], "rows": len(told["rows"]),
            **{key: told[key] for key in _TOLD[1:]}}
    return Entry(IMPORTED, told["id"], data, event_key(IMPORTED, told["id"], str(told["version"])),
                 told["imported_by"])


# --- asking ---------------------------------------------------------------------------------------------


def newest(session: Session, table: str) -> int:
    """The newest version of a table; 0 where there is none of this id."""
    return session.scalar(select(func.max(RetentionTable.version)).where(RetentionTable.id == table)) or 0


def tables(session: Session, *, every: bool = False) -> list[RetentionTable]:
    """The newest version of each table, or `every` version."""
    found = list(session.scalars(select(RetentionTable).order_by(RetentionTable.id, RetentionTable.version)))
    return found if every else list({row.id: row for row in found}.values())


def table_of(session: Session, name: str) -> RetentionTable | None:
    """The table that `name` says, "tt09_2011" (its newest version) or "tt09_2011@1"; None where there is none."""
    table, _at, version = name.partition("@")
    if version and not version.isdecimal():
        return None
    return session.get(RetentionTable, (table, int(version) if version else newest(session, table)))


def rules_of(session: Session, table: str, version: int) -> list[RetentionRule]:
    """The rows of one version of a table, in their order."""
    return list(session.scalars(select(RetentionRule).where(
        RetentionRule.table_id == table, RetentionRule.version == version).order_by(RetentionRule.position)))


def rule_of(session: Session, name: str) -> RetentionRule | None:
    """The row that `name` says: "tt09_2011:5.1" (newest version) or "tt09_2011@1:5.1"; None where there is none."""
    table, _colon, code = name.partition(":")
    found = table_of(session, table)
    return session.get(RetentionRule, (found.id, found.version, code.strip())) if found and code else None


def valid_in(table: RetentionTable, year: int) -> bool:
    """Whether a table was in force on at least one day of a year; a legacy table never in years after it."""
    return table.valid_from <= f"{year}-12-31" and (not table.valid_to or table.valid_to >= f"{year}-01-01")


def overlaps(session: Session, table: Table) -> list[Any]:
    """A finding for each other table of the same scope that is in force on days on which `table` is."""
    if worst(table.findings) >= Level.refused:
        return []
    found = []
    for other in tables(session):
        if other.id != table.id and other.scope == table.scope and (
                not other.valid_to or other.valid_to >= table.valid_from) and (
                not table.valid_to or table.valid_to >= other.valid_from):
            found.append(finding("RETAIN-012", table.id, valid_from=table.valid_from, other=other.id,
                                 other_from=other.valid_from,
                                 other_to=f" – {other.valid_to}" if other.valid_to else ""))
    return found


def _same(session: Session, table: Table) -> int:
    """The newest version of this table's id when it says the same; else 0."""
    version = newest(session, table.id)
    if not version:
        return 0
    held = session.get_one(RetentionTable, (table.id, version))
    if any(getattr(held, key) != getattr(table, key) for key in _TOLD):
        return 0
    return version if _rows(rules_of(session, table.id, version)) == list(table.rows) else 0


def _rows(rules: Sequence[RetentionRule]) -> list[Row]:
    return [Row(one.code, one.heading, one.description, one.period, one.kind, one.years)  # type: ignore[arg-type]
            for one in rules]
