"""The audit log: what the ledger says, by day, kind, subject and actor, and whether its chain is whole.

Whose agency is only part of the archive sees what lies within their reach (web/ledger_view.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from archive.dates import parse_date
from archive.errors import UsageError
from archive.i18n import _
from web import ledger_view as view
from web.people import Person, requires_right
from web.rendering import page
from web.site import Site

router = APIRouter()
Auditor = Annotated[Person, Depends(requires_right("audit"))]
A_PAGE = 50


@router.get("/audit")
def audit_page(request: Request, who: Auditor, day: str = "", kind: str = "", subject: str = "", actor: str = "",
               before: Annotated[int, Query(ge=0, le=2**53)] = 0) -> Response:
    """The events, the newest first; with what stands in the way of trusting them, where anything does."""
    return _page(request, who, day, kind, subject, actor, before)


@router.post("/audit/check")
def check(request: Request, who: Auditor) -> Response:
    """Walk the whole chain now, each line's hash and place."""
    site: Site = request.app.state.site
    try:
        site.walked = view.walk(site)
    except OverflowError:
        raise UsageError(_("The ledger is too long to be walked by a page. At the machine: luutru ledger verify"
                           )) from None
    return _page(request, who, "", "", "", "", 0)


def _page(request: Request, who: Person, day: str, kind: str, subject: str, actor: str, before: int) -> Response:
    site: Site = request.app.state.site
    wanted, fault = _day(day), ""
    if day.strip() and wanted is None:
        fault = _("“{value}” is no day; write DD/MM/YYYY.").format(value=day[:20])
    asked = view.Asked(wanted, kind[:40], subject.strip()[:200], actor.strip()[:100], before)
    with site.session() as session:
        found = [] if fault else view.page_of(session, site, who, asked, A_PAGE + 1)
        state = view.chain(site, session)
    return page(request, "administration/audit.html", status=400 if fault else 200, fault=fault,
                found=found[:A_PAGE], older=_older(asked, day, found) if len(found) > A_PAGE else "", chain=state,
                walked=site.walked, day=day, asked=asked, limited=not who.reach.everything,
                kinds=sorted(((one, view.kind_name(one)) for one in view.kinds()), key=lambda one: one[1]),
                particulars=view.particulars)


def _older(asked: view.Asked, day: str, found: Sequence[view.Shown]) -> str:
    """The address of the events before those that are shown."""
    told = {"day": day, "kind": asked.kind, "subject": asked.subject, "actor": asked.actor,
            "before": found[A_PAGE - 1].seq}
    return f"/audit?{urlencode({name: value for name, value in told.items() if value})}"


def _day(text: str) -> date | None:
    read = parse_date(text.strip()[:20]) if text.strip() else None
    return date(read.year, read.month, read.day) if read is not None and read.month and read.day else None
