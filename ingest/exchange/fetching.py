"""Fetching: messages of a source into the inbox, each once; the source is told only when the bytes are safe.

Order: the bytes, hashed, onto the disk of the inbox under a name of their own; the event in the ledger; then the
confirmation. Killed before the event, the same bytes come again under the same name, which the inbox takes for the same
item. Killed after it, nothing is fetched again, and the source is told again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from archive import model
from archive.catalogue import record
from archive.errors import UsageError
from archive.files import fsync_folder
from archive.findings import Finding, finding
from archive.i18n import _
from archive.ledger import Entry, event_key
from archive.opening import Archive
from ingest.copying import safe_name
from ingest.exchange.sources import ExchangeError, Folder, Listed, Source

KIND = "message_fetched"


@dataclass(slots=True)
class Fetched:
    """What a run came to: names of new files, ids that were only confirmed again, findings about the rest."""

    new: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def source_of(archive: Archive) -> Source:
    """The source that the settings name. Raises UsageError when they name none."""
    edxml = archive.settings.edxml
    if edxml.source == "folder" and edxml.folder:
        return Folder(archive.settings.path(Path(edxml.folder)))
    if edxml.source == "axis":
        from ingest.exchange.axis import Axis, account_of

        return Axis(account_of(archive.settings, os.environ))
    raise UsageError(_("No source of messages is set: see edxml.source in luutru.toml."))


def fetch(archive: Archive, source: Source, *, limit: int = 0,
          progress: Callable[[int, int], object] = lambda done, total: None) -> Fetched:
    """Fetch what waits at `source`, at most `limit` new ones. The caller owns the archive.

    A message that cannot be fetched or confirmed is a finding (EXCHANGE-020, 021) and comes again next time. Raises
    ExchangeError when the source cannot even be asked what waits.
    """
    inbox = archive.settings.path(archive.settings.ingest.inbox[0]) / safe_name(archive.settings.edxml.into)
    inbox.mkdir(parents=True, exist_ok=True)
    waiting, made = list(source.list()), Fetched()
    for done, one in enumerate(waiting):
        progress(done, len(waiting))
        subject = subject_of(source.name, one.id)
        with archive.catalogue.session() as session:
            known = session.scalar(select(model.Event.data).where(model.Event.key == event_key(KIND, subject)))
        if known is None:
            if limit and len(made.new) >= limit:
                continue
            try:
                told = _keep(source, one, inbox)
            except ExchangeError as error:
                made.findings.append(finding("EXCHANGE-020", one.id, reason=str(error)))
                continue
            with archive.catalogue.session() as session:
                record(session, archive.ledger, [Entry(KIND, subject, told, event_key(KIND, subject))])
            made.new.append(str(told["name"]))
        else:
            made.again.append(one.id)
        try:
            source.confirm(one)
        except ExchangeError as error:
            made.findings.append(finding("EXCHANGE-021", one.id, reason=str(error)))
    progress(len(waiting), len(waiting))
    return made


def _keep(source: Source, one: Listed, inbox: Path) -> dict[str, str | int]:
    """Put the bytes into the inbox, hashed and flushed; what the ledger is told. Raises ExchangeError."""
    name = _name(source, one)
    part = inbox / f".{name}.part"
    try:
        with part.open("wb+") as stream:
            source.get(one, stream)
            stream.flush()
            os.fsync(stream.fileno())
            size = stream.seek(0, os.SEEK_END)
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if one.sha256 and digest != one.sha256:
            raise ExchangeError(_("The bytes are not those that were announced."))
        if not size:
            raise ExchangeError(_("The message is empty."))
        part.replace(inbox / name)
    finally:
        part.unlink(missing_ok=True)
    fsync_folder(inbox)
    return {"source": source.name, "id": one.id, "name": f"{inbox.name}/{name}", "size": size, "sha256": digest}


def _name(source: Source, one: Listed) -> str:
    """The name in the inbox: the same for the same message of the same source, never another's."""
    mark = hashlib.sha256(subject_of(source.name, one.id).encode()).hexdigest()[:10]
    stem = safe_name(one.name or one.id).removesuffix(".edxml")
    while len(stem.encode()) > 150:
        stem = stem[:-1]
    return safe_name(f"{stem}-{mark}.edxml")


def subject_of(source: str, identity: str) -> str:
    """The subject of an event about the message `identity` of a source (or carrier) of that name."""
    whole = f"{source}:{identity}"
    return whole if len(whole) <= 190 else hashlib.sha256(whole.encode()).hexdigest()
