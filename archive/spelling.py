"""Spellings compared: keys under which two ways of writing the same Vietnamese words are equal.

Only for comparing and looking up short texts (names of types, headings, code lists); a key is never
shown and never stored in place of what was written. The folding of the search index is its own.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """`text` in lower case, composed, with every run of signs that are no letters or digits as one space.

    Diacritics stay: "Q.Đ" and "q đ" are equal, "HĐ" and "HD" are not.
    """
    composed = unicodedata.normalize("NFC", text).lower()
    return " ".join("".join(sign if sign.isalnum() else " " for sign in composed).split())


@lru_cache(maxsize=4096)     # a registry says the same few words of every document
def fold(text: str) -> str:
    """As `plain`, without diacritics, and đ as d: "Quyết định", "quyet  dinh" and "QUYẾT ĐỊNH" are equal."""
    decomposed = unicodedata.normalize("NFD", plain(text))
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign)).replace("đ", "d")
