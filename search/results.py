"""What is asked of the index beside the typed words, and what comes back: filters, hits, facets, suggestions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from archive.access import Reach
from search.aliases import BUILT_IN, Aliases, canonical_organ
from search.query import Clause, Key, Query, field_part
from search.snippets import Snippet
from search.vietnamese import letters

_NONE = "\x00"           # a key that nothing has


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page or program asks for beside the typed query; empty values ask for nothing.

    `case_file` is a whole code; `type_name` a name, an abbreviation or a code of TT 05/2025; `issued_from`
    and `issued_to` are days, months or years in any usual form. `chosen` holds values of facets as `Facet` gives
    them, by the facet's name.
    """

    case_file: str = ""
    type_name: str = ""
    organ: str = ""
    issued_from: str = ""
    issued_to: str = ""
    reach: Reach | None = None                # what the person may know of; None: everything
    without: tuple[str, ...] = ()             # codes that must not be found, whatever the index says of them
    chosen: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] | None = None       # codes of which alone is searched; None: of all
    inside: tuple[str, ...] | None = None     # codes of case files of whose documents alone; None: of all
    outside: tuple[str, ...] = ()             # codes of case files whose documents are left out

    def clauses(self, aliases: Aliases = BUILT_IN) -> Iterator[Clause]:
        """The filters as parts of a query. Raises ValueError, with the value, for a date that is none."""
        for name, value, whole in (("case_file", self.case_file, True), ("type", self.type_name, False),
                                   ("organ", self.organ, False), ("from", self.issued_from, False),
                                   ("to", self.issued_to, False)):
            if value:
                part = field_part(name, value, whole=whole, aliases=aliases)
                if part is None:
                    raise ValueError(value)
                yield Clause(part, False, f"{name}:{value}")
        for name, value in self.chosen.items():
            if value:
                key = ("organ_key", (canonical_organ(value),)) if name == "organ" else (f"facet_{name}", (value,))
                yield Clause(Key(*key), False, "")
        if self.only is not None:
            yield Clause(Key("code", self.only), False, "")
        if self.inside is not None:
            yield Clause(Key("case", _case_keys(self.inside) or (_NONE,)), False, "")
        if self.outside:
            yield Clause(Key("case", _case_keys(self.outside)), True, "")
        yield from self.rights()

    def rights(self) -> Iterator[Clause]:
        """Those parts that say what may be found at all."""
        if self.reach is not None and not self.reach.everything:
            yield Clause(Key("access", access_keys(self.reach)), False, "")
        if self.without:
            yield Clause(Key("code", self.without), True, "")

    def but_for(self, facet: str) -> Filters:
        """The same without the choice in one facet: among what else could have been chosen."""
        return replace(self, chosen={name: value for name, value in self.chosen.items() if name != facet})


@lru_cache(maxsize=32)
def _case_keys(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Codes of case files as the index has them; the same thousands are asked for again and again."""
    return tuple(map(letters, codes))


@lru_cache(maxsize=32)
def case_set(codes: tuple[str, ...]) -> frozenset[str]:
    """The same, to look one up in."""
    return frozenset(_case_keys(codes))


def access_keys(reach: Reach) -> tuple[str, ...]:
    """The keys of the index that lie within `reach`: an access in any fonds, or in one ("H99/restricted")."""
    anywhere = reach.own if not reach.fonds else reach.others
    own = (f"{reach.fonds}/{access}" for access in sorted(reach.own - anywhere))
    return (*sorted(anywhere), *own)


@dataclass(frozen=True, slots=True)
class Hit:
    """One document that was found, with a piece of its text; the score only orders the hits of one search."""

    code: str
    score: float
    case_file: str
    number: str
    notation: str
    issued_on: str
    type_name: str
    organ: str
    subject: str
    signer: str
    case_title: str
    legal_value: str
    snippet: Snippet


@dataclass(frozen=True, slots=True)
class Facet:
    """One value by which the hits can be narrowed down, and how many of them have it.

    `value` goes into `Filters.chosen`, `name` is how the documents write it (an agency), else the same.
    """

    value: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a person may be about to type: words that titles have, or (with its `code`) one document."""

    text: str
    code: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """`total` documents were found, `hits` are those asked for; `understood` says how the query was read.

    `facets` are those that were asked for, most frequent values first, over all that was found within the person's
    reach; `instead` is a query that finds something, where this one as typed finds nothing. `groups` says how many
    there are in each group of case files that was asked for, and under "" in all; `Filters.inside` and `outside` do not
    count there.
    """

    total: int
    hits: list[Hit]
    understood: str
    query: Query = field(default=Query("", ()))
    facets: Mapping[str, tuple[Facet, ...]] = field(default_factory=dict)
    instead: str = ""
    groups: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """Codes in which an index and what it should hold differ; true when there are any.

    `missing`: not in the index; `surplus`: only in the index; `stale`: in it with other content.
    """

    missing: list[str]
    surplus: list[str]
    stale: list[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus or self.stale)
