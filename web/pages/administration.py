"""Administration: the way to the pages of settings, trust lists, the audit log and accounts, as rights allow."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from archive.i18n import _, later
from web.api.problems import ROOT
from web.people import Person, requires_right
from web.rendering import page
from web.site import Site

router = APIRouter()
HERE = "/administration"
# address, title, the right that it takes
_PAGES = (("/settings", later("Settings"), "settings"), ("/trust", later("Trust lists"), "trust"),
          ("/audit", later("Audit log"), "audit"), ("/accounts", later("Accounts"), "accounts"),
          (ROOT, later("For programs"), "administration"))


@router.get(HERE)
def administration(request: Request,
                   who: Annotated[Person, Depends(requires_right("administration"))]) -> RedirectResponse:
    """The first page of those that the person may use."""
    return RedirectResponse(tabs(request, who)[0][0], 303)


def tabs(request: Request, who: Person) -> list[tuple[str, str]]:
    """Addresses and titles of the pages that the person may use."""
    site: Site = request.app.state.site
    return [(address, _(title)) for address, title, right in _PAGES
            if who.may(right) and (address != ROOT or site.settings.web.api)]


def below(request: Request, who: Person, template: str, *, status: int = 200, **data: Any) -> HTMLResponse:
    """A page of administration, with the way to its sisters; the main menu shows where it belongs."""
    return page(request, template, status=status, path=HERE, tabs=tabs(request, who), at=request.url.path, **data)
