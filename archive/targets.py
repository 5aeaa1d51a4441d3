"""Targets: what a plan of destruction freezes of a case file, whether it is still so, and the trace that will be left.

A target is a whole case file, or a single document of one that stays (archive/destroying_documents.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive import clock, destroyed, layout
from archive.catalogue import SOME
from archive.document_paths import home_of, paths_of
from archive.errors import IntegrityError, UsageError
from archive.i18n import _
from archive.inventory import Inventory
from archive.measuring import Measure, measure, measure_at, stated
from archive.model import CaseFile, Document, Event
from archive.opening import Archive
from archive.store import Store, folder_of
from archive.verifying import compare, own_inventory


@dataclass(frozen=True, slots=True)
class Target:
    """A case file that is to go, as a plan froze it: logical path and SHA-256 of every file of its newest state.

    Of a single document `code` and `document` are its own code, `files` its own files, `object_id` its case file's.
    """

    object_id: str
    code: str
    document: str = ""              # of a single document; "" is the whole case file
    files: tuple[tuple[str, str], ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the files, one a line: SHA-256, two blanks, path."""
        return hashlib.sha256("".join(f"{sha256}  {path}\n" for path, sha256 in self.files).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SharedScan:
    """A long scan that several case files came out of: its item, those that are listed, those that must be as well."""

    item: str
    listed: tuple[str, ...]
    missing: tuple[str, ...]


def targets(archive: Archive, codes: Sequence[str]) -> list[Target]:
    """Freeze case files and single documents for a plan, in the order of `codes`; every stored byte of them is read.

    Raises UsageError for a code that is unknown, DestroyedError for what is gone, IntegrityError when stored bytes are
    not what the inventory says.
    """
    found = []
    single = _documents(archive, codes)
    for code in codes:
        object_id = layout.casefile_object(home_of(code) if code in single else code)
        folder = archive.store.folder(object_id)
        archive.store.inventory(object_id)      # a put that a kill interrupted is finished first
        if code in single:
            found.append(Target(object_id, code, code, _document_files(archive, object_id, code)))
            continue
        truth = own_inventory(folder)
        if truth is None:
            raise IntegrityError(_("{object}: nothing says what it should hold").format(object=object_id))
        if faults := compare(folder, truth)[0]:
            raise IntegrityError(faults[0].sentence(object_id))
        found.append(Target(object_id, code, files=_files(truth.held)))
    return found


def changed(archive: Archive, planned: Sequence[Target], *, also: Collection[str] = (),
            measured: dict[str, Measure] | None = None) -> list[str]:
    """What is no longer as it was planned, in sentences; the stored bytes are not read, only what is said of them.

    A long scan that lies in the store once for several case files is such a thing when they do not go together;
    `also` are codes that the same destruction holds besides. `measured` is filled, where it is given: what the object
    of each whole case file holds.
    """
    found: list[str] = []
    states: dict[str, str] = {}
    codes = [home_of(one.code) if one.document else one.code for one in planned]
    single = [one.code for one in planned if one.document]
    with archive.catalogue.session() as session:
        for start in range(0, len(codes), SOME):
            states.update((row.code, row.state) for row in session.execute(
                select(CaseFile.code, CaseFile.state).where(CaseFile.code.in_(codes[start:start + SOME]))))
        there = {code for start in range(0, len(single), SOME) for code in session.scalars(
            select(Document.code).where(Document.code.in_(single[start:start + SOME])))}
        hollow = emptied(session, single)
        for one, code in zip(planned, codes, strict=True):
            if code not in states or (one.document and one.code not in there):
                gone = destroyed.of(session, one.code)
                unknown = _("There is no document {code}.") if one.document else _("There is no case file {code}.")
                found.append(gone.sentence() if gone else unknown.format(code=one.code))
            elif states[code] not in ("open", "closed"):
                found.append(_("{code}: another command has not finished with it ({state})").format(
                    code=code, state=states[code]))
            elif one.object_id != layout.casefile_object(code):
                found.append(_("{code}: {object} is not its object").format(code=one.code, object=one.object_id))
            else:
                found += _differences(archive, one, measured)
    whole = [one.code for one in planned if not one.document]
    found += [_("{code}: all of its documents would go; the case file itself is to be listed").format(code=code)
              for code in hollow]
    found += [_("{code} goes with its case file, which is in the same list").format(code=code)
              for code in single if home_of(code) in whole]
    found += [_("the scan {scan} was received for several case files and is kept once: {others} must be decided on "
                "together with {code}").format(scan=one.item, others=", ".join(one.missing), code=one.listed[0])
              for one in shared_scans(archive, whole, also=also)]
    found += [_("{code} was cut from the scan {scan}, which is kept once for several documents: it goes only with its "
                "case file").format(code=code, scan=scan) for code, scan in cut_from(archive, single).items()]
    return found


def emptied(session: Session, documents: Collection[str]) -> list[str]:
    """The case files of which nothing would be left without these documents."""
    homes: dict[str, int] = {}
    for code in set(documents):
        homes[home_of(code)] = homes.get(home_of(code), 0) + 1
    codes, found = sorted(homes), list[str]()
    for start in range(0, len(codes), SOME):
        found += [code for code, number in session.execute(select(Document.case_file, func.count()).where(
            Document.case_file.in_(codes[start:start + SOME])).group_by(Document.case_file)) if number <= homes[code]]
    return found


def cut_from(archive: Archive, documents: Collection[str]) -> dict[str, str]:
    """The long scans (items) of which these documents were cut, where the store keeps them for more than one."""
    wanted = set(documents)
    return {code: scan.rpartition(":")[2] for scan, came in (_scans(archive).items() if wanted else ())
            for code in came if code in wanted}


def shared_scans(archive: Archive, codes: Collection[str], *, also: Collection[str] = ()) -> list[SharedScan]:
    """The long scans of these case files that lie in the store once for others, too, which are neither here nor gone.

    `also`: case files that the same destruction holds besides.
    """
    wanted, found = set(codes), []
    for scan, documents in _scans(archive).items():
        homes = {home_of(document) for document in documents}
        others = homes - wanted - set(also)
        if homes & wanted and others and (missing := others - _destroyed(archive, others)):
            found.append(SharedScan(scan.rpartition(":")[2], tuple(sorted(homes & wanted)), tuple(sorted(missing))))
    return found


def trace_lines(archive: Archive, planned: Sequence[Target], *, at: datetime, by: str, decision: str, destruction: str,
                measured: Mapping[str, Measure] | None = None) -> list[dict[str, Any]]:
    """What is left of case files: counts, hashes, and the columns of the list (TT 05/2025/TT-BNV Điều 48 khoản 4).

    `measured` is what `changed` has seen of their objects.
    """
    codes = [one.code for one in planned]
    scans: dict[str, list[str]] = {}
    for scan, came in _scans(archive).items():
        for home in {home_of(document) for document in came}:
            scans.setdefault(home, []).append(scan)
    rows: dict[str, Any] = {}
    documents: dict[str, dict[str, str]] = {code: {} for code in codes}
    with archive.catalogue.session() as session:
        for start in range(0, len(codes), SOME):
            some = codes[start:start + SOME]
            rows.update((row.code, row) for row in session.execute(select(
                CaseFile.code, CaseFile.fonds, CaseFile.year, CaseFile.retention, CaseFile.title).where(
                CaseFile.code.in_(some))))
            for one in session.execute(select(Document.item, Document.code, Document.case_file).where(
                    Document.case_file.in_(some))):
                documents[one.case_file][one.item] = one.code
    common = {"schema": "luutru/destroyed/1", "destruction": destruction, "decision": decision, "by": by,
              "at": clock.stamp(at)}
    titles = archive.settings.destruction.titles
    known = measured or {}
    return [{**common,
             **_measured(archive.store, [*(kind(one.code) for kind in destroyed.BESIDE), *scans.get(one.code, ())],
                         {one.object_id: known[one.code]} if one.code in known else {}),
             "code": one.code, "fonds": row.fonds, "year": row.year, "retention": row.retention,
             "title": kept_title(row.code, row.title, titles), "documents": len(documents[one.code]),
             "digest": one.digest, "items": documents[one.code]}
            for one in planned for row in (rows[one.code],)]


def _measured(store: Store, names: Sequence[str], known: Mapping[str, Measure]) -> dict[str, Any]:
    """What the objects of a case file hold: the ones that are there, files, bytes, digests."""
    held: dict[str, Measure] = {}
    for name in names:
        found = known.get(name) or measure_at(store, name)
        if found is not None:
            held[name] = found
    return {"files": sum(one.files for one in held.values()), "bytes": sum(one.bytes for one in held.values()),
            "linked": sum(one.linked for one in held.values()), "objects": {
                name: one.sha512 for name, one in held.items()},
            "sha256": sorted({digest for one in held.values() for digest in one.digests})}


def kept_title(code: str, title: str, policy: str) -> str:
    """What the trace says of a title: itself, the SHA-256 of code, line feed and title, or nothing."""
    if policy == "hash":
        return "sha256:" + hashlib.sha256(f"{code}\n{title}".encode()).hexdigest()
    return title if policy == "keep" else ""


def _files(held: Inventory) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((path, held.sha256.get(held.manifest[digest][0], "")) for path, digest in held.paths.items()))


