"""Deadlines: everything that is overdue or soon due, grouped by how far it is, each with its article.

The same as `luutru deadlines` (retention/deadlines.py), reckoned anew each time something has happened. `box` is a few
lines of it for the morning page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from archive.i18n import _, language, ngettext_
from archive.working_days import Calendar
from archive.working_days import calendar as calendar_of
from retention import deadlines
from retention.commands.deadlines import mark
from retention.deadline_rules import kinds
from retention.deadlines import Deadline
from web.pages import retention_reach as reach
from web.pages.retention_outlook import kept, today
from web.people import NotAllowedError, Person, requires_right
from web.rendering import page
from web.site import Site

router = APIRouter()
A_PAGE = 100
IN_THE_BOX = 6
AHEAD = (30, 90, 365)
STATES = ("breached", "late", "soon")
FARTHEST_COUNT = 400        # days within which working days are counted one by one


@dataclass(frozen=True, slots=True)
class Line:
    """A deadline as the page tells it: the day, in how many working days, what, by which article, and where to go."""

    kind: str
    state: str
    due: str
    last: str
    left: str
    count: int
    sentence: str
    article: str
    others: str
    fonds: str
    address: str


@dataclass(frozen=True, slots=True)
class Box:
    """What the morning page tells: the most pressing lines, how many things are late, and how many more lines are."""

    lines: tuple[Line, ...]
    late: int
    more: int


def allowed(who: Annotated[Person, Depends(requires_right("deadlines"))]) -> Person:
    """The person: whose account does not reach all of its own agency is told of no sums. Raises NotAllowedError."""
    if not reach.own_covered(who):
        raise NotAllowedError
    return who


_SEEN = Annotated[Person, Depends(allowed)]


@router.get("/deadlines")
def deadlines_page(request: Request, who: _SEEN, within: int = Query(AHEAD[0], ge=0, le=3660),
                   fonds: str = "", kind: str = "", at: int = Query(1, ge=1, le=100_000)) -> HTMLResponse:
    """What is overdue and soon due; with a kind every single case file of it."""
    site: Site = request.app.state.site
    mine = who.fonds or fonds[:40]
    kind = kind if kind in kinds() else ""
    found = _watched(site, within, mine)
    lines = [_line(site, one) for one in found if kind in ("", one.kind)]
    each = _each(site, kind, within, mine) if kind else []
    last = max(1, -(-len(each) // A_PAGE))
    at = min(at, last)
    shown = each[(at - 1) * A_PAGE:at * A_PAGE]
    with site.session() as session:
        titles = reach.titles(session, [code for code, *_rest in shown])
    return page(
        request, "deadlines/list.html", groups=[(state, state_name(state), [one for one in lines if one.state == state])
                                                for state in STATES], each=shown, titles=titles, total=len(each),
        at=at, last=last, kind=kind, within=within, fonds=fonds, ahead=sorted({*AHEAD, within}), on=today().isoformat(),
        kinds=sorted({(one.kind, kind_name(one.kind)) for one in found}, key=lambda one: one[1]),
        all_fonds=sorted({one.fonds for one in found if one.fonds}) if who.whole_archive else [])


def box(site: Site, who: Person) -> Box | None:
    """A few lines for the morning page: one a kind and state, the latest first. None for who may not know."""
    if not who.may("deadlines") or not reach.own_covered(who):
        return None
    found = _watched(site, site.settings.retention.deadline_days, who.fonds)
    together = sorted(deadlines.together(found), key=lambda one: (STATES.index(one.state) if one.state in STATES else 9,
                                                                  one.due))
    return Box(tuple(_line(site, one) for one in together[:IN_THE_BOX]),
               sum(one.count for one in found if one.late), max(0, len(together) - IN_THE_BOX))


def _watched(site: Site, within: int, fonds: str) -> list[Deadline]:
    def reckon() -> list[Deadline]:
        with site.session() as session:
            return deadlines.watch(session, site.settings, today(), within=within, fonds=fonds)

    return kept(site, ("deadlines", within, fonds), reckon)


def _each(site: Site, kind: str, within: int, fonds: str) -> list[tuple[str, str, date, str]]:
    """Every case file of a kind: code, fonds, day, article; none for kinds that are not of case files."""
    def reckon() -> list[tuple[str, str, date, str]]:
        with site.session() as session:
            return [(one["code"], one["fonds"], one["due"], one["article"]) for one in deadlines.listed(
                session, site.settings, kind, today(), within=within, fonds=fonds)]

    return kept(site, ("deadlines of", kind, within, fonds), reckon)


def _line(site: Site, one: Deadline) -> Line:
    settings = site.settings
    calendar = calendar_of(settings.agency.calendar, settings.root)
    return Line(
        one.kind, one.state, one.due.isoformat(), one.last.isoformat() if one.last else "",
        working_days(today(), one.due, calendar), one.count, one.sentence(language()),
        one.article + mark(one.certainty), one.others(language()), one.fonds, _address(one))


def working_days(now: date, due: date, calendar: Calendar) -> str:
    """How far a day is from today in working days of the agency's calendar, in words; in years where it is far."""
    if due == now:
        return _("today")
    if abs((due - now).days) > FARTHEST_COUNT:
        years = abs((due - now).days) // 365
        told = ngettext_("over {n} year late", "over {n} years late", years) if due < now else ngettext_(
            "in over {n} year", "in over {n} years", years)
        return told.format(n=years)
    n = calendar.between(*sorted((now, due)))
    told = ngettext_("{n} working day late", "{n} working days late", n) if due < now else ngettext_(
        "in {n} working day", "in {n} working days", n)
    return told.format(n=n)


def _address(one: Deadline) -> str:
    """Where one goes from a line: to the thing itself, where it is one, else to every single one of its kind."""
    if one.kind in ("answer", "processing", "confirmation") and one.count == 1:
        return f"/transfers/{one.first[0]}"
    if one.kind == "destruction" and one.count == 1:
        return f"/destructions/{one.first[0]}"
    if one.kind in ("submission", "historical", "registration", "expiry", "expired_list"):
        return f"/casefiles/{one.first[0]}" if one.count == 1 else f"/deadlines?kind={one.kind}"
    return ""


def state_name(state: str) -> str:
    """How far a deadline is, in words."""
    return {"breached": _("Breached: past every reading of the law"), "late": _("Late"), "soon": _("Soon due")}[state]


def kind_name(kind: str) -> str:
    """A kind of deadline in a few words."""
    return {"receipt_notice": _("notices of receipt"), "refusal_notice": _("returns to senders"),
            "submission": _("submission to the current archive"), "confirmation": _("confirmation of a submission"),
            "registration": _("registration with the historical archive"), "answer": _("answer to a registration"),
            "historical": _("hand-over to the historical archive"), "processing": _("processing of a hand-over"),
            "expiry": _("periods about to end"), "expired_list": _("expired, on no list yet"),
            "destruction": _("execution of a destruction"), "check": _("check of the store"),
            "scan_job": _("end of a scan job"), "reading": _("requests for use")}.get(kind, kind)

