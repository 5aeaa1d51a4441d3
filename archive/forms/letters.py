"""What may stand on printed paper: text that stays text, every letter of it visible.

Must never let a text turn, hide or overprint what stands beside it: names come from certificates, files and forms that
anyone can make. What controls text or is not in the font becomes a visible sign.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

REPLACEMENT = "□"                                   # what stands for a letter that cannot be shown
PARTING = "\N{ZERO WIDTH SPACE}"                    # where a long word may be parted; the template sets it as nothing
# Words of over 28 letters would not fit beside a label, with letters wider than W not even those of 21. The hexadecimal
# digits of a SHA-256 are narrow and stay whole.
_LONGEST, _LONGEST_WIDE = 28, 20
_LONG = re.compile(rf"(?<![^ ])(?![0-9a-f]{{64}}(?![^ ]))[^ ]{{{_LONGEST_WIDE + 1},}}")
_NOT_WIDE = re.compile(r"[!-\u0180ƠơƯư\u1e00-\u1eff]+")
_PIECE = 4                                          # letters of a long word that stay together
_TURNS = {"R", "AL", "AN"}                          # letters written from right to left, which forms do not set
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mn", "Mc", "Me"}


def harmless(text: str) -> str:
    """`text` as it may be printed: NFC, blanks alike; what controls, turns, joins or is unassigned made visible."""
    text = unicodedata.normalize("NFC", text)
    return text if text.isascii() and text.isprintable() else "".join(map(_harmless, text))


@lru_cache(4096)
def _harmless(letter: str) -> str:
    kind = unicodedata.category(letter)
    if kind == "Zs":
        return " "
    return REPLACEMENT if kind in _HIDDEN or unicodedata.bidirectional(letter) in _TURNS else letter


class Letters:
    """The letters that a font can show."""

    def __init__(self, letters: Collection[str]) -> None:
        """Keep them; those that are no harmless text by themselves are left out."""
        self._known = frozenset(letters)
        self._plain = frozenset(letter for letter in self._known if harmless(letter) == letter)
        self._sign = REPLACEMENT if REPLACEMENT in self._known else "?"

    def text(self, text: str) -> str:
        """`text` made harmless, what the font lacks replaced by the sign for "not shown"."""
        return self._shown(text)[0]

    def _shown(self, text: str) -> tuple[str, bool]:
        if self._plain.issuperset(text) and unicodedata.is_normalized("NFC", text):
            return text, False
        changed = "".join(letter if letter in self._known else self._sign for letter in harmless(text))
        return changed, changed.count(self._sign) > text.count(self._sign)

    def data(self, data: Any) -> tuple[Any, bool, bool]:
        """A copy of JSON-ready `data` with every string in it printable; names of entries stay as they are.

        Also whether a letter was replaced, and whether a word was so long that `PARTING` stands in it.
        """
        if isinstance(data, str):
            shown, replaced = self._shown(data)
            whole = len(shown)
            if whole > _LONGEST_WIDE:
                shown = _LONG.sub(_parted, shown)
            return shown, replaced, len(shown) > whole
        if not isinstance(data, (Mapping, Sequence)):
            return data, False, False
        made = [self.data(each) for each in (data.values() if isinstance(data, Mapping) else data)]
        values = [value for value, *_ in made]
        return (dict(zip(data, values, strict=True)) if isinstance(data, Mapping) else values,
                any(replaced for _, replaced, _ in made), any(parted for *_, parted in made))


def _parted(found: re.Match[str]) -> str:
    word = found[0]
    if len(word) <= _LONGEST and _NOT_WIDE.fullmatch(word):
        return word
    return PARTING.join(word[at:at + _PIECE] for at in range(0, len(word), _PIECE))
