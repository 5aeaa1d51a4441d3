"""Putting a table of agency codes into the store: one table for the archive, the file it came in beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from archive import clock
from archive.agencies import Agency, AgencyTable
from archive.agency_tables import NAMES, OBJECT, TABLE, held, read_agencies
from archive.catalogue import record
from archive.errors import RefusedError
from archive.files import json_bytes
from archive.findings import Level, finding, worst
from archive.ledger import ACTOR, Entry, event_key
from archive.opening import Archive, ownership
from archive.sheets import SUFFIXES
from archive.store import NewFile

RECEIVED = "metadata/agencies-received"


@dataclass(frozen=True, slots=True)
class Difference:
    """What a code's lines become by an import: `added`, `changed` or `same`."""

    code: str
    kind: str
    before: tuple[Agency, ...]
    after: tuple[Agency, ...]


def import_agencies(archive: Archive, path: Path, *, dry_run: bool = False,
                    actor: str = ACTOR) -> tuple[AgencyTable, list[Difference]]:
    """Put the table in `path` into the archive: its lines take the place of those of the same codes, others stay.

    Returns what was read and what it changes. With a finding of level refused, or without a line, nothing is imported
    and RefusedError is raised, unless `dry_run`, which never changes anything. Said again it writes nothing.
    """
    read = read_agencies(path)
    if not dry_run and (worst(read.findings) >= Level.refused or not read.lines):
        raise RefusedError("; ".join(found.sentence() for found in read.findings if found.level >= Level.refused)
                           or finding("AGENCY-003", path.name).sentence())
    if dry_run:
        return read, _differences(held(archive.store), read)
    with ownership(archive):
        own = held(archive.store)
        differences = _differences(own, read)
        _put(archive, own.with_lines(read.lines), path, len(read.lines), actor)
    return read, differences


def _put(archive: Archive, table: AgencyTable, path: Path, codes: int, actor: str) -> None:
    described = {"schema": "luutru/agencies/1", "lines": [
        _as_dict(line) for code in sorted(table.lines) for line in table.lines[code]]}
    received = f"{RECEIVED}{path.suffix.lower() if path.suffix.lower() in SUFFIXES else '.bin'}"
    earlier = archive.store.files(OBJECT) if archive.store.has(OBJECT) else ()
    version = archive.store.put(
        OBJECT, {TABLE: NewFile(json_bytes(described)), received: NewFile(path.read_bytes())},
        gone=[one for one in earlier if one.startswith(RECEIVED) and one != received],
        message="agency codes", user="luutru", created=clock.now())
    with archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(
            "agencies_imported", OBJECT, {"name": path.name, "codes": codes, "version": version},
            event_key("agencies_imported", OBJECT, str(version)), actor=actor)])


def _differences(before: AgencyTable, after: AgencyTable) -> list[Difference]:
    found = []
    for code in sorted(after.lines):
        old, new = before.lines.get(code, ()), after.lines[code]
        found.append(Difference(code, "added" if not old else "same" if old == new else "changed", old, new))
    return found


def _as_dict(line: Agency) -> dict[str, str]:
    return {name: value.isoformat() if isinstance(value := getattr(line, name), date) else value or ""
            for name in NAMES}
