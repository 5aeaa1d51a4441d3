"""Sessions: logging in and out, and who is behind a cookie. Ids are random, kept as SHA-256, and end by themselves."""

from __future__ import annotations

import hmac
import secrets
import sqlite3
import time
from dataclasses import dataclass

from fastapi import Request, Response

from archive import acts
from archive.i18n import _
from archive.settings import Settings
from web import accounts, totp
from web.accounts import AccountError, Accounts
from web.people import Person

FREE_TRIES, FIRST_WAIT, LONGEST_WAIT = 5, 60.0, 3600.0
"""So many wrong passwords for one name are free; then each makes it wait, seconds, twice as long as the one before."""
ADDRESS_TRIES = 30
FORGET_NAME, FORGET_ADDRESS = 86400.0, 900.0
"""So long after the last failure of a name, or of a network address, counting begins anew, seconds."""
TOUCH = 30.0        # a session's last use is written down so often at most, seconds


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a try to log in: the new session's id, or how long to wait (seconds), or neither: wrong.

    `code_wanted`: the password was right, the session waits for the code of the second factor.
    """

    session: str = ""
    code_wanted: bool = False
    wait: float = 0.0


class Sessions:
    """The sessions of one archive's portal."""

    def __init__(self, settings: Settings, held: Accounts) -> None:
        self.settings, self.accounts = settings, held

    # --- who is asking --------------------------------------------------------------------------------

    def person(self, request: Request) -> Person | None:
        """Who is behind the request's cookie; None when nobody is, or no longer."""
        token = request.cookies.get(self.cookie(request), "")
        if not token:
            return None
        now, key = time.time(), accounts.hashed(token)
        with self.accounts.database(changing=False) as database:
            row = self._live(database, key, now)
            if row is None or row["waiting"]:
                return None
            roles = frozenset(one["role"] for one in database.execute(
                "SELECT role FROM role WHERE account = ?", (row["name"],)))
        if now - row["seen"] > TOUCH:
            with self.accounts.database() as database:
                database.execute("UPDATE session SET seen = ? WHERE id = ?", (now, key))
        return Person(row["name"], row["full_name"], roles, row["fonds"], key)

    def _live(self, database: sqlite3.Connection, key: str, now: float) -> sqlite3.Row | None:
        web = self.settings.web
        row: sqlite3.Row | None = database.execute(
            "SELECT session.*, account.name, account.full_name, account.fonds, account.totp, account.totp_step "
            "FROM session JOIN account ON account.name = session.account WHERE session.id = ? AND locked = 0 "
            "AND seen > ? AND started > ?",
            (key, now - web.idle_minutes * 60, now - web.session_hours * 3600)).fetchone()
        return row

    # --- logging in and out ---------------------------------------------------------------------------

    def log_in(self, name: str, password: str, address: str) -> Tried:
        """Try to log in from a network address. A wrong name and a wrong password are one to whoever asks."""
        name, now = name.strip().lower()[:60], time.time()
        if wait := self._wait(name, address, now):
            return Tried(wait=wait)
        with self.accounts.database(changing=False) as database:
            row = database.execute("SELECT * FROM account WHERE name = ?", (name,)).fetchone()
        right = accounts.matches(row["password"] if row else "", password)
        if not right or row["locked"]:
            return self._failed(name, address, now, known=row is not None)
        if row["totp"]:
            return Tried(self._open(name, now, waiting=True), code_wanted=True)
        return Tried(self._entered(name, address, now))

    def signed_on(self, name: str, subject: str, address: str) -> Tried:
        """Log in whom the agency's identity provider vouches for; its `subject` is bound to the account the first time.

        A second factor of ours is asked for all the same. Nobody is let in without an account in use here, or whose
        account another subject of the provider has used before: names are given to others, subjects are not.
        """
        name, now = name.strip().lower()[:60], time.time()
        with self.accounts.database() as database:
            row = database.execute("SELECT * FROM account WHERE name = ? AND locked = 0 AND machine = 0",
                                   (name,)).fetchone()
            known = row is not None and hmac.compare_digest(row["subject"] or subject, subject)
            if known and not row["subject"]:
                database.execute("UPDATE account SET subject = ? WHERE name = ?", (subject, name))
        if not known:
            acts.note(self.settings, "login_failed", name if row is not None else "?", {
                "address": address, "wait": 0, "signed_on": True}, actor="luutru")
            return Tried()
        if row["totp"]:
            return Tried(self._open(name, now, waiting=True), code_wanted=True)
        return Tried(self._entered(name, address, now, signed_on=True))

    def began(self, who: Person) -> float:
        """When the person's session began, seconds since 1970; 0 when it has ended."""
        with self.accounts.database(changing=False) as database:
            row = database.execute("SELECT started FROM session WHERE id = ?", (who.session,)).fetchone()
        return float(row["started"]) if row else 0.0

    def second_factor(self, request: Request, code: str, address: str) -> Tried:
        """The code of the second factor, for the session that waits for it; that one ends, a new one begins."""
        now, key = time.time(), accounts.hashed(request.cookies.get(self.cookie(request), ""))
        with self.accounts.database(changing=False) as database:
            row = self._live(database, key, now)
        if row is None or not row["waiting"]:
            return Tried()
        name = str(row["name"])
        if wait := self._wait(name, address, now):
            return Tried(wait=wait, code_wanted=True)
        step = totp.step_of(row["totp"], code, row["totp_step"])
        if step is None:
            failed = self._failed(name, address, now, known=True)
            return Tried(code_wanted=True, wait=failed.wait)
        with self.accounts.database() as database:
            database.execute("DELETE FROM session WHERE id = ?", (key,))
            used = database.execute("UPDATE account SET totp_step = ? WHERE name = ? AND totp_step < ?",
                                    (step, name, step)).rowcount
        return Tried(self._entered(name, address, now)) if used else Tried(code_wanted=True)

    def check_password(self, name: str, password: str, address: str) -> None:
        """The password of who is logged in, once more. Raises AccountError; guessing counts as at the log-in."""
        now = time.time()
        if self._wait(name, address, now):
            raise AccountError(_("Too many wrong attempts. Try again later."))
        with self.accounts.database(changing=False) as database:
            row = database.execute("SELECT password FROM account WHERE name = ?", (name,)).fetchone()
        if not accounts.matches(row["password"] if row else "", password):
            self._failed(name, address, now, known=True)
            raise AccountError(_("The present password is not right."))

    def changing_password(self, name: str, old: str, new: str, address: str) -> None:
        """Set another password; every session of the account ends. Raises UsageError."""
        self.check_password(name, old, address)
        self.accounts.change_password(name, new)

    def offer_secret(self, who: Person, secret: str) -> str:
        """Keep a secret of a second factor for the session until a code of it was given back; the secret."""
        with self.accounts.database() as database:
            database.execute("UPDATE session SET offered = ? WHERE id = ?", (secret, who.session))
        return secret

    def offered_secret(self, who: Person) -> str:
        """The secret that was offered to the session; empty without one."""
        with self.accounts.database(changing=False) as database:
            row = database.execute("SELECT offered FROM session WHERE id = ?", (who.session,)).fetchone()
        return str(row["offered"]) if row else ""

    def log_out(self, who: Person, *, everywhere: bool = False) -> None:
        """End the session, or every session of the person."""
        with self.accounts.database() as database:
            if everywhere:
                database.execute("DELETE FROM session WHERE account = ?", (who.name,))
            else:
                database.execute("DELETE FROM session WHERE id = ?", (who.session,))
        acts.note(self.settings, "logged_out", who.name, {"everywhere": everywhere}, actor=who.actor)

    def count(self, name: str) -> int:
        """How many sessions of the account are open."""
        now, web = time.time(), self.settings.web
        with self.accounts.database(changing=False) as database:
            return int(database.execute(
                "SELECT count(*) FROM session WHERE account = ? AND waiting = 0 AND seen > ? AND started > ?",
                (name, now - web.idle_minutes * 60, now - web.session_hours * 3600)).fetchone()[0])

    def _open(self, name: str, now: float, *, waiting: bool) -> str:
        token, web = secrets.token_urlsafe(32), self.settings.web
        with self.accounts.database() as database:
            database.execute("DELETE FROM session WHERE seen <= ? OR started <= ?",
                             (now - web.idle_minutes * 60, now - web.session_hours * 3600))
            database.execute("INSERT INTO session (id, account, started, seen, waiting) VALUES (?, ?, ?, ?, ?)", (
                accounts.hashed(token), name, now, now, int(waiting)))
        return token

    def _entered(self, name: str, address: str, now: float, *, signed_on: bool = False) -> str:
        with self.accounts.database() as database:
            database.execute("DELETE FROM failure WHERE who = ?", (f"name {name}",))
        acts.note(self.settings, "logged_in", name, {"address": address, **({"signed_on": True} if signed_on else {})},
                  actor=name)
        return self._open(name, now, waiting=False)

    # --- lockout --------------------------------------------------------------------------------------

    def _wait(self, name: str, address: str, now: float) -> float:
        """How long this name, or this network address, has to wait before it may try again, seconds."""
        with self.accounts.database(changing=False) as database:
            found = database.execute("SELECT max(until) FROM failure WHERE who IN (?, ?)", (
                f"name {name}", f"address {address}")).fetchone()[0]
        return max(0.0, (found or 0.0) - now)

    def _failed(self, name: str, address: str, now: float, *, known: bool) -> Tried:
        """Count a failure for the name, whether or not there is such an account, and for the address."""
        wait = 0.0
        with self.accounts.database() as database:
            database.execute("DELETE FROM failure WHERE last < ? OR (last < ? AND until < ? AND who LIKE 'address %')",
                             (now - FORGET_NAME, now - FORGET_ADDRESS, now))
            for who, free in ((f"name {name}", FREE_TRIES), (f"address {address}", ADDRESS_TRIES)):
                database.execute("INSERT INTO failure VALUES (?, 1, ?, 0) ON CONFLICT (who) DO UPDATE SET "
                                 "count = count + 1, last = excluded.last", (who, now))
                count = database.execute("SELECT count FROM failure WHERE who = ?", (who,)).fetchone()[0]
                if count >= free:
                    own = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(count - free, 10))
                    database.execute("UPDATE failure SET until = ? WHERE who = ?", (now + own, who))
                    wait = max(wait, own)
        # What was typed as a name may be a password in the wrong field: only names of accounts are written down.
        acts.note(self.settings, "login_failed", name if known else "?", {
            "address": address, "wait": round(wait)}, actor="luutru")
        return Tried(wait=wait)

    # --- the cookie -----------------------------------------------------------------------------------

    def secure(self, request: Request) -> bool:
        """Whether people reach the portal over TLS."""
        return request.url.scheme == "https" or self.settings.web.address.startswith("https:")

    def cookie(self, request: Request) -> str:
        """The cookie's name; over TLS no other host and no plain page can set one of that name."""
        return "__Host-luutru" if self.secure(request) else "luutru"

    def remember(self, request: Request, response: Response, token: str) -> None:
        """Give the browser its session; it forgets it when it is closed."""
        response.set_cookie(self.cookie(request), token, httponly=True, samesite="lax", secure=self.secure(request),
                            path="/")

    def forget(self, request: Request, response: Response) -> None:
        """Take the session from the browser."""
        response.delete_cookie(self.cookie(request), httponly=True, samesite="lax", secure=self.secure(request),
                               path="/")
