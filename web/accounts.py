"""Accounts: a file of their own beside the archive (accounts.db, mode 600), which holds no record.

It is no follower of the store: losing it loses accounts, never a document (docs/decisions/0010-accounts.md). What
happens to an account is noted for the ledger, without secrets; passwords are kept as argon2id, links and session ids
as SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from archive import acts, clock
from archive.errors import UsageError
from archive.files import fsync_folder
from archive.i18n import _
from archive.settings import Settings
from web import passwords, totp
from web.people import ROLES
from web.rows import transaction

FILE = "accounts.db"
LINK_HOURS = 24
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,38}[a-z0-9]")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS account (
  name TEXT PRIMARY KEY, full_name TEXT NOT NULL, fonds TEXT NOT NULL DEFAULT '', password TEXT NOT NULL DEFAULT '',
  totp TEXT NOT NULL DEFAULT '', totp_step INTEGER NOT NULL DEFAULT 0, locked INTEGER NOT NULL DEFAULT 0,
  made_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS role (
  account TEXT NOT NULL REFERENCES account(name), role TEXT NOT NULL, PRIMARY KEY (account, role));
CREATE TABLE IF NOT EXISTS session (
  id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account(name), started REAL NOT NULL, seen REAL NOT NULL,
  waiting INTEGER NOT NULL DEFAULT 0, offered TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS session_account ON session (account);
CREATE TABLE IF NOT EXISTS link (
  id TEXT PRIMARY KEY, account TEXT NOT NULL, until TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS failure (
  who TEXT PRIMARY KEY, count INTEGER NOT NULL, last REAL NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS own (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS token (
  id TEXT PRIMARY KEY, secret TEXT NOT NULL, account TEXT NOT NULL REFERENCES account(name), title TEXT NOT NULL,
  scopes TEXT NOT NULL, made_at TEXT NOT NULL, made_by TEXT NOT NULL, until TEXT NOT NULL,
  used REAL NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS token_account ON token (account);
CREATE TABLE IF NOT EXISTS sign_on (
  id TEXT PRIMARY KEY, browser TEXT NOT NULL, nonce TEXT NOT NULL, verifier TEXT NOT NULL, next TEXT NOT NULL,
  at REAL NOT NULL);
"""
# Columns that files of earlier versions lack.
_LATER = {"machine": "INTEGER NOT NULL DEFAULT 0", "subject": "TEXT NOT NULL DEFAULT ''"}
# At most so many passwords are hashed at once: each takes 64 MB for a moment.
_HASHING = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True)
class Account:
    """One account as lists show it; no secret. A `machine` never logs in: programs act for it, with tokens."""

    name: str
    full_name: str
    fonds: str
    roles: tuple[str, ...]
    locked: bool
    has_password: bool
    has_totp: bool
    made_at: str
    machine: bool = False


class AccountError(UsageError):
    """What was asked of an account cannot be; the sentence says why."""


