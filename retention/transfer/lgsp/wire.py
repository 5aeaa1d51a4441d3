"""HTTP to one configured address, and to no other: retries with growing pauses, limits on size and time.

No redirect is followed, no address that an answer names is opened, plain http is taken on this machine alone, and
nothing an answer says can become a header or a path.
"""

from __future__ import annotations

import http.client
import io
import json
import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import SplitResult, urlsplit

from archive.errors import LuuTruError, UsageError
from archive.i18n import _

_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_FIRST_PAUSE, _LONGEST_PAUSE, _LONGEST_WISH = 0.5, 60.0, 120.0
_SLOWEST = 20_000       # bytes a second: what goes slower is given up
_PATIENCE = 4           # a whole short answer may take so many times as long as a single wait
_CHUNK = 1 << 18
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_HEADER, _VALUE = re.compile(r"[A-Za-z][A-Za-z0-9-]*"), re.compile(r"[\x20-\x7e]*")
Told = Callable[[str], None]        # what went wrong before a request is tried again
Sink = Callable[[int], IO[bytes]]   # for the state of an answer (200, 206): where its body goes


class ServiceError(LuuTruError):
    """The receiving archive's service cannot be reached, or answers what it must not; what was done stays done."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one for what is none."""
        try:
            told = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return told if isinstance(told, dict) else {}

    def said(self) -> str:
        """What the service says of a refusal, safe to print: title and detail of its problem, else its first words."""
        told = self.json()
        words = " ".join(str(told[key]) for key in ("title", "detail") if isinstance(told.get(key), str))
        text = words or self.body[:200].decode("utf-8", "replace")
        return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:400]


