"""Vietnamese text made comparable: one form for every way of writing the same syllable.

Texts come composed and decomposed, with the tone on either vowel (hoà, hòa), with i or y (lý, lí), with the
letters of old fonts (ƣ for ư, ð for đ), and people type without any marks. Here each syllable gets two forms,
a folded one to find by and an exact one to rank by. This module never changes what is stored or shown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

ANALYSIS_VERSION = 1
"""Goes up when the same text would give other words: an index made before must be rebuilt."""

LONGEST_WORD = 64
"""Longer "words" are noise (base64, ruled lines read by OCR) and are cut, characters."""

# Soft hyphens and zero-width signs that office programs leave inside words; lone surrogates are no text.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff\ud800-\udfff]")
# Words are runs of letters, digits and combining marks. Blanking out the rest and splitting takes half the
# time of finding the words one by one; only where their places are needed are they found.
_BETWEEN = re.compile(r"[^\w\s\u0300-\u036f]")
_WORD = re.compile(r"(?:[^\W_]|[\u0300-\u036f])+")
_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
_MARKS = frozenset("\u0302\u0306\u031b")                  # circumflex, breve, horn: other letters, not tones
_SAME_LETTER = str.maketrans({"ð": "đ", "ɖ": "đ", "ƣ": "ư"})
# y is i where no vowel stands before it (lý, kỹ, y) and after qu (quý, quýt), not in tay, thuỷ or quyết.
_LEVEL_Y = re.compile(r"^(?:[^aeiouy]*|qu)y$|^quy(?=[^aeiouy\W])")
_CACHE_LIMIT = 200_000


def clean(text: str) -> str:
    """`text` composed (NFC), without invisible characters: the form in which text is stored and shown."""
    if not text.isascii():
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
    words = _BETWEEN.sub(" ", lowered_text).replace("_", " ").split()
    folded, exact = list(map(_folded.__getitem__, words)), list(map(_exact.__getitem__, words))
    if "" in folded:                         # a mark that stands alone
        return Streams([word for word in folded if word], [word for word in exact if word])
    return Streams(folded, exact)


def fold(text: str) -> str:
    """`text` as its folded words with a blank between; folding again changes nothing."""
    return " ".join(streams(text).folded)


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
    """Each pair of neighbouring words as one term: most Vietnamese words have two syllables."""
    return list(map("_".join, pairwise(words)))


def letters(text: str) -> str:
    """`text` in lower case without marks (đ as d), all other characters kept: for short codes and names."""
    lowered = clean(text).lower()
    if lowered.isascii():
        return lowered
    lowered = lowered.translate(_SAME_LETTER)
    return "".join(sign for sign in unicodedata.normalize("NFD", lowered)
                   if not unicodedata.combining(sign)).replace("đ", "d")


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