class Accounts:
    """The accounts of one archive. Every change is one transaction, then a note for the ledger."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.place = settings.root / FILE
        if not self.place.exists():
            os.close(os.open(self.place, os.O_RDWR | os.O_CREAT, 0o600))
            fsync_folder(settings.root)
        self.place.chmod(0o600)
        with closing(sqlite3.connect(self.place, timeout=10)) as made:
            made.execute("PRAGMA journal_mode=WAL")
            made.executescript(_SCHEMA)
        with self.database() as database:
            known = {row["name"] for row in database.execute("PRAGMA table_info(account)")}
            for column, kind in _LATER.items():
                if column not in known:
                    database.execute(f"ALTER TABLE account ADD COLUMN {column} {kind}")
            database.execute("INSERT OR IGNORE INTO own VALUES ('form key', ?)", (secrets.token_hex(32),))
            self.form_key = bytes.fromhex(
                database.execute("SELECT value FROM own WHERE key = 'form key'").fetchone()[0])

    @contextmanager
    def database(self, *, changing: bool = True) -> Iterator[sqlite3.Connection]:
        """A connection in one transaction: committed at the end, rolled back by an exception.

        One that is `changing` anything has the file for itself from its beginning.
        """
        with transaction(self.place, changing=changing, wait=10, pragma="foreign_keys=ON") as connection:
            yield connection

    # --- reading --------------------------------------------------------------------------------------

    def all(self) -> list[Account]:
        """Every account, by name."""
        with self.database(changing=False) as database:
            return [_account(database, row) for row in database.execute("SELECT * FROM account ORDER BY name")]

    def get(self, name: str) -> Account | None:
        """The account of this name, or None."""
        with self.database(changing=False) as database:
            row = database.execute("SELECT * FROM account WHERE name = ?", (name,)).fetchone()
            return _account(database, row) if row else None

    def none_yet(self) -> bool:
        """Whether nobody can log in yet: no account has a password and an administrator's role."""
        with self.database(changing=False) as database:
            return database.execute("SELECT 1 FROM account JOIN role ON role.account = account.name "
                                    "WHERE role = 'administrator' AND password <> '' LIMIT 1").fetchone() is None

    # --- changing -------------------------------------------------------------------------------------

    def add(self, name: str, full_name: str, roles: list[str], *, fonds: str = "", by: str) -> str:
        """Make an account; the token of the one-time link under which its person chooses a password.

        Raises AccountError for a name that cannot be or is taken, and for a role that does not exist.
        """
        return self._add(name, full_name, roles, fonds=fonds, machine=False, by=by)

    def add_machine(self, name: str, full_name: str, roles: list[str], *, fonds: str = "", by: str) -> None:
        """Make an account for a program: it has no password and never logs in, tokens act for it. Raises AccountError.

        It is never an administrator.
        """
        self._add(name, full_name, roles, fonds=fonds, machine=True, by=by)

    def _add(self, name: str, full_name: str, roles: list[str], *, fonds: str, machine: bool, by: str) -> str:
        name, full_name = name.strip().lower(), " ".join(full_name.split())
        self.check(name, full_name, roles, machine=machine)
        with self.database() as database:
            if database.execute("SELECT 1 FROM account WHERE name = ?", (name,)).fetchone():
                raise AccountError(_("There is an account {name} already.").format(name=name))
            database.execute("INSERT INTO account (name, full_name, fonds, made_at, machine) VALUES (?, ?, ?, ?, ?)",
                             (name, full_name, fonds, clock.stamp(clock.now()), int(machine)))
            database.executemany("INSERT INTO role VALUES (?, ?)", [(name, role) for role in sorted(set(roles))])
            token = "" if machine else _new_link(database, name)
        acts.note(self.settings, "account_made", name, {
            "full_name": full_name, "roles": sorted(set(roles)), "fonds": fonds,
            **({"machine": True} if machine else {})}, actor=by)
        return token

    def set_roles(self, name: str, roles: list[str], *, fonds: str | None = None, by: str) -> None:
        """Give the account exactly these roles (and another agency); its sessions end. Raises AccountError."""
        with self.database() as database:
            row = _known(database, name)
            before = _account(database, row)
            self.check(name, "-", roles, machine=before.machine)
            if "administrator" in before.roles and "administrator" not in roles:
                _not_the_last(database, name)
            database.execute("DELETE FROM role WHERE account = ?", (name,))
            database.executemany("INSERT INTO role VALUES (?, ?)", [(name, role) for role in sorted(set(roles))])
            if fonds is not None:
                database.execute("UPDATE account SET fonds = ? WHERE name = ?", (fonds, name))
            database.execute("DELETE FROM session WHERE account = ?", (name,))
        acts.note(self.settings, "account_roles", name, {
            "before": {"roles": list(before.roles), "fonds": before.fonds},
            "after": {"roles": sorted(set(roles)), "fonds": before.fonds if fonds is None else fonds}}, actor=by)

    def lock(self, name: str, *, locked: bool, reason: str = "", by: str) -> None:
        """Lock the account (its sessions end) or unlock it. Raises AccountError."""
        with self.database() as database:
            row = _known(database, name)
            if locked and "administrator" in _account(database, row).roles:
                _not_the_last(database, name)
            database.execute("UPDATE account SET locked = ? WHERE name = ?", (int(locked), name))
            database.execute("DELETE FROM failure WHERE who = ?", (f"name {name}",))
            if locked:
                database.execute("DELETE FROM session WHERE account = ?", (name,))
        acts.note(self.settings, "account_locked" if locked else "account_unlocked", name, {"reason": reason}, actor=by)

    def reset(self, name: str, *, by: str) -> str:
        """Take password, second factor and what signs it on from the account; the token of its new one-time link.

        Its sessions and its tokens for programs end. Raises AccountError, also for a machine's account.
        """
        with self.database() as database:
            if _known(database, name)["machine"]:
                raise AccountError(_("{name} is a machine's account: it has tokens and no password.").format(name=name))
            database.execute("UPDATE account SET password = '', totp = '', totp_step = 0, subject = '' WHERE name = ?",
                             (name,))
            _end(database, name)
            token = _new_link(database, name)
        acts.note(self.settings, "account_reset", name, {}, actor=by)
        return token

    def set_up_link(self) -> str:
        """The token of the one-time link under which the first administrator is made; earlier ones end."""
        with self.database() as database:
            return _new_link(database, "")

    def link(self, token: str) -> str | None:
        """The account of a one-time link that still holds ("": the first administrator is made); else None."""
        with self.database(changing=False) as database:
            row = database.execute("SELECT account, until FROM link WHERE id = ?", (hashed(token),)).fetchone()
        if row is None or row["until"] < clock.stamp(clock.now()) or (not row["account"] and not self.none_yet()):
            return None
        return str(row["account"])

    def use_link(self, token: str, password: str, *, name: str = "", full_name: str = "") -> str:
        """Set the password that the person of a one-time link has chosen, and end the link; the account's name.

        For the set-up link `name` and `full_name` make the first administrator. Raises AccountError.
        """
        held = self.link(token)
        if held is None:
            raise AccountError(_("This link is no longer valid. Ask the administrator for a new one."))
        name = held or name.strip().lower()
        self.check(name, full_name or "-", ["administrator"])
        secret = hash_of(passwords.checked(password, name))
        with self.database() as database:
            if not database.execute("DELETE FROM link WHERE id = ?", (hashed(token),)).rowcount:
                raise AccountError(_("This link is no longer valid. Ask the administrator for a new one."))
            if not held:
                if database.execute("SELECT 1 FROM account WHERE name = ?", (name,)).fetchone():
                    raise AccountError(_("There is an account {name} already.").format(name=name))
                database.execute("INSERT INTO account (name, full_name, made_at) VALUES (?, ?, ?)",
                                 (name, " ".join(full_name.split()) or name, clock.stamp(clock.now())))
                database.execute("INSERT INTO role VALUES (?, 'administrator')", (name,))
            database.execute("UPDATE account SET password = ? WHERE name = ?", (secret, name))
            _end(database, name)
        if not held:
            acts.note(self.settings, "account_made", name, {
                "full_name": full_name, "roles": ["administrator"], "fonds": ""}, actor=name)
        acts.note(self.settings, "password_set", name, {"link": True}, actor=name)
        return name

    def change_password(self, name: str, new: str) -> None:
        """Set another password; every session and token of the account ends. Raises UsageError for a bad one."""
        secret = hash_of(passwords.checked(new, name))
        with self.database() as database:
            _known(database, name)
            database.execute("UPDATE account SET password = ? WHERE name = ?", (secret, name))
            _end(database, name)
        acts.note(self.settings, "password_set", name, {"link": False}, actor=name)

    def set_totp(self, name: str, secret: str, code: str) -> None:
        """Ask for a second factor from now on (RFC 6238); an empty `secret` ends that. Raises AccountError."""
        step = totp.step_of(secret, code, 0) if secret else 0
        if step is None:
            raise AccountError(_("The code is not right. Is the clock of your telephone right?"))
        with self.database() as database:
            _known(database, name)
            database.execute("UPDATE account SET totp = ?, totp_step = ? WHERE name = ?", (secret, step, name))
        acts.note(self.settings, "second_factor_set" if secret else "second_factor_ended", name, {}, actor=name)

    def check(self, name: str, full_name: str, roles: list[str], *, machine: bool = False) -> None:
        """Raises AccountError for a name or role that cannot be."""
        if not _NAME.fullmatch(name):
            raise AccountError(_("“{name}” cannot be an account's name: 3 to 40 of a–z, 0–9, dot, hyphen.").format(
                name=name))
        if not full_name or len(full_name) > 100:
            raise AccountError(_("The full name is missing or longer than 100 characters."))
        if unknown := set(roles) - set(ROLES):
            raise AccountError(_("There is no role {role}; choose from {roles}").format(
                role=sorted(unknown)[0], roles=", ".join(ROLES)))
        if not roles:
            raise AccountError(_("An account needs a role."))
        if machine and "administrator" in roles:
            raise AccountError(_("A machine's account cannot be an administrator."))


