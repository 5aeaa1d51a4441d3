"""The settings in force, and where each comes from. They are changed in the settings file, by who runs the machine."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from archive.settings import FILE_NAME
from web import effective
from web.people import Person, requires_right
from web.rendering import page
from web.site import Site

router = APIRouter()


@router.get("/settings")
def settings_page(request: Request, who: Annotated[Person, Depends(requires_right("settings"))],
                  changed: str = "") -> Response:
    """Every setting with its value, its source and its meaning; `changed`: only those that are not as they came."""
    site: Site = request.app.state.site
    parts = effective.effective(site.settings, site.sources)
    own = sum(one.source != "default" for part in parts for one in part.settings)
    if changed:
        parts = [effective.Part(part.name, part.meaning, some) for part in parts
                 if (some := tuple(one for one in part.settings if one.source != "default"))]
    return page(request, "administration/settings.html", parts=parts, own=own, only=bool(changed),
                file=FILE_NAME, stale=effective.changed(site.settings, site.sources))
