"""Closing a case file (kết thúc hồ sơ): one new version of its object that is a whole AIP; and opening it again.

Order: everything is read and checked; the version goes into the store; the ledger says so; the catalogue follows. The
catalogue notes the intention first ("closing", "reopening"), so that whoever owns the archive next finishes what a
kill left half done (`finish`). What was decided, by whom and why, lies in the version itself.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import uuid as uuids
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from archive import clock, layout, model, records, revisions
from archive.catalogue import record as record_events
from archive.completeness import Examined, Progress
from archive.errors import IntegrityError, NoRoomError, RefusedError
from archive.files import json_bytes
from archive.findings import Finding
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.packages import assemble
from archive.packages.build import metadata_files, objid
from archive.packages.description import Form, Package
from archive.packages.ead import UnwritableTextError
from archive.packages.serialisation import for_settings
from archive.records import Record
from archive.store import NewFile

FORM: Form = "AIP_hoso"
ROOT_METS = "METS.xml"
MOST_FINDINGS = 100         # of them the ledger's line keeps; the record keeps all
DESCRIPTIONS = "representations/rep1/metadata/descriptive/"
INTENTIONS = ("closing", "reopening")
_HELD = 1 << 16             # bytes of a metadata file up to which it is held in memory until it is stored


@dataclass(frozen=True, slots=True)
class Closed:
    """A case file that was closed: the version that did it, its AIP's OBJID and the SHA-256 of its root METS."""

    code: str
    version: int
    objid: str
    mets_sha256: str
    documents: int
    findings: Sequence[Finding] = field(default_factory=tuple)


def prepare(archive: Archive, code: str) -> None:
    """Bring the catalogue level with the store for one case file, before it is examined. The caller owns the archive.

    Raises RefusedError while a night is not finished: its documents may still be on their way into the case file.
    """
    with archive.catalogue.session() as session:
        if session.scalar(select(model.Batch.id).where(model.Batch.finished_at == "").limit(1)):
            raise RefusedError(_("A night was interrupted. Let it finish first: luutru nightly"))
    revisions.catch_up(archive, code)


def faults(archive: Archive, examined: Examined, progress: Progress = lambda done, total: None) -> Iterator[str]:
    """Read every stored byte of the case file; a sentence for each thing that is not as it was written.

    The caller owns the archive: a version that comes meanwhile would look like damage. `progress` counts files.
    """
    object_id = layout.casefile_object(examined.record["code"])
    yield from archive.store.verify(object_id, progress)
    held = archive.store.files(object_id)
    for one in examined.documents:
        for file in one["files"]:
            if file["path"] not in held:
                yield _("{object}: {path} is missing").format(object=one["code"], path=file["path"])
            elif held[file["path"]].sha256 != file["sha256"]:
                yield _("{object}: {path} has changed").format(object=one["code"], path=file["path"])


def close(archive: Archive, examined: Examined, *, at: datetime, by: str, force: bool = False,
          reason: str = "", progress: Progress = lambda done, total: None) -> Closed:
    """Close the case file that was examined (NĐ 30/2020/NĐ-CP Điều 29 khoản 4; TT 05/2025/TT-BNV Phụ lục I).

    The caller owns the archive, has called `prepare`, and has read the bytes (`faults`). Findings that refuse need
    `force` and a `reason`, which the ledger keeps. `progress` counts the documents that were described. Raises
    RefusedError, NoRoomError (the case file is then open as it was).
    """
    record = examined.record
    if record["state"] != "open":
        raise RefusedError(_("{code} is closed already.").format(code=record["code"]))
    if examined.refused and not (force and reason.strip() and examined.forceable):
        raise RefusedError(_("{code} is not fit to be closed; see the findings.").format(code=record["code"]))
    if examined.refused:
        _ask_right(archive, by)
    code, object_id = record["code"], layout.casefile_object(record["code"])
    version = archive.store.version(object_id) + 1
    new = _closed(archive, examined, at, by, version, forced=examined.refused, reason=reason)
    files: dict[str, NewFile] = {layout.CASE_FILE: NewFile(json_bytes(new))}
    aside = tidy(archive)
    try:
        files |= _metadata(archive, examined, new, at, aside, progress)
        _put(archive, new, files, "closing", "case file closed", at)
    except UnwritableTextError as error:
        raise RefusedError(_("{code}: {place} holds a character that XML cannot carry ({character}).").format(
            code=code, place=error.place, character=error.character)) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Closed(code, version, new["closing"]["objid"], files[ROOT_METS].sha256, len(examined.documents),
                  tuple(examined.findings))


