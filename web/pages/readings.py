"""Requests for use: the list, one of them, and its grants, refusals and opinions (retention/reading).

Archivists decide, auditors watch; whoever asked sees their own requests. Who has an agency of their own sees those that
name its documents alone. The number of an identity paper and how to reach the reader are for who decides; that look is
noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from archive import clock, model
from archive.access import within
from archive.catalogue import SOME
from archive.codes import parse_file_code
from archive.dates import parse_date
from archive.errors import UsageError
from archive.findings import Finding, Level, worst
from archive.i18n import _
from archive.opening import Archive
from retention.reading import deciding, keeping
from web.pages.retention_reach import covers
from web.people import NotAllowedError, Person, person
from web.rendering import page
from web.site import Site

router = APIRouter()
A_PAGE = 50
SEES, DECIDES = "readings", "readings_decide"
Me = Annotated[Person, Depends(person)]
Text = Annotated[str, Form(max_length=2000)]
Texts = Annotated[list[str] | None, Form()]


@router.get("/readings")
def readings_page(request: Request, who: Me, state: str = "", at: Annotated[int, Query(ge=1, le=9999)] = 1) -> Response:
    """The requests that the person may see, what is to be decided first; by state."""
    site: Site = request.app.state.site
    with site.session() as session:
        rows = list(session.scalars(select(model.Reading).where(model.Reading.state != keeping.WRITING).order_by(
            model.Reading.asked_on.desc(), model.Reading.code.desc())))
        seen = _seen(session, who, rows)
    states = [one for one in keeping.STATES if any(row.state == one for row in seen)]
    found = [row for row in seen if state in ("", row.state)]
    found.sort(key=lambda row: keeping.STATES.index(row.state) if row.state in keeping.STATES else 99)
    last = max(1, -(-len(found) // A_PAGE))
    at = min(at, last)
    return page(request, "administration/readings.html", found=found[(at - 1) * A_PAGE:at * A_PAGE], total=len(found),
                at=at, last=last, state=state, states=states, state_name=keeping.state_name,
                kind_name=keeping.kind_name, own=not who.may(SEES))


@router.get("/readings/{code}")
def reading_page(request: Request, who: Me, code: str) -> Response:
    """One request: who asks for what, how each document stands, every step, and the forms to decide it."""
    return _one(request, who, code)


@router.post("/readings/{code}/{act}")
def decide(request: Request, who: Me, code: str, act: str, document: Texts = None, reason: Text = "", days: Text = "",
           agree: Text = "", of: Text = "", number: Text = "", dated: Text = "") -> Response:
    """Grant or refuse documents (all that can be, where none is chosen), ask for an opinion or write one down."""
    site: Site = request.app.state.site
    with site.session() as session:
        row = session.get(model.Reading, code[:40])
        if row is None or not _seen(session, who, [row]):
            raise HTTPException(404)
    if not who.may(DECIDES) or act not in ("grant", "refuse", "ask-opinion", "give-opinion"):
        raise NotAllowedError
    codes = [one[:110] for one in document or []]
    if days.strip() and not (days.strip().isascii() and days.strip().isdecimal() and int(days.strip()[:4]) > 0):
        return _one(request, who, code, fault=_("Say for how many days, a whole number."))
    with site.writing() as archive:
        try:
            found = _done(archive, act, code, codes, who, reason.strip(), int(days.strip()[:4] or 0), deciding.Opinion(
                agree == "yes", of.strip(), number.strip(), _iso(dated), reason.strip()))
        except UsageError as problem:
            return _one(request, who, code, fault=str(problem))
    if worst(found) >= Level.refused:
        return _one(request, who, code, found=found)
    return RedirectResponse(f"/readings/{code}", 303)


def _done(archive: Archive, act: str, code: str, codes: Sequence[str], who: Person, reason: str, days: int,
          opinion: deciding.Opinion) -> list[Finding]:
    now = clock.now()
    if act == "grant":
        return deciding.grant(archive, code, codes, by=who.actor, at=now, days=days)[1]
    if act == "refuse":
        return deciding.refuse(archive, code, codes, reason, by=who.actor, at=now)[1]
    if act == "ask-opinion":
        return deciding.ask_opinion(archive, code, codes, by=who.actor, at=now)[1]
    return deciding.give_opinion(archive, code, codes, opinion, by=who.actor, at=now)[1]


def _one(request: Request, who: Person, code: str, *, fault: str = "", found: Sequence[Finding] = ()) -> Response:
    site: Site = request.app.state.site
    with site.session() as session:
        row = session.get(model.Reading, code[:40])
        if row is None or row.state == keeping.WRITING or not _seen(session, who, [row]):
            raise HTTPException(404)
        asked = keeping.read(site.archive.store, row.code)
        titles = _titles(session, who, [one["document"] for one in asked.items])
    decides = who.may(DECIDES)
    if decides and (asked.reader.get("id_paper") or asked.reader.get("contact")):
        site.note("viewed", row.code, who, access="restricted", part="reader")
    return page(request, "administration/reading.html", status=400 if fault else 409 if found else 200, row=row,
                asked=asked, titles=titles, decides=decides, full=who.may(SEES), fault=fault, found=found,
                undecided=[one for one in asked.items if one["state"] in keeping.UNDECIDED],
                waiting=[one for one in asked.items if one["state"] == "waiting"], state_name=keeping.state_name,
                kind_name=keeping.kind_name, act_name=keeping.act_name, days=site.settings.reading.days)


def _seen(session: Session, who: Person, rows: Sequence[model.Reading]) -> list[model.Reading]:
    """Those of the requests that the person may see: their own, or all of whose documents are of their fonds."""
    if who.may(SEES) and who.reach.everything:
        return list(rows)
    outside: set[str] = set()
    codes = [row.code for row in rows]
    if who.may(SEES):
        of = model.ReadingDocument
        for start in range(0, len(codes), SOME):
            for code, case_file in session.execute(select(of.reading, of.case_file).where(
                    of.reading.in_(codes[start:start + SOME])).distinct()):
                parsed = parse_file_code(case_file, inventory=True)
                if parsed is None or not covers(who.reach, parsed.agency):
                    outside.add(code)
    return [row for row in rows if (row.account and row.account == who.name)
            or (who.may(SEES) and row.code not in outside)]


def _titles(session: Session, who: Person, codes: Sequence[str]) -> dict[str, str]:
    """The subjects of those documents of which the person may know."""
    found: dict[str, str] = {}
    for start in range(0, len(codes), SOME):
        found |= {row.code: row.subject for row in session.execute(
            select(model.Document.code, model.Document.subject).join(
                model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
                model.Document.code.in_(codes[start:start + SOME]), within(who.reach_granted)))}
    return found


def _iso(day: str) -> str:
    """A day as people write it (DD/MM/YYYY) as YYYY-MM-DD; what is none stays, and is refused by name."""
    read = parse_date(day.strip()) if day.strip() else None
    return f"{read.year:04d}-{read.month:02d}-{read.day:02d}" if read and read.month and read.day else day.strip()
