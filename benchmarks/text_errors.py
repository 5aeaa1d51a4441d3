"""How far a text is from the truth: errors by letter and by word, with and without diacritics, and words found at all.

Must never favour an order: of several right orders of a page's columns the nearest counts, for every reader alike.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Errors:
    """Shares of the truth's length (over 1 when much was invented). `recall`: words found, whatever their order."""

    letters: float
    letters_folded: float
    words: float
    words_folded: float
    recall: float


def errors(truths: Sequence[str], text: str) -> Errors:
    """The errors of `text`; blanks and line breaks count as one blank, letters are compared composed (NFC)."""
    read = _plain(text)
    known = [_plain(truth) for truth in truths]
    bare, known_bare = folded(read), [folded(truth) for truth in known]
    wanted, found = Counter(known[0].split()), Counter(read.split())
    return Errors(min(distance(truth, read) / len(truth) for truth in known),
                  min(distance(truth, bare) / len(truth) for truth in known_bare),
                  min(distance(truth.split(), read.split()) / len(truth.split()) for truth in known),
                  min(distance(truth.split(), bare.split()) / len(truth.split()) for truth in known_bare),
                  sum((wanted & found).values()) / sum(wanted.values()))


def mean(found: Sequence[Errors]) -> Errors:
    """The mean of several pages, each with the same weight."""
    return Errors(*(sum(getattr(one, name) for one in found) / len(found) for name in Errors.__slots__))


def folded(text: str) -> str:
    """`text` without diacritics; đ is d."""
    plain = "".join(sign for sign in unicodedata.normalize("NFD", text) if not unicodedata.combining(sign))
    return plain.replace("đ", "d").replace("Đ", "D")


def distance(known: Sequence[Hashable], read: Sequence[Hashable]) -> int:
    """The least number of insertions, deletions and exchanges that make one out of the other.

    Bit-parallel (Myers 1999, Hyyrö 2003): a column of the table is two whole numbers, so a page takes milliseconds.
    """
    if not known or not read:
        return max(len(known), len(read))
    places: dict[Hashable, int] = {}
    for number, one in enumerate(known):
        places[one] = places.get(one, 0) | 1 << number
    last, full = 1 << (len(known) - 1), (1 << len(known)) - 1
    more, less, score = full, 0, len(known)
    for one in read:
        equal = places.get(one, 0)
        down = equal | less
        across = (((equal & more) + more) ^ more) | equal
        rises, falls = less | (full & ~(across | more)), more & across
        score += bool(rises & last) - bool(falls & last)
        rises, falls = (rises << 1 | 1) & full, (falls << 1) & full
        more, less = falls | (full & ~(down | rises)), rises & down
    return score


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
