"""Rendering: templates into pages, with what every page needs: language, person, form tokens, dates for people."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from archive import __version__, i18n
from archive.findings import Level
from archive.i18n import _, ngettext_
from archive.marks import mark_name
from archive.terminal import (
    casefile_state_name,
    legal_value_name,
    local_day,
    local_time,
    role_name,
    state_name,
    time_source_name,
    verdict_name,
)
from web.navigation import navigation
from web.people import Person, role_title

HERE = Path(__file__).parent
TEMPLATES, STATIC = HERE / "templates", HERE / "static"
FORM_FIELD = "form_token"
_VISIT = "luutru_visit"     # who has no session yet needs a token for the log-in form all the same


def page(request: Request, template: str, *, status: int = 200, **data: Any) -> HTMLResponse:
    """The page that `template` makes of `data`; forms in it carry `{{ csrf() }}`."""
    who: Person | None = getattr(request.state, "person", None)
    visit = _bound_to(request)
    new = "" if visit else secrets.token_urlsafe(24)

    def csrf() -> Markup:
        return Markup('<input type="hidden" name="{}" value="{}">').format(FORM_FIELD, token(request, visit or new))

    html = _environment().get_template(template).render(
        {"request": request, "person": who, "csrf": csrf, "language": i18n.language(), "path": request.url.path,
         "here": _here(request), "site": request.app.state.site, **data})
    response = HTMLResponse(html, status)
    if new:
        response.set_cookie(_VISIT, new, httponly=True, samesite="lax",
                            secure=request.app.state.site.sessions.secure(request), path="/")
    return response


def token(request: Request, bound_to: str) -> str:
    """The token of forms for the browser that holds the cookie `bound_to`."""
    key: bytes = request.app.state.site.accounts.form_key
    return hmac.digest(key, bound_to.encode(), "sha256").hex()


def token_is_right(request: Request, given: str) -> bool:
    """Whether a form that came back was made for this browser."""
    bound_to = _bound_to(request)
    return bool(bound_to) and hmac.compare_digest(token(request, bound_to).encode(), given.encode())


def with_query(request: Request, **changed: str | int | None) -> str:
    """This page's address with some parameters changed; None leaves one out."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changed]
    kept += [(name, str(value)) for name, value in changed.items() if value is not None]
    return request.url.path + (f"?{urlencode(kept)}" if kept else "")


def _bound_to(request: Request) -> str:
    """The cookie to which form tokens are bound: the session's, else the visitor's."""
    cookie = request.app.state.site.sessions.cookie(request)
    return request.cookies.get(cookie, "") or request.cookies.get(_VISIT, "")


def _here(request: Request) -> str:
    """This page, to come back to; of a form that was sent there is no page."""
    if request.method not in ("GET", "HEAD"):
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


@cache
def static_address(name: str) -> str:
    """The address of a static file; it changes with the file, so that browsers may keep it for ever."""
    return f"/static/{name}?{hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


@cache
def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True,
                              lstrip_blocks=True, undefined=StrictUndefined)
    environment.globals.update(
        _=_, counted=counted, suggested=suggested, ngettext_=ngettext_, Level=Level, navigation=navigation,
        mark_name=mark_name, static=static_address, version=__version__, with_query=with_query,
        state_name=state_name, verdict_name=verdict_name, legal_value_name=legal_value_name, role_name=role_name,
        casefile_state_name=casefile_state_name, time_source_name=time_source_name, role_title=role_title)
    environment.filters.update(day=local_day, clock=local_time, number=_number, decimal=_decimal,
                               decimal1=_decimal1, share=_share)
    return environment


def suggested() -> Markup:
    """What makes a search field one that suggests (static/suggest.js)."""
    return Markup('data-suggest data-suggest-label="{}" data-suggest-said="{}"').format(
        _("Suggestions"), _("{n} suggestions; choose with the arrow keys"))


def counted(what: str, n: int) -> str:
    """So many of `what`, in words."""
    told = {
        "documents": ngettext_("{n} document", "{n} documents", n),
        "case_files": ngettext_("{n} case file", "{n} case files", n),
        "accounts": ngettext_("{n} account", "{n} accounts", n),
        "readable": ngettext_("{n} document of this archive is open to your account.",
                              "{n} documents of this archive are open to your account.", n),
        "sessions": ngettext_("You are logged in on {n} machine.", "You are logged in {n} times.", n)}[what]
    return told.format(n=_number(n))


def _number(value: int) -> str:
    """A number as people write it: 12.345 in Vietnamese, 12,345 in English."""
    return i18n.figure(f"{value:,}")


def _decimal(value: float | str) -> str:
    """A number from 0 to 1 as people write it, with two places: 0,85 in Vietnamese, 0.85 in English."""
    return i18n.figure(f"{float(value):.2f}")


def _decimal1(value: float) -> str:
    """A number as people write it, with one place: 1.234,5 in Vietnamese, 1,234.5 in English."""
    return i18n.figure(f"{value:,.1f}")


def _share(value: float | None, whole: float = 1.0) -> str:
    """A share of `whole` in percent: 61 %; a dash where it is not known."""
    return "–" if value is None else f"{100 * value / whole:.0f}\N{NO-BREAK SPACE}%"
