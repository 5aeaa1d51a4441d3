"""What programs are told when something cannot be answered: problem details (RFC 9457) in the language they accept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from archive.i18n import _, later
from web.people import TooManyError
from web.security import retry_after

ROOT = "/api/v1"
MEDIA_TYPE = "application/problem+json"
# kind → status, what it is, what can be done; the kind is for programs and stays as it is
KINDS: Mapping[str, tuple[int, str, str]] = {
    "wrong_request": (400, later("The request cannot be understood"), later("Look at the parameters.")),
    "unauthenticated": (401, later("A token is needed"), later("Send the header Authorization: Bearer with a token of "
                                                               "an account.")),
    "invalid_token": (401, later("The token does not count"), later("Use another one.")),
    "insufficient_scope": (403, later("The token is not for this"), later("Make a token with the scope that is named "
                                                                         "here.")),
    "not_allowed": (403, later("Not allowed"), later("The account has no role that allows this.")),
    "not_found": (404, later("Not found"), later("There is no such thing, or this account may not know of it.")),
    "wrong_method": (405, later("This can only be read"), later("Use GET.")),
    "destroyed": (410, later("Destroyed by decision"), later("Nothing of its content is kept.")),
    "refused": (409, later("This cannot be done"), later("A rule of the archive forbids it.")),
    "too_large": (413, later("Too large"), later("Send less.")),
    "too_many": (429, later("Too many requests at once"), later("Wait as long as Retry-After says, seconds.")),
    "failed": (500, later("Something went wrong here"), later("Tell the administrator the number of the request.")),
    "not_ready": (503, later("Not ready"), later("Try again later.")),
}
BY_STATUS = {404: "not_found", 405: "wrong_method", 403: "not_allowed", 401: "unauthenticated", 413: "too_large",
             429: "too_many"}


class Problem(Exception):  # noqa: N818 (the RFC's own word)
    """The answer is a problem of one of KINDS; `more` are members of its own, `headers` go along."""

    def __init__(self, kind: str, detail: str = "", headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(kind)
        self.kind, self.detail, self.headers, self.more = kind, detail, dict(headers or {}), more


def answer(request: Request, problem: Problem,
           kinds: Mapping[str, tuple[int, str, str]] = KINDS) -> JSONResponse:
    """The answer that tells a problem of one of `kinds`."""
    status, title, detail = kinds[problem.kind]
    number = getattr(request.state, "request_id", "")
    return JSONResponse({"type": f"urn:luutru:problem:{problem.kind}", "title": _(title), "status": status,
                         "detail": problem.detail or _(detail), "instance": f"urn:luutru:request:{number}",
                         **problem.more}, status, problem.headers, MEDIA_TYPE)


def handlers(answer: Callable[[Request, Problem], Response]) -> dict[type[Exception], Any]:
    """How an application for programs tells by `answer` what every such one can meet."""
    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return answer(request, error)

    async def too_many(request: Request, error: Exception) -> Response:
        assert isinstance(error, TooManyError)
        return answer(request, Problem("too_many", headers=retry_after(error)))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(request, Problem(BY_STATUS.get(error.status_code, "wrong_request"), headers=error.headers))

    async def wrong(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        names = list(dict.fromkeys(str(one["loc"][-1]) for one in error.errors()))
        return answer(request, Problem("wrong_request", _("The parameter {name} makes no sense.").format(
            name=", ".join(names)), parameters=names))

    return {Problem: problem, TooManyError: too_many, HTTPException: http, RequestValidationError: wrong}
