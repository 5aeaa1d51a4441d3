"""Sending: what lies in the outbox goes over the document axis, and moves to `da-gui` when it is told to the ledger.

Order: the axis takes the bytes and names its id; then the event; then the move. Killed before the event, the same bytes
go again, and the identity of a message (sender, DocumentId, hash) makes them one at the receiver; killed after it, the
file is only moved. Nothing is sent that is not ours, has no receiver, or bears a mark of secrecy.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import model
from archive.agency_tables import agencies_of
from archive.catalogue import record
from archive.errors import UsageError
from archive.files import fsync_folder
from archive.findings import Finding, Level, finding
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import Archive
from archive.settings import Settings
from ingest import secrecy
from ingest.copying import hash_file
from ingest.exchange import answering, fetching, reading, register
from ingest.exchange.messages import DocumentMessage, StatusMessage
from ingest.exchange.sources import ExchangeError, UnreachableError

KIND = "message_sent"
SENT = "da-gui"         # sub-folder of the outbox: what was sent
MOST = 500              # receivers that an event tells of, and that one message may have
_CODE = re.compile(r"[\x21-\x7e]{1,100}")       # it goes into a header
_OURS = ("EDXML-004",)  # a recall, update or replacement is for its receiver to decide upon
_AXIS_KIND = {"document": "edoc", "status": "status"}


class Carrier(Protocol):
    """A way out: the axis. `name` tells carriers apart for ever; it stands in the ledger."""

    name: str

    def send(self, path: Path, kind: str, to: Sequence[str], sha256: str) -> str:
        """Give on the file at `path` for the agencies `to`; its id there. Raises ExchangeError."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message of the outbox that may be sent; `code`: number and notation, or the status."""

    path: Path
    kind: str               # document, status
    to: tuple[str, ...]
    document_id: str
    code: str
    size: int
    sha256: str


