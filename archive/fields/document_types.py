"""The registry of document types: which type a text names, under the codes of TT 05/2025 and NĐ 30/2020.

Reads `document_types.toml`. A text that names no type, or might name two, is not recognised: the
original words stay with the record and a person decides.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from archive.spelling import fold, plain

CATALOGUE = Path(__file__).with_name("document_types.toml")


@dataclass(frozen=True, slots=True)
class DocumentType:
    """A type: its code in TT 05/2025, Vietnamese name, abbreviation ("" where NĐ 30/2020 gives none).

    `nd30`: one of the 29 types of NĐ 30/2020/NĐ-CP Điều 7.
    """

    code: str
    name: str
    abbreviation: str
    nd30: bool


@dataclass(frozen=True, slots=True)
class RecognisedType:
    """What a text was taken for: the code, the type's full name, and whether the law gives it that code."""

    code: str
    name: str
    has_own_code: bool


@dataclass(frozen=True, slots=True)
class _Lookup:
    """Keys to recognised types: with diacritics, without, and the full names that may head a text."""

    exact: Mapping[str, RecognisedType]
    folded: Mapping[str, RecognisedType]
    heads: Mapping[str, RecognisedType]
    qualifiers: tuple[str, ...]
    labels: tuple[str, ...]
    most_words: int


@cache
def document_types() -> Mapping[str, DocumentType]:
    """Every type by its code."""
    return {entry["code"]: DocumentType(entry["code"], entry["name"], entry.get("abbreviation", ""),
                                        entry.get("nd30", False)) for entry in _raw()["types"]}


def recognise_type(text: str) -> str | None:
    """The TT 05/2025 code of the type that `text` names ("CV" -> "22"), None when it names none."""
    found = recognise(text)
    return None if found is None else found.code


def recognise(text: str) -> RecognisedType | None:
    """The type that `text` names: a code, a name, an abbreviation, or a name at the head of a longer text.

    "Q.Đ", "quyet dinh", "Công văn hỏa tốc", "22 - Công văn", "Thông báo kết luận" are read; "HĐ" and "HD" are kept
    apart.
    """
    lookup = _lookup()
    text = text.strip()
    if text in document_types():
        return RecognisedType(text, document_types()[text].name, True)
    words = plain(text)
    bare = _without_qualifiers(words, lookup.qualifiers)
    return (_whole(words, lookup) or _whole(bare, lookup) or _whole(_without_label(bare, lookup.labels), lookup)
            or _head(words, lookup))


def _whole(words: str, lookup: _Lookup) -> RecognisedType | None:
    """The type whose name or abbreviation `words` are; an abbreviation may have signs between its letters."""
    joined = words.replace(" ", "")
    return (lookup.exact.get(words) or lookup.exact.get(joined) or lookup.folded.get(fold(words))
            or (lookup.folded.get(fold(joined)) if len(joined) <= 4 else None))


def _without_qualifiers(words: str, qualifiers: tuple[str, ...]) -> str:
    """`words` without the words of urgency, direction and the like at their end."""
    folded = fold(words)
    for qualifier in qualifiers:
        if folded.endswith(" " + qualifier):
            kept = len(folded[:-len(qualifier)].split())
            return _without_qualifiers(" ".join(words.split()[:kept]), qualifiers)
    return words


def _without_label(words: str, labels: tuple[str, ...]) -> str:
    """`words` without a number or the label of a form before them: what remains must be a name and nothing else."""
    parts = words.split()
    while len(parts) > 1 and parts[0].isdecimal():
        parts = parts[1:]
    folded = [fold(part) for part in parts]
    for label in labels:
        count = len(label.split())
        if folded[:count] == label.split() and len(parts) > count:
            return " ".join(parts[count:])
    return " ".join(parts)


def _head(words: str, lookup: _Lookup) -> RecognisedType | None:
    """The type whose full name heads `words`; the longest name wins."""
    parts = words.split()
    for count in range(min(lookup.most_words, len(parts)), 1, -1):
        head = " ".join(parts[:count])
        if found := lookup.heads.get(head) or lookup.heads.get(fold(head)):
            return found
    return None


@cache
def _lookup() -> _Lookup:
    exact: dict[str, RecognisedType] = {}
    heads: dict[str, RecognisedType] = {}
    raw = _raw()
    for entry in raw["types"]:
        found = RecognisedType(entry["code"], entry["name"], True)
        names = [name for name in (entry["name"], *entry.get("aliases", ())) if " " in name]
        exact.update({plain(name): found for name in (entry["name"], entry.get("abbreviation", ""),
                                                      *entry.get("aliases", ())) if name})
        heads.update({plain(name): found for name in names})
    others = raw["without_code"]
    for name in others["names"]:
        exact[plain(name)] = RecognisedType(others["code"], name, False)
        if " " in name:
            heads[plain(name)] = exact[plain(name)]
    for abbreviation, name in others["abbreviations"].items():
        exact[plain(abbreviation)] = RecognisedType(others["code"], name, False)
    folded = _folded(exact)
    heads.update(_folded(heads))
    qualifiers = sorted((fold(word) for word in raw["qualifiers"]["words"]), key=len, reverse=True)
    labels = sorted((fold(word) for word in raw["labels"]["words"]), key=len, reverse=True)
    return _Lookup(exact, folded, heads, tuple(qualifiers), tuple(labels), max(len(name.split()) for name in heads))


def _folded(exact: Mapping[str, RecognisedType]) -> dict[str, RecognisedType]:
    """The keys without diacritics that still mean one type; "hd" means the type that is spelt just so."""
    meanings: dict[str, set[RecognisedType]] = {}
    for key, found in exact.items():
        meanings.setdefault(fold(key), set()).add(found)
    return {key: exact.get(key) or next(iter(found)) for key, found in meanings.items()
            if key in exact or len(found) == 1}


@cache
def _raw() -> dict[str, Any]:
    with CATALOGUE.open("rb") as stream:
        return tomllib.load(stream)
