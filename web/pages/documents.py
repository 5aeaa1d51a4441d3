"""The document page: its pages, what is known of it, its signatures, evidence and history; and its files themselves.

Who may not know of a document gets the same answer as for one that does not exist.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
import time
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from archive import clock, layout, marks, model, records
from archive.access import access_of, within
from archive.errors import IntegrityError, UsageError
from archive.evidence.export import export_evidence
from archive.fields.kinds import title_of
from archive.fields.names import regime_name
from archive.findings import Finding, Level
from archive.i18n import language
from archive.records import Record
from ingest import review
from ingest.signatures.report import FIELDS, word
from search.index import IndexOutdatedError
from web import history
from web.copying import can_be_copied, copy_of
from web.destroyed import absent
from web.pages import grants, pictures
from web.pages.asking import Asked, not_yet_indexed, page_number
from web.pages.document_parts import (
    INLINE,
    Part,
    described,
    ending_of,
    evidence,
    files,
    parts,
    relations,
    signatures,
    text_of,
)
from web.pages.grants import Grant
from web.people import NotAllowedError, Person, person
from web.rendering import page
from web.security import POLICY
from web.site import Site

router = APIRouter()
TABS = ("file", "picture", "text")
LONGEST_QUERY = 1000
AGAIN = 600.0           # seconds within which a browser's further looks at the same file are one look
MOST_LOOKS = 5000
_looks: OrderedDict[tuple[str, str, str], float] = OrderedDict()
_lock = threading.Lock()
_handing_out = threading.Lock()     # one at a time: all files of a document are read and packed


@router.get("/documents/{code}")
def document_page(request: Request, code: str, who: Annotated[Person, Depends(person)], q: str = "", part: str = "",
                  tab: str = "") -> Response:
    """Everything that is known of a document; the look at one that is not open goes into the ledger.

    `q` are the words by which it was found: it opens at their page, of which `page` is the number among all pages of
    its text; `part` asks for an attachment (1 …), `tab` for the file itself, the picture of a page, or the text.
    """
    site: Site = request.app.state.site
    row, case_file, grant = _row(site, code, who)
    if grant is not None:
        return _granted_page(request, site, who, row, grant)
    record = _record(site, row)
    access = access_of(record["fields"], case_file.fields)
    if access != "open":
        site.note("viewed", code, who, access=access)
    q = q[:LONGEST_QUERY]
    asked_page = request.query_params.get("page", "")
    text = text_of(site, record, q, page_number(asked_page, 99_999) if asked_page else 0)
    held = parts(record)
    places = text.places or [(0, n) for n in range(1, max(1, row.pages) + 1)]
    here = text.first if text.places else page_number(asked_page, len(places))
    chosen = int(part) if part.isascii() and part.isdigit() and len(part) < 4 else places[here - 1][0]
    shown = next((one for one in held if one.number == chosen), held[0] if held else None)
    if shown is not None and places[here - 1][0] != shown.number:       # its first page, where it has text at all
        here = next((n for n, place in enumerate(places, 1) if place[0] == shown.number), 0)
    at = places[here - 1][1] if here else 1
    copied, left = can_be_copied(record)
    tabs = _tabs(shown, bool(text.pages), phone=_phone(request))
    with site.session() as session:
        told = history.of(session, site.settings, (code, row.item), watched=who.may("history"))
        marked = marks.of(session, [code]).get(code, [])
        marking = marks.made_by(session, row.item)
        named = _titles(session, who, [*(one.successor for one in marked), *(other for _kind, other in marking)])
    response = page(
        request, "document.html", record=record, row=row, case_file=case_file, access=access, q=q,
        regime=regime_name(record["profile"], language()),
        mark_list=marked, marking=[one for one in marking if one[1] in named], named=named,
        title=title_of(record["fields"]) or record["source"]["name"], fields=described(record), told=told,
        type_name=record["fields"].get("typeNameText") or row.type_name, parts=held, shown=shown, at=at, text=text,
        steps=(here - 1 if here > 1 else 0, here + 1 if 0 < here < len(places) else 0),
        copied=copied, left=left, tabs=tabs, tab=tab if tab in tabs else tabs[0] if tabs else "", inline=INLINE,
        evidence=evidence(site, row, record), signatures=signatures(site, record), field_names=FIELDS, word=word,
        files=files(record), related=_related(site, code, who),
        findings=[found for one in record["findings"] if (found := Finding.from_dict(one)).level >= Level.note])
    response.headers["content-security-policy"] = f"{POLICY}; frame-src 'self'"    # the file in its frame
    return response


@router.get("/documents/{code}/files/{number}")
def document_file(request: Request, code: str, number: int, who: Annotated[Person, Depends(person)],
                  view: bool = False) -> Response:
    """One of a document's files, byte for byte as it is stored; hashed before it leaves, and noted for the ledger.

    A look (`view`) at a file of an open document is not noted, a download always is. Who reaches the document by a
    grant alone gets no file of it: raises NotAllowedError.
    """
    site: Site = request.app.state.site
    row, case_file, grant = _row(site, code, who)
    if grant is not None:
        raise NotAllowedError
    record = _record(site, row)
    if not 0 <= number < len(record["files"]):
        raise HTTPException(404)
    file = record["files"][number]
    object_id = layout.casefile_object(row.case_file)
    if file["path"] not in (held := site.archive.store.files(object_id)):
        object_id = layout.rechecks_object(row.case_file)
        held = site.archive.store.files(object_id)
    stored = held[file["path"]]
    with stored.place.open("rb") as stream:
        if hashlib.file_digest(stream, "sha512").hexdigest() != stored.sha512:
            raise IntegrityError(f"{object_id}: {stored.path}")
    ending = ending_of(file["path"])
    shown = view and ending in INLINE
    if not shown or (access_of(record["fields"], case_file.fields) != "open" and _first_look(who, code, file["path"])):
        site.note("downloaded", code, who, path=file["path"], name=file["name"], sha256=file["sha256"], view=shown)
    response = FileResponse(stored.place, media_type=INLINE.get(ending, "application/octet-stream"),
                            filename=_name(record, file, ending),
                            content_disposition_type="inline" if shown else "attachment")
    return _confined(response, framed=shown, viewer=ending == "pdf")


@router.get("/documents/{code}/copy")
def document_copy(request: Request, code: str, who: Annotated[Person, Depends(person)],
                  view: bool = False) -> Response:
    """A copy of the document marked BẢN SAO, for everybody who may know of it; each is noted for the ledger.

    By a grant alone it is the copy for that request; what was granted for reading only is not given away: raises
    NotAllowedError.
    """
    site: Site = request.app.state.site
    row, _case_file, grant = _row(site, code, who)
    if grant is not None:
        if not grant.gives_copy:
            raise NotAllowedError
        view, made = False, grants.copy_for(site, grant, row)
        grants.note(site, grant, code, who, "downloaded")
    else:
        made = copy_of(site.archive, _record(site, row), who.full_name or who.name, clock.now())
    if not view or _first_look(who, code, "copy"):
        site.note("downloaded", code, who, path="", name=f"{code}.ban-sao.pdf", copy=True, pages=made.pages,
                  sha256=hashlib.sha256(made.pdf).hexdigest(), view=view)
    return _confined(Response(made.pdf, media_type="application/pdf", headers={
        "content-disposition": f'{"inline" if view else "attachment"}; filename="{code}.ban-sao.pdf"'}),
        framed=view, viewer=True)


@router.get("/documents/{code}/evidence")
def document_evidence(request: Request, code: str, who: Annotated[Person, Depends(person)]) -> Response:
    """The document's files with their evidence records as a ZIP file, to be checked without this archive; noted.

    The same as `luutru evidence export`. Who reaches the document by a grant alone gets none: raises NotAllowedError.
    """
    site: Site = request.app.state.site
    row, _case_file, grant = _row(site, code, who)
    if grant is not None:
        raise NotAllowedError
    room = Path(tempfile.mkdtemp(prefix="luutru-"))
    try:
        with _handing_out:
            found = export_evidence(site.archive, _record(site, row), room / code, clock.now())
            with zipfile.ZipFile(room / "evidence.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
                for place in sorted((room / code).rglob("*")):
                    packed.write(place, place.relative_to(room))
            shutil.rmtree(room / code)
    except BaseException:
        shutil.rmtree(room, ignore_errors=True)
        raise
    site.note("exported", code, who, files={one.name: one.sha256 for one in found}, evidence=True)
    return FileResponse(room / "evidence.zip", media_type="application/zip", filename=f"{code}.evidence.zip",
                        background=BackgroundTask(shutil.rmtree, room, ignore_errors=True))


def _confined(response: Response, *, framed: bool, viewer: bool) -> Response:
    """A file that came from outside: it runs nothing here, and only our own page frames it.

    A PDF viewer does not start in a sandbox.
    """
    response.headers["content-security-policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; object-src 'self'; frame-ancestors "
        + ("'self'" if framed else "'none'") + ("" if viewer else "; sandbox"))
    if framed:
        response.headers["x-frame-options"] = "SAMEORIGIN"
    return response


@router.get("/documents/{code}/picture/{part:int}/{number:int}")
def document_picture(request: Request, code: str, part: int, number: int, who: Annotated[Person, Depends(person)],
                     width: int = pictures.USUAL, turn: int = 0) -> Response:
    """A page of a received file as PNG: for browsers without a viewer of their own, such as telephones'.

    By a grant alone it is a page of the marked copy, whose pages count through all parts: they are part 0.
    """
    site: Site = request.app.state.site
    row, case_file, grant = _row(site, code, who)
    wide = pictures.width_of(width)
    if grant is not None:
        if part:
            raise HTTPException(404)
        if _first_look(who, code, f"granted {grant.request}"):
            grants.note(site, grant, code, who, "viewed")
        return pictures.answer(lambda: grants.picture(site, grant, row, number, wide), turn, keep=False)
    access = access_of(row.fields, case_file.fields)
    if access != "open" and _first_look(who, code, f"picture {part}"):
        site.note("viewed", code, who, access=access)
    key = (str(site.settings.root), code, row.version, part, number, wide)
    return pictures.answer(lambda: pictures.kept(key, lambda: review.page_picture(
        site.archive, code, part, number, width=wide)), turn, keep=access == "open")


def _granted_page(request: Request, site: Site, who: Person, row: model.Document, grant: Grant) -> Response:
    """What a grant alone opens: the pages of the copy one by one, and what the document is; each look is noted.

    No file, no text, no history, nothing of the case file or of other documents.
    """
    _first_look(who, row.code, f"granted {grant.request}")      # its picture is part of this look
    grants.note(site, grant, row.code, who, "viewed")
    pages, fault = 0, ""
    try:
        pages = grants.copy_for(site, grant, row).pages
    except UsageError as error:
        fault = str(error)
    with site.session() as session:
        marked = marks.of(session, [row.code]).get(row.code, [])
    return page(request, "granted.html", row=row, grant=grant, pages=pages, fault=fault, mark_list=marked,
                at=page_number(request.query_params.get("page", ""), max(1, pages)),
                type_name=row.fields.get("typeNameText") or row.type_name, title=title_of(row.fields) or row.code)


def _row(site: Site, code: str, who: Person) -> tuple[model.Document, model.CaseFile, Grant | None]:
    """The rows of a document and its case file; and the grant where the person reaches it by that alone.

    Who gets a grant here must get neither file nor text. Raises 404 also where the person may not know of it.
    """
    with site.session() as session:
        found = session.execute(select(model.Document, model.CaseFile, within(who.reach)).join(
            model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
            model.Document.code == code, within(who.reach_granted))).first()
        if found is not None:
            row, case_file, by_role = found
            grant = None if by_role else grants.grant_of(session, who, row, case_file)
            if by_role or grant is not None:
                return row, case_file, grant
    raise absent(site, code, who)


def _titles(session: Session, who: Person, codes: Sequence[str]) -> dict[str, str]:
    """The subjects of those of some documents that the person may know of."""
    return {row.code: row.subject or row.code for row in session.execute(select(
        model.Document.code, model.Document.subject).join(
        model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
        model.Document.code.in_([one for one in codes if one][:100]), within(who.reach)))}


def _record(site: Site, row: model.Document) -> Record:
    return next(records.read_documents(site.archive.store, row.case_file, [row.ordinal]))


def _tabs(shown: Part | None, text: bool, *, phone: bool = False) -> list[str]:
    """How the chosen part can be looked at, the best way first: telephones' browsers show no PDF in a frame."""
    if shown is None:
        return []
    can = {"file": shown.file >= 0 and shown.ending != "txt", "picture": shown.drawn, "text": text}
    return [name for name in (("picture", "file", "text") if phone and shown.ending == "pdf" else TABS) if can[name]]


