"""What programs can ask of the archive, for the people who write them: the endpoints of /api/v1 on one page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from archive.i18n import _
from web.api.problems import KINDS, ROOT
from web.people import Person, person
from web.rendering import page
from web.site import Site
from web.tokens import SCOPES, scope_title

router = APIRouter()


@router.get(ROOT)
def programs_page(request: Request, who: Annotated[Person, Depends(person)]) -> Response:
    """Every endpoint with its parameters and scope, the problems, and how to begin. The OpenAPI document has it all."""
    site: Site = request.app.state.site
    if not site.settings.web.api:
        raise HTTPException(404)
    told = site.openapi()
    address = site.settings.web.address.rstrip("/") or str(request.base_url).rstrip("/")
    return page(request, "administration/programs.html", endpoints=_endpoints(told), root=ROOT, address=address,
                scopes=[(one, scope_title(one)) for one in SCOPES],
                problems=[(kind, status, _(title)) for kind, (status, title, _detail) in KINDS.items()])


def _endpoints(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"path": ROOT + path, "method": method.upper(), "summary": _(one["summary"]),
             "scope": one.get("x-luutru-scope", ""),
             "parameters": [(each["name"], each["in"], each.get("required", False),
                             _(said) if (said := each.get("description", "")) else "")
                            for each in one.get("parameters", ())]}
            for path, methods in told["paths"].items() for method, one in methods.items()]
