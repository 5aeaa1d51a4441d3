"""Copies for readers: a PDF of each granted document, marked as the law asks, and every hand-out in the ledger (AC-03).

The stored files are only read, and their bytes are checked before they are copied. Never in a process that forks.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import acts, clock, layout, records
from archive.codes import parse_document_code
from archive.errors import IntegrityError, UsageError
from archive.files import write_atomically
from archive.findings import Finding, Level, finding, worst
from archive.forms.copied_pages import Bounds, Source
from archive.forms.copies import Stamp, copy
from archive.i18n import _
from archive.model import ReadingDocument
from archive.opening import Archive
from archive.records import Record
from archive.settings import Settings
from retention.reading import copies_kept, keeping
from retention.reading.asking import modes_now
from retention.reading.keeping import Entries, Request

_COPIED = ("original", "attachment")        # roles of the files that a copy shows, in this order
Progress = Callable[[str, int, int], None]      # what is worked on, how many are done, how many there are


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Copied:
    """The copy of one document: its bytes (none where nothing could be copied), pages, check code, what it shows."""

    document: str
    data: bytes
    pages: int
    check: str
    sources: tuple[str, ...]    # SHA-256

    @property
    def file(self) -> str:
        """Its name in the folder of the request."""
        return f"{self.document}.pdf"

    def told(self) -> dict[str, Any]:
        """What the request's object and the ledger keep of it."""
        return {"file": self.file, "documents": [self.document], "pages": self.pages, "size": len(self.data),
                "sha256": hashlib.sha256(self.data).hexdigest(), "check": self.check, "sources": list(self.sources)}


def make_copies(archive: Archive, code: str, codes: Sequence[str], *, by: str, at: datetime, to: Path | None = None,
                dry_run: bool = False, progress: Progress = silent) -> tuple[Request, list[Copied], list[Finding]]:
    """Make the copies of a request's granted documents (or of `codes`); with `to` also put them into that folder.

    A file that cannot become pages is a finding, the rest is copied. The caller owns the archive. Raises UsageError for
    a request of another kind or a code that there is not, IntegrityError for stored bytes that have changed.
    """
    request = keeping.open_request(archive, code)
    if request.kind == "certified":
        raise UsageError(_("{code} asks for certified copies: luutru reading certify {code}").format(code=code))
    items, found = granted_items(archive, request, codes, at)
    made: list[Copied] = []
    if worst(found) >= Level.refused:
        return request, made, found
    for n, one in enumerate(items):
        progress(one["document"], n, len(items))
        copied, odd = copy_of(archive, request, one, at)
        found += odd
        if copied.data:
            made.append(copied)
    if dry_run or not made:
        return request, made, found
    place = copies_kept.folder(archive, code)
    for folder in filter(None, (place, to)):
        folder.mkdir(parents=True, exist_ok=True)
        for copied in made:
            write_atomically(folder / copied.file, copied.data)
    told = {"documents": [one.document for one in made], "count": len(made), "made": [one.told() for one in made],
            "to": to.name if to is not None else "", "article": words(request.kind)["article"]}
    return keeping.write(archive, request, "copied", told, by=by, at=at), made, found


def granted_items(archive: Archive, request: Request, codes: Sequence[str],
                  at: datetime) -> tuple[list[Entries], list[Finding]]:
    """The documents of a request that may be handed out today, and why others may not be.

    Without `codes` those are passed over that are not granted or over, unless nothing is left.
    """
    today = clock.in_vietnam(at).date().isoformat()
    with archive.catalogue.session() as session:
        now = modes_now(session, request)
    items, found = [], []
    for one in request.named(codes):
        if one["state"] != "granted" or one["until"] < today:
            if codes:
                found.append(finding("READING-016", one["document"], state=keeping.state_name(one["state"]),
                                     until=one["until"] or "—"))
        elif one["document"] not in now:
            found.append(finding("READING-001", one["document"]))
        elif now[one["document"]] == "secret":
            found.append(finding("READING-005", one["document"]))
        else:
            items.append(one)
    if not items and not found:
        found.append(finding("READING-016", request.code, state=keeping.state_name(request.state), until="—"))
    return items, found


