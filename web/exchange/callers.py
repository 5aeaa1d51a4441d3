"""Which client is asking: by a token of the service, or one of the gateway that stands before it (LGSP).

Only the header Authorization is looked at, and only over TLS, this machine itself excepted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from web.exchange.clients import PREFIX, SCOPES, Client, UnknownTokenError
from web.exchange.problems import Problem
from web.id_tokens import NotBelievedError

if TYPE_CHECKING:
    from web.exchange.app import Exchange

_REALM = 'Bearer realm="luutru-lgsp"'
_SCHEME = HTTPBearer(auto_error=False, scheme_name="token", description=(
    "A token of the service (`lgsp_…`, from `POST /lgsp/v1/token` with a client's credentials), or one of the gateway "
    "that stands before it, where the archive trusts one."))


@dataclass(frozen=True, slots=True)
class Caller:
    """The client that asks, and what its token is for."""

    client: Client
    scopes: tuple[str, ...]

    @property
    def agency(self) -> str:
        """The code of its agency: what it may know of is this agency's."""
        return self.client.agency


def over_tls(request: Request) -> None:
    """A dependency: secrets come by https, or from this machine. Raises Problem."""
    exchange: Exchange = request.app.state.exchange
    if request.url.scheme != "https" and not exchange.settings.plain_http and not _is_here(request):
        raise Problem("needs_tls")


def caller(request: Request, _tls: Annotated[None, Depends(over_tls)],
           given: Annotated[HTTPAuthorizationCredentials | None, Depends(_SCHEME)]) -> Caller:
    """The client behind the request's token, counted. Raises Problem, TooManyError."""
    exchange: Exchange = request.app.state.exchange
    if given is None or len(request.headers.getlist("authorization")) != 1:
        raise Problem("unauthenticated", headers={"www-authenticate": _REALM})
    token = given.credentials
    try:
        found = Caller(*exchange.clients.of_token(token)) if token.startswith(PREFIX) else _of_gateway(exchange, token)
    except (UnknownTokenError, NotBelievedError) as error:
        raise Problem("invalid_token", headers={"www-authenticate": f'{_REALM}, error="invalid_token"'}) from error
    exchange.site.limits.of_client(found.client.id)
    return found


def allowed(scope: str) -> Callable[[Caller], Caller]:
    """A dependency: the client that asks, whose token has `scope`. Raises Problem."""
    assert scope in SCOPES, scope

    def check(who: Annotated[Caller, Depends(caller)]) -> Caller:
        if scope not in who.scopes:
            raise Problem("insufficient_scope", headers={
                "www-authenticate": f'{_REALM}, error="insufficient_scope", scope="{scope}"'}, scope=scope)
        return who

    return check


Reader = Annotated[Caller, Depends(allowed("transfer.read"))]
Writer = Annotated[Caller, Depends(allowed("transfer.write"))]


def needs(scope: str) -> dict[str, Any]:
    """What the OpenAPI document says of the scope that an endpoint needs."""
    return {"x-luutru-scope": scope}


def _of_gateway(exchange: Exchange, token: str) -> Caller:
    client = exchange.clients.at_gateway(exchange.gateway.client_of(token))
    return Caller(client, client.scopes)


def _is_here(request: Request) -> bool:
    try:
        return ipaddress.ip_address((request.client.host if request.client else "").partition("%")[0]).is_loopback
    except ValueError:
        return False
