"""Retention: what falls due by year, and why a case file is kept until its day, as of today or any past day.

The answers are those of `luutru retention due` and `luutru retention explain`; nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from archive import model
from archive.access import access_of
from archive.dates import parse_date
from archive.errors import UsageError
from archive.i18n import _
from retention.commands.retention_due import blocked_in_words, rule_in_words
from retention.commands.retention_explain import change_in_words, steps_of
from retention.explaining import Explanation, Known, explanation
from retention.tables import keeping as tables
from web.pages import retention_reach as reach
from web.pages.retention_outlook import drawn, outlook, today
from web.people import Person, requires_right
from web.rendering import page
from web.site import Site

router = APIRouter()
A_PAGE = 100
_SEEN = Annotated[Person, Depends(requires_right("retention"))]


@router.get("/retention")
def due_page(request: Request, who: _SEEN, year: str = "", fonds: str = "", rule: str = "",
             at: int = Query(1, ge=1, le=100_000)) -> HTMLResponse:
    """What is due now and in the ten years to come: a chart with its figures, and the case files themselves."""
    site: Site = request.app.state.site
    found = outlook(site, who)
    chosen = found.sifted(fonds=fonds, rule=rule, year=year)
    last = max(1, -(-len(chosen) // A_PAGE))
    at = min(at, last)
    shown = chosen[(at - 1) * A_PAGE:at * A_PAGE]
    with site.session() as session:
        named = reach.titles(session, [one.code for one in shown])
    return page(request, "retention/due.html", found=found, chart=drawn(found), shown=shown, titles=named, at=at,
                last=last, total=len(chosen), year=year, fonds=fonds, rule=rule,
                all_fonds=sorted({one.fonds for one in found.lines}), rules=sorted({one.rule for one in found.lines}),
                rule_in_words=rule_in_words, blocked_in_words=blocked_in_words)


@router.get("/retention/{code}")
def why_page(request: Request, who: _SEEN, code: str, on: str = "") -> Response:
    """Why this date? Rule, article, base year, arithmetic, links, holds and history, as of the end of a day."""
    site: Site = request.app.state.site
    with site.session() as session:
        row = reach.case_file(session, who, code)
        if row is None:
            raise HTTPException(404)
        if access_of({}, row.fields) == "restricted":
            site.note("viewed", code, who, access="restricted", what="retention")
        day, fault = _past_day(on)
        found: Explanation | None = None
        steps: list[dict[str, str]] = []
        try:
            found = explanation(site.archive, session, code, day, site.settings.retention.counting)
            steps = list(_steps(session, who, found))
        except UsageError as problem:
            fault = fault or str(problem)
    return page(request, "retention/why.html", status=400 if fault else 200, row=row, day=day, on=on, fault=fault,
                today=today().isoformat(), found=found, steps=steps, change_in_words=change_in_words,
                holds=who.may("holds"))


def _past_day(on: str) -> tuple[str, str]:
    """The day that is asked for as YYYY-MM-DD, today for none; and what is wrong with it."""
    now = today().isoformat()
    if not on.strip():
        return now, ""
    read = parse_date(on.strip()[:20])
    if read is None or not read.year or not read.month or not read.day:
        return now, _("“{value}” is no day: write it as 31/12/2026.").format(value=on[:20])
    day = f"{read.year:04d}-{read.month:02d}-{read.day:02d}"
    if day > now:
        return now, _("This page tells of days that have passed; for those to come it tells what is known today.")
    return day, ""


def _steps(session: Session, who: Person, found: Explanation) -> Iterator[dict[str, Any]]:
    """The answer step by step; what the person may not know of is told without its name."""
    linked = reach.known_codes(session, who.reach, [one.code for one in found.links])
    open_links = tuple(one for one in found.links if one.code in linked)
    shown = replace(found, holds=found.holds if who.may("holds") else (), links=open_links)
    yield from steps_of(shown, table_of(session, found.known))
    if found.known.period.permanent:
        return
    if found.holds and not shown.holds:
        yield {"step": "hold", "article": "", "text": _(
            "A hold keeps it: it enters no list until the hold is released.")}
    if len(open_links) < len(found.links):
        yield {"step": "link", "article": "Luật Lưu trữ 33/2024/QH15, Điều 36 khoản 4 điểm a", "text": _(
            "A case file that your account may not know of needs one of its documents.")}


def table_of(session: Session, known: Known) -> str:
    """The retention table of the row that was chosen, with the document that set it up; empty without one."""
    row: model.RetentionRule | None = known.row
    if row is None:
        return ""
    name = f"{row.table_id}@{row.version}"
    table = tables.table_of(session, name)
    return f"{name} ({table.instrument})" if table is not None else name