def reopen(archive: Archive, code: str, *, at: datetime, by: str, reason: str) -> int:
    """Open a closed case file again; the number of the new version, in which its AIP's metadata are gone.

    They stay in the version that closed it. The caller owns the archive. Raises RefusedError for one that is open,
    KeyError for one that the store does not hold.
    """
    record = records.read_case_file(archive.store, code)
    if record["state"] != "closed":
        raise RefusedError(_("{code} is open.").format(code=code))
    _ask_right(archive, by)
    object_id = layout.casefile_object(code)
    version = archive.store.version(object_id) + 1
    kept = {key: value for key, value in record.items() if key not in ("closed_at", "closing")}
    new = {**kept, "state": "open", "reopened": {"by": by, "reason": reason, "version": version, "at": clock.stamp(at)}}
    gone = [path for path in archive.store.files(object_id) if not assemble.is_ours(path)]
    _put(archive, new, {layout.CASE_FILE: NewFile(json_bytes(new))}, "reopening", "case file reopened", at, gone)
    return version


def close_anew(archive: Archive, record: Record, *, at: datetime, by: str, message: str, reason: str) -> int:
    """Give a closed case file the AIP of what it holds now, in one new version; the number of that version.

    For what was taken out of it by a decision (archive/destroying_documents.py): it stays closed since when it was.
    `record` is its record as it will be, but for the closing. The caller owns the archive and tells ledger (`entries`)
    and catalogue. Raises RefusedError, NoRoomError.
    """
    code = record["code"]
    documents = [records.brief(one) for one in records.read_documents(archive.store, code)]
    version = archive.store.version(layout.casefile_object(code)) + 1
    new = {**record, "closing": {**record["closing"], "by": by, "version": version, "documents": len(documents),
                                 "anew": reason}}
    aside = tidy(archive)
    try:
        files = {layout.CASE_FILE: NewFile(json_bytes(new)),
                 **_metadata(archive, Examined(new, documents, []), new, at, aside, lambda done, total: None)}
        return archive.store.put(layout.casefile_object(code), files, message=message, user="luutru", created=at)
    except UnwritableTextError as error:
        raise RefusedError(_("{code}: {place} holds a character that XML cannot carry ({character}).").format(
            code=code, place=error.place, character=error.character)) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def tidy(archive: Archive) -> Path:
    """The folder in which large metadata wait for their put, without what a closing that was killed left there."""
    aside = archive.store.staging / "metadata"
    shutil.rmtree(aside, ignore_errors=True)
    return aside


def finish(archive: Archive) -> list[str]:
    """Finish closings and reopenings that a kill interrupted; the codes of their case files.

    The store says how far it came: a version that is there is told to ledger and catalogue, one that is not never
    happened. The caller owns the archive; cheap when there is nothing to do.
    """
    with archive.catalogue.session() as session:
        codes = list(session.scalars(select(model.CaseFile.code).where(model.CaseFile.state.in_(INTENTIONS))))
    for code in codes:
        _tell(archive, records.read_case_file(archive.store, code))
    return codes


def announce(archive: Archive, session: Session, record: Record) -> None:
    """Write the event of a closing or reopening that the ledger lacks: for a rebuild after a kill."""
    record_events(session, archive.ledger, entries(archive, record))


def _ask_right(archive: Archive, by: str) -> None:
    """Raises RefusedError when the settings name who may change what is stored, and `by` is not one of them."""
    allowed = archive.settings.agency.archivists
    if allowed and by not in allowed:
        raise RefusedError(_("{person} may not do this: agency.archivists in the settings names who may.").format(
            person=by))


# --- steps -----------------------------------------------------------------------------------------------


