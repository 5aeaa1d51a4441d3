"""The application for programs, mounted beside the pages: its endpoints, its problems, its OpenAPI document.

It asks for a token each time and knows no sessions, so no browser can be made to use it for somebody.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from archive import i18n
from archive.errors import ArchiveBusyError, DestroyedError, LuuTruError, RefusedError, UsageError
from archive.terminal import explain
from search.index import IndexOutdatedError
from web.api import casefiles, documents, monitoring, nights, retention, searching
from web.api.answers import has
from web.api.problems import MEDIA_TYPE, ROOT, Problem, answer, handlers
from web.counting import path_for_log
from web.security import TooLargeError
from web.site import Site

_LOG = logging.getLogger("luutru.web")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
DESCRIPTION = """
The archive for programs. What an account may not know of is in no result, count or answer, as on the pages: a token
acts for an account, with its roles and agency as they are at the moment, and for what its scopes name.

- **Tokens** go into the header `Authorization: Bearer luutru_….…`; cookies and addresses are not looked at.
- **Errors** are `application/problem+json` (RFC 9457); `type` is for programs, `title` and `detail` for people, in the
  language of `Accept-Language` (`vi`, `en`).
- **Lists** name the address of their `next` page; a cursor is to be used as it was given. Pages of case files and
  documents neither repeat nor leave out anything when others come in between; those of a search hold while the index
  stays as it is, which is until the next night.
- **Tags:** every answer has an `ETag`; with `If-None-Match` an unchanged one is 304.
- **Limits:** after too many requests in a minute the answer is 429 with `Retry-After`.
- **The ledger:** views of what is not open, and downloads, are written down with the account and the token.
- Every answer has an `X-Request-Id`: the program's own where it sent one, ours else.
"""


class Api(FastAPI):
    """The application; its document does not name the framework's own answer to a wrong parameter: ours is 400."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        told = super().openapi()
        for methods in told["paths"].values():
            for one in methods.values():
                one["responses"].pop("422", None)
        for name in ("HTTPValidationError", "ValidationError"):
            told["components"]["schemas"].pop(name, None)
        return told


def create_api(site: Site) -> Api:
    """The application that answers programs about the archive of `site`, to be mounted at ROOT."""
    api = Api(title="Lưu Trữ", version="1", description=DESCRIPTION, docs_url=None, redoc_url=None, openapi_url=None,
              servers=[{"url": ROOT}], responses={
                  status: {"description": said, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
                  for status, said in ((400, "the request cannot be understood"), (401, "no token that counts"),
                                       (403, "not for this token or account"), (429, "too many requests"))})
    api.state.site = site
    for router in (searching.router, documents.router, casefiles.router, nights.router, retention.router,
                   monitoring.router):
        api.include_router(router)
    api.add_api_route("/openapi.json", _openapi, include_in_schema=False)
    for kind, handler in _HANDLERS.items():
        api.add_exception_handler(kind, handler)
    api.add_middleware(Shell)
    return api


async def _openapi(request: Request) -> Response:
    """The OpenAPI document: the same for everybody, it says nothing of any archive."""
    body = orjson.dumps(request.app.openapi())
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if has(request, tag):
        return Response(status_code=304, headers={"etag": tag})
    return Response(body, media_type="application/json", headers={"etag": tag, "cache-control": "no-cache"})


class Shell:
    """Round every request of a program: its number, the headers of its answer, and our failures as problems."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        number = given if _ID.fullmatch(given) else secrets.token_hex(8)
        request = Request(scope, receive)
        request.state.request_id = number
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = number
                headers["content-language"] = i18n.language()
                headers.add_vary_header("Authorization, Accept-Language")
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except TooLargeError:
            await answer(request, Problem("too_large"))(scope, receive, sending)
        except Exception as error:
            if begun:           # too late for an answer: the server cuts it off
                raise
            _LOG.error("%s %s %r", number, scope["method"], path_for_log(scope), exc_info=error)
            await answer(request, Problem("failed"))(scope, receive, sending)


async def _ours(request: Request, error: Exception) -> Response:
    """An error of ours that has a sentence for people; any other is our failure."""
    match error:
        case DestroyedError():
            return answer(request, Problem("destroyed", str(error)))
        case RefusedError():
            return answer(request, Problem("refused", explain(error)))
        case IndexOutdatedError() | ArchiveBusyError():
            return answer(request, Problem("not_ready", explain(error), {"retry-after": "300"}))
        case UsageError():
            return answer(request, Problem("wrong_request", explain(error)))
    raise error


_PROBLEM = {"type": "object", "required": ["type", "title", "status", "detail", "instance"], "properties": {
    "type": {"type": "string", "examples": ["urn:luutru:problem:not_found"]},
    "title": {"type": "string", "examples": ["Không tìm thấy"]}, "status": {"type": "integer", "examples": [404]},
    "detail": {"type": "string"}, "instance": {"type": "string", "examples": ["urn:luutru:request:5f1c09aa3be0d3c7"]},
    "parameters": {"type": "array", "items": {"type": "string"}}, "scope": {"type": "string"}}}
_HANDLERS: dict[type[Exception], Any] = {
    **handlers(answer), LuuTruError: _ours}
