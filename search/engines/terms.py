"""What an entry becomes in an index: the same words, keys and days whichever engine keeps them.

All text analysis is ours (search/vietnamese.py); an engine gets words with a blank between and cuts at blanks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import lru_cache

from search.aliases import canonical_organ
from search.dates import days
from search.entry import Entry
from search.numbers import cited_in, cited_keys, number_of
from search.vietnamese import analysed, clean, letters

KEYS = ("code", "identity", "case", "own", "own_short", "cited", "access", "organ_key")
"""Fields whose values are taken whole."""

STREAMS = ("words", "exact", "title", "type", "organ", "signer", "case_words")
"""Fields of words with their places."""

FACETS = ("organ", "year", "type", "fonds", "legal_value", "access")
"""What hits are counted by; in an index the fields are called facet_organ, …; besides, they are counted by "case"."""

Analysed = tuple[str, str]


def pieces(entry: Entry, text: bytes) -> Iterator[tuple[str, Analysed]]:
    """The fields of an entry as words: the field's own stream ("": none) and its folded and exact words.

    All of them go into the streams of the whole document too, where they stand apart: no phrase runs across.
    `text` is the entry's text as `search.alphabet.written` gives it.
    """
    number = clean(f"{entry.number} {entry.notation}").strip()
    for name, value in (("title", entry.subject), ("type", entry.type_name), ("organ", entry.organ),
                        ("signer", entry.signer), ("case_words", entry.case_title),
                        ("case_words", entry.case_file), ("", entry.code.lower()), ("", number.lower()),
                        ("", _written(entry.issued_on)), ("", entry.text)):
        # A night repeats the same agencies, types and case files; texts are not worth remembering.
        words = _remembered(value) if name else analysed(value, text if value is entry.text else None)
        if words[0] and not words[0].isspace():
            yield name, words


def keys(entry: Entry, text: bytes, issued: tuple[int, int] | None) -> Iterator[tuple[str, str]]:
    """The keys of an entry, each with its field; `text` as for `pieces`, `issued` as `issued_days` gives it."""
    own = number_of(entry.number, entry.notation)
    if own is not None:
        yield "own", own.key
        for key in own.short_keys(str(issued[0] // 10000) if issued else ""):
            yield "own_short", key
    for key in sorted({*cited_keys(entry.subject), *cited_in(text)}):
        yield "cited", key
    yield "code", entry.code
    yield "identity", f"{entry.code}\t{entry.fingerprint}"
    yield "access", entry.access
    yield "access", f"{entry.fonds}/{entry.access}"
    yield "case", _letters(entry.case_file)
    if entry.organ:
        yield "organ_key", canonical_organ(entry.organ)
    for name, value in zip(FACETS, _facet_values(entry), strict=True):
        if value:
            yield f"facet_{name}", value


def column(facet: str) -> str:
    """The field of an index that a facet is counted in."""
    return facet if facet == "case" else f"facet_{facet}"


def _facet_values(entry: Entry) -> tuple[str, ...]:
    """The value of an entry in each of FACETS (empty: none); of an agency its key, a tab and its name."""
    organ = _on_one_line(entry.organ)
    return (f"{canonical_organ(organ)}\t{organ}" if organ else "", entry.issued_on[:4],
            _on_one_line(entry.type_name), entry.fonds, entry.legal_value, entry.access)


def issued_days(entry: Entry) -> tuple[int, int] | None:
    """First and last day (YYYYMMDD) on which the document may have been issued; None: not known."""
    return days(entry.issued_on) if entry.issued_on else None


def order_of(entry: Entry, issued: tuple[int, int] | None) -> int:
    """Where an entry stands by date: one place for each, so that pages stay as they are whatever an engine merges."""
    return (issued[1] if issued else 0) * 10**10 + zlib.crc32(entry.code.encode("utf-8", "replace"))


@lru_cache(maxsize=2000)
def _on_one_line(text: str) -> str:
    return " ".join(clean(text).split())


_remembered = lru_cache(maxsize=2000)(analysed)
_letters = lru_cache(maxsize=2000)(letters)


def _written(issued_on: str) -> str:
    """The day as documents and people write it, so that 15/11/2016 finds what was issued on that day."""
    return "/".join(reversed(issued_on.split("-")))
