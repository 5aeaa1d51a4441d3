"""What an engine keeps of an entry for snippets, in little room: letters of one byte each, then deflated.

The compressor knows beforehand what official documents say (data/phrases.txt). Changing that, or the table of
search/alphabet.py, makes what was kept unreadable: SCHEMA_VERSION of the engine must then change.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any

from search import alphabet
from search.entry import Entry
from search.syllables import DATA

_KEPT = tuple(one.name for one in fields(Entry) if one.name != "text")
_kept = attrgetter(*_KEPT)
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_QUICK = 2                  # level of zlib
_WINDOW, _MEMORY = 14, 7    # of zlib: 16 kB back are enough for one document, and quick to set up


def packed(entry: Entry) -> bytes:
    """All of an entry but its text, to be kept."""
    return _json(_kept(entry)).encode("utf-8", "surrogatepass")


def unpacked(kept: bytes | str, text: str) -> Entry:
    """The entry that was `packed`, with its text."""
    return Entry(**dict(zip(_KEPT, json.loads(kept), strict=True)), text=text)


def compressed(entry: Entry, text: bytes | None = None) -> bytes:
    """All of an entry in little room; `text` is its text as `search.alphabet.written` gives it, where that is known."""
    text = alphabet.written(entry.text) if text is None else text
    one = _primed().copy()
    return bytes(one.compress(b"%b\n%b" % (alphabet.written(_json(_kept(entry))), text)) + one.flush())


def decompressed(kept: bytes) -> Entry:
    """The entry that was `compressed`."""
    told = zlib.decompressobj(_WINDOW, zdict=_phrases()).decompress(kept)
    head, _line, text = told.partition(b"\n")
    return unpacked(alphabet.read(head), alphabet.read(text))


@cache
def _phrases() -> bytes:
    """What official documents say, as a compressor wants it: the most frequent last."""
    lines = (DATA / "phrases.txt").read_text("utf-8").splitlines(keepends=True)
    return alphabet.written("".join(line for line in lines if not line.startswith("#")))


@cache
def _primed() -> Any:
    return zlib.compressobj(_QUICK, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _phrases())