def _document_files(archive: Archive, object_id: str, code: str) -> tuple[tuple[str, str], ...]:
    """The files of a single document, every byte of them read. Raises IntegrityError."""
    held, own = archive.store.files(object_id), paths_of([code])
    found = []
    for path in sorted(filter(own, held)):
        try:
            archive.store.content(object_id, held[path])
        except FileNotFoundError:
            raise IntegrityError(_("{object}: {path} is missing").format(object=object_id, path=path)) from None
        found.append((path, held[path].sha256))
    return tuple(found)


def _differences(archive: Archive, planned: Target, measured: dict[str, Measure] | None) -> Iterator[str]:
    folder = f"{archive.store.root}/{folder_of(planned.object_id)}"
    try:
        data, held = stated(archive.store, planned.object_id, folder)
        if measured is not None and not planned.document:
            measured[planned.code] = measure(folder, data, held)
    except KeyError:
        yield _("{object}: the ledger says that it was stored, but it is not in the store").format(
            object=planned.object_id)
        return
    now, before = dict(_files(held)), dict(planned.files)
    if planned.document:
        own = paths_of([planned.code])
        now = {path: sha256 for path, sha256 in now.items() if own(path)}
    if now == before:
        return
    for path in sorted(before.keys() | now.keys()):
        if path not in now:
            yield _("{code}: {path} was part of the plan and is not there any more").format(
                code=planned.code, path=path)
        elif path not in before:
            yield _("{code}: {path} came after the plan").format(code=planned.code, path=path)
        elif before[path] != now[path]:
            yield _("{code}: {path} was changed after the plan").format(code=planned.code, path=path)


