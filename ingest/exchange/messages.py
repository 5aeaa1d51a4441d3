"""edXML messages as values (QCVN 102:2016/BTTTT): documents with their attachments, and status messages.

A value holds what our reader would give back: blanks joined, NFC, nothing that XML cannot hold, "null" for nothing. So
what is written and read again is equal. How they are written: writing.py; how they are read: reading.py.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

from archive.clock import VIETNAM
from archive.errors import UsageError
from archive.i18n import _
from ingest import formats
from ingest.sources.edxml_attachments import display_name
from ingest.sources.edxml_header import clean, code_lists

_CHUNK = 1 << 20
_NAMES = uuid.UUID("6f0e0d5c-6d7a-5a5e-9a4b-1b8f4a3f7c10")     # of content ids: the same message gives the same bytes
_BLANKS = (0x09, 0x0A, 0x0D, 0x1C, 0x1D, 0x1E, 0x1F)
_NOT_XML = {code: " " if code in _BLANKS else None for code in (*range(0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)}


def said(text: str) -> str:
    """A text as an element of a message can hold it and our reader gives it back."""
    kept = clean(text.translate(_NOT_XML))
    return "" if kept == "null" else kept


@dataclass(frozen=True, slots=True)
class _Value:
    def __post_init__(self) -> None:
        for one in fields(self):
            value: Any = getattr(self, one.name)
            if isinstance(value, str):
                object.__setattr__(self, one.name, said(value))
            elif isinstance(value, tuple) and all(isinstance(each, str) for each in value):
                object.__setattr__(self, one.name, tuple(filter(None, map(said, value))))


@dataclass(frozen=True, slots=True)
class Party(_Value):
    """An agency that sends or receives: its code (OrganId) and what else the message says of it."""

    organ_id: str
    name: str = ""
    in_charge: str = ""
    address: str = ""
    email: str = ""
    telephone: str = ""
    fax: str = ""
    website: str = ""


@dataclass(frozen=True, slots=True)
class Staff(_Value):
    """The person at the sender's whom one may ask."""

    department: str = ""
    name: str = ""
    email: str = ""
    mobile: str = ""


@dataclass(frozen=True, slots=True)
class Reference(_Value):
    """A document that is answered: its agency, number and notation as one string, identifier, day."""

    organ_id: str = ""
    code: str = ""
    document_id: str = ""
    promulgated: date | None = None

    def __post_init__(self) -> None:
        number, _slash, notation = self.code.partition("/")
        object.__setattr__(self, "code", "/".join(filter(None, (said(number), said(notation)))))
        object.__setattr__(self, "organ_id", said(self.organ_id))
        object.__setattr__(self, "document_id", said(self.document_id))


@dataclass(frozen=True, slots=True)
class Hop(_Value):
    """One station on the way: who, and when, as written (`yyyy/MM/dd HH:mm:ss`, Vietnam's time, no zone)."""

    organ_id: str
    timestamp: str = ""


@dataclass(frozen=True, slots=True)
class Receiver(_Value):
    """A receiver that an update adds ("1") or removes ("0")."""

    organ_id: str
    type: str = "1"


@dataclass(frozen=True, slots=True)
class Replacement(_Value):
    """A document that is replaced, and for whom."""

    document_id: str
    organ_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Business(_Value):
    """What the sender wants done: new, recall, update, replace; with which document, why."""

    type: str = "new"
    reason: str = ""
    paper: bool = False
    document_id: str = ""
    receivers: tuple[Receiver, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    staff: Staff = Staff()

    def __post_init__(self) -> None:
        _Value.__post_init__(self)
        if self.type not in code_lists()["business"].values():
            raise UsageError(_("There is no business type “{type}”; there are {known}.").format(
                type=self.type, known=", ".join(code_lists()["business"].values())))


@dataclass(frozen=True, slots=True)
class Signer(_Value):
    """Who signed: authority (TM., KT. …), position, name."""

    competence: str = ""
    position: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that is attached; made by `attach`. `zipped`: it travels in a ZIP of one entry, as the SDK sends it."""

    name: str
    content_type: str
    description: str
    size: int
    sha256: str
    zipped: bool
    path: Path = field(compare=False)


@dataclass(frozen=True, slots=True)
class DocumentMessage(_Value):
    """A message that brings a document, or asks to recall, update or replace one (`business`)."""

    sender: Party
    to: tuple[Party, ...]
    document_id: str
    number: str = ""
    notation: str = ""
    place: str = ""
    promulgated: date | None = None
    type_code: str = ""
    type_name: str = ""
    type_detail: str = ""
    subject: str = ""
    content: str = ""
    signer: Signer = Signer()
    due: date | None = None
    places: tuple[str, ...] = ()
    priority: str = ""
    sphere: str = ""
    typer: str = ""
    promulgation_amount: str = ""
    page_amount: str = ""
    response_for: tuple[Reference, ...] = ()
    tasks: tuple[str, ...] = ()                 # ResponseForTask/TaskCode
    steering: str = ""                          # 1 no steering, 2 steering, 3 report on it
    application: str = ""
    business: Business = Business()
    trace: tuple[Hop, ...] = ()
    attachments: tuple[Attachment, ...] = ()

    @property
    def code(self) -> str:
        """Number and notation as one string."""
        return "/".join(filter(None, (self.number, self.notation)))


@dataclass(frozen=True, slots=True)
class StatusMessage(_Value):
    """A status of a document that was received, for its sender: code, reason, moment (to the second)."""

    sender: Party
    response_for: Reference
    status: str
    description: str = ""
    at: datetime | None = None
    staff: Staff = Staff()

    def __post_init__(self) -> None:
        _Value.__post_init__(self)
        if self.status not in code_lists()["status"]:
            raise UsageError(_("There is no status code “{code}”; there are {known}.").format(
                code=self.status, known=", ".join(code_lists()["status"])))
        if self.at is not None:
            object.__setattr__(self, "at", self.at.astimezone(VIETNAM).replace(microsecond=0))


Message = DocumentMessage | StatusMessage


def attach(path: Path, name: str = "", *, content_type: str = "", description: str = "",
           zipped: bool = False) -> Attachment:
    """The file at `path` as an attachment, under `name`; the content type is what its bytes are, when none is given.

    A ZIP under another kind of name is put into a second ZIP, else the reader would open it; a ZIP by name is never put
    into one, for the reader would not open that. Raises UsageError for an empty file or a name that says nothing,
    OSError.
    """
    shown = said(display_name(said(name or path.name)))
    told = formats.identify(path).format
    if not shown:
        raise UsageError(_("{file}: an attachment needs a name.").format(file=path))
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    if not size:
        raise UsageError(_("{file} is empty: it cannot be attached.").format(file=path))
    by_name = bool(formats.extension_of(shown)) and formats.known("zip").fits(shown)
    return Attachment(shown, said(content_type) or told.mime, said(description), size, digest.hexdigest(),
                      (zipped or told.id == "zip") and not by_name, path)


def content_id(attachment: Attachment, n: int) -> str:
    """The content id of the n-th attachment: the same for the same attachment, whenever it is written."""
    return str(uuid.uuid5(_NAMES, f"{n}/{attachment.sha256}/{attachment.name}"))
