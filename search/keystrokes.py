"""Vietnamese typed while the keyboard did not speak it: "quyeets ddinhj" (Telex), "quye61t d9i5nh" (VNI).

What the keys would have written is only ever proposed ("did you mean"); the words as typed are searched first.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from search.syllables import common_syllables, spelling_allows, syllables

LONGEST = 12            # keys of one syllable: nghiêngx with its marks has ten
_ACUTE, _GRAVE, _TILDE, _HOOK, _DOT = "\u0301", "\u0300", "\u0303", "\u0309", "\u0323"
_ROOF, _BREVE, _HORN = "\u0302", "\u0306", "\u031b"
_TONES = {"s": _ACUTE, "f": _GRAVE, "r": _HOOK, "x": _TILDE, "j": _DOT,
          "1": _ACUTE, "2": _GRAVE, "3": _HOOK, "4": _TILDE, "5": _DOT}
_VOWELS = "aeiouy"


@lru_cache(maxsize=4096)
def meant(word: str) -> str:
    """The syllable that the keys of `word` write in Telex or VNI; empty where they write none, or just what they say.

    Marks may follow their letter (quyeets) or stand at the end of the syllable (quyetes), as people type them.
    """
    keys = word.lower()
    if not (keys.isascii() and keys.isalnum() and len(keys) <= LONGEST and sum(map(str.isalpha, keys)) > 1):
        return ""
    written = _vni(keys) if any(key.isdigit() for key in keys) else _telex(keys)
    if written is None:
        return ""
    letters, tone = written
    found = _toned(letters, tone)
    return found if found != keys else ""


def _telex(keys: str) -> tuple[list[str], str] | None:
    """Letters with their marks, and the tone; None where nothing was a mark or tone."""
    letters: list[str] = []
    tone = ""
    for key in keys:
        vowels = _places(letters)
        if key in "sfrxj" and vowels:
            tone = _TONES[key]
        elif key == "w":
            _horned(letters)
        elif key == "d" and letters[:1] == ["d"]:
            letters[0] = "đ"
        elif key in "aeo" and (same := [place for place in vowels if letters[place] == key]):
            letters[same[-1]] = key + _ROOF
        else:
            letters.append(key)
    return (letters, tone) if tone or letters != list(keys) else None


def _vni(keys: str) -> tuple[list[str], str] | None:
    letters: list[str] = []
    tone = ""
    for key in keys:
        places = _places(letters)
        if not key.isdigit():
            letters.append(key)
        elif key in "12345" and places:
            tone = _TONES[key]
        elif key == "7":
            _horned([] if "o" not in letters and "u" not in letters else letters, but="a")
        elif key == "8" and "a" in letters:
            letters[letters.index("a")] = "a" + _BREVE
        elif key == "9" and letters[:1] == ["d"]:
            letters[0] = "đ"
        elif key == "6" and (some := [place for place in places if letters[place] in "aeo"]):
            letters[some[-1]] += _ROOF
        else:
            return None             # a code such as A4, 02091
    return letters, tone


def _places(letters: list[str]) -> list[int]:
    return [place for place, letter in enumerate(letters) if letter[0] in _VOWELS]


def _horned(letters: list[str], but: str = "") -> None:
    """Give the vowels the horn or breve that "w" stands for: uo together, else the last of a, o, u; alone it is ư."""
    plain = [place for place, letter in enumerate(letters) if letter in ("a", "o", "u") and letter not in but]
    joined = [place for place in plain if letters[place:place + 2] == ["u", "o"] and letters[:1] != ["q"]]
    if joined:
        letters[joined[0]], letters[joined[0] + 1] = "u" + _HORN, "o" + _HORN
    elif plain and letters[:1] != ["q"] and letters[plain[-1] - 1:plain[-1] + 1] == ["u", "a"]:
        letters[plain[-1] - 1] = "u" + _HORN                        # mưa
    elif plain:
        letters[plain[-1]] += _BREVE if letters[plain[-1]] == "a" else _HORN
    elif not but:
        letters.append("u" + _HORN)


def _toned(letters: list[str], tone: str) -> str:
    """The syllable with its tone on the vowel where spelling has it; empty where there is no such syllable."""
    if letters[-2:] == ["u" + _HORN, "o" + _HORN]:
        letters[-2] = "u"           # thuở: ươ never ends a syllable
    tried = [unicodedata.normalize("NFC", "".join((*letters[:place + 1], tone, *letters[place + 1:])))
             for place in _places(letters)]
    known = (one for one in tried if one in syllables() or one in common_syllables())
    return next(known, next(filter(spelling_allows, tried), "") if tone else "")
