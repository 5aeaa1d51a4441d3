"""What the review page shows of texts: the doubtful words marked, what was changed, and a mark to notice a change by.

Only shows; the texts are read and written by ingest/review.py.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from ingest.doubts import doubts
from ingest.review import PageText
from ingest.word_places import WordPlace

_PIECE = re.compile(r"\s+|\S+")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text; `why` is empty for one that nobody doubts (ingest/doubts.py).

    `begin` and `end` count as browsers do, in UTF-16 units.
    """

    text: str
    why: str = ""
    confidence: float | None = None
    begin: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A piece that stayed ("same"), came ("new") or went ("gone")."""

    text: str
    how: Literal["same", "new", "gone"]


def of(told: PageText) -> str:
    """The text of a page as it holds now: corrected, else as it was recognised."""
    return told.recognised if told.corrected is None else told.corrected


def typed(text: str) -> str:
    """A text as it is kept when a form brings it: NFC, line ends as LF, no blanks at its end, no unseen signs.

    A form feed among them: it parts the pages of a text, and a page is one.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    return _UNSEEN.sub("", unicodedata.normalize("NFC", lines)).rstrip()


def mark(text: str) -> str:
    """What a form carries to notice that the text was changed meanwhile."""
    return hashlib.sha256(typed(text).encode()).hexdigest()[:32]


def pieces(text: str, facts: Mapping[str, Any]) -> list[Piece]:
    """The text in pieces, the doubtful words each on its own."""
    found: list[Piece] = []
    at = units = 0
    for doubt in doubts(text, facts):
        before = text[at:doubt.begin]
        found += [Piece(before)] if before else []
        word = text[doubt.begin:doubt.end]
        begin = units + _units(before)
        units, at = begin + _units(word), doubt.end
        found.append(Piece(word, doubt.why, doubt.confidence, begin, units))
    return [*found, Piece(text[at:])] if text[at:] else found


def changes(before: str, after: str) -> list[Change]:
    """How `after` came from `before`, word by word."""
    old, new = _PIECE.findall(before), _PIECE.findall(after)
    found: list[Change] = []
    for how, one, two, three, four in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if how == "equal":
            found.append(Change("".join(old[one:two]), "same"))
            continue
        if one < two:
            found.append(Change("".join(old[one:two]), "gone"))
        if three < four:
            found.append(Change("".join(new[three:four]), "new"))
    return found


def as_browsers_count(text: str, found: Sequence[WordPlace]) -> list[list[float]]:
    """Places of words as [begin, end, left, top, right, bottom], counted in UTF-16 units; `found` in their order."""
    told, at, units = [], 0, 0
    for one in found:
        begin = units + _units(text[at:one.begin])
        at, units = one.end, begin + _units(text[one.begin:one.end])
        told.append([begin, units, *(round(share, 4) for share in one.box)])
    return told


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
