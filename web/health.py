"""Whether this server lives and is ready, for a proxy or a supervisor: no log-in, nothing of the archive is told."""

from __future__ import annotations

import os

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from web.site import Site

router = APIRouter()


@router.get("/health/live")
def live() -> Response:
    """The process answers."""
    return JSONResponse({"live": True})


@router.get("/health/ready")
def ready(request: Request) -> Response:
    """200 when catalogue and store answer, else 503 with the names of the parts that do not."""
    site: Site = request.app.state.site
    parts = {"catalogue": _catalogue(site), "store": os.access(site.archive.store.root, os.R_OK | os.X_OK)}
    return JSONResponse({"ready": all(parts.values()), **parts}, 200 if all(parts.values()) else 503)


def _catalogue(site: Site) -> bool:
    try:
        with site.session() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True
