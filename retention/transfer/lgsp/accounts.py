"""Who we are at the receiving archive's service, and how requests prove it: one small layer a variant of LGSP.

Three variants are known (API manager, own header, system key); a service behind a gateway may ask for its own token as
well. Secrets come from the environment or a file, are never logged and never shown.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from archive.errors import UsageError
from archive.i18n import _
from archive.settings import Settings
from retention.transfer.lgsp.wire import ServiceError, Wire, parts_of

BEARER = "Authorization"
SCOPES = "transfer.read transfer.write"
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
_LONGEST_ANSWER = 1 << 16
_EARLY = 30.0       # a token is fetched anew so many seconds before its end
_USUAL = 300.0      # how long a token holds whose answer does not say


@dataclass(frozen=True, slots=True)
class Account:
    """The service's address and who we are there, as the section [lgsp] of the settings tells it."""

    address: str
    way: str = "client_credentials"
    client_id: str = ""
    secret: str = field(default="", repr=False)
    token_address: str = ""
    token_header: str = BEARER
    more: Mapping[str, str] = field(default_factory=dict)       # AppName, PartnerCode, PartnerCodeCus
    service_id: str = ""
    service_secret: str = field(default="", repr=False)
    authority: Path | None = None
    certificate: Path | None = None
    piece: int = 4 << 20
    seconds: float = 60.0
    attempts: int = 6


def account_of(settings: Settings, environment: Mapping[str, str]) -> Account:
    """The account that the settings describe. Raises UsageError, naming what is missing or cannot be."""
    lgsp = settings.lgsp
    if not lgsp.address:
        raise UsageError(_("No service to hand over to: set lgsp.address in luutru.toml (docs/transfer.md)."))

    def secret(name: str, variable: str, file: str) -> str:
        if not file:
            return environment.get(variable, "")
        try:
            return settings.path(Path(file)).read_text(encoding="utf-8").partition("\n")[0].strip()
        except OSError as error:
            raise UsageError(f"lgsp.{name}: {error}") from error

    account = Account(
        lgsp.address, lgsp.way, lgsp.client_id or settings.agency.code,
        secret("secret_file", lgsp.secret_env, lgsp.secret_file), lgsp.token_address, lgsp.token_header,
        {"AppName": lgsp.app, "PartnerCode": lgsp.partner, "PartnerCodeCus": lgsp.partner_customer}, lgsp.service_id,
        secret("service_secret_file", lgsp.service_secret_env, lgsp.service_secret_file),
        settings.path(Path(lgsp.authority)) if lgsp.authority else None,
        settings.path(Path(lgsp.certificate)) if lgsp.certificate else None, lgsp.piece_kb << 10, lgsp.seconds,
        lgsp.attempts)
    parts_of(account.address, "lgsp.address")
    if account.token_address:
        parts_of(account.token_address, "lgsp.token_address")
    if not account.secret:
        raise UsageError(_("The secret for lgsp is missing: set the variable {variable}, or lgsp.secret_file.").format(
            variable=lgsp.secret_env))
    if account.service_id and not account.service_secret:
        raise UsageError(_("The secret for lgsp is missing: set the variable {variable}, or lgsp.secret_file.").format(
            variable=lgsp.service_secret_env))
    if account.service_id and account.token_header == BEARER and _gateway_token(account):
        raise UsageError(_("lgsp.service_id and the gateway's token both want the header Authorization: set "
                           "lgsp.token_header to X-Authentication-Token, or leave one of them out."))
    return account


class Passport:
    """The headers that prove who asks; tokens are fetched when they are needed, and kept in memory only.

    `wire` speaks to the service, `other` gives one for another address (the gateway's token endpoint).
    """

    def __init__(self, account: Account, wire: Wire, other: Callable[[str], Wire], *,
                 now: Callable[[], float] = time.monotonic) -> None:
        self._account, self._wire, self._other, self._now = account, wire, other, now
        self._tokens: dict[str, tuple[str, float]] = {}

    def headers(self) -> dict[str, str]:
        """What goes with every request. Raises ServiceError when no token is given."""
        account = self._account
        found = _standing(account) if not (account.way == "access_token" and account.token_address) else {}
        if _gateway_token(account):
            token = self._token("gateway")
            found[account.token_header] = f"Bearer {token}" if account.token_header == BEARER else token
        if account.service_id:
            found["Authorization"] = f"Bearer {self._token('service')}"
        return found

    def forget(self) -> bool:
        """Drop the tokens, because one was refused; whether there were any (else asking again is of no use)."""
        had = bool(self._tokens)
        self._tokens.clear()
        return had

    def _token(self, whose: str) -> str:
        held = self._tokens.get(whose)
        if held is not None and held[1] > self._now():
            return held[0]
        account = self._account
        form = {"grant_type": "client_credentials", "scope": SCOPES}
        if whose == "service":
            headers = {**_standing(account), **_basic(account.service_id, account.service_secret)}
            told = self._ask(self._wire, "/token", headers, form)
        else:
            headers = _basic(account.client_id, account.secret) if account.way == "client_credentials" else \
                _standing(account)
            if account.token_address:
                other = self._other(account.token_address)
                try:
                    told = self._ask(other, "", headers, form)
                finally:
                    other.close()
            else:
                told = self._ask(self._wire, "/token", headers, form)
        token, lasts = told.get("access_token", told.get("token")), told.get("expires_in", _USUAL)
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise ServiceError(_("The service at {host} gave no token that can be used.").format(host=self._wire.host))
        seconds = float(lasts) if isinstance(lasts, int | float) and not isinstance(lasts, bool) else _USUAL
        self._tokens[whose] = token, self._now() + max(seconds - _EARLY, 1.0)
        return token

    @staticmethod
    def _ask(wire: Wire, path: str, headers: Mapping[str, str], form: Mapping[str, str]) -> dict[str, Any]:
        answer = wire.ask("POST", path, body=urlencode(form).encode(), most=_LONGEST_ANSWER, headers={
            **headers, "Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"})
        if answer.status != 200:
            raise ServiceError(_("The service at {host} does not know us (HTTP {status} {said}): look at "
                                 "lgsp.client_id and its secret, or ask whoever gave them.").format(
                                     host=wire.host, status=answer.status, said=answer.said()))
        try:
            told = json.loads(answer.body)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise ServiceError(_("The service at {host} gave no token that can be used.").format(host=wire.host))
        inner = told.get("data")
        return inner if "access_token" not in told and isinstance(inner, dict) else told


def _gateway_token(account: Account) -> bool:
    """Whether the gateway (or the service, where nothing stands in front) gives a token that goes with requests."""
    return account.way == "client_credentials" or (account.way == "access_token" and bool(account.token_address))


def _standing(account: Account) -> dict[str, str]:
    """The headers of a variant that need no token."""
    if account.way == "access_token":
        told = {"AccessKey": account.client_id, "SecretKey": account.secret, **account.more}
        raw = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        return {"lgspaccesstoken": base64.b64encode(raw).decode()}
    if account.way == "system_key":
        return {"X-SystemId": account.client_id, "X-SecretKey": account.secret}
    return {}


def _basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}
