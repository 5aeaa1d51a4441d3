"""Writing edXML messages (QCVN 102:2016/BTTTT) as the axis takes them: one namespace, the order of the national SDK.

Every value goes through one escaping; nothing of a value can become an element. Attachments are read, packed and
encoded in pieces: memory stays flat whatever their size. Files appear under their name when they are whole.
"""

from __future__ import annotations

import binascii
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape

from archive.clock import VIETNAM
from archive.errors import UsageError
from archive.files import fsync_folder
from archive.i18n import _
from ingest import formats
from ingest.exchange.messages import (
    Attachment,
    Business,
    DocumentMessage,
    Hop,
    Message,
    Party,
    Reference,
    Staff,
    StatusMessage,
    content_id,
)
from ingest.sources.edxml_header import QCVN, code_lists

STAMP = "%Y/%m/%d %H:%M:%S"      # as the messages in the wild write it; QĐ 28/2018/QĐ-TTg Điều 14 asks for ISO 8601
DAY = "%Y/%m/%d"
_PIECE = 57 * 1024              # bytes encoded at once: a multiple of three, so that no padding stands in the middle
_DENSE = 50                     # a ZIP that grows more than so many times is stored: readers take it for a bomb
_ENTRY_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Written:
    """A message as it lies on the disk."""

    path: Path
    size: int
    sha256: str


def save(message: Message, path: Path) -> Written:
    """Write `message` to `path` in one step: the file is whole, on the disk, or not there.

    Raises UsageError when an attachment is no longer what it was, OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as stream:
            sink = _Sink(stream)
            write(message, sink)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    fsync_folder(path.parent)
    return Written(path, sink.size, sink.digest.hexdigest())


def write(message: Message, sink: _Sink) -> None:
    """Write `message` into `sink`. Raises as `save`."""
    sink.text('<?xml version="1.0" encoding="UTF-8"?>\n')
    with _element(sink, "edXML", f' xmlns="{QCVN}"'):
        with _element(sink, "edXMLEnvelope"):
            with _element(sink, "edXMLHeader"):
                if isinstance(message, StatusMessage):
                    _status(sink, message)
                else:
                    _header(sink, message)
                    _trace(sink, message.trace, message.business)
            if isinstance(message, DocumentMessage):
                with _element(sink, "edXMLBody"), _element(sink, "edXMLManifest", ' version="1.0"'):
                    for n, one in enumerate(message.attachments):
                        with _element(sink, "Reference"):
                            _leaf(sink, "ContentId", f"cid:{content_id(one, n)}")
                            _leaf(sink, "ContentType", one.content_type)
                            _leaf(sink, "Description", one.description)
                            _leaf(sink, "AttachmentName", one.name)
        if isinstance(message, DocumentMessage) and message.attachments:
            with _element(sink, "AttachmentEncoded"):
                for n, one in enumerate(message.attachments):
                    _attachment(sink, one, n)
    sink.text("\n")


class _Sink:
    """Where a message goes: counted and hashed on the way."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.digest, self.size = stream, hashlib.sha256(), 0

    def write(self, data: bytes) -> None:
        self.stream.write(data)
        self.digest.update(data)
        self.size += len(data)

    def text(self, data: str) -> None:
        self.write(data.encode())


@contextmanager
def _element(sink: _Sink, name: str, attributes: str = "") -> Iterator[None]:
    """An element of the norm: `name` and `attributes` are ours, never a value of the message."""
    sink.text(f"<{name}{attributes}>")
    yield
    sink.text(f"</{name}>")


def _leaf(sink: _Sink, name: str, value: str) -> None:
    """An element with a text; one that says nothing is left out."""
    if value:
        sink.text(f"<{name}>{escape(value)}</{name}>")


def _day(value: date | None) -> str:
    return value.strftime(DAY) if value else ""


def stamp(moment: datetime | None) -> str:
    """A moment as the axis writes it: Vietnam's time without zone."""
    return moment.astimezone(VIETNAM).strftime(STAMP) if moment else ""


# --- headers -----------------------------------------------------------------------------------------------


def _header(sink: _Sink, message: DocumentMessage) -> None:
    with _element(sink, "MessageHeader"):
        _party(sink, "From", message.sender)
        for one in message.to:
            _party(sink, "To", one)
        _leaf(sink, "DocumentId", message.document_id)
        with _element(sink, "Code"):
            _leaf(sink, "CodeNumber", message.number)
            _leaf(sink, "CodeNotation", message.notation)
        with _element(sink, "PromulgationInfo"):
            _leaf(sink, "Place", message.place)
            _leaf(sink, "PromulgationDate", _day(message.promulgated))
        with _element(sink, "DocumentType"):
            _leaf(sink, "Type", message.type_code)
            _leaf(sink, "TypeDetail", message.type_detail)
            _leaf(sink, "TypeName", message.type_name)
        _leaf(sink, "Subject", message.subject)
        _leaf(sink, "Content", message.content)
        with _element(sink, "SignerInfo"):
            _leaf(sink, "Competence", message.signer.competence)
            _leaf(sink, "Position", message.signer.position)
            _leaf(sink, "FullName", message.signer.name)
        _leaf(sink, "DueDate", _day(message.due))
        with _element(sink, "ToPlaces"):
            for place in message.places:
                _leaf(sink, "Place", place)
        with _element(sink, "OtherInfo"):
            _leaf(sink, "Priority", message.priority)
            _leaf(sink, "SphereOfPromulgation", message.sphere)
            _leaf(sink, "TyperNotation", message.typer)
            _leaf(sink, "PromulgationAmount", message.promulgation_amount)
            _leaf(sink, "PageAmount", message.page_amount)
        for answered in message.response_for:
            _reference(sink, answered, whole=False)
        if message.tasks:
            with _element(sink, "ResponseForTask"):
                for task in message.tasks:
                    _leaf(sink, "TaskCode", task)
        _leaf(sink, "SteeringType", message.steering)
        _leaf(sink, "ApplicationType", message.application)


