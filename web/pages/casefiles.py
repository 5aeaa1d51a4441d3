"""Case files: the list by year, and the contents of one (mục lục văn bản), as far as a person may know of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from sqlalchemy import ColumnElement, exists, func, or_, select

from archive import model
from archive.access import Reach, access_of, within
from web import history
from web.pages.search import page_number
from web.people import Person, person
from web.rendering import page
from web.site import Site

router = APIRouter()
A_PAGE = 100


@router.get("/casefiles")
def case_files_page(request: Request, who: Annotated[Person, Depends(person)], year: str = "", q: str = "") -> Response:
    """The case files that the person may know of, with how many readable documents each holds."""
    site: Site = request.app.state.site
    number = page_number(request.query_params.get("page", ""))
    known = _known(who.reach)
    if year.isascii() and year.isdecimal() and len(year) == 4:
        known &= model.CaseFile.year == int(year)
    if words := q.strip()[:100]:
        like = f"%{words.replace('%', '').replace('_', ' ')}%"
        known &= or_(model.CaseFile.title.ilike(like), model.CaseFile.code.ilike(like))
    with site.session() as session:
        total = session.scalar(select(func.count()).select_from(model.CaseFile).where(known)) or 0
        years = list(session.scalars(select(model.CaseFile.year).where(_known(who.reach)).distinct()
                                     .order_by(model.CaseFile.year.desc())))
        rows = list(session.scalars(select(model.CaseFile).where(known).order_by(
            model.CaseFile.year.desc(), model.CaseFile.code).limit(A_PAGE).offset((number - 1) * A_PAGE)))
        counts = {row[0]: row[1] for row in session.execute(
            select(model.Document.case_file, func.count()).join(
                model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
                model.Document.case_file.in_([row.code for row in rows]), within(who.reach))
            .group_by(model.Document.case_file))}
    return page(request, "casefiles.html", rows=rows, counts=counts, total=total, years=years, year=year, q=words,
                number=number, last=max(1, -(-total // A_PAGE)))


@router.get("/casefiles/{code}")
def case_file_page(request: Request, code: str, who: Annotated[Person, Depends(person)]) -> Response:
    """The contents of a case file, in the order of its documents."""
    site: Site = request.app.state.site
    number = page_number(request.query_params.get("page", ""))
    here = (model.Document.case_file == code) & within(who.reach)
    with site.session() as session:
        row = session.scalar(select(model.CaseFile).where(model.CaseFile.code == code, _known(who.reach)))
        if row is None:
            raise HTTPException(404)
        joined = select(model.Document).join(model.CaseFile, model.CaseFile.code == model.Document.case_file)
        total = session.scalar(select(func.count()).select_from(joined.where(here).subquery())) or 0
        documents = list(session.scalars(joined.where(here).order_by(model.Document.ordinal)
                                         .limit(A_PAGE).offset((number - 1) * A_PAGE)))
        told = history.of(session, site.settings, (code,), watched=who.may("history"))
    access = access_of({}, row.fields)
    if access == "restricted":
        site.note("viewed", code, who, access=access)
    return page(request, "casefile.html", row=row, documents=documents, total=total, number=number,
                last=max(1, -(-total // A_PAGE)), told=told, access=access)


def _known(reach: Reach) -> ColumnElement[bool]:
    """The case files of which a person may know: those within reach themselves, or by a document that is."""
    own = within(reach, alone=True)
    return or_(own, exists().where(model.Document.case_file == model.CaseFile.code, within(reach)))
