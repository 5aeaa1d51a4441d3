"""Case files, for programs: the list, one of them, its contents and its history."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import func, or_, select

from archive import model
from archive.access import access_of, known_case_file, within
from archive.i18n import later
from web import history
from web.api import models
from web.api.answers import cursor, next_page, place, told
from web.api.callers import allowed, needs
from web.api.documents import of_document, of_history
from web.destroyed import absent
from web.people import Person
from web.site import Site

router = APIRouter(prefix="/casefiles", tags=["case files"])
Code = Annotated[str, Path(max_length=100, examples=["H99.2026.01.VP"])]
Reader = Annotated[Person, Depends(allowed("records"))]
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str, Query(alias="cursor", max_length=400)]


@router.get("", response_model=models.CaseFiles, summary=later("Case files"), openapi_extra=needs("records"))
def case_files(request: Request, who: Reader, year: Annotated[int | None, Query(ge=1000, le=2999)] = None,
               fonds: Annotated[str, Query(max_length=35)] = "", state: Annotated[str, Query(max_length=20)] = "",
               q: Annotated[str, Query(max_length=100, description=later("words of the title, or of the code"))] = "",
               limit: Limit = 50, cursor_: Cursor = "") -> Response:
    """Those that the account may know of, by code: themselves, or by a document in them."""
    site: Site = request.app.state.site
    row = model.CaseFile
    known = known_case_file(who.reach)
    if year is not None:
        known &= row.year == year
    for column, value in ((row.fonds, fonds), (row.state, state)):
        if value:
            known &= column == value
    if words := q.strip():
        known &= or_(row.title.icontains(words, autoescape=True), row.code.icontains(words, autoescape=True))
    at = place(cursor_, str)
    with site.session() as session:
        total = session.scalar(select(func.count()).select_from(row).where(known)) or 0
        found = list(session.scalars(select(row).where(known, *([row.code > at[0]] if at else [])).order_by(
            row.code).limit(limit + 1)))
    return told(request, models.CaseFiles(
        total=total, case_files=[_brief(one) for one in found[:limit]],
        next=next_page(request, "/casefiles", cursor(found[limit - 1].code)) if len(found) > limit else None))


@router.get("/{code}", response_model=models.CaseFile, summary=later("One case file"), openapi_extra=needs("records"))
def case_file(request: Request, code: Code, who: Reader) -> Response:
    """Its description, and how many of its documents the account may know of."""
    site: Site = request.app.state.site
    row = _row(site, code, who, "casefile")
    with site.session() as session:
        count = session.scalar(select(func.count()).select_from(model.Document).join(
            model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
            model.Document.case_file == code, within(who.reach))) or 0
    return told(request, models.CaseFile(**_brief(row).model_dump(), documents=count, profile=row.profile,
                                         opened_at=row.opened_at, closed_at=row.closed_at,
                                         fields={key: str(value) for key, value in row.fields.items()}))


@router.get("/{code}/documents", response_model=models.Contents, summary=later("The documents of a case file"),
            openapi_extra=needs("records"))
def contents(request: Request, code: Code, who: Reader, limit: Limit = 50, cursor_: Cursor = "") -> Response:
    """Its contents in their order, as far as the account may know of them."""
    site: Site = request.app.state.site
    row = _row(site, code, who, "contents")
    at = place(cursor_, int)
    here = (model.Document.case_file == code) & within(who.reach)
    joined = select(model.Document).join(model.CaseFile, model.CaseFile.code == model.Document.case_file).where(here)
    with site.session() as session:
        total = session.scalar(select(func.count()).select_from(joined.subquery())) or 0
        found = list(session.scalars(joined.where(*([model.Document.ordinal > at[0]] if at else [])).order_by(
            model.Document.ordinal).limit(limit + 1)))
    return told(request, models.Contents(
        code=code, total=total, documents=[of_document(one, access_of(one.fields, row.fields))
                                           for one in found[:limit]],
        next=next_page(request, f"/casefiles/{code}/documents", cursor(found[limit - 1].ordinal))
        if len(found) > limit else None))


@router.get("/{code}/history", response_model=models.History, summary=later("What happened to a case file"),
            openapi_extra=needs("records"))
def history_of(request: Request, code: Code, who: Reader) -> Response:
    """Events of the ledger, the newest first."""
    site: Site = request.app.state.site
    _row(site, code, who, "history")
    with site.session() as session:
        return told(request, of_history(code, history.of(session, site.settings, (code,),
                                                         watched=who.may("history"))))


def _row(site: Site, code: str, who: Person, part: str) -> model.CaseFile:
    """The row of a case file; the look at one that is used under conditions is noted. Raises what `absent` says."""
    with site.session() as session:
        row = session.scalar(select(model.CaseFile).where(model.CaseFile.code == code, known_case_file(who.reach)))
    if row is None:
        raise absent(site, code, who)
    if (access := access_of({}, row.fields)) == "restricted":
        site.note("viewed", code, who, access=access, part=part)
    return row


def _brief(row: model.CaseFile) -> models.CaseFileBrief:
    keys = ("code", "fonds", "year", "notation", "title", "retention", "keeper", "state")
    return models.CaseFileBrief(**{key: getattr(row, key) for key in keys}, access=access_of({}, row.fields))
