"""One byte for each character that Vietnamese offices write: texts in which whole passes cost what one word costs.

In UTF-8 most Vietnamese letters take two or three bytes, and in Python a text is walked letter by letter. Written in a
table of our own, one byte each, a text is folded by a single translation of its bytes, and compresses better. A
character that the table lacks is written as its number, so that nothing is lost. Indexes hold what is written so: a
change of the table makes them unreadable (see search/engines/keeping.py).
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from search.syllables import LETTERS

ESCAPE: Final = "\x1b"
_ESCAPED = re.compile(f"{ESCAPE}([0-9a-f]+);")
_NUMBERS = re.compile(_ESCAPED.pattern.encode())
_PLAIN = (0, 9, 10, 12, *range(32, 127))
_FURTHER = "–—‐‑−“”‘’«»…•·§°²³€⁄\u00a0"         # what else offices write
_BY_NUMBER = "luutru.by-number"


def written(text: str) -> bytes:
    """`text` in the table; what that lacks as numbers. Any text can be written, and `read` gives it back."""
    return codecs.charmap_encode(text, _BY_NUMBER, _TO)[0]


def read(data: bytes) -> str:
    """The text that was `written`."""
    text = codecs.charmap_decode(data, "strict", _FROM)[0]
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if ESCAPE in text else text


def without_numbers(data: bytes) -> bytes | None:
    """What was `written`, with a blank for each number that stands for a mere separator; None where another is left."""
    if ESCAPE.encode() not in data:
        return data
    if not all(_separates(chr(int(number, 16))) for number in set(_NUMBERS.findall(data))):
        return None
    return _NUMBERS.sub(b" ", data)


def _separates(sign: str) -> bool:
    """Whether a character stands between words: no letter, digit or mark, and nothing that nobody sees."""
    return not (sign.isalnum() or "\u0300" <= sign <= "\u036f" or sign in INVISIBLE or "\ud800" <= sign <= "\udfff")


def _by_number(problem: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(problem, UnicodeEncodeError)
    told = "".join(f"{ESCAPE}{ord(sign):x};" for sign in problem.object[problem.start:problem.end])
    return told.encode("ascii"), problem.end


def _table() -> str:
    """The character of each byte; U+FFFE: none. The escape sign has none: in a text it is written as its number."""
    found = {code: chr(code) for code in _PLAIN}
    others = sorted(letter for letter in LETTERS if ord(letter) > 127) + list(_FURTHER)
    free = [code for code in range(1, 256) if code not in found and code != ord(ESCAPE)]
    assert len(others) <= len(free)
    found |= dict(zip(free, others, strict=False))
    return "".join(found.get(code, "\ufffe") for code in range(256))


SAME_LETTER: Final = {"ð": "d", "ɖ": "d", "ƣ": "u"}
"""What old fonts write for đ and ư, as these are folded."""

INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""Soft hyphens and zero-width signs that office programs leave inside words."""

codecs.register_error(_BY_NUMBER, _by_number)
TABLE: Final = _table()
_TO = codecs.charmap_build(TABLE)
_FROM = TABLE[:ord(ESCAPE)] + ESCAPE + TABLE[ord(ESCAPE) + 1:]


# --- what becomes of each byte ------------------------------------------------------------------------------

_VOWELS, _OTHERS = "aeiouy", "b-df-hj-np-tv-xz0-9"
_LETTER = {sign: sign.lower() for sign in TABLE if sign.isalpha()}
_SAFE = {letter: 0xA1 + n for n, letter in enumerate(sorted({small for small in _LETTER.values() if small > "\x7f"}))}
_FIGURES = {**{figure: figure for figure in "0123456789"}, "²": "2", "³": "3"}


def _base(letter: str) -> str:
    return unicodedata.normalize("NFD", letter.replace("đ", "d"))[0]


def _exact(letter: str) -> int:
    return _SAFE.get(letter, ord(letter))


_FOLDED = bytes(ord(_base(_LETTER[sign]) if sign in _LETTER else _FIGURES.get(sign, " ")) for sign in TABLE)
_EXACT = bytes(_exact(_LETTER[sign]) if sign in _LETTER else ord(_FIGURES.get(sign, " ")) for sign in TABLE)
_KEPT = bytes(ord(_base(_LETTER[sign]) if sign in _LETTER else sign if sign.isascii() else
                  {**dict.fromkeys("–—‐‑−", "-"), "⁄": "/", "\u00a0": " ", "²": "_", "³": "_"}.get(sign, '"'))
              for sign in TABLE)
