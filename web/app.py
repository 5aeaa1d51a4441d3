"""The portal's application: its pages, what stands before them, and what people are told when something fails."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from archive.errors import ArchiveBusyError, DestroyedError, LuuTruError, RefusedError, UsageError
from archive.telemetry import Teller, wanted
from archive.terminal import explain
from search.index import IndexOutdatedError
from web import health
from web.api import ROOT, create_api
from web.counting import Counted, path_for_log
from web.exchange.app import Exchange, create_exchange
from web.exchange.problems import ROOT as EXCHANGE
from web.pages import OPEN, ROUTERS
from web.people import NotAllowedError, NotLoggedInError, TooManyError, person
from web.rendering import FORM_FIELD, STATIC, page
from web.security import SAFE, Guard, StaleFormError, checked_form, retry_after
from web.site import Site
from web.tracing import Traced

_LOG = logging.getLogger("luutru.web")


def create_app(root: Path, *, listens_on: tuple[str, ...] = ()) -> FastAPI:
    """The portal of the archive at `root`; `listens_on` are host names it answers to besides the settings'.

    Raises NoArchiveError, SettingsError and the integrity errors of opening an archive.
    """
    site = Site(root)

    exchanges: list[Exchange] = []
    told = site.settings
    teller = Teller(told, "portal", share=told.telemetry.share) if wanted(told) else None

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        for exchange in exchanges:
            exchange.start()
        yield
        for exchange in exchanges:
            await run_in_threadpool(exchange.stop)
        if teller is not None:
            await run_in_threadpool(teller.close)
        site.close()

    app = FastAPI(title="Lưu Trữ", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life,
                  dependencies=[Depends(checked_form)])
    app.state.site = site
    app.mount("/static", _Kept(directory=STATIC), name="static")
    app.include_router(health.router)
    for router in OPEN:
        app.include_router(router)
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(person)])
    if site.settings.web.api:
        api = create_api(site)
        site.openapi = api.openapi
        app.mount(ROOT, api)
    if site.settings.service.on:
        service, exchange = create_exchange(site)
        exchanges.append(exchange)
        app.mount(EXCHANGE, service)
    for kind, answer in _ANSWERS.items():
        app.add_exception_handler(kind, answer)
    app.add_middleware(Guard, settings=site.settings, limits=site.limits, failed=_failed, listens_on=listens_on)
    app.add_middleware(Counted, requests=site.requests)
    if teller is not None:
        app.add_middleware(Traced, teller=teller)
    return app


class _Kept(StaticFiles):
    """Static files: browsers keep them, for their address changes with their bytes."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


async def _not_logged_in(request: Request, _error: Exception) -> Response:
    if request.method not in SAFE:
        return await _kept(request, "logged_out", 401)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse("/login" if here == "/" else f"/login?next={quote(here, safe='')}", 303)


async def _stale(request: Request, _error: Exception) -> Response:
    return await _kept(request, "stale", 403)


async def _busy(request: Request, _error: Exception) -> Response:
    response = await _kept(request, "busy", 503)
    response.headers["retry-after"] = "300"
    return response


async def _kept(request: Request, why: str, status: int) -> HTMLResponse:
    """What was in the way, with everything that was written kept in a form that can be sent again."""
    form = await request.form()
    fields = [(name, value) for name, value in form.multi_items()
              if name not in (FORM_FIELD, "code") and "password" not in name and isinstance(value, str)]
    return page(request, "kept.html", status=status, why=why, fields=fields, action=request.url.path
                + (f"?{request.url.query}" if request.url.query else ""))


async def _not_allowed(request: Request, _error: Exception) -> Response:
    return page(request, "error.html", status=403, what="not_allowed", detail="")


async def _too_many(request: Request, error: Exception) -> Response:
    assert isinstance(error, TooManyError)
    response = page(request, "error.html", status=429, what="too_many", detail="")
    response.headers.update(retry_after(error))
    return response


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    request.state.person = request.app.state.site.sessions.person(request)
    what = {404: "not_found", 405: "not_found", 403: "not_allowed"}.get(error.status_code, "wrong")
    return page(request, "error.html", status=error.status_code, what=what, detail="")


async def _wrong(request: Request, _error: Exception) -> Response:
    return page(request, "error.html", status=400, what="wrong", detail="")


async def _ours(request: Request, error: Exception) -> Response:
    """An error of ours that has a sentence for people."""
    assert isinstance(error, LuuTruError)
    if isinstance(error, DestroyedError):
        return page(request, "error.html", status=410, what="destroyed", detail=str(error))
    if isinstance(error, UsageError | RefusedError):
        return page(request, "error.html", status=400 if isinstance(error, UsageError) else 409, what="said",
                    detail=explain(error))
    if isinstance(error, IndexOutdatedError):       # after an upgrade, until the night: who runs it reads what to do
        return page(request, "error.html", status=503, what="said", detail=explain(error))
    return _failed(request, error)


def _failed(request: Request, error: Exception) -> Response:
    """We failed: a number to find it in the log by, and nothing of the insides."""
    number = secrets.token_hex(4)
    _LOG.error("%s %s %r", number, request.method, path_for_log(request.scope), exc_info=error)
    return page(request, "error.html", status=500, what="failed", detail=number)


_ANSWERS: dict[type[Exception], Any] = {
    NotLoggedInError: _not_logged_in, NotAllowedError: _not_allowed, TooManyError: _too_many, StaleFormError: _stale,
    ArchiveBusyError: _busy, HTTPException: _http, RequestValidationError: _wrong, LuuTruError: _ours}
