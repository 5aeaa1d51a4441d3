"""Kept searches: what a person wants to find again, and what is new to each since they last looked.

They are settings of persons (docs/decisions/0011). What is found is found by the rights of the moment.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from archive.errors import UsageError
from archive.i18n import _
from search.index import IndexOutdatedError
from search.saved import New, forget, look_at, new_to, save, saved_searches
from web.pages.asking import asked, not_yet_indexed, of_saved
from web.people import Person, person
from web.rendering import page
from web.site import Site

router = APIRouter()
SHOWN = 5           # new hits that are listed of each search


@router.get("/saved")
def saved_page(request: Request, who: Annotated[Person, Depends(person)]) -> Response:
    """The person's kept searches with what is new to them."""
    site: Site = request.app.state.site
    return page(request, "saved.html", searches=[(one, of_saved(one.saved)) for one in news(site, who, shown=SHOWN)],
                kept=request.query_params.get("kept", ""), anchor=anchor)


@router.post("/saved")
async def keep(request: Request, who: Annotated[Person, Depends(person)]) -> Response:
    """Keep a search under a name; one of the same name is replaced."""
    site: Site = request.app.state.site
    form = await request.form()
    given = {name: value for name, value in form.items() if isinstance(value, str)}
    with site.session() as session:
        try:
            kept = save(site.settings, session, asked(given).to_keep(
                who.actor, given.get("name", ""), alert=given.get("alert") == "1"))
        except ValueError as problem:
            raise UsageError(_("“{value}” makes no sense here: a day, month or year is wanted.").format(
                value=problem)) from problem
    return RedirectResponse(f"/saved?kept=1#{anchor(kept.name)}", 303)


@router.post("/saved/seen")
async def seen(request: Request, who: Annotated[Person, Depends(person)]) -> Response:
    """Note that the person has seen what is there now of one search."""
    site: Site = request.app.state.site
    form = await request.form()
    with site.session() as session:
        look_at(site.settings, session, who.actor, str(form.get("name", "")))
    return RedirectResponse("/saved", 303)


@router.post("/saved/forget")
async def drop(request: Request, who: Annotated[Person, Depends(person)]) -> Response:
    """Keep a search no longer."""
    site: Site = request.app.state.site
    form = await request.form()
    forget(site.settings, who.actor, str(form.get("name", "")))
    return RedirectResponse("/saved", 303)


def news(site: Site, who: Person, *, shown: int = 0) -> list[New]:
    """The person's searches with what is new to each; of each the newest `shown` hits. Those with something new first.

    Nothing while the index cannot be read.
    """
    mine = saved_searches(site.settings, who.actor)
    if not mine:
        return []
    with site.session() as session:
        hidden = not_yet_indexed(session, who)
        try:
            with site.index() as index:
                found = new_to(index, session, mine, who.reach, hidden, shown)
        except IndexOutdatedError:
            return []
    return sorted(found, key=lambda one: (not one.total, one.saved.name.casefold()))


def anchor(name: str) -> str:
    """A place in the page for a search's name."""
    return "s" + name.encode().hex()[:40]
