"""What an entry becomes in an index: the same words, keys and days whichever engine keeps them.

All text analysis is ours (search/vietnamese.py); an engine gets words with a blank between and cuts at blanks.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter

from search.aliases import canonical_organ
from search.entry import Entry
from search.numbers import cited_in, number_of
from search.query import days
from search.vietnamese import analysed, clean, letters, lowered

KEYS = ("code", "identity", "case", "own", "own_short", "cited", "access", "organ_key")
"""Fields whose values are taken whole."""

STREAMS = ("words", "exact", "title", "type", "organ", "signer", "case_words")
"""Fields of words with their places."""

FACETS = ("organ", "year", "type", "fonds", "legal_value", "access")
"""What hits are counted by; in an index the fields are called facet_organ, …"""

_KEPT = tuple(one.name for one in fields(Entry) if one.name != "text")
_kept = attrgetter(*_KEPT)
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Analysed = tuple[str, str, str]

_QUICK = 1          # level of zlib: the usual one (6) saves a tenth and takes two thirds more time


def pieces(entry: Entry, text: str) -> Iterator[tuple[str, Analysed]]:
    """The fields of an entry as words: the field's own stream ("": none) and its folded, exact and paired words.

    All of them go into the streams of the whole document too, where they stand apart: no phrase runs across.
    `text` is the entry's text, lowered.
    """
    number = clean(f"{entry.number} {entry.notation}").strip()
    for name, value in (("title", entry.subject), ("type", entry.type_name), ("organ", entry.organ),
                        ("signer", entry.signer), ("case_words", entry.case_title),
                        ("case_words", entry.case_file), ("", entry.code.lower()), ("", number.lower()),
                        ("", _written(entry.issued_on)), ("", text)):
        # A night repeats the same agencies, types and case files; texts are not worth remembering.
        words = _remembered(lowered(value)) if name else analysed(value)
        if words[0]:
            yield name, words


def keys(entry: Entry, text: str, issued: tuple[int, int] | None) -> Iterator[tuple[str, str]]:
    """The keys of an entry, each with its field; `text` is lowered, `issued` as `issued_days` gives it."""
    own = number_of(entry.number, entry.notation)
    if own is not None:
        yield "own", own.key
        for key in own.short_keys(str(issued[0] // 10000) if issued else ""):
            yield "own_short", key
    for key in sorted({*cited_in(lowered(entry.subject)), *cited_in(text)}):
        yield "cited", key
    yield "code", entry.code
    yield "identity", f"{entry.code}\t{entry.fingerprint}"
    yield "access", entry.access
    yield "access", f"{entry.fonds}/{entry.access}"
    yield "case", letters(entry.case_file)
    if entry.organ:
        yield "organ_key", canonical_organ(entry.organ)
    for name, value in facet_values(entry).items():
        yield f"facet_{name}", value


def facet_values(entry: Entry) -> Mapping[str, str]:
    """The value of an entry in each facet that it has one of; of an agency its key, a tab and its name."""
    organ = " ".join(clean(entry.organ).split())
    values = {"organ": f"{canonical_organ(organ)}\t{organ}" if organ else "", "year": entry.issued_on[:4],
              "type": " ".join(clean(entry.type_name).split()), "fonds": entry.fonds,
              "legal_value": entry.legal_value, "access": entry.access}
    return {name: value for name, value in values.items() if value}


def issued_days(entry: Entry) -> tuple[int, int] | None:
    """First and last day (YYYYMMDD) on which the document may have been issued; None: not known."""
    return days(entry.issued_on) if entry.issued_on else None


def order_of(entry: Entry, issued: tuple[int, int] | None) -> int:
    """Where an entry stands by date: one place for each, so that pages stay as they are whatever an engine merges."""
    return (issued[1] if issued else 0) * 10**10 + zlib.crc32(entry.code.encode("utf-8", "replace"))


def packed(entry: Entry) -> bytes:
    """All of an entry but its text, to be kept."""
    return _json(_kept(entry)).encode("utf-8", "surrogatepass")


def unpacked(kept: bytes, text: str) -> Entry:
    """The entry that was `packed`, with its text."""
    return Entry(**dict(zip(_KEPT, json.loads(kept), strict=True)), text=text)


def compressed(entry: Entry) -> bytes:
    """All of an entry with its text, in half of the room: of an engine that keeps it for snippets."""
    return zlib.compress(packed(entry) + b"\n" + entry.text.encode("utf-8", "replace"), _QUICK)


def decompressed(kept: bytes) -> Entry:
    """The entry that was `compressed`."""
    head, _line, text = zlib.decompress(kept).partition(b"\n")
    return unpacked(head, text.decode())


_remembered = lru_cache(maxsize=2000)(analysed)


def _written(issued_on: str) -> str:
    """The day as documents and people write it, so that 15/11/2016 finds what was issued on that day."""
    return "/".join(reversed(issued_on.split("-")))
