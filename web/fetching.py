"""JSON objects from the one address that the settings name: TLS or this machine, no redirections, a limit of size."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from web.id_tokens import NotBelievedError

MOST_BYTES = 1 << 20
_LOCAL = ("127.0.0.1", "localhost", "::1")


def fetched(url: str, *, seconds: float, data: bytes | None = None,
            headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at `url`, waited for so many seconds. Raises NotBelievedError.

    Redirections are not followed: they would carry secrets elsewhere, or lead into the network behind us.
    """
    safe(url)
    chain: list[urllib.request.BaseHandler] = [_NoRedirection()]
    if urlsplit(url).hostname in _LOCAL:
        chain.append(urllib.request.ProxyHandler({}))
    asked = urllib.request.Request(url, data=data, headers={  # noqa: S310 (the scheme was looked at)
        "accept": "application/json", **(headers or {})})
    try:
        with urllib.request.build_opener(*chain).open(asked, timeout=seconds) as answer:
            raw = answer.read(MOST_BYTES + 1)
        told = json.loads(raw) if len(raw) <= MOST_BYTES else None
    except (urllib.error.URLError, OSError, ValueError, RecursionError) as error:
        raise NotBelievedError(f"no answer: {type(error).__name__}") from error
    if not isinstance(told, dict):
        raise NotBelievedError("not a JSON object")
    return told


def safe(url: object) -> None:
    """Whether an address may be asked: TLS, or this machine itself. Raises NotBelievedError."""
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or not parts.hostname or not (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)):
        raise NotBelievedError("address without TLS")


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None
