"""Answers for programs: JSON with its own tag (ETag), and pages of lists that stay as they are while things come in."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from pydantic import BaseModel

from archive.i18n import _
from web.api.problems import ROOT, Problem

KEEP = {"cache-control": "private, no-cache"}
"""A program may keep what it got, but asks each time, with its token, whether it still may have it."""


def told(request: Request, value: BaseModel) -> Response:
    """`value` as JSON; nothing but its tag where the program has it already (If-None-Match)."""
    body = value.model_dump_json().encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if has(request, tag):
        return Response(status_code=304, headers={"etag": tag, **KEEP})
    return Response(body, media_type="application/json", headers={"etag": tag, **KEEP})


def has(request: Request, tag: str) -> bool:
    """Whether the program says that it has what bears `tag` (RFC 9110 13.1.2)."""
    given = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return tag in given or given == ["*"]


def cursor(*place: str | int) -> str:
    """A place in a list, for the address of its next page."""
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).rstrip(b"=").decode()


def place(given: str, *kinds: type) -> tuple[Any, ...] | None:
    """The place that a cursor names, values of these kinds; None for an empty one. Raises Problem for any other."""
    if not given:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
        if isinstance(found, list) and [type(one) for one in found] == list(kinds):
            return tuple(found)
    except (ValueError, RecursionError):
        pass
    raise wrong("cursor")


def next_page(request: Request, path: str, at: str) -> str:
    """The address of the next page of a list, from the one after `at` on."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{ROOT}{path}?{urlencode([*kept, ('cursor', at)])}"


def wrong(parameter: str) -> Problem:
    """The problem of a parameter that makes no sense."""
    return Problem("wrong_request", _("The parameter {name} makes no sense.").format(name=parameter),
                   parameters=[parameter])
