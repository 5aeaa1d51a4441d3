"""Tokens with which programs act for an account: what they may, how long, and who is behind one.

A token is `luutru_<id>.<secret>`. It is shown once; kept are its id and the SHA-256 of the whole (256 random bits need
no slow hash). It gives no right of its own: its account's roles and agency count at the moment, and of those only what
the scopes name. Made and ended ones are told to the ledger, without secrets.
"""

from __future__ import annotations

import hmac
import secrets
import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from archive import acts, clock
from archive.i18n import _
from archive.settings import Settings
from web.accounts import AccountError, Accounts, hashed
from web.people import Person

SCOPES = ("records", "files", "reports", "retention")
PREFIX = "luutru_"
USUAL_DAYS, MOST = 90, 20
"""For how many days a token holds where nothing else is said, and how many an account may have."""
TOUCH = 60.0            # a token's last use is written down so often at most, seconds
_NOBODY = hashed("")


class TokenError(Exception):
    """No token of ours, or one that has ended; the sentence says which only to who holds it."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token as lists show it; no secret."""

    id: str
    account: str
    title: str
    scopes: tuple[str, ...]
    made_at: str
    made_by: str
    until: str
    used_at: str

    @property
    def ended(self) -> bool:
        """Whether its time is over."""
        return self.until <= clock.stamp(clock.now())


class Tokens:
    """The tokens of one archive's accounts."""

    def __init__(self, settings: Settings, held: Accounts) -> None:
        self.settings, self.accounts = settings, held

    def of(self, name: str) -> list[Token]:
        """The tokens of an account, the newest first."""
        with self.accounts.database(changing=False) as database:
            return [_token(row) for row in database.execute(
                "SELECT * FROM token WHERE account = ? ORDER BY made_at DESC, id", (name,))]

    def all(self) -> list[Token]:
        """Every token, by account."""
        with self.accounts.database(changing=False) as database:
            return [_token(row) for row in database.execute("SELECT * FROM token ORDER BY account, made_at DESC, id")]

    def make(self, name: str, title: str, scopes: list[str], *, days: int = USUAL_DAYS, by: str) -> tuple[str, Token]:
        """Make a token for the account: the token itself, which is nowhere kept, and what lists show of it.

        Raises AccountError for an account that cannot have one, and for a title, scope or number of days that cannot
        be.
        """
        title = " ".join(title.split())
        self.check(title, scopes, days)
        made = clock.now()
        token = Token(secrets.token_hex(6), name, title, tuple(one for one in SCOPES if one in scopes),
                      clock.stamp(made), by, clock.stamp(made + timedelta(days=days)), "")
        shown = f"{PREFIX}{token.id}.{secrets.token_urlsafe(32)}"
        with self.accounts.database() as database:
            row = database.execute("SELECT locked FROM account WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise AccountError(_("There is no account {name}.").format(name=name))
            if row["locked"]:
                raise AccountError(_("The account {name} is locked.").format(name=name))
            if database.execute("SELECT count(*) FROM token WHERE account = ?", (name,)).fetchone()[0] >= MOST:
                raise AccountError(_("The account has {n} tokens; end one of them first.").format(n=MOST))
            database.execute(
                "INSERT INTO token (id, secret, account, title, scopes, made_at, made_by, until) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (token.id, hashed(shown), name, title, " ".join(token.scopes),
                                                    token.made_at, by, token.until))
        acts.note(self.settings, "token_made", name, {
            "token": token.id, "title": title, "scopes": list(token.scopes), "until": token.until}, actor=by)
        return shown, token

    def revoke(self, id_: str, *, of: str = "", by: str) -> Token:
        """End a token at once (one of the account `of`, where it is given). Raises AccountError for an unknown one."""
        with self.accounts.database() as database:
            row = database.execute("SELECT * FROM token WHERE id = ? AND (account = ? OR ? = '')",
                                   (id_, of, of)).fetchone()
            if row is None:
                raise AccountError(_("There is no token {id}.").format(id=id_[:20]))
            database.execute("DELETE FROM token WHERE id = ?", (id_,))
        token = _token(row)
        acts.note(self.settings, "token_revoked", token.account, {"token": id_, "title": token.title}, actor=by)
        return token

    def person(self, shown: str) -> Person:
        """For whom a token acts, with the roles of the moment. Raises TokenError.

        The same work is done for an id that does not exist as for one that does; secrets are compared in constant time.
        """
        now = time.time()
        id_ = shown.removeprefix(PREFIX).partition(".")[0][:40]
        with self.accounts.database(changing=False) as database:
            row = database.execute(
                "SELECT token.*, account.full_name, account.fonds, account.locked FROM token "
                "JOIN account ON account.name = token.account WHERE token.id = ?", (id_,)).fetchone()
            roles = frozenset(one["role"] for one in database.execute(
                "SELECT role FROM role WHERE account = ?", (row["account"] if row else "",)))
        right = hmac.compare_digest(row["secret"] if row else _NOBODY, hashed(shown))
        if row is None or not right:
            raise TokenError(_("This is no token of this archive, or it was ended."))
        if row["locked"]:
            raise TokenError(_("The account of this token is locked."))
        if row["until"] <= clock.stamp(clock.now()):
            raise TokenError(_("The time of this token is over."))
        if now - row["used"] > TOUCH:
            with self.accounts.database() as database:
                database.execute("UPDATE token SET used = ? WHERE id = ?", (now, id_))
        return Person(row["account"], row["full_name"], roles, row["fonds"], token=id_,
                      scopes=frozenset(row["scopes"].split()))

    def check(self, title: str, scopes: list[str], days: int) -> None:
        """Raises AccountError for a title, scope or number of days that cannot be."""
        if not title or len(title) > 100 or not title.isprintable():
            raise AccountError(_("Say in at most 100 characters what the token is for."))
        if unknown := set(scopes) - set(SCOPES):
            raise AccountError(_("There is no scope {scope}; choose from {scopes}").format(
                scope=sorted(unknown)[0][:40], scopes=", ".join(SCOPES)))
        if not scopes:
            raise AccountError(_("A token needs a scope."))
        if not 1 <= days <= self.settings.web.token_days:
            raise AccountError(_("A token holds from 1 to {n} days (web.token_days).").format(
                n=self.settings.web.token_days))


def scope_title(scope: str) -> str:
    """A scope in words."""
    return {"records": _("search and read documents and case files"), "files": _("download files"),
            "reports": _("read reports of nights and deadlines"),
            "retention": _("read what is due by the retention periods")}[scope]


def _token(row: sqlite3.Row) -> Token:
    used = clock.stamp(datetime.fromtimestamp(row["used"], UTC)) if row["used"] else ""
    return Token(row["id"], row["account"], row["title"], tuple(row["scopes"].split()), row["made_at"], row["made_by"],
                 row["until"], used)
