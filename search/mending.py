"""Mends the letters of Vietnamese text: one form (NFC), no look-alikes, nothing invisible.

Every kind of change is counted. It must never change which word is meant: a letter is replaced only where the
result is a Vietnamese syllable or the text around is Vietnamese.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache

from search.syllables import LETTERS, language_guess, rows, syllable_weight

# A text of these signs alone, which is nearly every text, needs no mending.
_ODD = re.compile("[^\t\n\f -~" + "".join(sorted(LETTERS)) + "“”‘’–—…•§°«»×]")
_REMOVED = (
    ("zero_width", re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u180e]")),
    ("soft_hyphen", re.compile("\u00ad")),
    ("control", re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")),
)
_LINE_ENDS = re.compile("\r\n?|[\x0b\x85\u2028\u2029]")
_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_MARK_ALONE = re.compile(r"(?<![^\W\d_])(?<![\u0300-\u036f])[\u0300-\u036f]+")
_MARK_AGAIN = re.compile(r"([^\W\d_])([\u0300-\u036f]+)")
_WORD = re.compile(r"[^\W\d_]+")


@cache
def _look_alikes() -> dict[str, tuple[str, str]]:
    return {wrong: (right, kind) for wrong, right, kind in rows("look_alikes.tsv")}


@cache
def _look_alike_pattern() -> re.Pattern[str]:
    return re.compile("[" + "".join(_look_alikes()) + "]")


def repair(text: str) -> tuple[str, dict[str, int]]:
    """`text` in NFC with Vietnamese letters in place of their look-alikes and without invisible characters.

    Returns with it the count of every kind of change: "composed", "oi_letter" (ƣ for ư), "look_alike" (ð for
    đ), "mixed_script" (a Cyrillic or Greek letter in a Latin word), "stray_mark", "control", "zero_width",
    "soft_hyphen", "space" (an unusual space made plain). Line ends become "\\n" uncounted. Repairing a
    repaired text changes nothing.
    """
    if not _ODD.search(text):
        return text, {}
    repairs: Counter[str] = Counter()
    text = _LINE_ENDS.sub("\n", text)
    for kind, pattern in _REMOVED:
        text, repairs[kind] = pattern.subn("", text)
    text, repairs["space"] = _SPACES.subn(" ", text)
    if not unicodedata.is_normalized("NFC", text):
        composed = unicodedata.normalize("NFC", text)
        repairs["composed"] = max(1, len(text) - len(composed))
        text = composed
    text, repairs["stray_mark"] = _MARK_ALONE.subn("", text)
    text = _MARK_AGAIN.sub(lambda match: _without_doubled(match, repairs), text)
    if _look_alike_pattern().search(text):
        vietnamese = language_guess(text) == "vi"
        text = _WORD.sub(lambda match: _right_letters(match[0], vietnamese, repairs), text)
    return unicodedata.normalize("NFC", text), {kind: count for kind, count in repairs.items() if count}


def _without_doubled(match: re.Match[str], repairs: Counter[str]) -> str:
    """A letter and the marks that NFC could not join to it, less those that it bears already."""
    present = set(unicodedata.normalize("NFD", match[1])[1:])
    kept = [mark for mark in dict.fromkeys(match[2]) if mark not in present]
    repairs["stray_mark"] += len(match[2]) - len(kept)
    return match[1] + "".join(kept)


def _right_letters(word: str, vietnamese: bool, repairs: Counter[str]) -> str:
    """`word` with the letters that were meant, where that makes it a syllable or the text is Vietnamese."""
    if word.isascii():
        return word
    table = _look_alikes()
    kinds = [table[sign][1] for sign in word if sign in table]
    if not kinds:
        return word
    right = "".join(table[sign][0] if sign in table else sign for sign in word)
    if "mixed_script" in kinds:
        # A word wholly in Cyrillic or Greek is a word of another language, even amid Vietnamese.
        meant = any(sign.isascii() or sign in LETTERS for sign in word) and syllable_weight(right) > 0
    else:
        meant = vietnamese or syllable_weight(right) > 0
    if not meant:
        return word
    repairs.update(kinds)
    return right