def _phone(request: Request) -> bool:
    """Whether the browser says that it is a telephone's."""
    return request.headers.get("sec-ch-ua-mobile") == "?1" or "Mobi" in request.headers.get("user-agent", "")


def _related(site: Site, code: str, who: Person) -> Any:
    """What belongs to the document, within the person's reach; nothing while the index cannot be read."""
    with site.session() as session:
        hidden = not_yet_indexed(session, who)
    try:
        with site.index() as index:
            return relations(index, code, Asked().wanted(who, hidden, {}))
    except IndexOutdatedError:
        return [], None


def _first_look(who: Person, code: str, path: str) -> bool:
    """Whether this is a new look: viewers ask for a file many times, piece by piece."""
    key, now = (who.session or who.name, code, path), time.monotonic()
    with _lock:
        last = _looks.pop(key, None)
        _looks[key] = last if last is not None and now - last < AGAIN else now
        while len(_looks) > MOST_LOOKS:
            _looks.popitem(last=False)
    return last is None or now - last >= AGAIN


def _name(record: Record, file: Mapping[str, Any], ending: str) -> str:
    """The name under which a file is saved: its own for what was received, the document's code for what we made."""
    if file["role"] in ("original", "attachment", "message", "signature"):
        return PurePosixPath(file["name"].replace("\\", "/")).name or f"{record['code']}.{ending}"
    return PurePosixPath(file["path"]).name if file["role"] != "access" else f"{record['code']}.access.{ending}"
