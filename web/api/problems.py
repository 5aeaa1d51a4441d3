"""What programs are told when something cannot be answered: problem details (RFC 9457) in the language they accept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from archive.i18n import _, later

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


def answer(request: Request, problem: Problem) -> JSONResponse:
    """The answer that tells a problem."""
    status, title, detail = KINDS[problem.kind]
    number = getattr(request.state, "request_id", "")
    return JSONResponse({"type": f"urn:luutru:problem:{problem.kind}", "title": _(title), "status": status,
                         "detail": problem.detail or _(detail), "instance": f"urn:luutru:request:{number}",
                         **problem.more}, status, problem.headers, MEDIA_TYPE)
