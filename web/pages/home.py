"""The morning page: what the night brought, what waits, what is due, and which promises are kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import func, select

from archive import clock, model
from archive.access import within
from archive.i18n import language
from ingest import digitised, report
from ingest.commands.report import package_sentence, promise_sentence, recheck_sentence
from ingest.report import WAITING, Report, reasons
from web.people import Person, person
from web.rendering import page
from web.site import Site

router = APIRouter()
MOST = 60       # stored documents that are listed; more are found by searching


@router.get("/")
def home(request: Request, who: Annotated[Person, Depends(person)]) -> Response:
    """The morning page of the last night, as far as the person's roles let them see it."""
    return _night(request, who, "")


@router.get("/nights/{batch}")
def night(request: Request, batch: str, who: Annotated[Person, Depends(person)]) -> Response:
    """The morning page of one night."""
    return _night(request, who, batch)


def _report(site: Site, batch: str) -> Report:
    """The report of a night, built anew only when something has happened since, or another day has begun."""
    with site.session() as session:
        last = session.scalar(select(func.max(model.Event.seq))) or 0
    key = (batch, last, clock.in_vietnam(clock.now()).date(), language())
    held = site.report
    if held is None or held[0] != key:
        held = site.report = (key, report.build(site.archive, batch))
    made: Report = held[1]
    return made


def _night(request: Request, who: Person, batch: str) -> Response:
    site: Site = request.app.state.site
    with site.session() as session:
        wanted = batch or report.latest_batch(session)
        known = wanted and session.get(model.Batch, wanted) is not None
        nights = list(session.scalars(select(model.Batch.id).order_by(model.Batch.started_at.desc()).limit(14)))
        readable = session.scalar(select(func.count()).select_from(model.Document).join(
            model.CaseFile, model.CaseFile.code == model.Document.case_file).where(within(who.reach))) or 0
    if batch and not known:
        return page(request, "error.html", status=404, what="not_found", detail="")
    # Names of files and subjects are in it: only for those whose own is the whole archive.
    full = who.may("report") and who.whole_archive
    made: Report | None = None
    if known and (full or who.may("figures")):
        made = _report(site, wanted)
    shown = made if full else None
    return page(
        request, "home.html", readable=readable, made=made, full=full, nights=nights, most=MOST,
        stored=sorted((line for line in shown.lines if line.state == "stored"), key=lambda line: line.document)
        if shown else [],
        waiting=reasons(line for line in shown.lines if line.state in WAITING) if shown else [],
        earlier=reasons(shown.earlier) if shown else [],
        promise_sentence=promise_sentence, package_sentence=package_sentence, recheck_sentence=recheck_sentence,
        digitised_sentences=digitised.sentences)
