"""The search page: what a person types, with filters and pages, over what they may know of.

The rights are in the query, so that counts, pages and snippets tell nothing of what lies outside.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import not_, select
from sqlalchemy.orm import Session

from archive import model
from archive.access import within
from archive.i18n import _
from search.index import Filters, Results, highlight
from web.people import Person, person
from web.rendering import page
from web.site import Site

router = APIRouter()
A_PAGE, LAST_PAGE, LONGEST = 20, 500, 1000


@router.get("/search")
def search_page(request: Request, who: Annotated[Person, Depends(person)], q: str = "", type: str = "",
                organ: str = "", since: str = "", until: str = "", casefile: str = "") -> Response:
    """The documents that are found, best first, with the words that were looked for marked."""
    site: Site = request.app.state.site
    number = page_number(request.query_params.get("page", "1"))
    asked = {"type": type[:100], "organ": organ[:200], "since": since[:20], "until": until[:20],
             "casefile": casefile[:100]}
    results: Results | None = None
    fault = ""
    with site.session() as session:
        hidden = not_yet_indexed(session, who)
    try:
        with site.index() as index:
            results = index.search(q[:LONGEST], A_PAGE, (number - 1) * A_PAGE, Filters(
                asked["casefile"], asked["type"], asked["organ"], asked["since"], asked["until"], who.reach, hidden))
    except ValueError as problem:
        fault = _("“{value}” makes no sense here: a day, month or year is wanted.").format(value=problem)
    last = min(LAST_PAGE, max(1, -(-results.total // A_PAGE))) if results else 1
    return page(request, "search.html", status=400 if fault else 200, q=q, asked=asked, results=results, fault=fault,
                number=number, last=last, first=(number - 1) * A_PAGE, highlight=highlight,
                filtered=any(asked.values()))


def not_yet_indexed(session: Session, who: Person) -> tuple[str, ...]:
    """Documents outside the person's reach that the index may still hold as they were before a correction of today."""
    if who.reach.everything:
        return ()
    return tuple(session.scalars(select(model.Document.code).join(
        model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
        model.Document.indexed == "", not_(within(who.reach)))))


def page_number(text: str) -> int:
    """The number of a page of results as it stands in an address; 1 for what is none."""
    return min(LAST_PAGE, max(1, int(text))) if text.isascii() and text.isdecimal() and len(text) < 6 else 1
