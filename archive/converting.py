"""Converting a stored case file to the structure of the other circular: one version, one reason, nothing overwritten.

The fields go through archive/crosswalk.py; every former value stays in the ledger and in the earlier version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archive import clock, correcting, layout, records, revisions
from archive.crosswalk import TT02, TT05, convert
from archive.errors import UsageError
from archive.fields import validate_record
from archive.fields.kinds import kind_of
from archive.files import json_bytes
from archive.findings import Finding, Level
from archive.i18n import _
from archive.opening import Archive
from archive.records import Record
from archive.store import NewFile


@dataclass(frozen=True, slots=True)
class ConvertedRecord:
    """One record: its code, the tags that changed with their values before and after, and what was noted."""

    code: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    notes: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class CaseFileConversion:
    """A case file under another circular: the case file itself first, then its documents.

    `version` is the object's version that holds it, 0 when nothing was written.
    """

    code: str
    source: str
    target: str
    records: tuple[ConvertedRecord, ...]
    version: int = 0

    @property
    def asks(self) -> bool:
        """Whether a person has to answer something."""
        return any(one.level >= Level.warning for record in self.records for one in record.notes)


def convert_case_file(archive: Archive, code: str, target: str, reason: str, *, by: str,
                      dry_run: bool = False) -> CaseFileConversion:
    """Bring an open case file and its documents to the circular `target`; the caller owns the archive.

    Raises UsageError for an unknown case file, a regime that the crosswalk does not have and for no reason,
    CorrectionRefusedError when `by` may not correct or the case file is closed.
    """
    correcting.ask(archive, code, reason, by, dry_run=dry_run)
    if not archive.store.has(layout.casefile_object(code)):
        raise UsageError(_("There is no case file {code}.").format(code=code))
    revisions.catch_up(archive, code)
    correcting.ask_open(archive, code, code)
    case_file = records.read_case_file(archive.store, code)
    changed: dict[str, dict[str, Any]] = {}
    done = []
    for path, record, level in _records(archive, case_file):
        source = record["profile"]
        if source == target:
            continue
        if {source, target} - {TT02, TT05}:
            raise UsageError(_("{code} follows {source}; only {known} can be converted.").format(
                code=record["code"], source=source, known=f"{TT02}, {TT05}"))
        subject = record.get("source", {}).get("name", record["code"])
        made = convert(record.get("fields", {}), level, source, target, subject)
        changed[path] = _changed(record, dict(made.fields), made.notes, target, level, subject)
        done.append(ConvertedRecord(record["code"], *revisions.difference(record.get("fields", {}), made.fields),
                                    made.notes))
    result = CaseFileConversion(code, case_file["profile"], target, tuple(done))
    if dry_run or not changed:
        return result
    now = clock.now()
    stamp = clock.stamp(now)
    files = {path: NewFile(json_bytes(revisions.revised(archive, record, at=stamp, by=by, reason=reason.strip())))
             for path, record in changed.items()}
    version = revisions.put(archive, layout.casefile_object(code), files, f"converted to {target}", now)
    return CaseFileConversion(code, result.source, target, result.records, version)


def _records(archive: Archive, case_file: Record) -> list[tuple[str, Record, str]]:
    """Where each record of the case file lies, the record, and the level of the crosswalk that it follows."""
    found = [(layout.CASE_FILE, case_file, "file")]
    for record in records.read_documents(archive.store, case_file["code"]):
        found.append((layout.record_path(record["ordinal"]), record, kind_of(record["fields"])))
    return found


def _changed(record: Record, fields: dict[str, str], notes: tuple[Finding, ...], target: str, level: str,
             subject: str) -> dict[str, Any]:
    changed: dict[str, Any] = {**record, "profile": target, "fields": fields}
    if level == "file":
        if not fields:
            changed.pop("fields")
        return changed
    kept = [one for one in record["findings"] if not one["code"].startswith(("META-", "CONV-"))]
    found = [*notes, *validate_record(fields, target, level, subject)]
    return {**changed, "findings": [*kept, *(one.as_dict() for one in found)]}
