"""Nights and deadlines, for programs: the morning report, and what is due on which day."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import select, tuple_

from archive import clock, model
from archive.i18n import language, later
from ingest import report
from retention import deadlines
from web.api import models
from web.api.answers import cursor, next_page, place, told
from web.api.callers import allowed, needs
from web.api.problems import Problem
from web.pages.retention_outlook import kept
from web.pages.retention_reach import covers, own_covered
from web.people import Person
from web.site import Site

router = APIRouter(tags=["nights and deadlines"])
_FIGURES = ("counts", "totals", "promises")


@router.get("/nights", response_model=models.Nights, summary=later("Nights"), openapi_extra=needs("reports"))
def nights(request: Request, who: Annotated[Person, Depends(allowed("reports", "figures"))],
           limit: Annotated[int, Query(ge=1, le=500)] = 50,
           cursor_: Annotated[str, Query(alias="cursor", max_length=400)] = "") -> Response:
    """The batches that were run, the newest first."""
    site: Site = request.app.state.site
    row = model.Batch
    at = place(cursor_, str, str)
    query = select(row).order_by(row.started_at.desc(), row.id.desc()).limit(limit + 1)
    with site.session() as session:
        found = list(session.scalars(query.where(tuple_(row.started_at, row.id) < at) if at else query))
    last = found[min(limit, len(found)) - 1] if found else None
    return told(request, models.Nights(
        nights=[_brief(one) for one in found[:limit]],
        next=next_page(request, "/nights", cursor(last.started_at, last.id)) if last and len(found) > limit else None))


@router.get("/nights/{batch}", response_model=models.NightReport, summary=later("A night's morning report"),
            openapi_extra=needs("reports"))
def night(request: Request, batch: Annotated[str, Path(max_length=20, examples=["2026-11-20.1"])],
          who: Annotated[Person, Depends(allowed("reports", "figures"))]) -> Response:
    """As on the morning page: with the names of what came only for who may see these, of the whole archive."""
    site: Site = request.app.state.site
    with site.session() as session:
        row = session.get(model.Batch, batch)
    if row is None:
        raise Problem("not_found")
    made = kept(site, ("api report", batch, language()), lambda: report.as_dict(report.build(site.archive, batch)))
    full = who.may("report") and who.whole_archive
    return told(request, models.NightReport(**_brief(row).model_dump(), names=full, report=made if full else {
        key: made[key] for key in _FIGURES}))


@router.get("/deadlines", response_model=models.Deadlines, summary=later("What is overdue, and due soon"),
            openapi_extra=needs("reports"))
def due(request: Request, who: Annotated[Person, Depends(allowed("reports", "deadlines"))],
        within: Annotated[int, Query(ge=0, le=3660, description=later("days"))] = 30,
        fonds: Annotated[str, Query(max_length=35)] = "") -> Response:
    """By kind, fonds and day, by which article; of the fonds in which the account may know of everything."""
    site: Site = request.app.state.site
    wanted = fonds or who.fonds
    if not own_covered(who):
        raise Problem("not_allowed")
    if not covers(who.reach, wanted):
        raise Problem("not_found")
    today = clock.in_vietnam(clock.now()).date()

    def reckon() -> list[deadlines.Deadline]:
        with site.session() as session:
            return deadlines.watch(session, site.settings, today, within=within, fonds=wanted)

    found = kept(site, ("api deadlines", within, wanted), reckon)
    return told(request, models.Deadlines(on=today.isoformat(), within=within, deadlines=[models.Deadline(
        kind=one.kind, fonds=one.fonds, due=one.due.isoformat(), state=one.state, count=one.count,
        first=list(one.first), article=one.article, certainty=one.certainty, sentence=one.sentence(language()))
        for one in found]))


def _brief(row: model.Batch) -> models.NightBrief:
    return models.NightBrief(batch=row.id, night=row.night, started_at=row.started_at, finished_at=row.finished_at)