def _documents(archive: Archive, codes: Sequence[str]) -> set[str]:
    """Which of the codes are documents'. Raises UsageError, DestroyedError for what is neither that nor a case file."""
    known: set[str] = set()
    documents: set[str] = set()
    with archive.catalogue.session() as session:
        for start in range(0, len(codes), SOME):
            known.update(session.scalars(select(CaseFile.code).where(CaseFile.code.in_(codes[start:start + SOME]))))
        others = [code for code in codes if code not in known]
        for start in range(0, len(others), SOME):
            documents.update(session.scalars(select(Document.code).where(
                Document.code.in_(others[start:start + SOME]))))
        for code in others:
            if code not in documents:
                destroyed.refuse(session, code)
                raise UsageError(_("There is no case file {code}.").format(code=code))
    return documents


def _scans(archive: Archive) -> dict[str, list[str]]:
    """The long scans that the store keeps, each with the documents that came out of it."""
    with archive.catalogue.session() as session:
        names = {str(data["object"]) for data in session.scalars(select(Event.data).where(Event.kind == "scan_kept"))}
    return {name: [one["document"] for one in json.loads(archive.store.read(name, layout.SCAN))["documents"]]
            for name in sorted(names) if archive.store.has(name)}


def _destroyed(archive: Archive, codes: Collection[str]) -> set[str]:
    with archive.catalogue.session() as session:
        return {code for code in codes if destroyed.of(session, code) is not None}
