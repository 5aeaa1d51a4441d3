"""Tells whether words are Vietnamese: the syllables in common use and the rules of spelling.

It knows nothing of meaning and must never be used to correct a word: a name may be spelt as its bearer likes.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

DATA = Path(__file__).with_name("data")
SAMPLE = 1500                  # characters `vietnamese_share` looks at, at the start and again in the middle
VIETNAMESE = 0.25              # share from which a text is taken for Vietnamese

_TONES = "\u0300\u0301\u0303\u0309\u0323"
_SMALL = "đ" + "".join(unicodedata.normalize("NFC", vowel + tone)
                       for vowel in "aăâeêioôơuưy" for tone in ("", *_TONES))
LETTERS = frozenset(_SMALL + _SMALL.upper())
"""The vowels of Vietnamese with and without tone marks, and đ; small and capital, NFC."""

_WORD = re.compile(r"[^\W\d_]+")


def rows(name: str) -> list[list[str]]:
    """The rows of a table under search/data, split at tabs, without comments."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


@cache
def common_syllables() -> frozenset[str]:
    """The syllables in common use, small letters, NFC."""
    return frozenset(word for row in rows("syllables.txt") for word in row[0].split())


@cache
def _toneless() -> frozenset[str]:
    """Every onset + rime that spelling allows, without tone marks."""
    parts = tomllib.loads((DATA / "syllable_parts.toml").read_text(encoding="utf-8"))
    joined = {onset + rime for side in ("back", "front", "y")
              for onset in parts[f"onsets_{side}"] for rime in parts[f"rimes_{side}"]}
    after_qu = {"qu" + rime for rime in parts["rimes_qu"]}
    return frozenset(joined | after_qu | {*parts["initial_y"], *parts["irregular"]})


@lru_cache(maxsize=65536)
def syllable_weight(word: str) -> float:
    """1 for a syllable in common use, 0.5 for one that the rules of spelling allow, 0 for anything else."""
    word = unicodedata.normalize("NFC", word.lower())
    if word in common_syllables():
        return 1.0
    return 0.5 if spelling_allows(word) else 0.0


def spelling_allows(word: str) -> bool:
    """Whether a word in small letters is put together as a syllable may be."""
    apart = unicodedata.normalize("NFD", word)
    tones = [sign for sign in apart if sign in _TONES]
    base = unicodedata.normalize("NFC", "".join(sign for sign in apart if sign not in _TONES))
    if len(tones) > 1 or base not in _toneless():
        return False
    stopped = base.endswith(("c", "ch", "p", "t"))     # such a rime bears sắc or nặng, nothing else
    return not stopped or (len(tones) == 1 and tones[0] in "\u0301\u0323")


def vietnamese_share(text: str) -> float:
    """Share (0 to 1) of the words that are syllables bearing a Vietnamese letter; of a long text, a sample.

    Running Vietnamese has 0.5 to 0.8; other languages, and Vietnamese without diacritics, less than 0.1.
    """
    middle = len(text) // 2
    sample = text if len(text) <= 2 * SAMPLE else text[:SAMPLE] + "\n" + text[middle:middle + SAMPLE]
    words = _WORD.findall(sample)
    found = [word for word in words if not word.isascii() and syllable_weight(word)]
    # Portuguese shares short words with it; only Vietnamese has ă, đ, ơ, ư and letters of two marks in numbers.
    own = sum(1 for word in found if max(word) > "\xff")
    return len(found) / len(words) if found and 4 * own >= len(found) else 0.0


@lru_cache(maxsize=2)             # a text of one part is asked about twice
def language_guess(text: str) -> str:
    """"vi" for text that is plainly Vietnamese, "unsure" for anything else."""
    return "vi" if vietnamese_share(text) >= VIETNAMESE else "unsure"
