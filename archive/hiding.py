"""The secrets that settings name are never said: the last net under error messages and log lines.

Whoever holds a secret keeps it out of what he says; this is for what other people's libraries say about it. Nothing
here is a check: tests/test_secrets.py plants every secret and looks for it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from archive.settings import Settings

HIDDEN = "…"
SHORTEST = 4            # letters: what is shorter would be found everywhere
_IN_ADDRESS = re.compile(r"://[^/@]*?:([^@]+)@|[?&](?:password|sslpassword)=([^&#]+)")

_known: list[Settings] = []     # those of this process's archives, newest last


def remember(settings: Settings) -> None:
    """From here on the secrets of these settings are hidden; they are read when something is to be said, not before."""
    if settings not in _known:
        _known[:] = [*_known[-3:], settings]


def hidden(text: str, *settings: Settings) -> str:
    """`text` without the secrets of `settings` (else of all that are remembered): each is shown as “…”."""
    if not text:
        return text
    for secret in sorted({one for told in settings or _known for one in secrets_of(told)}, key=len, reverse=True):
        for form in {secret, quote(secret, safe="")}:
            # A PIN of digits may be a part of a time or of a hash, which is not it.
            text = re.sub(rf"(?<![0-9A-Za-z]){form}(?![0-9A-Za-z])", HIDDEN, text) if form.isdigit() \
                else text.replace(form, HIDDEN)
    return text


def secrets_of(settings: Settings) -> set[str]:
    """The secrets that these settings lead to as they are now: by variables, by files, in addresses."""
    found = {password_in(settings.database), password_in(settings.workers.broker)}
    for _name, section in settings:
        for field in getattr(type(section), "model_fields", {}):
            told = getattr(section, field)
            if field.endswith("secret_env") and told:
                found.add(os.environ.get(told, "").strip())
            elif field.endswith("secret_file") and told:
                found.add(_first_line(settings.path(Path(told))))
    return {one for one in found if len(one) >= SHORTEST}


def password_in(address: str) -> str:
    """The password that stands in the address of a database or broker; empty: none does."""
    found = _IN_ADDRESS.search(address)
    return unquote(found.group(1) or found.group(2)) if found else ""


def _first_line(place: Path) -> str:
    try:
        return place.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):       # who needs it says so
        return ""


def in_log(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The same for a line of the technical log (a processor of structlog)."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = hidden(value)
    return event


def hide_in_errors(settings: Settings) -> None:
    """From here on nothing that the standard library's log writes to standard error has the secrets of `settings`."""
    remember(settings)
    for handler in (logging.lastResort, *logging.getLogger("uvicorn").handlers):
        if handler is not None:
            handler.setFormatter(Hiding(handler.formatter))


class Hiding(logging.Formatter):
    """What `inner` (else the usual) makes of a record, tracebacks included, without secrets."""

    def __init__(self, inner: logging.Formatter | None = None) -> None:
        super().__init__()
        self.inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        """The line without secrets."""
        return hidden(self.inner.format(record))
