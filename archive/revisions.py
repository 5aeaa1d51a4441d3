"""Revisions: how a changed record of the store becomes an event of the ledger and rows of the catalogue.

A correction is written to the store first, as one new version. What was changed, by whom and why is then read
from the two versions, never from memory: so a kill after the put loses nothing, and `catch_up` says it again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from archive import layout, model, records, text_layers
from archive.catalogue import record as record_events
from archive.inventory import Inventory
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.records import Record
from archive.store import NewFile, StoredFile

REVISING = "revising"       # a case file's state in the catalogue, from before the put until the ledger knows
_RECORD = re.compile(rf"{layout.DOCUMENTS}/\d{{7}}\.json|{re.escape(layout.CASE_FILE)}|{re.escape(layout.FONDS)}")


@dataclass(frozen=True, slots=True)
class Revision:
    """A record as a person changed it: its object's version, the record before and after."""

    version: int
    before: Record
    after: Record

    @property
    def converted(self) -> bool:
        """Whether it went to another legal regime."""
        return bool(self.before.get("profile") != self.after.get("profile"))

    @property
    def sealed(self) -> bool:
        """Whether all that changed is that the agency's seal was put on a copy that had waited for it."""
        return _stamps(self.before) == _stamps(self.after)

    @property
    def retexted(self) -> bool:
        """Whether what changed is the document's text: it was corrected, or read again (archive/texts.py)."""
        return _texts(self.after).get("version") == self.version and _texts(self.after) != _texts(self.before)

    @property
    def rechecked(self) -> bool:
        """Whether all that changed is what a later look made of the signatures."""
        return self.sealed and _looks(self.before) != _looks(self.after)


def described(record: Record) -> dict[str, str]:
    """The descriptive values of a document's, case file's or fonds' record by their tags, as a person sees them."""
    schema, fields = record["schema"], dict(record.get("fields", {}))
    if schema.startswith("luutru/casefile/"):
        return {"title": record["title"], "maintenance": record["retention"], "keeper": record["keeper"], **fields}
    if schema.startswith("luutru/fonds/"):
        return {"fondName": record["name"], **fields}
    return fields


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What differs: the values before and after under every tag that changed, "" where there is none."""
    changed = sorted(tag for tag in {*before, *after} if before.get(tag, "") != after.get(tag, ""))
    return {tag: before.get(tag, "") for tag in changed}, {tag: after.get(tag, "") for tag in changed}


def revisions(archive: Archive, object_id: str, since: int) -> Iterator[Revision]:
    """The records that persons changed in the object's versions after `since`, in order."""
    held, folder = archive.store.inventory(object_id), archive.store.folder(object_id)

    def read(path: str, digest: str) -> Record:
        place = folder / held.manifest[digest][0]
        record: Record = json.loads(archive.store.content(object_id, StoredFile(path, place, digest, "")))
        return record

    older = _records(held, since) if 0 < since < held.number else {}
    for version in range(since + 1, held.number + 1):
        newer = _records(held, version)
        for path, digest in sorted(newer.items()):
            if older.get(path, digest) != digest:
                before, after = read(path, older[path]), read(path, digest)
                found = Revision(version, before, after)
                if (after.get("revised_at") and _stamps(before) != _stamps(after)) or (
                        _seal(after).get("version") == version) or _looks(before) != _looks(after) or found.retexted:
                    yield found
        older = newer


def _records(held: Inventory, version: int) -> dict[str, str]:
    """The records of one version: logical path → digest."""
    return {path: digest for digest, paths in held.state(f"v{version}").items() for path in paths
            if _RECORD.fullmatch(path)}


def _stamps(record: Record) -> tuple[Any, Any]:
    """What changes with every correction."""
    return record.get("revision"), record.get("revised_at")


def _seal(record: Record) -> Mapping[str, Any]:
    told: Mapping[str, Any] = record.get("facts", {}).get("seal", {})
    return told


def _texts(record: Record) -> Mapping[str, Any]:
    """What a record says of its text, where the case file's own object holds it."""
    told: Mapping[str, Any] = record.get(text_layers.KEY, {})
    return {} if "object" in told else told


def _looks(record: Record) -> int:
    """How many later looks at the signatures changed a document."""
    return int(record.get("rechecked", {}).get("n", 0))


def is_revised(record: Record) -> bool:
    """Whether a later version than the one that brought the document changed its record."""
    return (bool(record.get("revised_at")) or _looks(record) > 0 or bool(_texts(record))
            or _seal(record).get("version", 0) > record.get("version", 0))


def sealed_entry(record: Record) -> Entry | None:
    """The event of the agency's seal on the copies of a document, which its record tells; None where it has none."""
    told, item = _seal(record), record["item"]
    if told.get("state") != "sealed":
        return None
    data = {"document": record["code"], "case_file": record["case_file"], "version": told["version"],
            "level": told["level"], "time": told["time"],
            "token_time": told["token"]["time"] if told["token"] else "", "certificate": told["certificate"]["sha256"],
            "legal_value": record["legal_value"], "files": {path: one["sha256"] for path, one in told["files"].items()}}
    return Entry("document_sealed", item, data, event_key("document_sealed", item, f"v{told['version']}"), told["by"])


