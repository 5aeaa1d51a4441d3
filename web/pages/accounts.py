"""The administrator's page: accounts, their roles, one-time links, locks, tokens of programs.

For a person's account nobody else makes a token: who holds one is taken for the person.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from archive import model
from archive.errors import UsageError
from archive.i18n import _
from web.accounts import AccountError
from web.pages.account import days_of
from web.people import ROLES, Person, requires_right
from web.rendering import page
from web.site import Site
from web.tokens import SCOPES, USUAL_DAYS, scope_title

router = APIRouter()
Administrator = Annotated[Person, Depends(requires_right("accounts"))]
Text = Annotated[str, Form()]
Texts = Annotated[list[str] | None, Form()]


@router.get("/accounts")
def accounts_page(request: Request, who: Administrator) -> Response:
    """Every account, and the form for a new one."""
    return _list(request, {"name": "", "full_name": "", "fonds": "", "roles": []})


@router.post("/accounts")
def add(request: Request, who: Administrator, name: Text = "", full_name: Text = "", fonds: Text = "",
        roles: Texts = None, machine: Text = "") -> Response:
    """Make an account; a person's one-time link is shown once, here."""
    site: Site = request.app.state.site
    try:
        if machine:
            site.accounts.add_machine(name, full_name, roles or [], fonds=_fonds(site, fonds), by=who.actor)
            return RedirectResponse(f"/accounts/{name.strip().lower()}", 303)
        token = site.accounts.add(name, full_name, roles or [], fonds=_fonds(site, fonds), by=who.actor)
    except UsageError as problem:
        return _list(request, {"name": name, "full_name": full_name, "fonds": fonds, "roles": roles or []},
                     fault=str(problem), status=400)
    return _one(request, name.strip().lower(), link=_link(request, token))


@router.get("/accounts/{name}")
def account_page(request: Request, name: str, who: Administrator) -> Response:
    """One account: roles, lock, new link."""
    return _one(request, name)


@router.post("/accounts/{name}/roles")
def set_roles(request: Request, name: str, who: Administrator, fonds: Text = "", roles: Texts = None) -> Response:
    """Give the account exactly these roles; its sessions end."""
    site: Site = request.app.state.site
    try:
        site.accounts.set_roles(name, roles or [], fonds=_fonds(site, fonds), by=who.actor)
    except UsageError as problem:
        return _one(request, name, fault=str(problem))
    return RedirectResponse("/accounts" if name != who.name else "/login", 303)


@router.post("/accounts/{name}/lock")
def lock(request: Request, name: str, who: Administrator, locked: Text = "", reason: Text = "") -> Response:
    """Lock the account or unlock it."""
    site: Site = request.app.state.site
    try:
        site.accounts.lock(name, locked=bool(locked), reason=reason.strip()[:500], by=who.actor)
    except UsageError as problem:
        return _one(request, name, fault=str(problem))
    return RedirectResponse(f"/accounts/{name}", 303)


@router.post("/accounts/{name}/reset")
def reset(request: Request, name: str, who: Administrator) -> Response:
    """Take the password from the account; its new one-time link is shown once, here."""
    site: Site = request.app.state.site
    try:
        token = site.accounts.reset(name, by=who.actor)
    except UsageError as problem:
        return _one(request, name, fault=str(problem))
    return _one(request, name, link=_link(request, token))


@router.post("/accounts/{name}/tokens")
def make_token(request: Request, name: str, who: Administrator, title: Text = "", days: Text = "",
               scopes: Texts = None) -> Response:
    """Make a token for a machine's account; it is shown once, here."""
    site: Site = request.app.state.site
    account = site.accounts.get(name)
    if account is None:
        raise HTTPException(404)
    try:
        if not account.machine:
            raise AccountError(_("A person makes tokens under their own name; you may end them."))
        shown, _token = site.tokens.make(name, title, scopes or [], days=days_of(days), by=who.actor)
    except UsageError as problem:
        return _one(request, name, fault=str(problem))
    return _one(request, name, shown=shown)


@router.post("/accounts/{name}/tokens/{id}/end")
def end_token(request: Request, name: str, id: str, who: Administrator) -> Response:
    """End a token of an account at once."""
    site: Site = request.app.state.site
    try:
        site.tokens.revoke(id, of=name, by=who.actor)
    except UsageError as problem:
        return _one(request, name, fault=str(problem))
    return RedirectResponse(f"/accounts/{name}", 303)


def _list(request: Request, typed: dict[str, object], *, fault: str = "", status: int = 200) -> Response:
    site: Site = request.app.state.site
    return page(request, "accounts.html", status=status, accounts=site.accounts.all(), roles=ROLES, typed=typed,
                fault=fault, fonds=_all_fonds(site))


def _one(request: Request, name: str, *, fault: str = "", link: str = "", shown: str = "") -> Response:
    site: Site = request.app.state.site
    account = site.accounts.get(name)
    if account is None:
        raise HTTPException(404)
    return page(request, "account_of.html", status=400 if fault else 200, account=account, roles=ROLES, fault=fault,
                link=link, sessions=site.sessions.count(name), fonds=_all_fonds(site), shown=shown,
                tokens=site.tokens.of(name), scopes=SCOPES, scope_title=scope_title,
                days=min(USUAL_DAYS, site.settings.web.token_days))


def _all_fonds(site: Site) -> list[tuple[str, str]]:
    with site.session() as session:
        return [(row.code, row.name) for row in session.execute(
            select(model.Fonds.code, model.Fonds.name).order_by(model.Fonds.code))]


def _fonds(site: Site, code: str) -> str:
    """The agency of an account: empty, or a fonds of this archive. Raises AccountError."""
    if code and code not in {one for one, _name in _all_fonds(site)}:
        raise AccountError(_("This archive has no fonds {code}.").format(code=code))
    return code


def _link(request: Request, token: str) -> str:
    site: Site = request.app.state.site
    return (site.settings.web.address or str(request.base_url)).rstrip("/") + f"/link/{token}"
