"""Tells whether words are Vietnamese: the syllables in common use and the rules of spelling; how much of a text is.

It knows nothing of meaning and must never be used to correct a word: a name may be spelt as its bearer likes.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import takewhile
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
_SPELT = re.compile(r"(?=\d*[^\W\d_])\w+")         # letters, and digits among them
_ADDRESS = re.compile(r"@|://|www\.|\.(?:vn|com|net|org)\b")
_NOTATION = re.compile(r"\w[/&–-]\w")               # 12/2026/QĐ-UBND, TTg-CP
_CODE = re.compile(r"\d+[^\W\d_]{1,3}|[^\W\d_]{1,3}\d+")
_LISTED = re.compile(r"\W*[^\W\d_](?:[).:/]\W*)?")
_TONED = re.compile("[" + "".join(sorted({unicodedata.normalize("NFC", vowel + tone) for vowel in "AĂÂEÊIOÔƠUƯY"
                                         for tone in _TONES})) + "]")
_LONGEST_ABBREVIATION = 8
_STOPS = ".,;:()\"'“”‘’"


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


@cache
def syllables() -> frozenset[str]:
    """Every written syllable that onset, rime and tone permit: small letters, NFC, both ways of placing the tone."""
    parts = tomllib.loads((DATA / "syllable_parts.toml").read_text(encoding="utf-8"))
    pairs = [(onset, rime) for side in ("back", "front", "y") for onset in parts[f"onsets_{side}"]
             for rime in parts[f"rimes_{side}"]
             if not (onset == "gi" and rime[0] == "i")
             and not (onset in parts["labials"] and rime.startswith(tuple(parts["glides"])))]
    pairs += [("qu", rime) for rime in parts["rimes_qu"]]
    pairs += [("", whole) for whole in parts["initial_y"]]
    for whole in (*parts["irregular"], *parts["borrowed"]):
        onset = next(onset for onset in ("g", *sorted(parts["onsets_back"], key=len, reverse=True))
                     if whole.startswith(onset))
        pairs.append((onset, whole[len(onset):]))
    return frozenset(toned for onset, rime in pairs for toned in _toned(onset, rime, parts))


def _toned(onset: str, rime: str, parts: dict[str, list[str]]) -> Iterator[str]:
    stopped = rime.endswith(("c", "ch", "p", "t"))          # such a rime bears sắc or nặng, nothing else
    vowels = "".join(takewhile(lambda letter: letter in LETTERS, rime))
    marked = [place for place, letter in enumerate(vowels) if letter in "ăâêôơư"]
    if marked:
        places = [marked[-1]]
    elif vowels in parts["either"]:
        places = [1] if vowels != rime else [0, 1]
    else:
        places = [1 if vowels in parts["second"] else 0]
    for tone in _TONES[1] + _TONES[4] if stopped else ("", *_TONES):
        for place in places:
            yield unicodedata.normalize("NFC", onset + rime[:place + 1] + tone + rime[place + 1:])


@cache
def _names() -> frozenset[str]:
    """Parts of names and borrowed words that stand in official Vietnamese text, small letters, NFC."""
    return frozenset(word for row in rows("names.txt") for word in row[0].split())


def share(text: str) -> float:
    """Share (0 to 1) of a text's words that are Vietnamese syllables by their structure; 1.0 where no word counts.

    Left out of the count are numbers, codes (12/2026/QĐ-UBND, A4), web and mail addresses, abbreviations in capitals,
    letters of a list ("a)", "đ)") and known names of other tongues. A word with a digit or a sign of another script
    amid its letters is no syllable. Of Vietnamese without diacritics three quarters pass. Any Unicode form.
    """
    counted, valid = counts(text)
    return valid / counted if counted else 1.0


def counts(text: str) -> tuple[int, int]:
    """How many words of `text` count as words, and how many of these are syllables (see `share`)."""
    known, names = syllables(), _names()
    counted = valid = 0
    for token, times in Counter(unicodedata.normalize("NFC", text).split()).items():
        if token.strip(_STOPS).lower() in known:        # most words: no pattern needed
            counted, valid = counted + times, valid + times
            continue
        if _ADDRESS.search(token):
            continue
        for word in _SPELT.findall(token):
            small = word.lower()
            if small in known:
                counted, valid = counted + times, valid + times
            elif not (small in names or _beside(word, token)):
                counted += times
    return counted, valid


def _beside(word: str, token: str) -> bool:
    """Whether a word that is no syllable stands outside the count: a code, an abbreviation, a letter of a list."""
    if any(sign.isdigit() for sign in word):
        # "A4", "5G", "15a" are codes; a digit amid letters ("c0ng") is a misread word, unless it is within a notation.
        return _NOTATION.search(token) is not None or _CODE.fullmatch(word) is not None
    if len(word) == 1:
        return _LISTED.fullmatch(token) is not None
    if _NOTATION.search(token):
        return len(word) <= _LONGEST_ABBREVIATION and word[:1].isupper()
    return word.isupper() and len(word) <= _LONGEST_ABBREVIATION and not _TONED.search(word)


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