@dataclass(slots=True)
class Sent:
    """What a run came to: what was sent with the axis's ids, what a killed run had sent, findings about the rest."""

    new: list[tuple[Outgoing, str]] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said to a message of ours: its code, the status with its words, when."""

    agency: str
    status: str
    description: str
    at: str


@dataclass(frozen=True, slots=True)
class Told:
    """A message that was sent, as its event tells it, and what its receivers answered, in the order of receipt."""

    at: str
    by: str
    id: str
    file: str
    kind: str
    code: str
    document_id: str
    to: tuple[str, ...]
    answers: tuple[Answer, ...] = ()


def carrier_of(archive: Archive) -> Carrier:
    """The axis that the settings name. Raises UsageError when they send nothing."""
    if archive.settings.edxml.send == "off":
        raise UsageError(_("The setting edxml.send is off: another program takes what lies in the outbox."))
    import os

    from ingest.exchange.axis import Axis, account_of

    return Axis(account_of(archive.settings, os.environ))


def waiting(settings: Settings) -> list[Path]:
    """The files of the outbox that wait to be sent, in the order of their names; hidden ones and links are left."""
    outbox = settings.path(settings.edxml.outbox)
    return [path for path in sorted(outbox.glob("*.edxml"))
            if not path.name.startswith(".") and not path.is_symlink() and path.is_file()]


def look(path: Path, settings: Settings) -> Outgoing | Finding:
    """The message at `path` as it may be sent, or why it may not (EXCHANGE-023 to 026). Raises OSError."""
    with tempfile.TemporaryDirectory() as passing:
        read = reading.read(path, Path(passing), settings)
    message, name = read.message, path.name
    wrong = [one.code for one in read.findings if one.level >= Level.refused and one.code not in _OURS]
    if message is None or wrong:
        return finding("EXCHANGE-023", name, codes=", ".join(dict.fromkeys(wrong)) or "EDXML-002")
    agencies = agencies_of(settings)
    if agencies.canonical(message.sender.organ_id) != agencies.canonical(settings.agency.code):
        return finding("EXCHANGE-024", name, agency=message.sender.organ_id or "?")
    whole = [message.response_for.organ_id] if isinstance(message, StatusMessage) else [
        one.organ_id for one in message.to]
    to = list({agencies.canonical(code): code for code in reversed(whole)}.values())[::-1]
    if not to or len(to) > MOST or not all(map(_CODE.fullmatch, to)):
        return finding("EXCHANGE-025", name, codes=", ".join(one or "?" for one in to[:10]) or "0")
    if marks := _marks(message, read.fields, name):
        return finding("EXCHANGE-026", name, codes=", ".join(marks))
    if isinstance(message, StatusMessage):
        return Outgoing(path, "status", tuple(to), message.response_for.document_id, message.status, read.size,
                        read.sha256)
    return Outgoing(path, "document", tuple(to), message.document_id, message.code, read.size, read.sha256)


def send(archive: Archive, carrier: Carrier, *, limit: int = 0,
         progress: Callable[[int, int], object] = lambda done, total: None) -> Sent:
    """Send what waits in the outbox, at most `limit` messages. The caller owns the archive; safe to repeat.

    What may not be sent (EXCHANGE-023 to 026), or could not be (EXCHANGE-022), stays where it is; when the axis cannot
    be reached at all, the rest is not tried.
    """
    made, files = Sent(), waiting(archive.settings)
    for done, path in enumerate(files):
        progress(done, len(files))
        if limit and len(made.new) >= limit:
            break
        copied = hash_file(path)
        key = event_key(KIND, path.name, copied.sha256)
        with archive.catalogue.session() as session:
            known = session.scalar(select(model.Event.seq).where(model.Event.key == key)) is not None
        if known:
            made.again.append(path.name)
        else:
            one = look(path, archive.settings)
            if isinstance(one, Finding):
                made.findings.append(one)
                continue
            try:
                identity = carrier.send(path, _AXIS_KIND[one.kind], one.to, one.sha256)
            except ExchangeError as error:
                made.findings.append(finding("EXCHANGE-022", path.name, reason=str(error)))
                if isinstance(error, UnreachableError):
                    break
                continue
            with archive.catalogue.session() as session:
                record(session, archive.ledger, [_event(session, carrier, one, identity, key)])
            made.new.append((one, identity))
        _put_away(path)
    progress(len(files), len(files))
    return made


def told(session: Session, settings: Settings) -> list[Told]:
    """Every message that was sent, the oldest first, with what its receivers answered."""
    canonical = agencies_of(settings).canonical
    answers: dict[str, list[Answer]] = {}
    for one in register.registered(session):
        if one.data["kind"] == "status" and not one.own:
            answers.setdefault(one.data.get("about", ""), []).append(Answer(
                one.data["from"]["organ_id"], one.data["status"], one.data.get("description", ""),
                one.data.get("at") or one.data["received_at"]))
    found = []
    for at, actor, data in session.execute(select(model.Event.at, model.Event.actor, model.Event.data).where(
            model.Event.kind == KIND).order_by(model.Event.seq)):
        to = {canonical(code) for code in data["to"]}
        said = [one for one in answers.get(data["document_id"], ()) if canonical(one.agency) in to]
        found.append(Told(at, actor, data["id"], data["file"], data["kind"], data["code"], data["document_id"],
                          tuple(data["to"]), tuple(said) if data["kind"] == "document" else ()))
    return found


def _marks(message: DocumentMessage | StatusMessage, fields: Mapping[str, str], name: str) -> list[str]:
    """The codes of what says that this is secret: in its fields and names."""
    found = secrecy.secrecy_findings(fields, "", name)
    for one in (name, *(each.name for each in getattr(message, "attachments", ()))):
        found += secrecy.name_findings(one, name)
    return list(dict.fromkeys(one.code for one in found if one.level >= Level.refused))


def _event(session: Session, carrier: Carrier, one: Outgoing, identity: str, key: str) -> Entry:
    """The event that the axis took a message; of an answer it names the item that was answered."""
    item = session.scalar(select(model.Event.subject).where(
        model.Event.kind == answering.KIND, model.Event.subject == one.path.name.partition("-")[0]).limit(1))
    data = {"source": carrier.name, "id": identity, "file": one.path.name, "size": one.size, "sha256": one.sha256,
            "kind": one.kind, "to": list(one.to[:MOST]), "to_number": len(one.to), "document_id": one.document_id,
            "code": one.code}
    return Entry(KIND, fetching.subject_of(carrier.name, identity or one.sha256),
                 {**data, "item": item} if item else data, key)


def _put_away(path: Path) -> None:
    """Move what was sent out of sight; nothing is ever written over or removed."""
    folder = path.parent / SENT
    folder.mkdir(exist_ok=True)
    target, n = folder / path.name, 1
    while target.exists():
        n += 1
        target = folder / f"{path.stem}-{n}{path.suffix}"
    path.replace(target)
    fsync_folder(folder)
    fsync_folder(path.parent)