def hashed(token: str) -> str:
    """What is kept of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).hexdigest()


def hash_of(password: str) -> str:
    """The argon2id hash of a password."""
    with _HASHING:
        return _hasher().hash(passwords.normal(password))


def matches(secret: str, password: str) -> bool:
    """Whether `password` is the one of the hash; as slow for an account without one as for any other."""
    with _HASHING:
        try:
            return _hasher().verify(secret or _nobody(), passwords.normal(password)) and bool(secret)
        except (VerificationError, InvalidHashError):
            return False


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()         # argon2id with RFC 9106's second choice: 64 MB, 3 rounds


@cache
def _nobody() -> str:
    return _hasher().hash(secrets.token_hex(16))


def _known(database: sqlite3.Connection, name: str) -> sqlite3.Row:
    row: sqlite3.Row | None = database.execute("SELECT * FROM account WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise AccountError(_("There is no account {name}.").format(name=name))
    return row


def _not_the_last(database: sqlite3.Connection, name: str) -> None:
    """Raises AccountError when no other administrator could log in."""
    if not database.execute("SELECT 1 FROM account JOIN role ON role.account = account.name WHERE name <> ? AND "
                            "role = 'administrator' AND locked = 0 AND password <> '' LIMIT 1", (name,)).fetchone():
        raise AccountError(_("{name} is the only administrator who can log in; make another one first.").format(
            name=name))


def _end(database: sqlite3.Connection, name: str) -> None:
    """End what was opened with a password that holds no longer: sessions, and tokens for programs."""
    database.execute("DELETE FROM session WHERE account = ?", (name,))
    database.execute("DELETE FROM token WHERE account = ?", (name,))


def _new_link(database: sqlite3.Connection, name: str) -> str:
    token = secrets.token_urlsafe(32)
    database.execute("DELETE FROM link WHERE account = ?", (name,))
    database.execute("INSERT INTO link VALUES (?, ?, ?)", (
        hashed(token), name, clock.stamp(clock.now() + timedelta(hours=LINK_HOURS))))
    return token


def _account(database: sqlite3.Connection, row: sqlite3.Row) -> Account:
    roles = tuple(one["role"] for one in database.execute(
        "SELECT role FROM role WHERE account = ? ORDER BY role", (row["name"],)))
    return Account(row["name"], row["full_name"], row["fonds"], roles, bool(row["locked"]), bool(row["password"]),
                   bool(row["totp"]), row["made_at"], bool(row["machine"]))
