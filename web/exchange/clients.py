"""The clients of the service: each is one agency's, with a secret that is shown once; and the tokens they get.

A token is opaque and short-lived. Kept of both are SHA-256 hashes only (256 random bits need no slow hash). Made and
ended clients are told to the ledger, without secrets.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from archive import acts, clock
from archive.errors import UsageError
from archive.i18n import _
from web.exchange.held import Held

SCOPES = ("transfer.read", "transfer.write")
PREFIX = "lgsp_"
MOST_TOKENS = 20            # of one client that count at once; the oldest ends when another is made
TOUCH = 60.0                # a client's last use is written down so often at most, seconds
_AGENCY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,34}")
_SIGN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}\.")
_NOBODY = hashlib.sha256(b"").hexdigest()


class ClientError(UsageError):
    """What was asked of a client cannot be; the sentence says why."""


class UnknownClientError(Exception):
    """No client of ours, a wrong secret, or one that has ended."""


class UnknownTokenError(Exception):
    """No token of ours, or one that has ended."""


@dataclass(frozen=True, slots=True)
class Client:
    """One client as lists show it; no secret. `prefix`: what the codes of its registrations begin with."""

    id: str
    agency: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    gateway: str
    made_at: str
    made_by: str
    until: str
    ended_at: str
    used_at: str = ""

    @property
    def ended(self) -> bool:
        """Whether it was ended, or its time is over."""
        return bool(self.ended_at) or (self.until != "" and self.until <= clock.stamp(clock.now()))

    @property
    def actor(self) -> str:
        """How the ledger names who acted."""
        return f"{self.agency} ({self.id})"

    def owns(self, code: str) -> bool:
        """Whether a registration of its agency may have this code: its prefix, a year, and more."""
        rest = code.removeprefix(self.prefix)
        return rest != code and re.match(r"[0-9]{4}(?:[._-]|$)", rest) is not None


class Clients:
    """The clients and tokens of one archive's service."""

    def __init__(self, held: Held) -> None:
        self.held = held

    def all(self) -> list[Client]:
        """Every client that was ever made, by agency."""
        with self.held.database(changing=False) as database:
            return [_client(row) for row in database.execute("SELECT * FROM client ORDER BY agency, made_at, id")]

    def add(self, agency: str, name: str, *, scopes: tuple[str, ...] = SCOPES, prefix: str = "", gateway: str = "",
            days: int = 0, by: str, dry_run: bool = False) -> tuple[Client, str]:
        """Make a client of an agency: the client, and its secret, which is nowhere kept. `days`: 0, without an end.

        Raises ClientError.
        """
        agency, name = agency.strip(), " ".join(name.split())
        prefix = prefix.strip() or f"NL.{agency}."
        if not _AGENCY.fullmatch(agency):
            raise ClientError(_("“{code}” is no agency code.").format(code=agency[:40]))
        if not name or len(name) > 200 or not name.isprintable():
            raise ClientError(_("Name the agency, in at most 200 characters."))
        if not _SIGN.fullmatch(prefix):
            raise ClientError(_("“{prefix}” cannot begin the codes of registrations: letters without marks, digits, "
                                "dots, hyphens, a dot at the end, such as NL.H99.").format(prefix=prefix[:40]))
        if not scopes or set(scopes) - set(SCOPES):
            raise ClientError(_("Choose scopes from {scopes}").format(scopes=", ".join(SCOPES)))
        if len(gateway) > 200 or not gateway.isprintable():
            raise ClientError(_("The name at the gateway cannot be."))
        made = clock.now()
        client = Client(f"{agency.lower()}-{secrets.token_hex(4)}", agency, name, prefix,
                        tuple(one for one in SCOPES if one in scopes), gateway.strip(), clock.stamp(made), by,
                        clock.stamp(made + timedelta(days=days)) if days else "", "")
        secret = secrets.token_urlsafe(32)
        with self.held.database() as database:
            if gateway and database.execute("SELECT 1 FROM client WHERE gateway = ? AND ended_at = ''",
                                            (client.gateway,)).fetchone():
                raise ClientError(_("Another client has this name at the gateway."))
            if database.execute("SELECT 1 FROM client WHERE prefix = ? AND agency <> ? AND ended_at = ''",
                                (prefix, agency)).fetchone():
                raise ClientError(_("The registrations of another agency begin with {prefix}.").format(prefix=prefix))
            if dry_run:
                return client, ""
            database.execute(
                "INSERT INTO client (id, secret, agency, name, prefix, scopes, gateway, made_at, made_by, until) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (
                    client.id, hashed(secret), agency, name, prefix, " ".join(client.scopes), client.gateway,
                    client.made_at, by, client.until))
        acts.note(self.held.settings, "client_made", client.id, {
            "agency": agency, "name": name, "scopes": list(client.scopes), "prefix": prefix, "until": client.until,
            "gateway": client.gateway}, actor=by)
        return client, secret

    def end(self, id_: str, *, by: str, dry_run: bool = False) -> Client:
        """End a client and its tokens at once. Raises ClientError for one that is not there or was ended."""
        with self.held.database() as database:
            row = database.execute("SELECT * FROM client WHERE id = ? AND ended_at = ''", (id_,)).fetchone()
            if row is None:
                raise ClientError(_("There is no client {id} that counts.").format(id=id_[:60]))
            if dry_run:
                return _client(row)
            database.execute("UPDATE client SET ended_at = ? WHERE id = ?", (clock.stamp(clock.now()), id_))
            database.execute("DELETE FROM token WHERE client = ?", (id_,))
        acts.note(self.held.settings, "client_ended", id_, {"agency": row["agency"]}, actor=by)
        return _client(row)

    def token(self, id_: str, secret: str, wanted: str) -> tuple[str, tuple[str, ...]]:
        """A new token for a client with its secret, and its scopes: those of `wanted` that it has, all for "".

        The same work is done for an id that does not exist. Raises UnknownClientError; ValueError when it has none of
        the scopes that are wanted.
        """
        with self.held.database(changing=False) as database:
            row = database.execute("SELECT * FROM client WHERE id = ?", (id_[:80],)).fetchone()
        right = hmac.compare_digest(row["secret"] if row else _NOBODY, hashed(secret))
        if row is None or not right or (client := _client(row)).ended:
            raise UnknownClientError
        scopes = tuple(one for one in client.scopes if not wanted or one in wanted.split())
        if not scopes:
            raise ValueError(wanted)
        shown, now = f"{PREFIX}{secrets.token_urlsafe(32)}", time.time()
        with self.held.database() as database:
            database.execute("DELETE FROM token WHERE until < ? OR id IN (SELECT id FROM token WHERE client = ? "
                             "ORDER BY until DESC LIMIT -1 OFFSET ?)", (now, client.id, MOST_TOKENS - 1))
            database.execute("INSERT INTO token VALUES (?, ?, ?, ?)", (
                hashed(shown), client.id, " ".join(scopes), now + self.held.settings.service.token_minutes * 60))
            if now - row["used"] > TOUCH:
                database.execute("UPDATE client SET used = ? WHERE id = ?", (now, client.id))
        return shown, scopes

    def of_token(self, shown: str) -> tuple[Client, tuple[str, ...]]:
        """Whose token this is, and for what. Raises UnknownTokenError."""
        with self.held.database(changing=False) as database:
            row = database.execute(
                "SELECT client.*, token.scopes AS given FROM token JOIN client ON client.id = token.client "
                "WHERE token.id = ? AND token.until > ?", (hashed(shown[:200]), time.time())).fetchone()
        if row is None or (client := _client(row)).ended:
            raise UnknownTokenError
        return client, tuple(row["given"].split())

    def at_gateway(self, name: str) -> Client:
        """The client whom a gateway calls so. Raises UnknownTokenError."""
        with self.held.database(changing=False) as database:
            row = database.execute("SELECT * FROM client WHERE gateway = ? AND gateway <> '' AND ended_at = ''",
                                   (name,)).fetchone()
        if row is None or (client := _client(row)).ended:
            raise UnknownTokenError
        return client


def hashed(text: str) -> str:
    """What is kept of a secret or token."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _client(row: sqlite3.Row) -> Client:
    used = clock.stamp(datetime.fromtimestamp(row["used"], UTC)) if row["used"] else ""
    return Client(row["id"], row["agency"], row["name"], row["prefix"], tuple(row["scopes"].split()), row["gateway"],
                  row["made_at"], row["made_by"], row["until"], row["ended_at"], used)
