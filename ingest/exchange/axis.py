"""The document axis (VXP style): signed headers; list, get, confirm, send; retries with growing pauses.

Only the configured address is ever spoken to: no redirect is followed, no address that an answer names is opened, and
plain http is taken on this machine alone. Nothing an answer says can become a header or a path.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from archive import clock
from archive.errors import UsageError
from archive.i18n import _
from archive.settings import Settings
from ingest.exchange.sources import ExchangeError, Listed, UnreachableError

SIGN_KEYS, SIGN, HASH = "XroadVnpt-sign-header-key", "XroadVnpt-sign-header", "XroadVnpt-hash-header"
TIME = "%d%m%YT%H%M%S%z"
SERVICE = "eDoc"
KINDS = ("edoc", "status")      # `messagetype`: documents, and the answers to them
_MB = 1 << 20
_LONGEST_LIST = 16 * _MB
_CHUNK = 1 << 18
_SLOWEST = 20_000       # bytes a second: a slower download is given up
_PATIENCE = 4           # a whole short answer may take so many times as long as a single wait
_ID = re.compile(r"[\x21-\x7e]{1,180}")       # printable ASCII without blanks: it goes into a header
_AGAIN = {429, 500, 502, 503, 504}
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_LOCAL = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Account:
    """How we are known on the axis: its address, our code there, the shared secret."""

    address: str
    system: str
    secret: str = field(repr=False)
    seconds: float = 30.0
    attempts: int = 4
    largest: int = 700 * _MB


def signed(headers: Mapping[str, str], secret: str) -> dict[str, str]:
    """`headers` with what proves them: their names, their JSON, and its HMAC-SHA256 as hex (exchange of the axis).

    Raises ValueError for a value that could begin another header.
    """
    for name, value in headers.items():
        if not re.fullmatch(r"[\x20-\x7e]*", value) or not re.fullmatch(r"[A-Za-z-]+", name):
            raise ValueError(f"not a header: {name}")
    told = json.dumps(dict(headers), separators=(",", ":"), ensure_ascii=True)
    proof = hmac.new(secret.encode(), told.encode(), hashlib.sha256).hexdigest()
    return {**headers, SIGN_KEYS: ";".join(headers), SIGN: told, HASH: proof}


class Axis:
    """The axis for one account. `pause` waits between tries; `now` is the clock that requests are signed by."""

    def __init__(self, account: Account, *, pause: Callable[[float], object] = time.sleep,
                 now: Callable[[], datetime] = clock.now) -> None:
        parts = urlsplit(account.address)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
            raise UsageError(_("edxml.address: “{address}” is no address of an axis, such as "
                               "https://truc.example.gov.vn/api").format(address=account.address))
        if parts.scheme == "http" and host not in _LOCAL:
            raise UsageError(_("edxml.address: only https is taken, but for this machine."))
        if not account.secret:
            raise UsageError(_("The axis's secret is missing: set the variable that edxml.secret_env names, or "
                               "edxml.secret_file."))
        self.account, self.pause, self.now = account, pause, now
        self.secure, self.host, self.port, self.base = parts.scheme == "https", host, parts.port, parts.path.rstrip("/")
        self.name = f"axis:{host}:{account.system}"

    def list(self) -> Sequence[Listed]:
        """The documents and statuses that wait for us; entries that cannot be named safely are passed over."""
        found: dict[str, Listed] = {}
        for kind in KINDS:
            told = _json(self._call("/getReceivedEdocList", {"messagetype": kind}, _LONGEST_LIST))
            for one in told.get("data") or ():
                if not isinstance(one, dict) or not isinstance(one.get("docId"), str | int):
                    continue
                identity = str(one["docId"])
                if _ID.fullmatch(identity):
                    found.setdefault(identity, Listed(
                        identity, size=one["size"] if isinstance(one.get("size"), int) else 0,
                        sha256=_digest(one.get("sha256")), kind=kind))
        return list(found.values())

    def get(self, one: Listed, sink: IO[bytes]) -> None:
        """The message's bytes as the axis streams them; not more than the account allows."""
        start = sink.tell()

        def keep(answer: http.client.HTTPResponse) -> bytes:
            if "json" in (answer.getheader("Content-Type") or ""):
                _json(answer.read(_MB))
                raise ExchangeError(_("The axis gave no file for {id}.").format(id=one.id))
            sink.seek(start)
            sink.truncate()
            digest, size, begun = hashlib.sha256(), 0, time.monotonic()
            stated = answer.getheader("Content-Length") or ""
            whole = int(stated) if stated.isdecimal() and len(stated) < 16 else -1
            while size != whole and (chunk := answer.read1(_CHUNK)):
                size += len(chunk)
                if time.monotonic() - begun > self.account.seconds + size / _SLOWEST:
                    raise TimeoutError(f"{size} B in {time.monotonic() - begun:.0f} s")
                if size > self.account.largest:
                    raise ExchangeError(_("The message {id} is larger than {limit} MB; it was not fetched.").format(
                        id=one.id, limit=self.account.largest // _MB))
                digest.update(chunk)
                sink.write(chunk)
            if whole not in (-1, size):
                raise http.client.IncompleteRead(b"")
            told = _digest(answer.getheader("X-Content-SHA256")) or one.sha256
            if told and told != digest.hexdigest():
                raise http.client.IncompleteRead(b"")       # changed on the way: tried again
            return b""

        self._call("/downloadEdoc", {"docId": one.id, "messagetype": one.kind}, 0, keep)

    def confirm(self, one: Listed) -> None:
        """Tell the axis that the message is done."""
        self._call("/updateStatus", {"docId": one.id, "status": "done"}, _MB)

    def send(self, path: Path, kind: str, to: Sequence[str], sha256: str) -> str:
        """Give the axis the message at `path` for the agencies `to` (their codes); the id it has there.

        `kind`: one of KINDS; `sha256`: of the file. When an answer was lost the same bytes may go twice: the norm's
        identity (sender, DocumentId) makes them one at the receiver. Raises ExchangeError, OSError when the file cannot
        be read, ValueError for codes that a header cannot hold.
        """
        with path.open("rb") as body:
            raw = self._call("/sendEdoc", {"messagetype": kind, "to": json.dumps(list(to), separators=(",", ":")),
                                           "hash-file": sha256}, _MB, body=body)
        identity = _json(raw).get("DocId", "")
        return str(identity)[:180] if isinstance(identity, str | int) else ""

    def _call(self, path: str, more: Mapping[str, str], most: int,
              keep: Callable[[http.client.HTTPResponse], bytes] | None = None, body: IO[bytes] | None = None) -> bytes:
        """One request, tried again while it may help. Raises ExchangeError."""
        why = ""
        for attempt in range(self.account.attempts):
            if attempt:
                longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
                self.pause(longest * random.uniform(0.5, 1.0))      # noqa: S311 - spreads tries, keeps no secret
            try:
                return self._once(path, more, most, keep, body)
            except _TryAgain as error:
                why = str(error)
            except (OSError, http.client.HTTPException) as error:
                why = f"{type(error).__name__}: {error}"
        raise UnreachableError(_("The axis at {host} did not answer {path} after {n} tries ({why}).").format(
            host=self.host, path=path, n=self.account.attempts, why=why))

    def _once(self, path: str, more: Mapping[str, str], most: int,
              keep: Callable[[http.client.HTTPResponse], bytes] | None, body: IO[bytes] | None = None) -> bytes:
        size = 0
        if body is not None:
            size = body.seek(0, os.SEEK_END)
            body.seek(0)
        at = clock.in_vietnam(self.now()).strftime(TIME)
        headers = signed({"from": self.account.system, "servicetype": SERVICE, "timestamp": at, **more},
                         self.account.secret)
        connection: http.client.HTTPConnection
        if self.secure:
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=self.account.seconds,
                                                     context=ssl.create_default_context())
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=self.account.seconds)
        watch = threading.Timer(self.account.seconds * _PATIENCE + size / _SLOWEST, _cut, [connection])
        watch.daemon = True
        watch.start()
        try:
            framing = {"Connection": "close", "Content-Length": str(size)}
            if body is not None:
                framing["Content-Type"] = "application/octet-stream"
            connection.request("POST", f"{self.base}{path}", body=body or b"", headers={**headers, **framing})
            answer = connection.getresponse()
            if answer.status in _AGAIN:
                raise _TryAgain(f"HTTP {answer.status}")
            if 300 <= answer.status < 400:
                raise ExchangeError(_("The axis at {host} wants to send us elsewhere (HTTP {status}); that is not "
                                      "followed.").format(host=self.host, status=answer.status))
            if answer.status != 200:
                said = re.sub(r"[^\x20-\x7e]", " ", answer.read(300).decode("utf-8", "replace")).strip()
                raise ExchangeError(_("The axis at {host} refused {path}: HTTP {status} {said}").format(
                    host=self.host, path=path, status=answer.status, said=said))
            if keep is not None:
                watch.cancel()      # it watches its own pace
                return keep(answer)
            raw = answer.read(most + 1)
            if len(raw) > most:
                raise ExchangeError(_("The axis at {host} answers {path} with more than {limit} MB.").format(
                    host=self.host, path=path, limit=most // _MB))
            _json(raw)
            return raw
        finally:
            watch.cancel()
            connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    """End a connection whose other side drips: each byte within the time limit, the whole never."""
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


class _TryAgain(Exception):  # noqa: N818 - never leaves this module
    pass


def account_of(settings: Settings, environment: Mapping[str, str]) -> Account:
    """The account that the settings describe; the secret comes from the file, else from the environment.

    Raises UsageError when the file cannot be read.
    """
    edxml, secret = settings.edxml, environment.get(settings.edxml.secret_env, "")
    if edxml.secret_file:
        try:
            secret = settings.path(Path(edxml.secret_file)).read_text(encoding="utf-8").partition("\n")[0].strip()
        except OSError as error:
            raise UsageError(f"edxml.secret_file: {error}") from error
    return Account(edxml.address, edxml.system or settings.agency.code, secret, edxml.seconds, edxml.attempts,
                   settings.ingest.max_file_mb * _MB)


def _json(raw: bytes) -> dict[str, Any]:
    """The axis's answer. Raises ExchangeError for what is none, and for a refusal in its own words."""
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ExchangeError(_("The axis answered with something that is no JSON.")) from error
    if not isinstance(told, dict) or not isinstance(told.get("data", []), list | dict | str | None):
        raise ExchangeError(_("The axis answered with something that is no JSON."))
    if str(told.get("status", "")).upper() not in ("OK", "SUCCESS", "200", ""):
        said = re.sub(r"[\x00-\x1f\x7f]", " ", f"{told.get('ErrorCode', '')} {told.get('ErrorDesc', '')}")[:300]
        raise ExchangeError(_("The axis refused: {said}").format(said=said.strip()))
    return told if isinstance(told.get("data", []), list) else {**told, "data": []}


def _digest(value: object) -> str:
    return value.lower() if isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{64}", value) else ""
