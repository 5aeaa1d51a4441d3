"""Putting an agency's file plan of a year (danh mục hồ sơ) into the store and the catalogue.

The file is kept as it was received beside what was read from it, in the fonds' object.
"""

from __future__ import annotations

from pathlib import Path

from archive import clock, layout
from archive.catalogue import record
from archive.errors import RefusedError
from archive.file_plan import FilePlan, read_file_plan
from archive.files import json_bytes
from archive.findings import Level, worst
from archive.ledger import Entry, event_key
from archive.model import Fonds
from archive.opening import Archive, open_fonds, ownership
from archive.records import admit_file_plan
from archive.store import NewFile


def import_file_plan(archive: Archive, path: Path, fonds: str, name: str = "", year: int | None = None, *,
                     dry_run: bool = False) -> FilePlan:
    """Import the file plan in `path` for `fonds`, opening the fonds when it is new; return what was read.

    A line that is there already is renewed; none is taken away. With faults of level refused, or without a
    year, nothing is imported and RefusedError is raised, unless `dry_run`, which never changes anything.
    """
    plan = read_file_plan(path, year) if year is not None else read_file_plan(path)
    if dry_run:
        return plan
    if worst(plan.findings) >= Level.refused or plan.year is None:
        raise RefusedError("; ".join(found.sentence() for found in plan.findings if found.level >= Level.refused)
                           or "the file plan does not say its year; give --year")
    with ownership(archive):
        with archive.catalogue.session() as session:
            known = session.get(Fonds, fonds)
        if known is None:
            open_fonds(archive, fonds, name or fonds)
        described = {"schema": "luutru/file-plan/1", "fonds": fonds, "year": plan.year, "entries": [
            {"notation": one.notation, "heading": one.heading, "title": one.title, "retention": one.retention_text,
             "keeper": one.keeper, "note": one.note} for one in plan.entries]}
        source = path.read_bytes()
        place = f"{layout.FILE_PLANS}/{plan.year}"
        version = archive.store.put(
            layout.fonds_object(fonds), {f"{place}.json": NewFile(json_bytes(described)),
                                         f"{place}-received{path.suffix.lower()}": NewFile(source)},
            message=f"file plan {plan.year}", user="luutru", created=clock.now())
        with archive.catalogue.session() as session:
            record(session, archive.ledger, [Entry(
                "file_plan_imported", fonds, {"year": plan.year, "entries": len(plan.entries), "version": version,
                                              "name": path.name},
                event_key("file_plan_imported", fonds, str(plan.year), str(version)))])
            admit_file_plan(session, described)
    return plan
