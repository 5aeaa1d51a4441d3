"""The archive's figures and this process's requests, in the text form of Prometheus."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from archive.i18n import later
from ingest.metrics import Figures
from web.api.callers import allowed, needs
from web.people import Person
from web.site import Site

router = APIRouter(tags=["monitoring"])


@router.get("/metrics", summary=later("Figures for a monitoring system (Prometheus)"),
                    openapi_extra=needs("reports"), response_class=Response)
def metrics(request: Request, who: Annotated[Person, Depends(allowed("reports", "figures"))]) -> Response:
    """The archive's figures and this process's requests, in the text form of Prometheus."""
    site: Site = request.app.state.site
    registry = CollectorRegistry()
    registry.register(Figures(site.archive))
    return Response(generate_latest(registry) + generate_latest(site.requests.registry),
                    media_type=CONTENT_TYPE_LATEST)
