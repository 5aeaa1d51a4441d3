"""Logging in and out, the second factor, one-time links, and the language: what works without being logged in."""

from __future__ import annotations

import math
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from archive.errors import UsageError
from archive.i18n import LANGUAGES, _
from web.people import Person, person
from web.rendering import page
from web.security import LANGUAGE_COOKIE, local_path
from web.sessions import Tried
from web.site import Site

router = APIRouter()
Text = Annotated[str, Form()]


@router.get("/login")
def log_in_page(request: Request, next: str = "/") -> Response:
    """The log-in form; who is logged in goes on."""
    site: Site = request.app.state.site
    if site.sessions.person(request) is not None:
        return RedirectResponse(local_path(next), 303)
    return page(request, "login.html", next=local_path(next), name="", fault="", first=site.accounts.none_yet())


@router.post("/login")
def log_in(request: Request, name: Text = "", password: Text = "", next: Text = "/") -> Response:
    """Try to log in: a new session, the question for the second factor, or the form again."""
    site: Site = request.app.state.site
    tried = site.sessions.log_in(name, password, address_of(request))
    if tried.session:
        target = local_path(next)
        response = RedirectResponse(code_page_of(target) if tried.code_wanted else target, 303)
        site.sessions.remember(request, response, tried.session)
        return response
    fault = _waits(tried) if tried.wait else _("Name or password is not right.")
    return page(request, "login.html", status=429 if tried.wait else 401, next=local_path(next), name=name,
                fault=fault, first=False)


@router.get("/login/code")
def code_page(request: Request, next: str = "/") -> Response:
    """The question for the second factor."""
    return page(request, "second_factor.html", next=local_path(next), fault="")


@router.post("/login/code")
def second_factor(request: Request, code: Text = "", next: Text = "/") -> Response:
    """The code of the second factor: a new session, or the question again."""
    site: Site = request.app.state.site
    tried = site.sessions.second_factor(request, code[:20], address_of(request))
    if tried.session:
        response: Response = RedirectResponse(local_path(next), 303)
        site.sessions.remember(request, response, tried.session)
        return response
    if not tried.code_wanted:       # no session waits for a code, or it has ended
        return RedirectResponse("/login", 303)
    fault = _waits(tried) if tried.wait else _("The code is not right, or was used already. Wait for the next one.")
    return page(request, "second_factor.html", status=429 if tried.wait else 401, next=local_path(next), fault=fault)


@router.post("/logout")
def log_out(request: Request, who: Annotated[Person, Depends(person)], everywhere: Text = "") -> Response:
    """End this session, or all of this person's."""
    site: Site = request.app.state.site
    site.sessions.log_out(who, everywhere=bool(everywhere))
    response = RedirectResponse("/login", 303)
    site.sessions.forget(request, response)
    return response


@router.get("/link/{token}")
def link_page(request: Request, token: str) -> Response:
    """Under a one-time link: choose a password; under the set-up link: make the first administrator."""
    held = request.app.state.site.accounts.link(token)
    return page(request, "link.html", status=404 if held is None else 200, held=held, name=held or "", full_name="",
                fault="", token=token)


@router.post("/link/{token}")
def use_link(request: Request, token: str, password: Text = "", again_password: Text = "",
             name: Text = "", full_name: Text = "") -> Response:
    """Set the password, end the link, and go to the log-in page."""
    site: Site = request.app.state.site
    held = site.accounts.link(token)
    try:
        if password != again_password:
            raise UsageError(_("The two passwords are not the same."))
        site.accounts.use_link(token, password, name=name, full_name=full_name)
    except UsageError as problem:
        return page(request, "link.html", status=400, held=held, name=held or name, full_name=full_name,
                    fault=str(problem), token=token)
    return RedirectResponse("/login", 303)


@router.get("/language/{language}")
def choose_language(request: Request, language: str, next: str = "/") -> Response:
    """Speak Vietnamese or English to this browser from now on."""
    response = RedirectResponse(local_path(next), 303)
    if language in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=365 * 86400, samesite="lax", httponly=True,
                            secure=request.app.state.site.sessions.secure(request))
    return response


def address_of(request: Request) -> str:
    """The network address that asks."""
    return request.client.host if request.client else ""


def code_page_of(target: str) -> str:
    """The page that asks for the second factor and goes on to `target`."""
    return "/login/code" if target == "/" else f"/login/code?next={quote(target, safe='')}"


def _waits(tried: Tried) -> str:
    minutes = math.ceil(tried.wait / 60)
    return _("Too many wrong attempts. Try again in {n} minutes, or ask the administrator.").format(n=minutes)