def _status(sink: _Sink, message: StatusMessage) -> None:
    with _element(sink, "MessageHeader"):
        _party(sink, "From", message.sender)
        _reference(sink, message.response_for, whole=True)
        _staff(sink, message.staff)
        _leaf(sink, "StatusCode", message.status)
        _leaf(sink, "Description", message.description)
        _leaf(sink, "Timestamp", stamp(message.at))


def _party(sink: _Sink, name: str, one: Party) -> None:
    with _element(sink, name):
        _leaf(sink, "OrganId", one.organ_id)
        _leaf(sink, "OrganizationInCharge", one.in_charge)
        _leaf(sink, "OrganName", one.name)
        _leaf(sink, "OrganAdd", one.address)
        _leaf(sink, "Email", one.email)
        _leaf(sink, "Telephone", one.telephone)
        _leaf(sink, "Fax", one.fax)
        _leaf(sink, "Website", one.website)


def _staff(sink: _Sink, one: Staff) -> None:
    if one == Staff():
        return
    with _element(sink, "StaffInfo"):
        _leaf(sink, "Department", one.department)
        _leaf(sink, "Staff", one.name)
        _leaf(sink, "Email", one.email)
        _leaf(sink, "Mobile", one.mobile)


def _reference(sink: _Sink, one: Reference, *, whole: bool) -> None:
    """What is answered; `whole`: number and notation as one string, the way of status messages."""
    with _element(sink, "ResponseFor"):
        _leaf(sink, "OrganId", one.organ_id)
        if whole:
            _leaf(sink, "Code", one.code)
        elif one.code:
            number, _slash, notation = one.code.partition("/")
            with _element(sink, "Code"):
                _leaf(sink, "CodeNumber", number)
                _leaf(sink, "CodeNotation", notation)
        _leaf(sink, "PromulgationDate", _day(one.promulgated))
        _leaf(sink, "DocumentId", one.document_id)


def _trace(sink: _Sink, trace: tuple[Hop, ...], business: Business) -> None:
    codes = {name: code for code, name in code_lists()["business"].items()}
    with _element(sink, "TraceHeaderList"):
        for hop in trace:
            with _element(sink, "TraceHeader"):
                _leaf(sink, "OrganId", hop.organ_id)
                _leaf(sink, "Timestamp", hop.timestamp)
        with _element(sink, "Bussiness"):       # the norm's spelling
            _leaf(sink, "BussinessDocType", codes[business.type])
            _leaf(sink, "BussinessDocReason", business.reason)
            _leaf(sink, "Paper", "1" if business.paper else "0")
            _leaf(sink, "DocumentId", business.document_id)
            if business.receivers:
                with _element(sink, "BussinessDocumentInfo"), _element(sink, "ReceiverList"):
                    for one in business.receivers:
                        with _element(sink, "Receiver"):
                            _leaf(sink, "OrganId", one.organ_id)
                            _leaf(sink, "ReceiverType", one.type)
            if business.replacements:
                with _element(sink, "ReplacementInfoList"):
                    for replaced in business.replacements:
                        with _element(sink, "ReplacementInfo"):
                            _leaf(sink, "DocumentId", replaced.document_id)
                            with _element(sink, "OrganIdList"):
                                for organ in replaced.organ_ids:
                                    _leaf(sink, "OrganId", organ)
            _staff(sink, business.staff)


# --- attachments -------------------------------------------------------------------------------------------


def _attachment(sink: _Sink, one: Attachment, n: int) -> None:
    with _element(sink, "Attachment"):
        _leaf(sink, "ContentType", "application/zip" if one.zipped else one.content_type)
        _leaf(sink, "ContentId", content_id(one, n))
        _leaf(sink, "Description", one.description)
        _leaf(sink, "AttachmentName", one.name)
        with _element(sink, "ContentTransferEncoded"), _opened(one, n) as stream:
            while piece := stream.read(_PIECE):
                sink.write(binascii.b2a_base64(piece, newline=False))


@contextmanager
def _opened(one: Attachment, n: int) -> Iterator[IO[bytes]]:
    """The bytes that travel: the file, or a ZIP of it. Raises UsageError when they are not those that were attached."""
    with one.path.open("rb") as source:
        if hashlib.file_digest(source, "sha256").hexdigest() != one.sha256:
            raise UsageError(_("{file} has changed since it was attached.").format(file=one.path))
        source.seek(0)
        if not one.zipped:
            yield source
            return
        with tempfile.TemporaryFile() as packed:
            entry = f"{content_id(one, n)}.{formats.extension_of(one.name) or 'bin'}"
            _pack(source, one.size, entry, packed, zipfile.ZIP_DEFLATED)
            if one.size > _DENSE * packed.tell():
                source.seek(0)
                packed.seek(0)
                packed.truncate()
                _pack(source, one.size, entry, packed, zipfile.ZIP_STORED)
            packed.seek(0)
            yield packed


def _pack(source: IO[bytes], size: int, entry: str, target: IO[bytes], how: int) -> None:
    with zipfile.ZipFile(target, "w", how) as made:
        info = zipfile.ZipInfo(entry, _ENTRY_TIME)
        info.compress_type, info.file_size = how, size
        with made.open(info, "w") as inside:
            shutil.copyfileobj(source, inside, _PIECE)
    target.seek(0, os.SEEK_END)
