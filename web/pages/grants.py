"""What a granted request for use opens at the portal: the pages of a marked copy, and for some requests that copy.

Who reaches a document by a grant alone gets neither a stored file nor its text (TT 05/2025/TT-BNV Điều 37, 40), exactly
the documents of the grant, and these until its last day; whoever hands out anything from here notes it (`note`).
"""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, model
from archive.access import granted_only
from archive.catalogue import SOME
from archive.errors import UsageError
from archive.i18n import _
from ingest.drawing import NoSuchPageError, draw
from retention.reading import handing_out, keeping, modes
from web import copying
from web.copying import Copy
from web.pages import pictures
from web.people import Person, today
from web.site import Site

KEPT = 64 << 20         # bytes of copies that are kept in memory while their pages are read
_KINDS = ("copy", "reading", "certified")       # where several requests name a document, the one that gives most


@dataclass(frozen=True, slots=True)
class Grant:
    """By which request a person may read a document, what kind it is, and its last day (YYYY-MM-DD)."""

    request: str
    kind: str
    until: str

    @property
    def gives_copy(self) -> bool:
        """Whether the copy itself may be taken away: what is granted for reading is only looked at (Điều 37 khoản 4).

        A certified copy is a package, which the archive hands over by itself.
        """
        return self.kind == "copy"


@dataclass(frozen=True, slots=True)
class Granted:
    """A document that a person reaches by a grant alone, for lists."""

    document: model.Document
    grant: Grant


def grant_of(session: Session, who: Person, row: model.Document, case_file: model.CaseFile) -> Grant | None:
    """The grant by which the person may read a document today; None when none does, or when it bears a mark of secrecy.
    """
    if who.token or modes.mode_of(row.fields, case_file.fields) == "secret":
        return None
    found = _grants(session, who, [row.code])
    return found.get(row.code)


def reached(session: Session, who: Person) -> list[Granted]:
    """What the person reaches by grants alone, the first to end first; nothing with a mark of secrecy."""
    codes = sorted(granted_only(session, who.reach_granted))
    found = _grants(session, who, codes)
    rows = [row for start in range(0, len(codes), SOME) for row in session.execute(select(
        model.Document, model.CaseFile).join(model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
        model.Document.code.in_(codes[start:start + SOME])))]
    told = [Granted(row, found[row.code]) for row, case_file in rows
            if row.code in found and modes.mode_of(row.fields, case_file.fields) != "secret"]
    return sorted(told, key=lambda one: (one.grant.until, one.document.code))


def copy_for(site: Site, grant: Grant, row: model.Document) -> Copy:
    """The marked copy of a granted document: as it was made for the request, else made now.

    Raises UsageError, with the reason, where nothing of the document can become pages.
    """
    key = (str(site.settings.root), grant.request, row.code, row.version, today())
    with _lock:
        turn = _making.setdefault(key, threading.Lock())
    with turn:
        with _lock:
            if key in _copies:
                _copies.move_to_end(key)
                return _copies[key]
        copy = _handed_out(site, grant, row.code) or _made(site, grant, row.code)
        with _lock:
            _copies[key] = copy
            while sum(len(one.pdf) for one in _copies.values()) > KEPT:
                _copies.popitem(last=False)
    return copy


def picture(site: Site, grant: Grant, row: model.Document, number: int, width: int) -> bytes:
    """Page `number` (from 1) of the marked copy as PNG. Raises UsageError for a page that is not there."""
    def drawn() -> bytes:
        copy = copy_for(site, grant, row)
        with tempfile.TemporaryDirectory(prefix="luutru-") as room:
            place = Path(room) / "copy.pdf"
            place.write_bytes(copy.pdf)
            try:
                return draw(place, number, width, site.settings)
            except NoSuchPageError as error:
                raise UsageError(_("{code} has no page {page} that can be drawn.").format(
                    code=row.code, page=number)) from error

    return pictures.kept((str(site.settings.root), grant.request, row.code, row.version, today(), number, width), drawn)


def note(site: Site, grant: Grant, code: str, who: Person, how: str) -> None:
    """Write down for the ledger that the person looked at a document by a grant (`how`: viewed, downloaded)."""
    handing_out.note_view(site.archive, grant.request, code, actor=who.actor, how=how)


# --- steps ----------------------------------------------------------------------------------------------------------

_Key = tuple[str, str, str, int, str]
_copies: OrderedDict[_Key, Copy] = OrderedDict()
_making: WeakValueDictionary[_Key, threading.Lock] = WeakValueDictionary()
_lock = threading.Lock()


def _grants(session: Session, who: Person, codes: list[str]) -> dict[str, Grant]:
    """The best of the grants of today for each of these documents that has any."""
    of = model.ReadingDocument
    rows = [row for start in range(0, len(codes), SOME) for row in session.execute(select(
        of.document, of.reading, of.kind, of.until).where(
        of.account == who.name, of.account != "", of.state == "granted", of.until >= today(),
        of.document.in_(codes[start:start + SOME])).order_by(of.until, of.reading))]
    found: dict[str, Grant] = {}
    for row in sorted(rows, key=lambda row: -_KINDS.index(row.kind) if row.kind in _KINDS else -len(_KINDS)):
        found[row.document] = Grant(row.reading, row.kind, row.until)
    return found


def _handed_out(site: Site, grant: Grant, code: str) -> Copy | None:
    """The copy that `luutru reading copy` made, where it lies there as it was made."""
    if grant.kind == "certified":
        return None
    place = handing_out.kept_copy(site.archive, grant.request, code)
    if place is None:
        return None
    told = keeping.read(site.archive.store, grant.request).copies()
    pages = next((one["pages"] for one in told if one["file"] == place.name), 0)
    return Copy(place.read_bytes(), pages, ()) if pages else None


def _made(site: Site, grant: Grant, code: str) -> Copy:
    # A certified copy says on its pages that it is signed: what is only looked at must not.
    now = clock.now()
    request = keeping.read(site.archive.store, grant.request)
    what = handing_out.prepared(site.archive, request, code, now, kind="reading" if grant.kind == "certified" else "")
    return copying.made(code, what.sources, what.stamp, now)
