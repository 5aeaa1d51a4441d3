"""What every search engine behind `search.index` must offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from archive.errors import LuuTruError
from search.entry import Entry
from search.query import Query

Order = Literal["best", "newest", "oldest"]


class IndexBusyError(LuuTruError):
    """Another process is writing the search index."""


class Leniency(IntEnum):
    """How a query is run: as it stands, then ever more forgiving while nothing is found."""

    strict = 0
    unmarked = 1                              # quoted phrases without their marks
    one_edit = 2                              # words that no document has may differ by one letter
    most = 3                                  # three quarters of the words
    half = 4                                  # half of the words


@dataclass(frozen=True, slots=True)
class Found:
    """What an engine found: how many in all, and the entries asked for with their scores."""

    total: int
    entries: list[tuple[float, Entry]]


class Engine(Protocol):
    """What an engine must do: read from many threads and processes, written by one at a time.

    `add` and `remove` are one commit each: all of it can be found then, or nothing of it. A killed
    writer must lose nothing that was committed and leave nothing half done behind.
    """

    SCHEMA_VERSION: ClassVar[int]
    """Goes up when the engine keeps an entry in another way: an index made before must be rebuilt."""

    def __init__(self, folder: Path) -> None:
        """Open the engine's index in `folder`, an empty one where there is none."""

    def add(self, entries: Iterable[Entry], *, fresh: bool = False) -> int:
        """Index entries, replacing those of the same code; how many.

        `fresh`: nothing of these codes is in the index, and each comes once; then there is nothing to look for.
        """

    def remove(self, codes: Iterable[str]) -> None:
        """Let no search find these documents; unknown codes are passed over."""

    def find(self, query: Query, leniency: Leniency, limit: int, offset: int, order: Order = "best") -> Found:
        """The best entries for `query`, newest first when it has no words, or in the order of their dates."""

    def total(self, query: Query, leniency: Leniency) -> int:
        """How many entries `query` finds: what `find` says of it, without looking for the best."""

    def facets(self, query: Query, leniency: Leniency, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """How many entries `query` finds of each value of these facets (`search.engines.terms.FACETS`, or "case")."""

    def vocabulary(self, query: Query) -> dict[str, int]:
        """The folded words in the titles of what `query` finds, with the number of titles."""

    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every entry by its code."""

    def entries(self) -> Iterator[Entry]:
        """Every entry as it was added."""

    def count(self) -> int:
        """How many entries there are."""

    def close(self) -> None:
        """Give back what is open."""
