"""Tasks that documents give (LS Điều 13): those of a month as a list, each with its term and what answered it.

The same as `luutru edxml tasks` (ingest/exchange/tasks.py). They are shown to who may know of all of the agency.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from archive import model
from archive.access import within
from archive.catalogue import SOME
from ingest.exchange import task_lists, tasks
from ingest.exchange.tasks import Task
from web.pages.retention_outlook import kept, today
from web.pages.retention_reach import covers, own_covered
from web.people import NotAllowedError, Person, requires_right
from web.rendering import page
from web.site import Site

router = APIRouter()
A_PAGE = 100
STATES = ("late", "open", "answered_late", "answered")
_FIRST_YEAR = 1990


def allowed(request: Request, who: Annotated[Person, Depends(requires_right("tasks"))]) -> Person:
    """The person, who reaches all of the agency that gets and gives the tasks. Raises NotAllowedError."""
    site: Site = request.app.state.site
    if not (own_covered(who) and covers(who.reach, site.settings.agency.code)):
        raise NotAllowedError
    return who


_SEEN = Annotated[Person, Depends(allowed)]


@router.get("/tasks")
def tasks_page(request: Request, who: _SEEN, month: str = "", state: str = "",
               at: int = Query(1, ge=1, le=100_000)) -> HTMLResponse:
    """The tasks of a month as they stood at its end (of the present one: as they stand today), late ones first."""
    site: Site = request.app.state.site
    year, number = _month(month)
    every = of_month(site, year, number)
    found = sorted((one for one in every if state in ("", one.state)), key=lambda one: STATES.index(one.state))
    last = max(1, -(-len(found) // A_PAGE))
    at = min(at, last)
    shown = found[(at - 1) * A_PAGE:at * A_PAGE]
    first, end = tasks.bounds(year, number)
    following = end + timedelta(days=1)
    return page(request, "tasks/list.html", rows=shown, total=len(found), at=at, last=last, state=state,
                month=f"{year:04d}-{number:02d}", shown_month=f"{number:02d}/{year}", on=min(end, today()).isoformat(),
                before=f"{first - timedelta(days=1):%Y-%m}" if first.year > _FIRST_YEAR else "",
                after=f"{following:%Y-%m}" if following <= today() else "",
                states=[(one, task_lists.state_name(one), n) for one in STATES
                        if (n := sum(told.state == one for told in every))],
                known=_known(site, who, [code for one in shown for code in (one.stored, one.answered_stored) if code]),
                state_name=task_lists.state_name, kind_name=task_lists.kind_name)


@router.get("/tasks/export")
def tasks_table(request: Request, who: _SEEN, month: str = "") -> Response:
    """The list of a month as CSV, noted for the ledger."""
    site: Site = request.app.state.site
    year, number = _month(month)
    found = of_month(site, year, number)
    site.note("results_exported", "tasks", who, rows=len(found), format="csv")
    return Response(task_lists.as_csv(found), media_type="text/csv; charset=utf-8", headers={
        "content-disposition": f'attachment; filename="luutru-tasks-{year:04d}-{number:02d}.csv"'})


def of_month(site: Site, year: int, month: int) -> list[Task]:
    """The tasks of a month's list, as they stood at its end or stand today."""
    on = min(tasks.bounds(year, month)[1], today())

    def told() -> list[Task]:
        with site.session() as session:
            return tasks.of_month(tasks.tasks(session, site.settings, on), year, month)

    return kept(site, ("tasks", year, month), told)


def late(site: Site, who: Person) -> int:
    """How many tasks are overdue today, for the morning page; 0 for who may not see them."""
    if not (who.may("tasks") and own_covered(who) and covers(who.reach, site.settings.agency.code)):
        return 0
    return sum(one.state == "late" for one in of_month(site, today().year, today().month))


def _month(told: str) -> tuple[int, int]:
    """The month of an address (YYYY-MM); the present one for what is none or is still to come."""
    year, _minus, month = told.partition("-")
    if year.isascii() and year.isdecimal() and len(year) == 4 and month.isascii() and month.isdecimal() and (
            1 <= int(month[:3]) <= 12 and int(year) >= _FIRST_YEAR) and date(int(year), int(month), 1) <= today():
        return int(year), int(month)
    return today().year, today().month


def _known(site: Site, who: Person, codes: list[str]) -> set[str]:
    """Those of some documents that the person may know of."""
    found: set[str] = set()
    with site.session() as session:
        for start in range(0, len(codes), SOME):
            found.update(session.scalars(select(model.Document.code).join(
                model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
                model.Document.code.in_(codes[start:start + SOME]), within(who.reach))))
    return found
