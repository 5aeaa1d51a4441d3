"""Putting an agency's file plan of a year (danh mục hồ sơ) into the store and the catalogue.

The file is kept as it was received beside what was read from it, in the fonds' object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select

from archive import clock, layout
from archive.catalogue import record
from archive.errors import RefusedError
from archive.file_plan import Entry as PlannedFile
from archive.file_plan import FilePlan, notation_key, read_file_plan
from archive.files import json_bytes
from archive.findings import Level, finding, worst
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.model import FilePlanEntry, Fonds
from archive.opening import Archive, open_fonds, ownership
from archive.records import admit_file_plan, admit_fonds
from archive.store import NewFile, Store

_SHOWN = 20      # notations that a sentence names

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Differences:
    """A file plan against the one that the archive holds of that year: lines by their notation, in their order.

    `changed` pairs a line as it was with what it becomes; `gone` are lines that the new file does not have.
    """

    added: tuple[Line, ...] = ()
    changed: tuple[tuple[Line, Line], ...] = ()
    gone: tuple[Line, ...] = ()


def import_file_plan(archive: Archive, path: Path, fonds: str, name: str = "", year: int | None = None, *,
                     replace_all: bool = False, dry_run: bool = False) -> FilePlan:
    """Import the file plan in `path` for `fonds`, opening the fonds when it is new; return what was read.

    A line that is there already is renewed; one that the new file does not have is kept, after the others, with
    the finding PLAN-021, unless `replace_all` gives it up (case files that were opened from it stay). With faults of
    level refused, or without a year, nothing is imported and RefusedError is raised, unless `dry_run`, which never
    changes anything.
    """
    plan = read_file_plan(path, year) if year is not None else read_file_plan(path)
    gone = differences(archive.store, plan, fonds).gone
    if gone and not replace_all:
        named = ", ".join(line["notation"] for line in gone[:_SHOWN]) + (", …" if len(gone) > _SHOWN else "")
        plan = replace(plan, findings=(*plan.findings, finding("PLAN-021", path.name, count=len(gone),
                                                               notations=named)))
    if dry_run:
        return plan
    if worst(plan.findings) >= Level.refused or plan.year is None:
        raise RefusedError("; ".join(found.sentence() for found in plan.findings if found.level >= Level.refused)
                           or _("the file plan does not say its year; give --year"))
    if replace_all and not plan.entries:
        raise RefusedError(_("a file plan without files does not take the place of one that has some"))
    with ownership(archive):
        with archive.catalogue.session() as session:
            known = session.get(Fonds, fonds)
        if known is None:
            open_fonds(archive, fonds, name or fonds)
        described = {"schema": "luutru/file-plan/1", "fonds": fonds, "year": plan.year,
                     "entries": [*(_line(one) for one in plan.entries), *(() if replace_all else gone)]}
        place = f"{layout.FILE_PLANS}/{plan.year}"
        version = archive.store.put(
            layout.fonds_object(fonds), {f"{place}.json": NewFile(json_bytes(described)),
                                         f"{place}-received{path.suffix.lower()}": NewFile(path.read_bytes())},
            message=f"file plan {plan.year}", user="luutru", created=clock.now())
        with archive.catalogue.session() as session:
            record(session, archive.ledger, [Entry(
                "file_plan_imported", fonds, {"year": plan.year, "entries": len(plan.entries), "version": version,
                                              "name": path.name},
                event_key("file_plan_imported", fonds, str(plan.year), str(version)))])
            session.execute(delete(FilePlanEntry).where(FilePlanEntry.fonds == fonds,
                                                        FilePlanEntry.year == plan.year))
            admit_file_plan(session, described)
    return plan


def renew(archive: Archive) -> None:
    """Make the catalogue's plans anew from the store: those of an older catalogue did not know the lines' order."""
    with archive.catalogue.session() as session:
        session.execute(delete(FilePlanEntry))
        for code in session.scalars(select(Fonds.code).order_by(Fonds.code)).all():
            admit_fonds(session, archive.store, layout.fonds_object(code))


def differences(store: Store, plan: FilePlan, fonds: str) -> Differences:
    """What `plan` changes in the plan of its year that the store holds of `fonds`; nothing when it is refused."""
    if worst(plan.findings) >= Level.refused:
        return Differences()
    held = {notation_key(line["notation"]): line for line in held_plan(store, fonds, plan.year)}
    new = {notation_key(one.notation): _line(one) for one in plan.entries}
    return Differences(
        added=tuple(line for key, line in new.items() if key not in held),
        changed=tuple((held[key], line) for key, line in new.items() if key in held and held[key] != line),
        gone=tuple(line for key, line in held.items() if key not in new))


def held_plan(store: Store, fonds: str, year: int | None) -> Sequence[Line]:
    """The lines of the plan that the store holds of `fonds` and `year`, in their order; none where it holds none."""
    object_id, path = layout.fonds_object(fonds), f"{layout.FILE_PLANS}/{year}.json"
    if year is None or not store.has(object_id) or path not in store.files(object_id):
        return ()
    lines: list[Line] = json.loads(store.read(object_id, path))["entries"]
    return lines


def _line(one: PlannedFile) -> Line:
    return {"notation": one.notation, "heading": one.heading, "title": one.title, "retention": one.retention_text,
            "keeper": one.keeper, "note": one.note}
