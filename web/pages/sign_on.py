"""Signing on at the agency's identity provider: the way there and back (web/oidc.py)."""

from __future__ import annotations

import logging

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from archive.i18n import _
from web.id_tokens import NotBelievedError
from web.pages.login import address_of, code_page_of
from web.rendering import page
from web.security import local_path
from web.site import Site

router = APIRouter()
_LOG = logging.getLogger("luutru.web")
_BACK = "/login/oidc/back"


@router.get("/login/oidc")
def go(request: Request, next: str = "/") -> Response:
    """Send the browser to the provider; it can come back once."""
    site: Site = request.app.state.site
    if not site.sign_on.on:
        raise HTTPException(404)
    if site.sessions.person(request) is not None:
        return RedirectResponse(local_path(next), 303)
    try:
        place, browser = site.sign_on.begin(_back(request), local_path(next)[:1000])
    except NotBelievedError as problem:
        return _again(request, problem)
    response = RedirectResponse(place, 303)
    # Lax: it has to come along when the provider sends the browser back.
    response.set_cookie(_cookie(request), browser, max_age=600, httponly=True, samesite="lax",
                        secure=site.sessions.secure(request), path="/")
    return response


@router.get(_BACK)
def back(request: Request, state: str = "", code: str = "", iss: str = "") -> Response:
    """The browser comes back: a session, the question for the second factor, or the log-in page with the reason."""
    site: Site = request.app.state.site
    if not site.sign_on.on:
        raise HTTPException(404)
    try:
        found = site.sign_on.finish(_back(request), state=state[:200], code=code[:4000], issuer=iss[:1000],
                                    browser=request.cookies.get(_cookie(request), ""))
    except NotBelievedError as problem:
        return _again(request, problem)
    tried = site.sessions.signed_on(found.name, found.subject, address_of(request))
    if not tried.session:
        return _page(request, _("You are signed on, but there is no account here for you that you may use. The "
                                "administrator makes accounts."), 403)
    target = local_path(found.next)
    response = RedirectResponse(code_page_of(target) if tried.code_wanted else target, 303)
    site.sessions.remember(request, response, tried.session)
    response.delete_cookie(_cookie(request), path="/", httponly=True, samesite="lax",
                           secure=site.sessions.secure(request))
    return response


def _again(request: Request, problem: NotBelievedError) -> Response:
    """The log-in page. The reason is for the log: it holds nothing that the provider or the browser sent."""
    _LOG.warning("sign-on refused: %s", problem)
    return _page(request, _("Signing on did not work. Try once more; if it fails again, tell the administrator."), 401)


def _page(request: Request, fault: str, status: int) -> Response:
    # The address of this page has what the provider sent: nothing on it leads back here.
    return page(request, "login.html", status=status, next="/", name="", fault=fault, first=False, here="/login")


def _back(request: Request) -> str:
    site: Site = request.app.state.site
    return (site.settings.web.address or str(request.base_url)).rstrip("/") + _BACK


def _cookie(request: Request) -> str:
    secure = request.app.state.site.sessions.secure(request)
    return "__Host-luutru_sign_on" if secure else "luutru_sign_on"
