"""Signing on at the agency's identity provider: OpenID Connect, authorization code with PKCE (RFC 7636, S256).

The provider says who somebody is; which account that is and what it may stays ours. Between leaving and coming back the
browser holds a cookie and we a row of accounts.db, good for one try within ten minutes. No token of the provider is
kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from archive.errors import SettingsError
from archive.i18n import _
from archive.settings import Settings
from web.accounts import Accounts, hashed
from web.fetching import fetched, safe
from web.id_tokens import NotBelievedError, UnknownKeyError, claims_of

MINUTES, KEPT, AGAIN = 10, 3600.0, 60.0
"""How long a try may take, minutes; how long what the provider says of itself is kept, and how soon its keys are asked
for again at the earliest, seconds."""
MOST_TRIES = 5_000


@dataclass(frozen=True, slots=True)
class SignedOn:
    """For whom the provider vouches: the account's name, a mark of the subject, and the page that was wanted."""

    name: str
    subject: str
    next: str


class SignOn:
    """The identity provider of one archive's portal, where the settings name one."""

    def __init__(self, settings: Settings, held: Accounts) -> None:
        self.settings, self.oidc, self.accounts = settings, settings.oidc, held
        self._told: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, list[dict[str, Any]]] | None = None
        self._asking = threading.Lock()

    @property
    def on(self) -> bool:
        """Whether people may sign on there."""
        return bool(self.oidc.issuer)

    @property
    def title(self) -> str:
        """How the log-in page calls the provider."""
        return self.oidc.title or urlsplit(self.oidc.issuer).hostname or ""

    def begin(self, back: str, wanted: str) -> tuple[str, str]:
        """Begin a try: the provider's address to go to, and what the browser's cookie holds. `back`: our own address.

        Raises NotBelievedError when the provider cannot be reached or does not say what it must.
        """
        told = self._discovered()
        state, nonce, verifier, browser = (secrets.token_urlsafe(32) for _n in range(4))
        now = time.time()
        with self.accounts.database() as database:
            database.execute("DELETE FROM sign_on WHERE at < ? OR id NOT IN (SELECT id FROM sign_on ORDER BY at DESC "
                             "LIMIT ?)", (now - MINUTES * 60, MOST_TRIES))
            database.execute("INSERT INTO sign_on VALUES (?, ?, ?, ?, ?, ?)", (
                hashed(state), hashed(browser), nonce, verifier, wanted, now))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = urlencode({"response_type": "code", "client_id": self.oidc.client_id, "redirect_uri": back,
                           "scope": self.oidc.scopes, "state": state, "nonce": nonce, "code_challenge": challenge,
                           "code_challenge_method": "S256"})
        place = str(told["authorization_endpoint"])
        return f"{place}{'&' if urlsplit(place).query else '?'}{asked}", browser

    def finish(self, back: str, *, state: str, code: str, issuer: str, browser: str) -> SignedOn:
        """End a try with what the provider sent back. Raises NotBelievedError; the same try never counts twice."""
        with self.accounts.database() as database:
            rows = database.execute("DELETE FROM sign_on WHERE id = ? RETURNING *", (hashed(state),)).fetchall()
        row = rows[0] if rows else None
        if row is None or row["at"] < time.time() - MINUTES * 60:
            raise NotBelievedError("state")
        if not hmac.compare_digest(row["browser"], hashed(browser)):
            raise NotBelievedError("another browser")
        if issuer and issuer != self.oidc.issuer:       # RFC 9207: another provider's answer in this one's place
            raise NotBelievedError("iss of the answer")
        if not code:
            raise NotBelievedError("the provider refused")
        given = self._redeemed(code, back, row["verifier"])
        token = given.get("id_token")
        if not isinstance(token, str):
            raise NotBelievedError("no ID token")
        access = given.get("access_token")
        claims = self._claims(token, row["nonce"], access if isinstance(access, str) else "")
        name = claims.get(self.oidc.claim)
        if not isinstance(name, str) or not name.strip():
            raise NotBelievedError(f"no claim {self.oidc.claim}")
        subject = hashed(f"{self.oidc.issuer}\x1f{claims['sub']}")
        return SignedOn(name, subject, row["next"])

    def _claims(self, token: str, nonce: str, access_token: str) -> dict[str, Any]:
        for again in (False, True):
            try:
                return claims_of(token, self._key_set(again=again), issuer=self.oidc.issuer, now=time.time(),
                                 client=self.oidc.client_id, nonce=nonce, access_token=access_token)
            except UnknownKeyError:
                if again:
                    raise
        raise AssertionError

    def _redeemed(self, code: str, back: str, verifier: str) -> dict[str, Any]:
        """What the provider gives for the code."""
        told, secret = self._discovered(), self._secret()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        headers = {}
        methods = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret and "client_secret_basic" in methods:
            pair = f"{quote(self.oidc.client_id, safe='')}:{quote(secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = self.oidc.client_id
            if secret:
                form["client_secret"] = secret
        return self._fetched(str(told["token_endpoint"]), urlencode(form).encode(), headers)

    def _discovered(self) -> dict[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0)."""
        with self._asking:
            if self._told is None or self._told[0] < time.monotonic() - KEPT:
                told = self._fetched(f"{self.oidc.issuer.rstrip('/')}/.well-known/openid-configuration")
                if told.get("issuer") != self.oidc.issuer:
                    raise NotBelievedError("issuer of the discovery")
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    safe(told.get(name))
                self._told = (time.monotonic(), told)
            return self._told[1]

    def _key_set(self, *, again: bool) -> list[dict[str, Any]]:
        """The provider's keys; `again`: it may have changed them, as providers do without notice."""
        place = str(self._discovered()["jwks_uri"])
        with self._asking:
            now = time.monotonic()
            if self._keys is None or self._keys[0] < now - (AGAIN if again else KEPT):
                keys = self._fetched(place).get("keys")
                if not isinstance(keys, list):
                    raise NotBelievedError("JWKS")
                self._keys = (now, [one for one in keys if isinstance(one, dict)])
            return self._keys[1]

    def _secret(self) -> str:
        """The client's secret, read when it is needed. Raises SettingsError for a file that cannot be read."""
        if not self.oidc.secret_file:
            return os.environ.get(self.oidc.secret_env, "")
        try:
            return self.settings.path(Path(self.oidc.secret_file)).read_text(encoding="utf-8").split("\n", 1)[0].strip()
        except (OSError, ValueError) as error:
            raise SettingsError(_("{setting}: the file cannot be read").format(setting="oidc.secret_file")) from error

    def _fetched(self, url: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
        return fetched(url, seconds=self.oidc.seconds, data=data, headers=headers)