def parts_of(address: str, name: str) -> SplitResult:
    """The parts of an address that may be spoken to; `name` is the setting's. Raises UsageError for any other."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment or \
            not re.fullmatch(r"[\x21-\x7e]+", address) or port == 0:
        raise UsageError(_("{setting}: “{address}” is no address of a service, such as "
                           "https://luutru.example.gov.vn/lgsp/v1").format(setting=name, address=address[:100]))
    if parts.scheme == "http" and host not in _LOCAL:
        raise UsageError(_("{setting}: only https is taken, but for this machine.").format(setting=name))
    return parts


class Wire:
    """Requests to one address over one connection that is kept open; closed at the end.

    `pause` waits between tries; `told` hears why a request is tried again.
    """

    def __init__(self, address: str, *, seconds: float = 60.0, attempts: int = 6, authority: Path | None = None,
                 certificate: Path | None = None, pause: Callable[[float], object] = time.sleep,
                 told: Told = lambda _why: None, name: str = "lgsp.address") -> None:
        parts = parts_of(address, name)
        self.host, self._port, self._base = parts.hostname or "", parts.port, parts.path.rstrip("/")
        self._seconds, self._attempts, self._pause, self._told = seconds, attempts, pause, told
        self._tls: ssl.SSLContext | None = None
        if parts.scheme == "https":
            try:
                self._tls = ssl.create_default_context(cafile=authority)
                if certificate is not None:
                    self._tls.load_cert_chain(certificate)
            except (OSError, ssl.SSLError) as error:
                raise UsageError(f"lgsp.authority, lgsp.certificate: {error}") from error
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None,
            most: int = 1 << 20, sink: Sink | None = None, again: frozenset[int] = frozenset(),
            tries: int = 0, wait: float = 0.0) -> Answer:
        """One request, tried again while that may help: whatever it does must be safe to say twice.

        The body of a 200 or 206 goes into what `sink` gives for it, where there is one; else into the answer. `most`
        bytes of it are taken.
        `again`: further states that are tried again; `tries`: how often instead of the settings' number; `wait`:
        seconds that the service may take before it answers. Raises ServiceError.
        """
        given = dict(headers or {})
        for name, value in given.items():
            if not _HEADER.fullmatch(name) or not _VALUE.fullmatch(value):
                raise UsageError(_("The value of the header {name} holds what no header can.").format(name=name))
        attempts, why, wish = tries or self._attempts, "", 0.0
        for attempt in range(attempts):
            if attempt:
                self._told(why)
                longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
                # spreads tries, keeps no secret
                self._pause(max(longest * random.uniform(0.5, 1.0), wish))      # noqa: S311
            try:
                answer = self._once(method, path, body, given, most, sink, wait)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                why, wish = f"{type(error).__name__}: {error}"[:200], 0.0
                continue
            if answer.status not in _AGAIN | again:
                return answer
            why, wish = f"HTTP {answer.status} {answer.said()}".strip(), _wished(answer)
        raise ServiceError(_("The service at {host} did not answer {what} after {n} tries ({why}).").format(
            host=self.host, what=f"{method} {path}", n=attempts, why=why))

    def _once(self, method: str, path: str, body: bytes, headers: Mapping[str, str], most: int,
              sink: Sink | None, wait: float) -> Answer:
        connection = self._open(wait)
        watch = threading.Timer(self._seconds * _PATIENCE + wait + len(body) / _SLOWEST, _cut, [connection])
        watch.daemon = True
        watch.start()
        try:
            # A stream goes in small blocks, each within the time limit; in one piece all of it would have to be.
            connection.request(method, f"{self._base}{path}", body=io.BytesIO(body) if body else None,
                               headers={"Content-Length": str(len(body)), **headers} if body or method != "GET"
                               else dict(headers))
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            if 300 <= answer.status < 400 and answer.status != 304:
                raise ServiceError(_("The service at {host} wants to send us elsewhere (HTTP {status}); that is not "
                                     "followed.").format(host=self.host, status=answer.status))
            if sink is not None and answer.status in (200, 206):
                watch.cancel()      # it watches its own pace
                self._stream(answer, sink(answer.status), most)
                return self._done(Answer(answer.status, told), answer)
            raw = answer.read(most + 1)
            if len(raw) > most:
                raise ServiceError(_("The service at {host} answers {what} with more than {limit} MB.").format(
                    host=self.host, what=f"{method} {path}", limit=most >> 20))
            return self._done(Answer(answer.status, told, raw), answer)
        except BaseException:
            self.close()
            raise
        finally:
            watch.cancel()

    def _done(self, given: Answer, answer: http.client.HTTPResponse) -> Answer:
        if answer.will_close:
            self.close()
        return given

    def _stream(self, answer: http.client.HTTPResponse, sink: IO[bytes], most: int) -> None:
        size, begun = 0, time.monotonic()
        stated = answer.getheader("Content-Length") or ""
        whole = int(stated) if stated.isdecimal() and len(stated) < 16 else -1
        while chunk := answer.read1(_CHUNK):
            size += len(chunk)
            if time.monotonic() - begun > self._seconds + size / _SLOWEST:
                raise TimeoutError(f"{size} B in {time.monotonic() - begun:.0f} s")
            if size > most:
                raise ServiceError(_("The service at {host} sends more than it said; it was not taken.").format(
                    host=self.host))
            sink.write(chunk)
        if whole not in (-1, size):
            raise http.client.IncompleteRead(b"", whole - size)

    def _open(self, wait: float) -> http.client.HTTPConnection:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self.host, self._port, timeout=self._seconds) \
                if self._tls is None else http.client.HTTPSConnection(self.host, self._port, timeout=self._seconds,
                                                                      context=self._tls)
        if self._connection.sock is not None:
            self._connection.sock.settimeout(self._seconds + wait)
        else:
            self._connection.timeout = self._seconds + wait
        return self._connection


def _wished(answer: Answer) -> float:
    """How long the service asks to be left alone, seconds, at most two minutes."""
    said = answer.headers.get("retry-after", "")
    return min(float(said), _LONGEST_WISH) if said.isdecimal() and len(said) < 6 else 0.0


def _cut(connection: http.client.HTTPConnection) -> None:
    """End a connection whose other side drips: each byte within the time limit, the whole never."""
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
