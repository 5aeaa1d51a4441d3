"""What is due by the retention periods, for programs: the answers of the page of retention."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from archive.i18n import later
from web.api import models
from web.api.answers import cursor, next_page, place, told
from web.api.callers import allowed, needs
from web.pages.retention_outlook import outlook
from web.pages.retention_reach import titles
from web.people import Person
from web.site import Site

router = APIRouter(prefix="/retention", tags=["retention"])


@router.get("/due", response_model=models.Due, summary=later("What is due by the retention periods"),
            openapi_extra=needs("retention"))
def due(request: Request, who: Annotated[Person, Depends(allowed("retention", "retention"))],
        year: Annotated[int | None, Query(ge=0, le=2999, description=later("due in this year; 0: by now"))] = None,
        fonds: Annotated[str, Query(max_length=35)] = "", rule: Annotated[str, Query(max_length=200)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        cursor_: Annotated[str, Query(alias="cursor", max_length=400)] = "") -> Response:
    """Now and in the ten years to come, of the case files of which the account may know every document."""
    site: Site = request.app.state.site
    found = outlook(site, who)
    chosen = found.sifted(fonds=fonds, rule=rule, year="" if year is None else str(year))
    at = place(cursor_, int, str, str)
    rest = [one for one in chosen if at is None or (one.year, one.fonds, one.code) > at]
    shown = rest[:limit]
    with site.session() as session:
        named = titles(session, [one.code for one in shown])
    last = shown[-1] if shown else None
    return told(request, models.Due(
        on=found.on, total=len(chosen), years=[models.DueYear(**{key: getattr(one, key) for key in one.__slots__})
                                               for one in found.years],
        case_files=[models.DueCaseFile(code=one.code, title=named.get(one.code, ""), fonds=one.fonds, rule=one.rule,
                                       until=one.until, from_year=one.year, blocked=one.blocked,
                                       documents=one.documents, bytes=one.bytes) for one in shown],
        next=next_page(request, "/retention/due", cursor(last.year, last.fonds, last.code))
        if last and len(rest) > limit else None))
