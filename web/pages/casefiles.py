"""Case files: the list by year, and the contents of one (mục lục văn bản), as far as a person may know of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from archive import completeness, marks, model
from archive.access import Reach, access_of, known_case_file, within
from archive.findings import Finding, Level
from web import history
from web.destroyed import absent
from web.pages.asking import page_number
from web.pages.retention_panel import panel
from web.pages.retention_reach import known_codes
from web.people import Person, person
from web.rendering import page
from web.site import Site

router = APIRouter()
A_PAGE = 100
AT_ONCE = 40        # documents of a case file that is looked through unasked


@router.get("/casefiles")
def case_files_page(request: Request, who: Annotated[Person, Depends(person)], year: str = "", q: str = "",
                    fonds: str = "") -> Response:
    """The case files that the person may know of, with how many readable documents each holds."""
    site: Site = request.app.state.site
    number = page_number(request.query_params.get("page", ""))
    known = known_to(who.reach)
    if year.isascii() and year.isdecimal() and len(year) == 4:
        known &= model.CaseFile.year == int(year)
    if fonds:
        known &= model.CaseFile.fonds == fonds[:35]
    if words := q.strip()[:100]:
        like = f"%{words.replace('%', '').replace('_', ' ')}%"
        known &= or_(model.CaseFile.title.ilike(like), model.CaseFile.code.ilike(like))
    with site.session() as session:
        total = session.scalar(select(func.count()).select_from(model.CaseFile).where(known)) or 0
        years = list(session.scalars(select(model.CaseFile.year).where(known_to(who.reach)).distinct()
                                     .order_by(model.CaseFile.year.desc())))
        rows = list(session.scalars(select(model.CaseFile).where(known).order_by(
            model.CaseFile.year.desc(), model.CaseFile.code).limit(A_PAGE).offset((number - 1) * A_PAGE)))
        counts = readable(session, who.reach, [row.code for row in rows])
    return page(request, "casefiles.html", rows=rows, counts=counts, total=total, years=years, year=year, q=words,
                fonds=fonds, number=number, last=max(1, -(-total // A_PAGE)))


@router.get("/casefiles/{code}")
def case_file_page(request: Request, code: str, who: Annotated[Person, Depends(person)],
                   check: bool = False) -> Response:
    """The contents of a case file in the order of its documents, its completeness, its periods, its history.

    Who was granted it for reading as a whole, and may not know of it otherwise, sees the documents of the grant alone.
    """
    site: Site = request.app.state.site
    number = page_number(request.query_params.get("page", ""))
    here = (model.Document.case_file == code) & within(who.reach_granted)
    with site.session() as session:
        row = session.scalar(select(model.CaseFile).where(model.CaseFile.code == code, known_to(who.reach)))
        by_grant = row is None
        row = row or session.scalar(select(model.CaseFile).where(
            model.CaseFile.code == code, within(who.reach_granted, alone=True)))
        if row is None:
            raise absent(site, code, who)
        fonds = session.get(model.Fonds, row.fonds)
        joined = select(model.Document).join(model.CaseFile, model.CaseFile.code == model.Document.case_file)
        total = session.scalar(select(func.count()).select_from(joined.where(here).subquery())) or 0
        pages = session.scalar(select(func.sum(model.Document.pages)).join(
            model.CaseFile, model.CaseFile.code == model.Document.case_file).where(here)) or 0
        documents = list(session.scalars(joined.where(here).order_by(model.Document.ordinal)
                                         .limit(A_PAGE).offset((number - 1) * A_PAGE)))
        linked = session.execute(
            select(model.Document, model.CaseFile.title).join(
                model.DocumentLink, model.DocumentLink.document == model.Document.code).join(
                model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
                model.DocumentLink.case_file == code, model.DocumentLink.ended == 0, within(who.reach)).order_by(
                model.Document.code).limit(A_PAGE)).all()
        marked = marks.of(session, [one.code for one in (*documents, *(one for one, _title in linked))])
        told = [] if by_grant else history.of(session, site.settings, (code,), watched=who.may("history"))
        # What is lacking is told of all documents: to those who may know of all of them.
        whole = bool(known_codes(session, who.reach, [code]))
    access = access_of({}, row.fields)
    if access == "restricted":
        site.note("viewed", code, who, access=access)
    return page(request, "casefile.html", row=row, by_grant=by_grant, marks=marked, documents=documents,
                total=total, pages=pages, number=number, last=max(1, -(-total // A_PAGE)), told=told, access=access,
                linked=linked, fonds_name=fonds.name if fonds is not None else "", whole=whole,
                lacking=_lacking(site, who, code) if whole and (check or total <= AT_ONCE) else None,
                retention_panel=None if by_grant else panel(site, who, row))


def readable(session: Session, reach: Reach, codes: list[str]) -> dict[str, int]:
    """How many documents of each of these case files lie within the reach."""
    return {row[0]: row[1] for row in session.execute(
        select(model.Document.case_file, func.count()).join(
            model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
            model.Document.case_file.in_(codes), within(reach)).group_by(model.Document.case_file))}


def known_to(reach: Reach) -> ColumnElement[bool]:
    """The case files of which a person may know: those within reach themselves, or by a document that is."""
    return known_case_file(reach)


def _lacking(site: Site, who: Person, code: str) -> dict[str, Any]:
    """What is to be done before the case file is closed (or was found so since), the gravest first."""
    with site.session() as session:
        waiting = completeness.waiting_items(session) if who.may("watch") and who.whole_archive else {}
    found = completeness.examine(site.archive, code, waiting)
    several: dict[str, list[Finding]] = {}
    for one in sorted(found.findings, key=lambda one: -one.level):
        if one.level > Level.ok:
            several.setdefault(one.code, []).append(one)
    return {"refused": found.refused, "findings": several}