_MOVED = {bytes((_exact(first), ord(second))): bytes((ord(_base(first)), _exact(toned)))
          for firsts, second, toneds in (("òóỏõọ", "a", "àáảãạ"), ("òóỏõọ", "e", "èéẻẽẹ"), ("ùúủũụ", "y", "ỳýỷỹỵ"))
          for first, toned in zip(firsts, toneds, strict=True)}
_O, _U = (bytes(map(_exact, toned)) for toned in ("òóỏõọ", "ùúủũụ"))
_TO_MOVE = re.compile(b"[%b%b](?:(?<=[%b])[ae]|(?<=[%b])y)" % (_O, _U, _O, _U))
_AS_I = {_exact(one): _exact(other) for one, other in zip("yỳýỷỹỵ", "iìíỉĩị", strict=True)}
# y is i where no vowel stands before it (lý, kỹ, y) and after qu (quý, quýt), not in tay, thuỷ or quyết.
_LEVELLED = re.compile((rf"y(?:(?<= y)|(?<= [{_OTHERS}]y)|(?<= [{_OTHERS}]{{2}}y)|(?<= [{_OTHERS}]{{3}}y)|(?<= quy))"
                        rf"(?= )|y(?<= quy)(?=[{_OTHERS}])").encode())
_ZEROS = re.compile(rb"0+(?=[0-9]+ )")        # 05 is 5: in dates and numbers people drop the zero or not
LONGEST_WORD = 250
"""Longer "words" are noise (base64, ruled lines read by OCR) and are cut, characters."""


def words(plain: bytes) -> tuple[str, str] | None:
    """The words of a text that is `written` and has no numbers left: folded and exact, blanks between them.

    Folded is without marks, đ as d, in small letters; exact has a letter of its own for each letter with a mark (they
    are for comparing, not for reading), oà for òa, and i for y as folded has. None where a word is too long.
    """
    plain = b" %b " % plain
    folded = plain.translate(_FOLDED)
    if _has_too_long(folded):
        return None
    exact = plain.translate(_EXACT)
    moved = [found.start() for found in _TO_MOVE.finditer(exact)]
    levelled = [found.start() for found in _LEVELLED.finditer(folded)]
    zeros = list(_zeros(folded))
    if moved or levelled or zeros:
        one, other = bytearray(folded), bytearray(exact)
        for place in moved:
            other[place:place + 2] = _MOVED[bytes(other[place:place + 2])]
        for place in levelled:
            one[place], other[place] = 0x69, _AS_I[other[place]]
        for start, end in zeros:
            one[start:end] = other[start:end] = b"\0" * (end - start)
        folded, exact = bytes(one).translate(None, b"\0"), bytes(other).translate(None, b"\0")
    return folded.decode("ascii"), exact.decode("latin-1")


def _zeros(folded: bytes) -> Iterator[tuple[int, int]]:
    """Where the zeros before a figure begin and end. Texts have few: to find " 0" is quicker than an expression."""
    place = folded.find(b" 0")
    while place >= 0:
        if found := _ZEROS.match(folded, place + 1):
            yield found.span()
        place = folded.find(b" 0", place + 2)


def _has_too_long(folded: bytes) -> bool:
    """Whether a word is longer than it may be: one goes from blank to blank in steps as long as a word may be."""
    place = 0
    while len(folded) - place > LONGEST_WORD + 1:
        place = folded.rfind(b" ", place, place + LONGEST_WORD + 1) + 1
        if not place:
            return True
    return False


def folded_but_for_signs(data: bytes) -> bytes:
    """What was `written`, in small letters without marks, with its signs: dashes as -, quotation marks and others as ".

    A letter that the table lacks becomes x.
    """
    if ESCAPE.encode() in data:
        data = _NUMBERS.sub(_roughly, data)
    return data.translate(_KEPT)


def _roughly(number: re.Match[bytes]) -> bytes:
    sign = chr(int(number[1], 16)).lower()
    return SAME_LETTER.get(sign, "x" if sign.isalnum() else '"').encode()