def _closed(archive: Archive, examined: Examined, at: datetime, by: str, version: int, *, forced: bool,
            reason: str) -> dict[str, Any]:
    """The record of the closed case file: what was found, who closed it, and its AIP's identity."""
    record = examined.record
    closed_at = clock.stamp(at)
    own = str(record.get("uuid") or uuids.uuid5(
        uuids.NAMESPACE_URL, f"{layout.casefile_object(record['code'])}#{closed_at}")).upper()
    identity = objid(Package(form=FORM, uuid=own, fonds=record["fonds"], organisation="", title="", created="",
                             fields={}, documents=()), for_settings(archive.settings))
    kept = {key: value for key, value in record.items() if key != "reopened"}
    return {**kept, "state": "closed", "closed_at": closed_at, "uuid": own, "closing": {
        "by": by, "version": version, "objid": identity, "documents": len(examined.documents), "forced": forced,
        "reason": reason, "findings": [one.as_dict() for one in examined.findings]}}


def _metadata(archive: Archive, examined: Examined, new: Record, at: datetime, aside: Path,
              progress: Progress) -> dict[str, NewFile]:
    """The metadata of the AIP, as files of the new version. Large ones wait in the folder `aside`, not in memory.

    Raises UnwritableTextError, NoRoomError.
    """
    package = assemble.of_record(archive, new, FORM, created=at, documents=examined.documents)
    files: dict[str, NewFile] = {}
    total, done = len(package.documents), 0
    try:
        for path, data in metadata_files(package, for_settings(archive.settings)):
            source: Path | bytes = data
            if len(data) > _HELD:
                source = aside / f"{len(files)}.xml"
                aside.mkdir(exist_ok=True)
                source.write_bytes(data)
            files[path] = NewFile(source, sha256=hashlib.sha256(data).hexdigest())
            if path.startswith(DESCRIPTIONS):
                done += 1
                progress(done, total)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomError(str(archive.settings.root)) from error
        raise
    return files


def _put(archive: Archive, record: Record, files: dict[str, NewFile], intention: str, message: str, at: datetime,
         gone: Sequence[str] = ()) -> None:
    """Intention, store, ledger, catalogue: in this order."""
    code = record["code"]
    with archive.catalogue.session() as session:
        session.execute(update(model.CaseFile).where(model.CaseFile.code == code).values(state=intention))
    try:
        archive.store.put(layout.casefile_object(code), files, message=message, user="luutru", created=at, gone=gone)
    except (OSError, IntegrityError) as error:
        finish(archive)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomError(str(archive.settings.root)) from error
        raise
    _tell(archive, record)


def _tell(archive: Archive, record: Record) -> None:
    """Let ledger and catalogue say what the store says of a case file."""
    version = archive.store.version(layout.casefile_object(record["code"]))
    with archive.catalogue.session() as session:
        record_events(session, archive.ledger, entries(archive, record))
        records.admit_case_file(session, record, version)


def entries(archive: Archive, record: Record) -> list[Entry]:
    """The event of the closing or reopening that a record tells of; none for one that tells of none.

    None either while a document is being taken out: that was told long ago, and its metadata are gone.
    """
    code = record["code"]
    if closing := record.get("closing"):
        mets = archive.store.files(layout.casefile_object(code), closing["version"]).get(ROOT_METS)
        if mets is None:
            return []
        data = {"version": closing["version"], "closed_at": record["closed_at"], "uuid": record["uuid"],
                "objid": closing["objid"], "mets": mets.sha256, "documents": closing["documents"],
                "forced": closing["forced"], "reason": closing["reason"], "found": len(closing["findings"]),
                "findings": closing["findings"][:MOST_FINDINGS],
                **({"anew": closing["anew"]} if "anew" in closing else {})}
        return [Entry("casefile_closed", code, data, event_key("casefile_closed", code, f"v{closing['version']}"),
                      closing["by"])]
    if again := record.get("reopened"):
        data = {"version": again["version"], "reason": again["reason"], "reopened_at": again["at"]}
        return [Entry("casefile_reopened", code, data, event_key("casefile_reopened", code, f"v{again['version']}"),
                      again["by"])]
    return []
