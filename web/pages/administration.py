"""Administration: the way to the first of its pages (accounts, settings, trust lists, audit log) that one may use."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse

from web.navigation import pages_of
from web.people import Person, requires_right

router = APIRouter()


@router.get("/administration")
def administration(request: Request,
                   who: Annotated[Person, Depends(requires_right("administration"))]) -> RedirectResponse:
    """The first page of those that the person may use; the menu shows the others."""
    return RedirectResponse(pages_of(request, who, "/settings")[0], 303)
