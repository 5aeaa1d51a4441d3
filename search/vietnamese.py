"""Vietnamese text made comparable: one form for every way of writing the same syllable.

Texts come composed and decomposed, with the tone on either vowel (hoà, hòa), with i or y (lý, lí), with the
letters of old fonts (ƣ for ư, ð for đ), and people type without any marks. Here each syllable gets two forms,
a folded one to find by and an exact one to rank by. This module never changes what is stored or shown.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise

ANALYSIS_VERSION = 2
"""Goes up when the same text would give other words: an index made before must be rebuilt."""

LONGEST_WORD = 64
"""Longer "words" are noise (base64, ruled lines read by OCR) and are cut, characters."""

# Soft hyphens and zero-width signs that office programs leave inside words; lone surrogates are no text.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff\ud800-\udfff]")
_INVISIBLE_SIGNS = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
# Words are runs of letters, digits and combining marks. They are taken out of tokens (what stands between blanks),
# of which a text repeats most; only where the places of words are needed are they found one by one.
_BETWEEN = re.compile(r"[^\w\s\u0300-\u036f]")
_WORD = re.compile(r"(?:[^\W_]|[\u0300-\u036f])+")
_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
_MARKS = frozenset("\u0302\u0306\u031b")                  # circumflex, breve, horn: other letters, not tones
_SAME_LETTER = str.maketrans({"ð": "đ", "ɖ": "đ", "ƣ": "ư"})
# y is i where no vowel stands before it (lý, kỹ, y) and after qu (quý, quýt), not in tay, thuỷ or quyết.
_LEVEL_Y = re.compile(r"^(?:[^aeiouy]*|qu)y$|^quy(?=[^aeiouy\W])")
_CACHE_LIMIT = 200_000
_TOKENS_LIMIT, _LONGEST_TOKEN = 50_000, 64        # remembered at most, 25 MB; characters of one
# Each word is one of so many letters in a pair; all of them are letters of two bytes and none is a blank.
_FIRST_SIGN, _SIGNS = 0x100, 0x700


def clean(text: str) -> str:
    """`text` composed (NFC), without invisible characters: the form in which text is stored and shown."""
    if not text.isascii():
        if _hides(text):
            text = _INVISIBLE.sub("", text)
        if not unicodedata.is_normalized("NFC", text):
            text = unicodedata.normalize("NFC", text)
    return text


@dataclass(frozen=True, slots=True)
class Streams:
    """The words of one text in their two forms, position by position."""

    folded: list[str]
    exact: list[str]

    @property
    def marked(self) -> bool:
        """Whether any word bears a mark that folding drops."""
        return self.folded != self.exact


def streams(text: str) -> Streams:
    """The words of `text`: folded (no marks, đ as d) and exact (with marks, tone place and i/y levelled)."""
    return split(lowered(text))


def lowered(text: str) -> str:
    """`text` clean and in lower case: what `split` and the numbers of search/numbers.py are read from."""
    return clean(text).lower()


def split(lowered_text: str) -> Streams:
    """The words of a text that is `lowered`: for those who need the lowered text as well."""
    tokens = lowered_text.split()
    return Streams("".join(map(_folded_of.__getitem__, tokens)).split(),
                   "".join(map(_exact_of.__getitem__, tokens)).split())


def analysed(lowered_text: str) -> tuple[str, str, str]:
    """The words of a text that is `lowered` as an engine takes them, folded and exact, and its `bigrams`.

    Each is one text with a blank between.
    """
    tokens = lowered_text.split()
    # Of every word the pairs hold it as the second of one and the first of the next: "a ab bc c".
    return ("".join(map(_folded_of.__getitem__, tokens))[:-1], "".join(map(_exact_of.__getitem__, tokens))[:-1],
            "".join(map(_paired_of.__getitem__, tokens))[2:-2])


def fold(text: str) -> str:
    """`text` as its folded words with a blank between; folding again changes nothing."""
    return "".join(map(_folded_of.__getitem__, lowered(text).split()))[:-1]


def spans(text: str, first: int = 0, count: int | None = None) -> Iterable[tuple[str, str, int, int]]:
    """Each word of `text` as (folded, exact, start, end), or `count` of them: what a highlight needs.

    `text` must be `clean`.
    """
    low = text.lower()
    if len(low) != len(text):                # a letter whose lower case is longer would shift all that follow
        low = "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)
    stop = None if count is None else first + count
    for match in islice(_WORD.finditer(low), first, stop):
        word = match.group()
        if folded := _folded[word]:
            yield folded, _exact[word], match.start(), match.end()


def bigrams(words: Sequence[str]) -> list[str]:
    """Each pair of neighbouring folded words as one term: most Vietnamese words have two syllables.

    A term is two letters, one for each word, which some other words share: pairs rank what is found, they find nothing
    by themselves. Written out they would make up a sixth of an index.
    """
    return list(map("".join, pairwise(map(_sign, words))))


def letters(text: str) -> str:
    """`text` in lower case without marks (đ as d), all other characters kept: for short codes and names."""
    lowered = clean(text).lower()
    if lowered.isascii():
        return lowered
    lowered = lowered.translate(_SAME_LETTER)
    return "".join(sign for sign in unicodedata.normalize("NFD", lowered)
                   if not unicodedata.combining(sign)).replace("đ", "d")


def _hides(text: str) -> bool:
    """Whether there is a sign in `text` that nobody sees; quicker than to look for all of them at each place."""
    try:
        text.encode()
    except UnicodeEncodeError:                # a lone surrogate
        return True
    return any(sign in text for sign in _INVISIBLE_SIGNS)


class _Known(dict[str, str]):
    """One form of each lower-case word met so far: a text repeats its few thousand syllables."""

    def __init__(self, form: int) -> None:
        self._form = form

    def __missing__(self, word: str) -> str:
        if len(self) >= _CACHE_LIMIT:
            self.clear()
        found = self[word] = _forms(word)[self._form]
        return found


def _forms(word: str) -> tuple[str, str]:
    whole = word.translate(_SAME_LETTER)
    for _ in range(2):                       # taking apart can bring back capitals, and those further marks
        whole = unicodedata.normalize("NFKD", whole.lower())
    base = "".join(sign for sign in whole if sign.isalnum()).replace("đ", "d")[:LONGEST_WORD]
    if base.isascii() and base.isdigit():
        digits = base.lstrip("0") or "0"     # 05 is 5: in dates and numbers people drop the zero or not
        return digits, digits
    if not base:
        return "", ""
    shape = "".join(sign for sign in whole if sign.isalnum() or sign in _MARKS)[:LONGEST_WORD]
    tones = "".join(sorted(sign for sign in whole if sign in _TONES))[:2]
    if _LEVEL_Y.search(base):
        base, shape = base.replace("y", "i", 1), shape.replace("y", "i", 1)
    return base, shape + tones               # the tone at the end: where it was written says nothing


_folded, _exact = _Known(0), _Known(1)


def _sign(word: str) -> str:
    return chr(_FIRST_SIGN + zlib.crc32(word.encode("utf-8", "replace")) % _SIGNS)


def _token_forms(token: str) -> tuple[str, str, str]:
    """The words of what stands between two blanks ("104/qđ-ubnd," has three): folded, exact, in pairs."""
    words = _BETWEEN.sub(" ", token).replace("_", " ").split()
    folded = [form for word in words if (form := _folded[word])]      # a mark that stands alone is no word
    exact = [form for word in words if (form := _exact[word])]
    return ("".join(f"{word} " for word in folded), "".join(f"{word} " for word in exact),
            "".join(f"{sign} {sign}" for sign in map(_sign, folded)))


_remembered_forms = lru_cache(maxsize=1024)(_token_forms)      # for the three forms of the tokens of one text


class _OfTokens(dict[str, str]):
    """One form of the words of each token met so far."""

    def __init__(self, form: int) -> None:
        self._form = form

    def __missing__(self, token: str) -> str:
        if len(token) > _LONGEST_TOKEN:
            return _token_forms(token)[self._form]
        if len(self) >= _TOKENS_LIMIT:
            self.clear()
        found = self[token] = _remembered_forms(token)[self._form]
        return found


_folded_of, _exact_of, _paired_of = _OfTokens(0), _OfTokens(1), _OfTokens(2)
