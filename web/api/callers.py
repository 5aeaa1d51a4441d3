"""Who is asking: the account behind the token of a request, counted, and what the token is for.

Only the header Authorization is looked at: no cookie counts here, and no token in an address, where logs would keep it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from web.api.problems import Problem
from web.people import Person
from web.site import Site
from web.tokens import SCOPES, TokenError

_REALM = 'Bearer realm="luutru"'
_SCHEME = HTTPBearer(auto_error=False, scheme_name="token", description=(
    "A token of an account, `luutru_….…`: made under one's name, by an administrator for a machine's account, or by "
    "`luutru account token add`. It is shown once."))


def caller(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_SCHEME)]) -> Person:
    """For whom the request's token acts. Raises Problem, TooManyError."""
    site: Site = request.app.state.site
    if given is None or len(request.headers.getlist("authorization")) != 1:
        raise Problem("unauthenticated", headers={"www-authenticate": _REALM})
    try:
        who = site.tokens.person(given.credentials[:300])
    except TokenError as error:
        raise Problem("invalid_token", str(error), {
            "www-authenticate": f'{_REALM}, error="invalid_token"'}) from error
    site.limits.of_token(who.token)
    return who


def allowed(scope: str, right: str = "") -> Callable[[Person], Person]:
    """A dependency: who asks, whose token has `scope` and one of whose roles has `right`. Raises Problem."""
    assert scope in SCOPES, scope

    def check(who: Annotated[Person, Depends(caller)]) -> Person:
        if scope not in who.scopes:
            raise Problem("insufficient_scope", headers={
                "www-authenticate": f'{_REALM}, error="insufficient_scope", scope="{scope}"'}, scope=scope)
        if right and not who.may(right):
            raise Problem("not_allowed")
        return who

    return check


def needs(scope: str) -> dict[str, Any]:
    """What the OpenAPI document says of the scope that an endpoint needs."""
    return {"x-luutru-scope": scope}
