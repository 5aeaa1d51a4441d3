"""Vietnamese text made comparable: one form for every way of writing the same syllable.

Texts come composed and decomposed, with the tone on either vowel (hoà, hòa), with i or y (lý, lí), with the
letters of old fonts (ƣ for ư, ð for đ), and people type without any marks. Here each syllable gets two forms,
a folded one to find by and an exact one to rank by. This module never changes what is stored or shown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from search.alphabet import INVISIBLE, LONGEST_WORD, without_numbers, words, written
from search.syllables import LETTERS

ANALYSIS_VERSION = 3
"""Goes up when the same text would give other words: an index made before must be rebuilt."""

_INVISIBLE = re.compile(f"[{INVISIBLE}\u200b-\u200f\ud800-\udfff]")        # lone surrogates are no text
# Words are runs of letters, digits and combining marks.
_BETWEEN = re.compile(r"[^\w\s\u0300-\u036f]")
_WORD = re.compile(r"(?:[^\W_]|[\u0300-\u036f])+")
_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
_MARKS = frozenset("\u0302\u0306\u031b")                  # circumflex, breve, horn: other letters, not tones
_SAME_LETTER = str.maketrans({"ð": "đ", "ɖ": "đ", "ƣ": "ư"})
_OLD_LETTERS = str.maketrans("ðÐɖƉƣƢ", "đĐđĐưƯ")
_CACHE_LIMIT = 200_000
_TOKENS_LIMIT, _LONGEST_TOKEN = 50_000, 64        # remembered at most, 25 MB; characters of one


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
    folded, exact = analysed(text)
    return Streams(folded.split(), exact.split())


def lowered(text: str) -> str:
    """`text` clean and in lower case."""
    return clean(text).lower()


def analysed(text: str, data: bytes | None = None) -> tuple[str, str]:
    """The words of `text` as an engine takes them, folded and exact: each one text with blanks between.

    `data` is the text as `search.alphabet.written` gives it, where that is known.
    """
    plain = without_numbers(written(text) if data is None else data)
    if plain is None:                         # taken apart, or of an old font
        plain = without_numbers(written(clean(text).translate(_OLD_LETTERS)))
    return (words(plain) if plain is not None else None) or _by_tokens(text)


def forms(token: str) -> tuple[str, str]:
    """The words of what stands between two blanks, folded and exact, each with a blank behind."""
    return _folded_of[token], _exact_of[token]


def fold(text: str) -> str:
    """`text` as its folded words with a blank between; folding again changes nothing."""
    return " ".join(analysed(text)[0].split())


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
    return any(sign in text for sign in INVISIBLE)


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
    signs = [(sign, "") for sign in whole if sign.isalnum()]
    place = -1
    for sign in whole:
        if sign.isalnum():
            place += 1
        elif place >= 0 and (sign in _TONES or sign in _MARKS):
            signs[place] = (signs[place][0], signs[place][1] + sign)
    plain = without_numbers(written("".join(_composed(*sign) for sign in signs[:LONGEST_WORD])))
    if plain is None or (found := words(plain)) is None:             # letters of another script
        base = "".join(sign for sign, _marks in signs[:LONGEST_WORD]).replace("đ", "d")
        return base, base
    return found[0].strip(), found[1].strip()


@lru_cache(maxsize=2000)
def _composed(base: str, marks: str) -> str:
    """The Vietnamese letter of a base letter and its marks in any order, or the base alone."""
    shape, tone = ("".join(sorted(set(marks) & kind))[:1] for kind in (_MARKS, _TONES))
    tries = (unicodedata.normalize("NFC", base + one) for one in (shape + tone, shape, tone))
    return next((letter for letter in tries if letter in LETTERS), base)


_folded, _exact = _Known(0), _Known(1)


def _token_forms(token: str) -> tuple[str, str]:
    """The words of what stands between two blanks ("104/QĐ-UBND," has three): folded, exact."""
    words = _BETWEEN.sub(" ", lowered(token)).replace("_", " ").split()
    folded = [form for word in words if (form := _folded[word])]      # a mark that stands alone is no word
    exact = [form for word in words if (form := _exact[word])]
    return "".join(f"{word} " for word in folded), "".join(f"{word} " for word in exact)


def _by_tokens(text: str) -> tuple[str, str]:
    """The words of a text of which the table does not hold all: token by token, of which a text repeats most."""
    tokens = text.split()
    return "".join(map(_folded_of.__getitem__, tokens)), "".join(map(_exact_of.__getitem__, tokens))


_remembered_forms = lru_cache(maxsize=1024)(_token_forms)      # for both forms of the tokens of one text


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


_folded_of, _exact_of = _OfTokens(0), _OfTokens(1)
