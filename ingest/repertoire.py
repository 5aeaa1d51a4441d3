"""Which characters Vietnamese text is made of (TCVN 6909:2001), and what a text or a name holds besides them.

Only reports: a received text or name is never changed here. Which old encoding a text is in is told elsewhere.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_VOWELS = "aăâeêioôơuưy"
_TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
# Tab, line feed, form feed and carriage return belong to text; U+FFFD stands where a letter was lost.
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffd]")
_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SHOWN = 8


@cache
def letters() -> frozenset[str]:
    """The 134 letters of Vietnamese beyond ASCII, both cases, composed."""
    small = {unicodedata.normalize("NFC", vowel + tone) for vowel in _VOWELS for tone in _TONES} | {"đ"}
    return frozenset(letter for letter in small | {letter.upper() for letter in small} if not letter.isascii())


def is_composed(text: str) -> bool:
    """Whether `text` is in normalisation form C."""
    return text.isascii() or unicodedata.is_normalized("NFC", text)


def stray_letters(text: str) -> str:
    """Letters outside the repertoire, such as ƣ (U+01A3) for ư, as people can look them up; empty when none."""
    if text.isascii():
        return ""
    composed = unicodedata.normalize("NFC", text)
    stray = {sign for sign in set(composed) if not sign.isascii() and sign.isalpha()} - letters()
    return _shown(stray)


def control_characters(text: str) -> str:
    """Invisible control and direction characters and U+FFFD in a text; empty when none."""
    return _shown(set(_CONTROL.findall(text)), visible=False)


def control_in_name(name: str) -> str:
    """Control, direction and zero-width characters in a file name; empty when none."""
    return _shown(set(_IN_NAMES.findall(name)), visible=False)


def printable(name: str) -> str:
    """A name safe to show: control, direction and zero-width characters replaced by "?"."""
    return _IN_NAMES.sub("?", name)


def _shown(signs: set[str], *, visible: bool = True) -> str:
    ordered = sorted(signs)
    shown = ", ".join(f"{sign} (U+{ord(sign):04X})" if visible else f"U+{ord(sign):04X}" for sign in ordered[:_SHOWN])
    return shown + (", …" if len(ordered) > _SHOWN else "")
