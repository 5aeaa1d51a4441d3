"""What stands before every page: the host's name, how much is asked, the origin of forms, their size, the headers.

Nothing here knows who is asking; pages ask for that themselves (web/people.py). What programs ask for under /api/ and
/lgsp/ comes by here too. It carries a token and no cookie counts there, so that no other site can use a browser for it:
the origin of what is sent is not asked for. Its language is the one that the program accepts.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from archive import i18n
from archive.settings import Settings
from web.limits import Limits
from web.people import TooManyError
from web.rendering import FORM_FIELD, token_is_right

LANGUAGE_COOKIE = "luutru_language"
SAFE = ("GET", "HEAD", "OPTIONS")
POLICY = ("default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; script-src 'self'; "
          "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'")
HEADERS = {
    "content-security-policy": POLICY, "x-content-type-options": "nosniff", "x-frame-options": "DENY",
    "referrer-policy": "same-origin", "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin", "x-robots-tag": "noindex, nofollow",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()", "cache-control": "no-store"}
LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")
SERVICE = "/lgsp/v1/"
PROGRAMS, FREE = ("/api/v1/", SERVICE), "/static/"      # /api/v1 itself is a page for people
"""What begins so is the archive service; is for programs; is not counted."""
LONGEST_HEADERS = 32_768        # bytes of all of a request's headers


class StaleFormError(Exception):
    """The form was not made for this browser, or its session has changed since."""


class Guard:
    """The outermost layer: turns away what is not for us, sets the language and every answer's headers."""

    def __init__(self, app: ASGIApp, settings: Settings, limits: Limits,
                 failed: Callable[[Request, Exception], Response], listens_on: tuple[str, ...] = ()) -> None:
        self.app, self.settings, self.limits, self.failed = app, settings, limits, failed
        named = urlsplit(settings.web.address).hostname
        self.hosts = {*LOCAL_HOSTS, *settings.web.hosts, *listens_on, *([named] if named else [])}
        service = settings.service
        self.largest, self.largest_part = (int(size * 1_000_000) for size in (
            settings.web.max_form_mb, max(service.message_mb, service.paper_mb)))
        self.largest_package = int(service.package_gb * (1 << 30))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, program = Headers(scope=scope), scope["path"].startswith(PROGRAMS)
        secure = scope["scheme"] == "https" or self.settings.web.address.startswith("https:")
        with ExitStack() as context:
            context.enter_context(i18n.speaking(accepted(headers.get("accept-language", ""), self.settings.language)
                                                if program else _language(headers, self.settings)))
            limited = _Limited(receive, self._largest(scope["path"]))
            answer = _Headed(send, limited, secure=secure)
            if refused := self._refused(scope, headers, program=program):
                status, said, more = refused
                await _turned_away(status, said, more, program=program)(scope, receive, answer)
                return
            try:
                await self.app(scope, limited, answer)
            except TooLargeError:
                await PlainTextResponse("413 Content Too Large", 413)(scope, receive, answer)
            except Exception as error:
                if answer.begun:        # too late for a page: the server cuts the answer off
                    raise
                await self.failed(Request(scope, receive), error)(scope, receive, answer)

    def _refused(self, scope: Scope, headers: Headers, *, program: bool) -> tuple[int, str, dict[str, str]] | None:
        if _name_of(headers.get("host", "")) not in self.hosts:
            return 400, "400 Bad Request: host", {}
        if program and any(letter < " " for letter in scope["path"]):       # no route that is mounted would match it
            return 400, "400 Bad Request: path", {}
        if sum(len(name) + len(value) for name, value in scope["headers"]) > LONGEST_HEADERS:
            return 431, "431 Request Header Fields Too Large", {}
        if not scope["path"].startswith(FREE):
            try:
                self.limits.of_address(scope["client"][0] if scope.get("client") else "")
            except TooManyError as error:
                return 429, "429 Too Many Requests", retry_after(error)
        if scope["method"] in SAFE:
            return None
        origin = headers.get("origin") or headers.get("referer") or ""
        if not program and (headers.get("sec-fetch-site", "same-origin") != "same-origin" or
                            urlsplit(origin).netloc.lower() != headers.get("host", "").lower()):
            return 403, "403 Forbidden: origin", {}
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 18 or int(length) > self._largest(scope["path"]):
            return 413, "413 Content Too Large", {}
        return None

    def _largest(self, path: str) -> int:
        """The longest body that is taken there, bytes: forms, messages and papers of the service, its packages."""
        if not path.startswith(SERVICE):
            return self.largest
        return self.largest_package if path.startswith(f"{SERVICE}uploads/") else self.largest_part


