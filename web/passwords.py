"""Rules for passwords: length and a list of the ones that everybody tries; no riddles of signs and digits."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

from archive.errors import UsageError
from archive.i18n import _

SHORTEST, LONGEST = 12, 200
_DENIED = Path(__file__).with_name("denied_passwords.txt")


def normal(password: str) -> str:
    """The password as it is hashed: NFC, so that every keyboard's “ậ” is one."""
    return unicodedata.normalize("NFC", password)


def checked(password: str, name: str) -> str:
    """The password, which obeys the rules. Raises UsageError with the one that it breaks."""
    password = normal(password)
    if len(password) < SHORTEST:
        raise UsageError(_("The password needs at least {n} characters; a short sentence is easy to remember.").format(
            n=SHORTEST))
    if len(password) > LONGEST:
        raise UsageError(_("The password may have at most {n} characters.").format(n=LONGEST))
    plain = _plain(password)
    if len(set(plain)) < 5 or any(plain.replace(word, "", 1).strip("0123456789") == "" for word in _denied()) \
            or (len(name) > 3 and plain.replace(_plain(name), "").strip("0123456789") == ""):
        raise UsageError(_("This password is among the first that are tried. Choose another one."))
    return password


def _plain(text: str) -> str:
    """Without marks, signs and capitals: “Mật khẩu@123456” and “matkhau123456” are one to a guesser."""
    marked = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(letter for letter in marked if letter.isalnum())


@cache
def _denied() -> frozenset[str]:
    return frozenset(_plain(line) for line in _DENIED.read_text().splitlines() if line and not line.startswith("#"))
