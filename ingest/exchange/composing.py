"""Composing: a stored document of our own agency as a message for other agencies, put into the outbox.

The message is written aside, read back and compared, told to the ledger, and only then moved into the outbox. Whoever
it is sent by takes it from there (sending.py, or another program).
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from archive import destroyed, layout, model, records
from archive.agency_tables import agencies_of
from archive.catalogue import record as record_events
from archive.errors import IntegrityError, RefusedError, UsageError
from archive.fields.kinds import direction
from archive.fields.normalise import with_words
from archive.files import fsync_folder
from archive.findings import Finding
from archive.i18n import _, language
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.settings import Settings
from ingest.copying import safe_name
from ingest.exchange import answering, deciding, reading, sending, writing
from ingest.exchange.messages import Business, DocumentMessage, Hop, Party, Signer, attach
from ingest.sources.edxml_header import code_lists

ROLES = ("original", "attachment", "signature")     # the files of a document that travel


@dataclass(frozen=True, slots=True)
class Composed:
    """A message for the outbox: what it says, and where it lies; `path` is None when nothing was written."""

    message: DocumentMessage
    size: int
    sha256: str
    path: Path | None


def compose(archive: Archive, code: str, to: Sequence[Party], now: datetime, *, by: str, recall: str = "",
            dry_run: bool = False) -> Composed:
    """The document `code` as a message for the agencies `to`, in the outbox. The caller owns the archive.

    With `recall` (the reason) it asks them to give up the document that was sent before, and bears no files (QĐ
    28/2018/QĐ-TTg Điều 8). Raises UsageError for an unknown document, no receiver, or one that the axis cannot tell
    from others (no number, no day); RefusedError for what is not ours to send: another agency's document, one that
    was recalled or destroyed.
    """
    with archive.catalogue.session() as session:
        row = session.get(model.Document, code)
        if row is None:
            destroyed.refuse(session, code)
            raise UsageError(_("There is no document {code}.").format(code=code))
        _allowed(session, archive.settings, row, by_recall=bool(recall))
        record = next(records.read_documents(archive.store, row.case_file, [row.ordinal]))
    with tempfile.TemporaryDirectory() as passing:
        place = Path(passing)
        files = [] if recall else [dict(one) for one in record["files"] if one["role"] in ROLES]
        for n, one in enumerate(files):
            one["place"] = place / f"{n}"
            archive.store.export(one.get("object", layout.casefile_object(record["case_file"])), one["path"],
                                 one["place"])
        message = message_of(record, files, archive.settings, to, now, recall=recall)
        outbox = archive.settings.path(archive.settings.edxml.outbox)
        written = writing.save(message, place / "message.edxml")
        if reading.read(written.path, place / "back", archive.settings).message != message:
            raise IntegrityError(_("{code}: the message read back is not the one that was written.").format(code=code))
        name = _name(code, to, recall)
        if any((folder / name).exists() for folder in (outbox, outbox / sending.SENT)):
            raise UsageError(_("{place} is there already; nothing was written.").format(place=outbox / name))
        if isinstance(told := sending.look(written.path, archive.settings), Finding):
            raise RefusedError(told.sentence(language()))
        if dry_run:
            return Composed(message, written.size, written.sha256, None)
        aside = outbox / answering.PENDING / name
        aside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(written.path, aside)
        fsync_folder(aside.parent)
    with archive.catalogue.session() as session:
        record_events(session, archive.ledger, [Entry(
            "exported", code, {"files": {one["path"]: one["sha256"] for one in files}, "to": name},
            event_key("exported", code, name, written.sha256), actor=by)])
    aside.replace(outbox / name)
    fsync_folder(outbox)
    return Composed(message, written.size, written.sha256, outbox / name)


def message_of(record: Mapping[str, Any], files: Sequence[Mapping[str, Any]], settings: Settings,
               to: Sequence[Party], now: datetime, *, recall: str = "") -> DocumentMessage:
    """The message that a document's record makes; `files` are its own, each with the `place` where it lies.

    Raises UsageError where a number, a day or a receiver is missing.
    """
    fields = with_words(record["fields"], record["profile"])
    if not to:
        raise UsageError(_("Name a receiver: --to CODE=NAME."))
    number, notation = (fields.get(tag, "").strip() for tag in ("codeNumber", "codeNotation"))
    issued = reading.day(fields.get("issuedDate", ""))
    identity = fields.get("documentId", "").strip()
    if not identity:
        if not number or issued is None:
            raise UsageError(_("{code} has no number or no day of issue: the receiver could not tell it from other "
                               "documents (QĐ 28/2018/QĐ-TTg Điều 10). Correct its fields first.").format(
                                   code=record["code"]))
        identity = f"{settings.agency.code},{issued:{writing.DAY}},{number}/{notation}".rstrip("/")
    words = {name: code for code, name in code_lists()["priority"].items()}
    title = fields.get("signerTitle", "")
    authority = _AUTHORITY.match(title)
    return DocumentMessage(
        Party(settings.agency.code, settings.agency.name), tuple(to), identity, number, notation,
        promulgated=issued, type_name=fields.get("typeNameText") or fields.get("typeName", ""),
        subject=fields.get("subject", ""),
        signer=Signer(authority[1] if authority else "", title, fields.get("signer", "")),
        priority=words.get(fields.get("priority", ""), ""), page_amount=str(record.get("pages") or ""),
        business=Business("recall", recall, document_id=identity) if recall else Business(),
        trace=(Hop(settings.agency.code, writing.stamp(now)),),
        attachments=tuple(attach(one["place"], one["name"].rpartition("/")[2], zipped=True) for one in files))


# "KT. GIÁM ĐỐC": by whose authority; the whole stays the position, as the senders of the axis write it.
_AUTHORITY = re.compile(r"((?:TM|KT|TL|TUQ|Q)\.)\s")


def _allowed(session: Session, settings: Settings, row: model.Document, *, by_recall: bool) -> None:
    """Only what our own agency issued is ours to send as a new document, and nothing that was taken back."""
    canonical = agencies_of(settings).canonical
    fields = row.fields
    organ = fields.get("organId", "").strip()
    ours = canonical(organ) == canonical(settings.agency.code) if organ else (
        direction(fields) == "đi" or fields.get("organName", "").strip() == settings.agency.name)
    if not ours:
        raise RefusedError(_("{code} was issued by {agency}: only documents of our own agency are sent from here."
                             ).format(code=row.code, agency=fields.get("organName") or organ or "?"))
    if not by_recall and any(kind == deciding.MARKS["recall"] for kind, _data in deciding.marks(
            session, [row.code]).get(row.code, ())):
        raise RefusedError(_("{code} was recalled; it is not sent.").format(code=row.code))


def _name(code: str, to: Sequence[Party], recall: str) -> str:
    """The name in the outbox: one for the same document and receivers."""
    mark = hashlib.sha256("\x1f".join([*sorted(one.organ_id for one in to), recall]).encode()).hexdigest()[:8]
    return safe_name(f"{code}-{mark}.edxml")
