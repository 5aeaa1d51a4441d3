"""Stored scans that wait for the agency's seal: which they are, and sealing them, for `luutru seal --pending`.

The sealed copy becomes a new version of the case file's object; what lay there before stays in the earlier one. The
order is store, ledger, catalogue, and a kill in between is mended as after a correction (archive/revisions.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from archive import clock, layout, model, records, revisions
from archive.correcting import CorrectionRefusedError
from archive.errors import IntegrityError
from archive.files import json_bytes
from archive.findings import Finding, Level, finding, worst
from archive.opening import Archive
from archive.records import Record
from archive.store import NewFile
from ingest.copying import hash_file
from ingest.redo_copies import WAITING
from ingest.stages import seal

if TYPE_CHECKING:
    from ingest.signatures.sealing import Sealer

AT_ONCE = 50            # documents that one version of a case file brings: so many copies lie aside at a time

Told = Callable[["Outcome"], None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stored scan without the seal: its code and case file, the name it came under, and what it waits for."""

    code: str
    case_file: str
    ordinal: int
    name: str
    reason: str


@dataclass(slots=True)
class Outcome:
    """What became of one of them; `done`: its sealed copies are stored (in a dry run: could be made)."""

    waiting: Waiting
    done: bool = False
    findings: list[Finding] = field(default_factory=list)
    level: str = ""
    legal_value: str = ""
    files: dict[str, str] = field(default_factory=dict)         # logical path → SHA-256

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready copy."""
        return {"code": self.waiting.code, "case_file": self.waiting.case_file, "name": self.waiting.name,
                "waited_for": self.waiting.reason, "sealed": self.done, "level": self.level,
                "legal_value": self.legal_value, "files": self.files,
                "findings": [one.as_dict() for one in self.findings]}


def waiting(archive: Archive) -> list[Waiting]:
    """The stored scans that a night could not seal, by their codes."""
    finding_, document = model.ItemFinding, model.Document
    with archive.catalogue.session() as session:
        rows = session.execute(select(document.code, document.case_file, document.ordinal, model.Item.name,
                                      finding_.params).join(model.Item, model.Item.id == document.item).join(
            finding_, finding_.item == document.item).where(finding_.code.in_((seal.WAITS, seal.WAITS_AGAIN)))
            .order_by(document.case_file, document.ordinal)).all()
    return [Waiting(row.code, row.case_file, row.ordinal, row.name, row.params.get("reason", "")) for row in rows]


def ask_right(archive: Archive, by: str) -> None:
    """Raises CorrectionRefusedError when the settings name who may change what is stored, and `by` is not one."""
    allowed = archive.settings.agency.archivists
    if allowed and by not in allowed:
        raise CorrectionRefusedError([finding("CORR-001", "seal --pending", person=by)])


def seal_waiting(archive: Archive, sealer: Sealer, wanted: Sequence[Waiting], by: str, tell: Told) -> None:
    """Seal what waits, case file by case file; `tell` is told of each document once its copies are stored.

    The caller owns the archive, and the sealer is ready. Stops where the key goes away. Raises OSError for a full disk.
    """
    aside = archive.store.staging / "sealing"
    for code, group in groupby(wanted, key=lambda one: one.case_file):
        state = records.read_case_file(archive.store, code)["state"]
        documents = list(group)
        for start in range(0, len(documents), AT_ONCE):
            shutil.rmtree(aside, ignore_errors=True)        # of an attempt that was killed
            aside.mkdir(parents=True)
            try:
                for outcome in _seal_some(archive, sealer, code, state, documents[start:start + AT_ONCE], by, aside):
                    tell(outcome)
            finally:
                shutil.rmtree(aside, ignore_errors=True)


def examine_waiting(archive: Archive, sealer: Sealer, wanted: Sequence[Waiting], tell: Told) -> None:
    """Say of each document whether it could be sealed; signs nothing and writes nothing."""
    for one in wanted:
        outcome = Outcome(one)
        if (state := records.read_case_file(archive.store, one.case_file)["state"]) != "open":
            outcome.findings.append(_closed(one, state))
        else:
            held = archive.store.files(layout.casefile_object(one.case_file))
            for source in _sources(_record(archive, one)):
                found = sealer.examine(held[source].place).findings
                outcome.findings += [Finding(about.code, about.level, one.code, about.params) for about in found]
        outcome.done = worst(outcome.findings) < Level.refused
        tell(outcome)


def _seal_some(archive: Archive, sealer: Sealer, code: str, state: str, some: Sequence[Waiting], by: str,
               aside: Path) -> Iterator[Outcome]:
    """One version of one case file."""
    object_id = layout.casefile_object(code)
    outcomes = [Outcome(one) for one in some]
    if state != "open":
        for outcome in outcomes:
            outcome.findings.append(_closed(outcome.waiting, state))
        yield from outcomes
        return
    files: dict[str, NewFile] = {}
    version = archive.store.version(object_id) + 1
    for outcome in outcomes:
        files |= _seal_one(archive, sealer, outcome, by, aside, version)
    if files:
        sealed = ", ".join(outcome.waiting.code for outcome in outcomes if outcome.done)
        revisions.put(archive, object_id, files, f"sealed {sealed}"[:500], clock.now())
    yield from outcomes


def _seal_one(archive: Archive, sealer: Sealer, outcome: Outcome, by: str, aside: Path,
              version: int) -> dict[str, NewFile]:
    """The new content of one document's record and copies; nothing where it could not be sealed."""
    one, object_id = outcome.waiting, layout.casefile_object(outcome.waiting.case_file)
    if not sealer.ready:
        outcome.findings.append(finding("SEAL-038", one.code))
        return {}
    record = _record(archive, one)
    copies = _access(record)
    pairs: list[tuple[Path, Path]] = []
    try:
        for n, source in enumerate(_sources(record), 1):
            place = aside / f"{one.ordinal:07d}-{n}.pdf"
            archive.store.export(object_id, source, place)              # hashed: only what was stored is sealed
            pairs.append((place, aside / f"{one.ordinal:07d}-{n}-sealed.pdf"))
    except IntegrityError as error:
        outcome.findings.append(finding("SEAL-058", one.code, reason=error))
        return {}
    done = seal.seal_copies(sealer, pairs, {source.name: one.code for source, _target in pairs})
    outcome.findings += done.findings
    if not done.sealed:
        return {}
    told = {**seal.told_of(sealer, done, by), "version": version, "carrier": copies[0]["path"], "files": {
        file["path"]: seal.copy_told(unsealed, sealed)
        for file, unsealed, sealed in zip(copies, done.unsealed, done.sealed, strict=True)}}
    new: dict[str, NewFile] = {}
    listed = [dict(file) for file in record["files"] if file["role"] != WAITING]
    for file, sealed in zip(copies, done.sealed, strict=True):
        assert sealed.target is not None
        digest = hash_file(sealed.target)
        new[file["path"]] = NewFile(sealed.target, sha512=digest.sha512, sha256=sealed.sha256)
        for entry in listed:
            if entry["path"] == file["path"]:
                entry |= {"size": digest.size, "sha256": digest.sha256, "sha512": digest.sha512}
    value = seal.value_of(done)
    kept = [known for known in record["findings"] if not seal.is_settled(known["code"], value)]
    new[layout.record_path(one.ordinal)] = NewFile(json_bytes({
        **record, "legal_value": value, "facts": {**record["facts"], "seal": told}, "files": listed,
        "findings": [*kept, *(about.as_dict() for about in done.findings)]}))
    outcome.done, outcome.level, outcome.legal_value = True, told["level"], value
    outcome.files = {path: one["sha256"] for path, one in told["files"].items()}
    return new


def _record(archive: Archive, one: Waiting) -> Record:
    return next(records.read_documents(archive.store, one.case_file, [one.ordinal]))


def _access(record: Record) -> list[Any]:
    """The document's access copies, the main file's first."""
    return sorted((file for file in record["files"] if file["role"] == "access"),
                  key=lambda file: (len(file["path"]), file["path"]))


def _sources(record: Record) -> list[str]:
    """What is sealed for each of them: the copy itself, or the newer one that waits (ingest/redo_copies.py)."""
    newer = {file["for"]: str(file["path"]) for file in record["files"] if file["role"] == WAITING}
    return [newer.get(file["path"], file["path"]) for file in _access(record)]


def _closed(one: Waiting, state: str) -> Finding:
    return finding("SEAL-057", one.code, case_file=one.case_file, state=state)