def _turned_away(status: int, said: str, more: dict[str, str], *, program: bool) -> Response:
    """The answer to what is not for us; programs are told as everywhere (RFC 9457)."""
    if not program:
        return PlainTextResponse(said, status, more)
    number = secrets.token_hex(8)
    kind = {413: "too_large", 429: "too_many"}.get(status, "wrong_request")
    return JSONResponse({"type": f"urn:luutru:problem:{kind}", "title": said.partition(" ")[2], "status": status,
                         "detail": said, "instance": f"urn:luutru:request:{number}"}, status,
                        {**more, "x-request-id": number}, "application/problem+json")


class TooLargeError(Exception):
    """More came than was announced or is allowed."""


class _Limited:
    """A request's body, which ends with an error where it is larger than allowed."""

    def __init__(self, receive: Receive, largest: int) -> None:
        self.receive, self.left = receive, largest

    async def __call__(self) -> Message:
        message = await self.receive()
        self.left -= len(message.get("body", b""))
        if self.left < 0:
            raise TooLargeError
        return message


class _Headed:
    """An answer on its way out, which gets the headers that it does not set itself."""

    def __init__(self, send: Send, limited: _Limited, *, secure: bool) -> None:
        self.send, self.limited, self.secure, self.begun = send, limited, secure, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            if self.limited.left < 0:       # who read the body calls it unreadable; it was too large
                message["status"] = 413
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if self.secure:
                headers.setdefault("strict-transport-security", "max-age=31536000")
        await self.send(message)


async def checked_form(request: Request) -> None:
    """A dependency of every page: what is sent must carry the token of a form that was made for this browser.

    Raises StaleFormError.
    """
    if request.method in SAFE:
        return
    form = await request.form(max_files=20, max_fields=2000, max_part_size=20_000_000)
    given = form.get(FORM_FIELD, "")
    if not isinstance(given, str) or not token_is_right(request, given):
        raise StaleFormError


def local_path(wanted: str) -> str:
    """`wanted` where it is a page of ours, else the first page: no link leads people elsewhere after a log-in."""
    parts = urlsplit(wanted)
    good = (wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
            and wanted.isprintable() and "\\" not in wanted)
    return wanted if good else "/"


def retry_after(error: TooManyError) -> dict[str, str]:
    """The header that says when to come again, whole seconds."""
    return {"retry-after": str(max(1, math.ceil(error.wait)))}


def accepted(header: str, otherwise: str) -> str:
    """The language of ours that a program likes best (Accept-Language, RFC 9110 12.5.4), else `otherwise`."""
    best, language = 0.0, otherwise
    for part in header[:500].split(","):
        name, _semicolon, rest = part.strip().partition(";")
        quality = rest.strip().removeprefix("q=").strip()
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        wanted = name.strip().lower().split("-")[0]
        if wanted in i18n.LANGUAGES and weight > best:
            best, language = weight, wanted
    return language


def _language(headers: Headers, settings: Settings) -> str:
    try:
        chosen = SimpleCookie(headers.get("cookie", "")).get(LANGUAGE_COOKIE)
    except CookieError:
        chosen = None
    return chosen.value if chosen is not None and chosen.value in i18n.LANGUAGES else settings.language


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()
