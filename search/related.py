"""What belongs to a document: the same number, what it rests on, replaces or answers, who does so to it, its case file.

Links are read from the text by the words before a number (relations.toml) and looked up in the index, within what the
person may know of; a number that nothing bears is told as it is written. They are hints for a reader, never a record.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from search.entry import Entry
from search.index import Filters, Index
from search.numbers import cited_places, number_of
from search.query import Clause, FieldIs, Query
from search.vietnamese import clean, fold

RELATIONS = Path(__file__).with_name("data") / "relations.toml"
BEFORE = 160                   # characters before a number in which the words that name the relation stand
MOST = 20                      # of each kind
_SENTENCE = re.compile(r"[;.\n](?=\s)|\n")


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a document. `kind` as in relations.toml, or cites; with `incoming`, it is the other that says so.

    `code` is empty where no document within reach bears the number.
    """

    kind: str
    incoming: bool
    number: str
    code: str = ""
    subject: str = ""
    issued_on: str = ""


@dataclass(frozen=True, slots=True)
class Related:
    """All that belongs to one document; `more_in_case_file` are the further ones beyond those listed."""

    same_number: list[Link]
    links: list[Link]
    case_file: list[Link]
    more_in_case_file: int


@cache
def _words() -> tuple[tuple[str, re.Pattern[str]], ...]:
    told = tomllib.loads(RELATIONS.read_text("utf-8"))
    return tuple((kind, re.compile("|".join(rf"\b{fold(word)}\b" for word in words))) for kind, words in told.items())


def related(index: Index, code: str, filters: Filters | None = None) -> Related | None:
    """What belongs to the document `code`; None where it is not indexed or lies outside of `filters`."""
    filters = filters or Filters()
    entry = index.entry(code, filters)
    if entry is None:
        return None
    own = number_of(entry.number, entry.notation)
    key = own.key if own is not None and own.notation else ""
    same = [_link("same_number", one) for one in _bearing(index, key, filters) if one.code != code] if key else []
    links: dict[tuple[str, bool, str], Link] = {}
    for kind, cited, written in _cited(entry):
        if cited == key:
            continue
        found = [one for one in _bearing(index, cited, filters) if one.code != code]
        for link in [_link(kind, one) for one in found] or [Link(kind, False, written)]:
            links.setdefault((link.kind, False, link.code or cited), link)
    named = {link.code for link in links.values() if link.code and link.kind != "cites"}
    outgoing = [one for one in links.values() if one.kind != "cites" or one.code not in named]
    incoming = list(_incoming(index, key, code, filters)) if key else []
    home = index.search("", MOST + 1, 0, replace(filters, case_file=entry.case_file), "newest")
    beside = [Link("case_file", False, "/".join(part for part in (hit.number, hit.notation) if part), hit.code,
                   hit.subject, hit.issued_on) for hit in home.hits if hit.code != code][:MOST]
    return Related(same[:MOST], [*outgoing, *incoming], beside, max(0, home.total - 1 - len(beside)))


def _link(kind: str, entry: Entry, *, incoming: bool = False) -> Link:
    number = "/".join(part for part in (entry.number, entry.notation) if part)
    return Link(kind, incoming, number, entry.code, entry.subject, entry.issued_on)


def _bearing(index: Index, key: str, filters: Filters) -> list[Entry]:
    """The documents of this number, newest first."""
    return index.entries_of(Query("", (Clause(FieldIs("number", (key,)), False, ""),)), filters, MOST)


def _incoming(index: Index, key: str, code: str, filters: Filters) -> Iterator[Link]:
    """Who names the document of this number, and how: what the text says is read again, not kept."""
    asked = Query("", (Clause(FieldIs("cited", (key,)), False, ""),))
    for other in index.entries_of(asked, filters, MOST):
        if other.code != code:
            kinds = {kind for kind, cited, _written in _cited(other) if cited == key} or {"cites"}
            for kind in sorted(kinds - {"cites"} or kinds):
                yield _link(kind, other, incoming=True)


def _cited(entry: Entry) -> Iterator[tuple[str, str, str]]:
    """The numbers that a document names: the kind of relation, the number's key, the number as written."""
    for text in (clean(entry.subject), clean(entry.text)):
        for key, start, end in cited_places(text):
            before = text[max(0, start - BEFORE):start]
            sentence = fold(_SENTENCE.split(before)[-1])
            kind = "cites"
            last = -1
            for name, words in _words():
                for match in words.finditer(sentence):
                    if match.start() > last:
                        kind, last = name, match.start()
            yield kind, key, " ".join(text[start:end].split())
