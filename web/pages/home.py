"""The morning page: what the night brought, what waits, what is due, which promises are kept, and how it goes on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import func, select

from archive import clock, model
from archive.access import within
from archive.i18n import language
from ingest import digitised, report
from ingest.commands.report import package_sentence, promise_sentence, recheck_sentence, search_sentence
from ingest.report import WAITING, Report, reasons
from search.saved import SavedSearchesError
from web.pages import notices, tasks
from web.pages.asking import of_saved
from web.pages.charts import intake, refusals
from web.pages.deadlines import box
from web.pages.forecast import forecast
from web.pages.grants import reached
from web.pages.retention_outlook import drawn, outlook
from web.pages.saved import news
from web.people import Person, person
from web.rendering import page
from web.site import Site

router = APIRouter()
MOST = 60       # stored (or granted) documents that are listed; more are found by searching


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
        opened = reached(session, who)[:MOST]
    if batch and not known:
        return page(request, "error.html", status=404, what="not_found", detail="")
    # Names of files and subjects are in it: only for those whose own is the whole archive.
    full = who.may("report") and who.whole_archive
    made: Report | None = None
    if known and (full or who.may("figures")):
        made = _report(site, wanted)
    shown = made if full else None
    return page(
        request, "home.html", readable=readable, opened=opened, made=made, full=full, nights=nights, most=MOST,
        stored=sorted((line for line in shown.lines if line.state == "stored"), key=lambda line: line.document)
        if shown else [],
        waiting=reasons(line for line in shown.lines if line.state in WAITING) if shown else [],
        earlier=reasons(shown.earlier) if shown else [], searches=_searches(site, who),
        promise_sentence=promise_sentence, package_sentence=package_sentence, recheck_sentence=recheck_sentence,
        search_sentence=search_sentence, digitised_sentences=digitised.sentences,
        **_outlook(site, who, made, full=full))


def _searches(site: Site, who: Person) -> list[tuple[Any, Any]]:
    """The person's kept searches to which something is new; the page goes on where they cannot be read."""
    try:
        return [(one, of_saved(one.saved)) for one in news(site, who) if one.total and one.saved.alert]
    except SavedSearchesError:
        return []


def _outlook(site: Site, who: Person, made: Report | None, *, full: bool) -> dict[str, Any]:
    """Charts and forecast, for those who see the night's figures; agencies and what is due as their rights allow."""
    if made is None:
        return {"intake": None, "refusals": [], "due": None, "ahead": None, "deadline_box": None, "notices": 0,
                "late_tasks": 0}
    with site.session() as session:
        stored = intake(session, made.night, by_agency=full)
        refused = refusals(session)
        ahead = forecast(session, site.settings)
    return {"intake": stored if any(one.total for one in stored.columns) else None, "refusals": refused, "ahead": ahead,
            "due": drawn(outlook(site, who)) if who.may("retention") else None, "deadline_box": box(site, who),
            "notices": sum(not one.decision for one in notices.seen(site, who)), "late_tasks": tasks.late(site, who)}
