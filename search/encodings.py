"""Reads Vietnamese text whatever its encoding, and says what it did to it.

Unicode with or without byte order mark, windows-1258, TCVN3 ("ABC"), VNI, and UTF-8 that a program took for
windows-1252. It must never guess silently: what is not clearly Vietnamese stays as it is and is called
unsure. The bytes themselves are kept elsewhere; nothing here writes.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

from search.legacy import (
    CP1252,
    ENOUGH,
    MIN_CHANGED,
    MOJIBAKE,
    Decoded,
    from_font,
    from_tcvn3,
    from_vni,
    may_be_legacy,
    to_tcvn3,
    to_vni,
    undo_misreading,
)
from search.mending import repair
from search.syllables import VIETNAMESE, counts, language_guess, share, syllable_weight, syllables, vietnamese_share

__all__ = ["MOJIBAKE", "VIETNAMESE", "Decoded", "counts", "decode", "from_font", "from_pictures", "from_tcvn3",
           "from_vni", "language_guess", "may_be_legacy", "recover", "repair", "share", "syllable_weight", "syllables",
           "to_tcvn3", "to_vni", "undo_misreading", "vietnamese_share"]

# UTF-32 before UTF-16: the little-endian mark of one begins with that of the other.
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig", "utf-8"), (codecs.BOM_UTF32_LE, "utf-32", "utf-32"),
          (codecs.BOM_UTF32_BE, "utf-32", "utf-32"), (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
          (codecs.BOM_UTF16_BE, "utf-16", "utf-16"))
_HEAD = 4096                   # bytes looked at for UTF-16 without a mark
_BROKEN = 0.05                 # share of characters that may be broken in what is still called UTF-8
_WORD = re.compile(r"[^\W\d_]+")


def recover(text: str) -> Decoded:
    """Text that came as characters: convert what is in a legacy encoding, mend letters, put into NFC.

    For text layers of PDFs and for fields of messages, whose bytes are gone. `encoding` is "unicode" where
    nothing had to be converted.
    """
    found = undo_misreading(text)
    mended, repairs = repair(found.text)
    return Decoded(mended, found.encoding, found.confidence, {**found.repairs, **repairs})


def from_pictures(text: str) -> Decoded:
    """Text that a reader of pictures wrote: Unicode by its nature, whatever signs it saw; letters mended, into NFC."""
    mended, repairs = repair(text)
    return Decoded(mended, "unicode", 1.0, repairs)


def decode(data: bytes) -> Decoded:
    """Read `data` as text: find its encoding, convert, mend letters, put into NFC. No bytes make it raise."""
    for mark, codec, name in _MARKS:
        if data.startswith(mark):
            return _as(name, recover(data.decode(codec, "replace")))
    wide = _wide(data)
    if wide:
        return _as(wide, recover(data.decode(wide, "replace")))
    try:
        return _as("utf-8", recover(data.decode("utf-8")))
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    broken, beyond = text.count("\ufffd"), sum(1 for sign in text if sign > "\x7f")
    if broken <= _BROKEN * beyond:                               # UTF-8 all the same, but cut or damaged
        found = _as("utf-8", recover(text))
        repairs = {**found.repairs, "broken_bytes": broken}
        return Decoded(found.text, found.encoding, round(1 - broken / beyond, 3), repairs)
    return _eight_bit(data)


def _as(name: str, found: Decoded) -> Decoded:
    return Decoded(found.text, name, 1.0, found.repairs) if found.encoding == "unicode" else found


def _wide(data: bytes) -> str | None:
    """UTF-16 without a byte order mark: in Western text nearly every other byte is zero."""
    head = data[:_HEAD]
    if len(head) < 4 or len(data) % 2:
        return None
    even, odd = head[0::2].count(0) / len(head), head[1::2].count(0) / len(head)
    if max(even, odd) < 0.15 or min(even, odd) > 0.02:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _eight_bit(data: bytes) -> Decoded:
    western = recover("".join(chr(code) if code < 0x80 else CP1252[code - 0x80] for code in data))
    windows = unicodedata.normalize("NFC", data.decode("windows-1258", "replace"))
    words = [word for word in _WORD.findall(windows) if not word.isascii()]
    mean = sum(map(syllable_weight, words)) / len(words) if words else 0.0
    confidence = round(mean * (1 - 0.5 ** len(words)), 3)
    likely = mean >= ENOUGH and len(words) >= MIN_CHANGED and vietnamese_share(windows) >= VIETNAMESE
    if likely and (western.encoding == "unicode" or confidence > western.confidence):
        mended, repairs = repair(windows)
        return Decoded(mended, "windows-1258", confidence, repairs)
    if western.encoding == "unicode":
        return Decoded(western.text, "unsure", 0.0, western.repairs)
    return western
