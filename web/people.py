"""People: who is asking, which roles they have, and what these may do (roles.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request

from archive import clock
from archive.access import Reach
from archive.i18n import _

ROLES = ("administrator", "archivist", "records_officer", "council_member", "archive_centre", "auditor", "reader")
_TABLE = Path(__file__).with_name("roles.toml")


class NotLoggedInError(Exception):
    """Nobody is logged in, or the session has ended; the answer is the log-in page."""


class TooManyError(Exception):
    """More was asked for than is answered in a minute; the answer is 429. `wait`: seconds until it goes on."""

    def __init__(self, wait: float) -> None:
        super().__init__(wait)
        self.wait = wait


class NotAllowedError(Exception):
    """The person's roles do not allow this; the answer is 403."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is asking: log-in name, full name, roles, and the agency whose fonds is their own (empty: all)."""

    name: str
    full_name: str
    roles: frozenset[str]
    fonds: str = ""
    session: str = ""           # hash of the session's id
    token: str = ""             # id of the token with which a program acts for the account
    scopes: frozenset[str] = frozenset()        # what the token is for (web/tokens.py)

    def may(self, right: str) -> bool:
        """Whether one of the roles has `right` (roles.toml)."""
        return any(right in _rights()[role]["may"] for role in self.roles)

    def has(self, *roles: str) -> bool:
        """Whether the person has one of `roles`."""
        return not self.roles.isdisjoint(roles)

    @property
    def whole_archive(self) -> bool:
        """Whether the whole archive is this person's own."""
        return not self.fonds

    @property
    def reach(self) -> Reach:
        """Which documents the person may know of by their roles: goes into every query.

        What they were granted as readers is not in it: of that no page gives files or text away (`reach_granted`).
        """
        others = {access for role in self.roles for access in _rights()[role]["others"]}
        own = others | {access for role in self.roles for access in _rights()[role]["own"]}
        return Reach(self.fonds, frozenset(own), frozenset(own if self.whole_archive else others))

    @property
    def reach_granted(self) -> Reach:
        """The same, and what the account was granted for today; for pages that show no more than copies of that.

        A grant is for its reader (TT 05/2025/TT-BNV Đ36, Đ37): a program that has a token of the account has none.
        """
        reach = self.reach
        return reach if self.token else replace(reach, account=self.name, on=today())

    @property
    def actor(self) -> str:
        """How the ledger names the person."""
        return self.name


def person(request: Request) -> Person:
    """The person who is asking (a dependency of pages). Raises NotLoggedInError, TooManyError."""
    known: Person | None = getattr(request.state, "person", None)
    if known is None:
        known = request.app.state.site.sessions.person(request)
        if known is None:
            raise NotLoggedInError
        request.state.person = known
        request.app.state.site.limits.of_account(known.name)
    return known


def requires(*roles: str) -> Callable[[Person], Person]:
    """A dependency: the person, who must have one of `roles`. Raises NotAllowedError."""
    unknown = set(roles) - set(ROLES)
    assert not unknown, unknown

    def allowed(who: Annotated[Person, Depends(person)]) -> Person:
        if not who.has(*roles):
            raise NotAllowedError
        return who

    return allowed


def requires_right(right: str) -> Callable[[Person], Person]:
    """A dependency: the person, one of whose roles must have `right`. Raises NotAllowedError."""
    def allowed(who: Annotated[Person, Depends(person)]) -> Person:
        if not who.may(right):
            raise NotAllowedError
        return who

    return allowed


def today() -> str:
    """The day in Vietnam, YYYY-MM-DD: the last day of a grant is one of it."""
    return clock.in_vietnam(clock.now()).date().isoformat()


def role_title(role: str) -> str:
    """A role in words."""
    return {"administrator": _("administrator"), "archivist": _("archivist"), "records_officer": _("records officer"),
            "council_member": _("council member"), "archive_centre": _("archive centre"), "auditor": _("auditor"),
            "reader": _("reader")}[role]


@cache
def _rights() -> dict[str, dict[str, Any]]:
    with _TABLE.open("rb") as stream:
        return tomllib.load(stream)
