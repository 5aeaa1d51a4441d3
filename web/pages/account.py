"""One's own account: password, second factor, sessions, tokens for programs."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from archive.errors import UsageError
from archive.i18n import _
from web import totp
from web.people import Person, person
from web.rendering import page
from web.site import Site
from web.tokens import SCOPES, USUAL_DAYS, scope_title

router = APIRouter()
FRESH = 15 * 60.0       # so young a session is as good as a password, where an account has none, seconds
Me = Annotated[Person, Depends(person)]
Text = Annotated[str, Form()]


@router.get("/account")
def account_page(request: Request, who: Me) -> Response:
    """The page of the own account."""
    return _page(request, who)


@router.post("/account/password")
def change_password(request: Request, who: Me, old: Annotated[str, Form(alias="old_password")] = "",
                    new: Annotated[str, Form(alias="new_password")] = "",
                    again: Annotated[str, Form(alias="again_password")] = "") -> Response:
    """Set another password; every session ends, this one too. Guessing the present one counts as at the log-in."""
    site: Site = request.app.state.site
    address = request.client.host if request.client else ""
    try:
        if new != again:
            raise UsageError(_("The two passwords are not the same."))
        site.sessions.changing_password(who.name, old, new, address)
    except UsageError as problem:
        return _page(request, who, fault=str(problem))
    response = RedirectResponse("/login", 303)
    site.sessions.forget(request, response)
    return response


@router.post("/account/code")
def begin_second_factor(request: Request, who: Me) -> Response:
    """Show a new secret; it counts once a code of it was given back."""
    return _page(request, who, secret=request.app.state.site.sessions.offer_secret(who, totp.new_secret()))


@router.get("/account/code.png")
def code_picture(request: Request, who: Me) -> Response:
    """The QR code of the secret that is offered to this session now."""
    site: Site = request.app.state.site
    secret = site.sessions.offered_secret(who)
    if not secret:
        raise HTTPException(404)
    return Response(totp.picture(totp.address(secret, who.name, site.settings.agency.code)), media_type="image/png")


@router.post("/account/code/confirm")
def confirm_second_factor(request: Request, who: Me, code: Text = "") -> Response:
    """Ask for a code at every log-in from now on."""
    site: Site = request.app.state.site
    secret = site.sessions.offered_secret(who)
    if not secret:
        return RedirectResponse("/account", 303)
    try:
        site.accounts.set_totp(who.name, secret, code[:20])
    except UsageError as problem:
        return _page(request, who, fault=str(problem), secret=secret)
    site.sessions.offer_secret(who, "")
    return RedirectResponse("/account", 303)


@router.post("/account/code/end")
def end_second_factor(request: Request, who: Me, password: Text = "") -> Response:
    """Ask for no code any more; the password is asked for."""
    site: Site = request.app.state.site
    try:
        site.sessions.check_password(who.name, password, request.client.host if request.client else "")
    except UsageError as problem:
        return _page(request, who, fault=str(problem))
    site.accounts.set_totp(who.name, "", "")
    return RedirectResponse("/account", 303)


@router.post("/account/tokens")
def make_token(request: Request, who: Me, title: Text = "", days: Text = "", password: Text = "",
               scopes: Annotated[list[str] | None, Form()] = None) -> Response:
    """Make a token for a program that acts for oneself; it is shown once, here. The password is asked for once more.

    Who signs on elsewhere has none here; their session must be young.
    """
    site: Site = request.app.state.site
    account = site.accounts.get(who.name)
    try:
        if account is not None and account.has_password:
            site.sessions.check_password(who.name, password, request.client.host if request.client else "")
        elif site.sessions.began(who) < time.time() - FRESH:
            raise UsageError(_("Log out, sign on again, and make the token within 15 minutes."))
        shown, _token = site.tokens.make(who.name, title, scopes or [], days=days_of(days), by=who.actor)
    except UsageError as problem:
        return _page(request, who, fault=str(problem))
    return _page(request, who, shown=shown)


@router.post("/account/tokens/{id}/end")
def end_token(request: Request, who: Me, id: str) -> Response:
    """End one of one's own tokens at once."""
    site: Site = request.app.state.site
    try:
        site.tokens.revoke(id, of=who.name, by=who.actor)
    except UsageError as problem:
        return _page(request, who, fault=str(problem))
    return RedirectResponse("/account", 303)


def days_of(text: str) -> int:
    """For how many days a token is to hold, as it was typed; 0 for what is no number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0


def _page(request: Request, who: Person, *, fault: str = "", secret: str = "", shown: str = "") -> Response:
    site: Site = request.app.state.site
    account = site.accounts.get(who.name)
    assert account is not None
    return page(request, "account.html", status=400 if fault else 200, account=account, fault=fault, secret=secret,
                sessions=site.sessions.count(who.name), shown=shown, tokens=site.tokens.of(who.name), scopes=SCOPES,
                scope_title=scope_title, days=min(USUAL_DAYS, site.settings.web.token_days))
