"""Targets: what a plan of destruction freezes of a case file, whether it is still so, and the trace that will be left.

A target is a whole case file. A single document cannot be taken out of an OCFL object without writing its history
anew, and a duplicate is never stored as one (collect turns it away), so a document's code is refused here in words.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from archive import clock, destroyed, layout
from archive.catalogue import SOME
from archive.errors import IntegrityError, RefusedError, UsageError
from archive.i18n import _
from archive.inventory import INVENTORY, Inventory
from archive.model import CaseFile, Document, Event
from archive.opening import Archive
from archive.verifying import compare, own_inventory


@dataclass(frozen=True, slots=True)
class Target:
    """A case file that is to go, as a plan froze it: logical path and SHA-256 of every file of its newest state."""

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
    """Freeze case files for a plan, in the order of `codes`; every stored byte of them is read.

    Raises UsageError for a code that is unknown, RefusedError for a document's, IntegrityError when stored bytes are
    not what the inventory says.
    """
    found = []
    _refuse_others(archive, codes)
    for code in codes:
        object_id = layout.casefile_object(code)
        folder = archive.store.folder(object_id)
        archive.store.inventory(object_id)      # a put that a kill interrupted is finished first
        truth = own_inventory(folder)
        if truth is None:
            raise IntegrityError(_("{object}: nothing says what it should hold").format(object=object_id))
        if faults := compare(folder, truth)[0]:
            raise IntegrityError(faults[0].sentence(object_id))
        found.append(Target(object_id, code, files=_files(truth.held)))
    return found


def changed(archive: Archive, planned: Sequence[Target], *, also: Collection[str] = ()) -> list[str]:
    """What is no longer as it was planned, in sentences; the stored bytes are not read, only what is said of them.

    A long scan that lies in the store once for several case files is such a thing when they do not go together;
    `also` are codes that the same destruction holds besides.
    """
    found: list[str] = []
    states: dict[str, str] = {}
    codes = [one.code for one in planned]
    with archive.catalogue.session() as session:
        for start in range(0, len(codes), SOME):
            states.update((row.code, row.state) for row in session.execute(
                select(CaseFile.code, CaseFile.state).where(CaseFile.code.in_(codes[start:start + SOME]))))
        for one in planned:
            if one.document:
                found.append(_("{document}: single documents cannot be destroyed, only whole case files").format(
                    document=one.document))
            elif one.code not in states:
                gone = destroyed.of(session, one.code)
                found.append(gone.sentence() if gone else _("There is no case file {code}.").format(code=one.code))
            elif states[one.code] not in ("open", "closed"):
                found.append(_("{code}: another command has not finished with it ({state})").format(
                    code=one.code, state=states[one.code]))
            elif one.object_id != layout.casefile_object(one.code):
                found.append(_("{code}: {object} is not its object").format(code=one.code, object=one.object_id))
            else:
                found += _differences(archive, one)
    found += [_("the scan {scan} was received for several case files and is kept once: {others} must be decided on "
                "together with {code}").format(scan=one.item, others=", ".join(one.missing), code=one.listed[0])
              for one in shared_scans(archive, codes, also=also)]
    return found


def shared_scans(archive: Archive, codes: Collection[str], *, also: Collection[str] = ()) -> list[SharedScan]:
    """The long scans of these case files that lie in the store once for others, too, which are neither here nor gone.

    `also`: case files that the same destruction holds besides.
    """
    wanted, found = set(codes), []
    for scan, documents in _scans(archive).items():
        homes = {document.rpartition(".")[0] for document in documents}
        others = homes - wanted - set(also)
        if homes & wanted and others and (missing := others - _destroyed(archive, others)):
            found.append(SharedScan(scan.rpartition(":")[2], tuple(sorted(homes & wanted)), tuple(sorted(missing))))
    return found


def trace_lines(archive: Archive, planned: Sequence[Target], *, at: datetime, by: str, decision: str,
                destruction: str) -> list[dict[str, Any]]:
    """What is left of case files: counts, hashes, and the columns of the list (TT 05/2025/TT-BNV Điều 48 khoản 4)."""
    codes = [one.code for one in planned]
    scans: dict[str, list[str]] = {}
    for scan, came in _scans(archive).items():
        for home in {document.rpartition(".")[0] for document in came}:
            scans.setdefault(home, []).append(scan)
    rows: dict[str, CaseFile] = {}
    documents: dict[str, dict[str, str]] = {code: {} for code in codes}
    with archive.catalogue.session() as session:
        for start in range(0, len(codes), SOME):
            some = codes[start:start + SOME]
            rows.update((row.code, row) for row in session.scalars(select(CaseFile).where(CaseFile.code.in_(some))))
            for one in session.execute(select(Document.item, Document.code, Document.case_file).where(
                    Document.case_file.in_(some))):
                documents[one.case_file][one.item] = one.code
    common = {"schema": "luutru/destroyed/1", "destruction": destruction, "decision": decision, "by": by,
              "at": clock.stamp(at)}
    titles = archive.settings.destruction.titles
    return [{**common,
             **_measured(archive, [*(kind(one.code) for kind in destroyed.BESIDE), *scans.get(one.code, ())]),
             "code": one.code, "fonds": row.fonds, "year": row.year, "retention": row.retention,
             "title": kept_title(row.code, row.title, titles), "documents": len(documents[one.code]),
             "digest": one.digest, "items": documents[one.code]}
            for one in planned for row in (rows[one.code],)]


def _measured(archive: Archive, names: Sequence[str]) -> dict[str, Any]:
    """What the objects of a case file hold: the ones that are there, files, bytes, digests."""
    size = files = linked = 0
    digests: set[str] = set()
    held: dict[str, str] = {}
    for name in names:
        if not archive.store.has(name):
            continue
        folder = archive.store.folder(name)
        told = archive.store.inventory(name)
        digests.update(told.fixity)
        files += len(told.manifest)
        held[name] = hashlib.sha512((folder / INVENTORY).read_bytes()).hexdigest()
        for version in told.told["versions"]:       # what a night's seal covers, too
            digests.add(hashlib.sha256((folder / version / INVENTORY).read_bytes()).hexdigest())
        for one in _walk(str(folder)):
            size += one.st_size
            linked += one.st_nlink > 1
    return {"files": files, "bytes": size, "linked": linked, "objects": held, "sha256": sorted(digests)}


def kept_title(code: str, title: str, policy: str) -> str:
    """What the trace says of a title: itself, the SHA-256 of code, line feed and title, or nothing."""
    if policy == "hash":
        return "sha256:" + hashlib.sha256(f"{code}\n{title}".encode()).hexdigest()
    return title if policy == "keep" else ""


def _files(held: Inventory) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((path, held.sha256.get(held.manifest[digest][0], "")) for path, digest in held.paths.items()))


def _differences(archive: Archive, planned: Target) -> Iterator[str]:
    try:
        now = dict(_files(archive.store.inventory(planned.object_id)))
    except KeyError:
        yield _("{object}: the ledger says that it was stored, but it is not in the store").format(
            object=planned.object_id)
        return
    before = dict(planned.files)
    for path in sorted(before.keys() | now.keys()):
        if path not in now:
            yield _("{code}: {path} was part of the plan and is not there any more").format(
                code=planned.code, path=path)
        elif path not in before:
            yield _("{code}: {path} came after the plan").format(code=planned.code, path=path)
        elif before[path] != now[path]:
            yield _("{code}: {path} was changed after the plan").format(code=planned.code, path=path)


def _refuse_others(archive: Archive, codes: Sequence[str]) -> None:
    known: set[str] = set()
    with archive.catalogue.session() as session:
        for start in range(0, len(codes), SOME):
            known.update(session.scalars(select(CaseFile.code).where(CaseFile.code.in_(codes[start:start + SOME]))))
        for code in codes:
            if code in known:
                continue
            if session.get(Document, code) is not None:
                raise RefusedError(_("{document}: single documents cannot be destroyed, only whole case files").format(
                    document=code))
            destroyed.refuse(session, code)
            raise UsageError(_("There is no case file {code}.").format(code=code))


def _scans(archive: Archive) -> dict[str, list[str]]:
    """The long scans that the store keeps, each with the documents that came out of it."""
    with archive.catalogue.session() as session:
        names = {str(data["object"]) for data in session.scalars(select(Event.data).where(Event.kind == "scan_kept"))}
    return {name: [one["document"] for one in json.loads(archive.store.read(name, layout.SCAN))["documents"]]
            for name in sorted(names) if archive.store.has(name)}


def _destroyed(archive: Archive, codes: Collection[str]) -> set[str]:
    with archive.catalogue.session() as session:
        return {code for code in codes if destroyed.of(session, code) is not None}


def _walk(folder: str) -> Iterator[os.stat_result]:
    with os.scandir(folder) as listed:
        for entry in listed:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path)
            else:
                yield entry.stat(follow_symlinks=False)
