"""Messages for people: Vietnamese first, English as the other; gettext catalogues under locale/.

The language is the setting's, else the locale's. Findings carry their own two sentences (findings.py).
A server speaks another language in each request: `speaking` holds for what runs in its context, threads included.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LOCALE = Path(__file__).with_name("locale")
DOMAIN = "luutru"
LANGUAGES = ("vi", "en")

_current: gettext.NullTranslations | None = None
_language = "vi"
_here: ContextVar[str] = ContextVar("luutru_language", default="")


def use(language: str) -> None:
    """Speak `language` ("vi" or "en") from here on."""
    global _current, _language
    _language = language if language in LANGUAGES else "vi"
    _current = _translations(_language)
    # click asks gettext's current domain for its own words ("Usage:", "Error: …"): ours has them (CLICK).
    os.environ["LANGUAGE"] = _language
    gettext.bindtextdomain(DOMAIN, str(LOCALE))
    gettext.textdomain(DOMAIN)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak `language` within this context (a request) only; others are not disturbed."""
    token = _here.set(language if language in LANGUAGES else "vi")
    try:
        yield
    finally:
        _here.reset(token)


@cache
def _translations(language: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, LOCALE, [language], fallback=True)


def _spoken() -> gettext.NullTranslations:
    """The catalogue of the language that is spoken here and now."""
    if here := _here.get():
        return _translations(here)
    if _current is None:
        use(from_environment())
    assert _current is not None
    return _current


def language() -> str:
    """The language that is spoken now."""
    if here := _here.get():
        return here
    if _current is None:
        use(from_environment())
    return _language


def from_environment() -> str:
    """LUUTRU_LANGUAGE, else English where the locale asks for it, else Vietnamese."""
    wanted = os.environ.get("LUUTRU_LANGUAGE", "")
    if wanted:
        return wanted
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "en" if locale.startswith("en") else "vi"


def _(text: str) -> str:
    """`text` (English, the key of the catalogues) in the language that is spoken now."""
    return _spoken().gettext(text)


def later(text: str) -> str:
    """Mark `text` for the catalogues; it is translated where it is shown."""
    return text


def ngettext_(one: str, many: str, n: int) -> str:
    """`one` or `many` for `n` things, in the language that is spoken now; "{n}" is left to the caller."""
    return _spoken().ngettext(one, many, n)


def figure(told: str) -> str:
    """A figure as Python formats it ("12,345.67") as people write it: 12.345,67 in Vietnamese."""
    return told if language() == "en" else told.translate({ord(","): ".", ord("."): ","})


CLICK = (later("Usage:"), later("Options"), later("Commands"), later("Error: {message}"), later("Aborted!"),
         later("Show this message and exit."), later("Show the version and exit."),
         later("Try '{command} {option}' for help."), later("No such command {name!r}."),
         later("No such option {name!r}."), later("Missing command."), later("Missing argument"),
         later("Missing option"), later("Got unexpected extra argument ({args})"),
         later("Invalid value: {message}"), later("Invalid value for {param_hint}: {message}"),
         later("Choose from:\n\t{choices}"),
         later("{name} {filename!r} does not exist."), later("{name} {filename!r} is a file."),
         later("{name} {filename!r} is a directory."), later("{name} {filename!r} is not readable."),
         later("{name} {filename!r} is not writable."), later("{value!r} is not a valid {number_type}."),
         later("{value} is not in the range {range}."), later("Option {name!r} does not take a value."),
         later("default: {default}"), later("required"))


def click_counts(n: int) -> tuple[str, ...]:
    """click's own messages that have a plural, for `n` things: here so that the catalogues know them."""
    return (ngettext_("{value!r} is not {choice}.", "{value!r} is not one of {choices}.", n),
            ngettext_("{value!r} does not match the format {format}.",
                      "{value!r} does not match the formats {formats}.", n),
            ngettext_("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)", n),
            ngettext_("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments.", n))