def copy_of(archive: Archive, request: Request, item: Entries, at: datetime, *,
            sealed: bool = False) -> tuple[Copied, list[Finding]]:
    """The copy of one document. `sealed`: a visible signature will say BẢN SAO on its first page.

    Raises IntegrityError for stored bytes that have changed.
    """
    made = prepared(archive, request, str(item["document"]), at, sealed=sealed)
    settings = archive.settings
    data, pages, found = copy(made.document, made.sources, made.stamp, made=at,
                              bounds=Bounds(settings.ingest.max_pages, settings.ingest.max_pixels))
    return Copied(made.document, data, pages, made.check, made.hashes), found


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the copy of one document is made of, and what it bears."""

    document: str
    sources: tuple[Source, ...]
    hashes: tuple[str, ...]     # SHA-256 of the sources
    stamp: Stamp
    check: str


def prepared(archive: Archive, request: Request, document: str, at: datetime, *, sealed: bool = False,
             kind: str = "") -> Prepared:
    """What a copy of `document` for `request` takes, for who makes it elsewhere: in a process with limits.

    `kind`: it is marked as for a request of this kind; as for the request's own when empty. Raises IntegrityError for
    stored bytes that have changed.
    """
    told = list(_sources(archive, _record(archive, document)))
    hashes = tuple(sha256 for _source, sha256 in told)
    day = f"{clock.in_vietnam(at):%d/%m/%Y}"
    check = check_code(request.code, document, hashes, request.reader["name"], day)
    how = words(kind or request.kind)
    values = {"request": request.code, "document": document, "reader": request.reader["name"], "day": day,
              "check": check}
    settings = archive.settings
    stamp = Stamp(archive_name(settings), tuple(line.format(**values) for line in how["lines"]), how["mark"],
                  every_page=settings.reading.mark == "every_page", on_first=not sealed)
    return Prepared(document, tuple(source for source, _sha256 in told), hashes, stamp, check)


def check_code(request: str, document: str, sources: Sequence[str], reader: str, day: str) -> str:
    """The short code on a copy: twelve digits of the SHA-256 over what it was made of; who has the record can count it.

    `sources` are SHA-256 of the files, `day` is DD/MM/YYYY.
    """
    digits = hashlib.sha256("\n".join((request, document, *sources, reader, day)).encode()).hexdigest()[:12].upper()
    return "-".join(digits[start:start + 4] for start in (0, 4, 8))


def archive_name(settings: Settings) -> str:
    """The name at the foot of every copy: the archive's, else the agency's."""
    return settings.packages.archive_name or settings.agency.name


# --- for the portal -------------------------------------------------------------------------------------------------


def requests_of(session: Session, account: str, document: str, today: str) -> list[tuple[str, str]]:
    """The requests by which `account` may read a document on the day `today`: code and kind, the newest first."""
    row = ReadingDocument
    return [(code, kind) for code, kind in session.execute(select(row.reading, row.kind).where(
        row.account == account, row.account != "", row.document == document, row.state == "granted",
        row.until >= today).order_by(row.reading.desc()))]


def kept_copy(archive: Archive, request: str, document: str) -> Path | None:
    """What was made of a document for a request (its copy, or the package), when it lies there as it was made.

    Only while everything in it is granted. Of a reading on line (`kind` reading) it is for drawing pages only: it must
    not be given away (Điều 37 khoản 4).
    """
    try:
        told = keeping.read(archive.store, request)
    except KeyError:
        return None
    today = clock.in_vietnam(clock.now()).date().isoformat()
    granted = {one["document"] for one in told.items if one["state"] == "granted" and one["until"] >= today}
    for made in reversed(told.copies()):
        path = copies_kept.folder(archive, request) / str(made["file"])
        if document in made["documents"] and granted.issuperset(made["documents"]) and path.is_file():
            with path.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() == made["sha256"]:
                    return path
    return None


def note_view(archive: Archive, request: str, document: str, *, actor: str, how: str) -> None:
    """Write down that a reader looked at a document or fetched its copy (`how`: viewed, downloaded), and what for.

    Anyone may call it at any time: the next owner takes it into the ledger (archive/acts.py). Raises KeyError for a
    request that there is not.
    """
    told = keeping.read(archive.store, request)
    acts.note(archive.settings, "reading_viewed", document, {
        "reading": request, "how": how, "kind": told.kind, "reader": told.reader["name"], "account": told.account,
        "purpose": told.record["purpose_text"]}, actor=actor)


# --- steps ----------------------------------------------------------------------------------------------------------


@cache
def _table() -> dict[str, Any]:
    with Path(__file__).with_name("copies.toml").open("rb") as stream:
        return tomllib.load(stream)


def words(kind: str) -> dict[str, Any]:
    """What a copy for a request of this kind bears (copies.toml)."""
    found: dict[str, Any] = _table()[kind]
    return found


def _record(archive: Archive, document: str) -> Record:
    parsed = parse_document_code(document)
    if parsed is None:
        raise ValueError(document)
    return next(iter(records.read_documents(archive.store, str(parsed.file), [parsed.ordinal])))


def _sources(archive: Archive, record: Record) -> Iterator[tuple[Source, str]]:
    """The files that a copy shows, and their SHA-256: of a scan its searchable copy, which shows the same pages."""
    copies = {PurePosixPath(file["path"]).stem: file for file in record["files"] if file["role"] == "access"}
    for role in _COPIED:
        for file in (one for one in record["files"] if one["role"] == role):
            shown = copies.get(PurePosixPath(file["path"]).stem, file)
            yield Source(file["name"], _checked(archive, record, shown), _format(shown)), shown["sha256"]


def _format(file: Entries) -> str:
    ending = PurePosixPath(file["path"]).suffix[1:].lower()
    return ending if ending == "pdf" else str(file["format"]).lower() or ending


def _checked(archive: Archive, record: Record, file: Entries) -> Path:
    """Where a file lies, once its bytes are found to be those of the record. Raises IntegrityError."""
    code = record["case_file"]
    for place in (layout.casefile_object(code), layout.texts_object(code), layout.rechecks_object(code)):
        if not archive.store.has(place) or file["path"] not in (held := archive.store.files(place)):
            continue
        stored = held[file["path"]]
        with stored.place.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest == file["sha256"]:
            return stored.place
    raise IntegrityError(_("{object}: {path} has changed").format(object=layout.casefile_object(code),
                                                                  path=file["path"]))