def entry(revision: Revision) -> Entry:
    """The event of a revision: what was there, what is there now, and the reason."""
    before, after = revision.before, revision.after
    if revision.retexted:
        from archive import texts  # it builds on this module

        return texts.entry(after, revision.version)
    if revision.rechecked:
        from archive import rechecks  # it builds on this module

        return rechecks.entry(after, revision.version)
    if revision.sealed and (sealed := sealed_entry(after)) is not None:
        return sealed
    values = dict(zip(("before", "after"), difference(described(before), described(after)), strict=True))
    data = {**values, "version": revision.version, "reason": after["revision_reason"], "revision": after["revision"]}
    if revision.converted:
        data |= {"from": before["profile"], "to": after["profile"]}
    code, actor, version = after["code"], after["revised_by"], f"v{revision.version}"
    if after["schema"].startswith("luutru/fonds/"):
        return Entry("fonds_corrected", code, data, event_key("fonds_corrected", code, version), actor)
    if after["schema"].startswith("luutru/casefile/"):
        if revision.converted:
            return Entry("casefile_converted", code, data, event_key("casefile_converted", code, version), actor)
        return Entry("casefile_corrected", code, data, event_key("casefile_corrected", code, version), actor)
    data["case_file"] = after["case_file"]
    if revision.converted:
        return Entry("document_converted", code, data, event_key("document_converted", code, version), actor)
    return Entry("document_corrected", code, data, event_key("document_corrected", code, version), actor)


def catch_up(archive: Archive, code: str) -> list[Entry]:
    """Tell the ledger and the catalogue what persons changed in a case file and the catalogue does not know.

    Called after every correction, and before anything else is written to a case file: a killed process may have left
    the store ahead. Documents that the catalogue has never seen are left to the night. The caller owns the archive.
    """
    from archive import texts  # it builds on this module

    object_id = layout.casefile_object(code)
    stored = archive.store.version(object_id)
    with archive.catalogue.session() as session:
        row = session.get(model.CaseFile, code)
        if row is None or (row.version == stored and row.state != REVISING):
            return []
        found = list(revisions(archive, object_id, row.version))
        entries = [entry(one) for one in found]
        record_events(session, archive.ledger, entries)
        have = _known(session, code)
        records.renew(session, *{one.after["code"]: one.after for one in found if one.after["code"] in have}.values())
        texts.catch_up(archive, session, code)
        held = records.read_case_file(archive.store, code)
        whole = len(have) == len(records.ordinals(archive.store, code))
        if held["title"] != row.title:
            session.execute(update(model.Document).where(model.Document.case_file == code).values(indexed=""))
        records.admit_case_file(session, held, stored if whole else row.version)
    return entries


def put(archive: Archive, object_id: str, files: Mapping[str, NewFile], message: str, at: datetime) -> int:
    """Store revised records of a case file or a fonds, then tell ledger and catalogue; the number of the version.

    A case file is marked first, so that `finish` finds it again after a kill. The caller owns the archive.
    """
    code = object_id.removeprefix(layout.casefile_object(""))
    if code == object_id:
        version = archive.store.put(object_id, files, message=message, user="luutru", created=at)
        catch_up_fonds(archive, object_id.removeprefix(layout.fonds_object("")))
        return version
    mark(archive, code)
    try:
        return archive.store.put(object_id, files, message=message, user="luutru", created=at)
    finally:
        catch_up(archive, code)     # also after a full disk: the mark goes, the case file is as it was


def mark(archive: Archive, code: str) -> None:
    """Note in the catalogue that a case file is about to be changed, so that `finish` finds it again after a kill."""
    with archive.catalogue.session() as session:
        session.execute(update(model.CaseFile).where(model.CaseFile.code == code).values(state=REVISING))


def finish(archive: Archive) -> list[str]:
    """Catch up on every case file that a killed correction left marked; their codes. Cheap when there is none."""
    with archive.catalogue.session() as session:
        codes = list(session.scalars(select(model.CaseFile.code).where(model.CaseFile.state == REVISING)))
    for code in codes:
        catch_up(archive, code)
    return codes


def catch_up_fonds(archive: Archive, code: str) -> list[Entry]:
    """As `catch_up`, for the description of a fonds."""
    object_id = layout.fonds_object(code)
    with archive.catalogue.session() as session:
        entries = [entry(one) for one in revisions(archive, object_id, _last_told(session, code))]
        if entries:
            record_events(session, archive.ledger, entries)
            records.admit_fonds(session, archive.store, object_id)
    return entries


def announce(archive: Archive, session: Session, object_id: str) -> None:
    """Write the events of all revisions of an object that the ledger lacks: for a rebuild after a kill."""
    record_events(session, archive.ledger, map(entry, revisions(archive, object_id, 1)))


def history(archive: Archive, code: str) -> list[model.Event]:
    """The corrections and conversions of a document, case file or fonds, oldest first."""
    with archive.catalogue.session() as session:
        return list(session.scalars(select(model.Event).where(
            model.Event.kind.in_(KINDS), model.Event.subject == code).order_by(model.Event.seq)))


KINDS = ("document_corrected", "document_converted", "casefile_corrected", "casefile_converted", "fonds_corrected")


def revised(archive: Archive, record: Record, *, at: str, by: str, reason: str) -> dict[str, Any]:
    """A copy of a record with who revises it now, why, and for which time."""
    number = record.get("revision", 0)
    if not record["schema"].startswith("luutru/document/"):     # the night writes case files without this key
        number = len(history(archive, record["code"]))
    return {**record, "revision": number + 1, "revised_at": at, "revised_by": by, "revision_reason": reason}


def _known(session: Session, code: str) -> set[str]:
    return set(session.scalars(select(model.Document.code).where(model.Document.case_file == code)))


def _last_told(session: Session, code: str) -> int:
    """The version of a fonds' object that its last correction in the ledger made; 1 where there is none."""
    data = session.scalar(select(model.Event.data).where(
        model.Event.kind == "fonds_corrected", model.Event.subject == code).order_by(model.Event.seq.desc()).limit(1))
    return data["version"] if data else 1
