"""Which words of a recognised page a person should look at first, and why.

It points, and must never change a word: a name may be spelt as its bearer likes, and the picture decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ingest.digitise.text_quality import misread_places
from ingest.digitise.thresholds import threshold
from search.encodings import counts

Why = Literal["reader", "figure", "syllable"]

_TOKEN = re.compile(r"\S+")
_LETTERS = re.compile(r"[^\W\d_](?:/[^\W\d_])+")        # "V/v" (về việc) at the head of a letter
_EDGES = ".,;:()\"'“”‘’…"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A doubtful piece of a text, from `begin` to before `end`.

    `why`: "reader" (the recogniser was unsure: `confidence`, 0 to 100), "figure" (a figure or date that cannot be),
    "syllable" (no Vietnamese syllable is written so).
    """

    begin: int
    end: int
    why: Why
    confidence: float | None = None


def doubts(text: str, facts: Mapping[str, Any]) -> list[Doubt]:
    """The doubtful words of a page in their order, none overlapping another.

    `facts` are the page's (ingest/digitise: `doubtful` words of its head with their confidence, `foreign`). In a page
    of another language the syllables say nothing.
    """
    reader = {unicodedata.normalize("NFC", word): float(sure) for word, sure in facts.get("doubtful", {}).items()}
    found = [Doubt(begin, end, "figure") for begin, end in misread_places(text)]
    taken = [(one.begin, one.end) for one in found]
    head = int(threshold("text", "head_words"))
    for nth, match in enumerate(_TOKEN.finditer(text)):
        token, begin = match[0], match.start()
        if any(first < match.end() and begin < last for first, last in taken):
            continue
        inner = token.strip(_EDGES)
        begin += token.index(inner) if inner else 0
        plain = unicodedata.normalize("NFC", token)
        if nth < head and plain in reader and inner:
            found.append(Doubt(begin, begin + len(inner), "reader", reader[plain]))
        elif inner and not facts.get("foreign") and not _LETTERS.fullmatch(inner):
            counted, valid = counts(token)
            if counted > valid:
                found.append(Doubt(begin, begin + len(inner), "syllable"))
    return sorted(found, key=lambda one: one.begin)
