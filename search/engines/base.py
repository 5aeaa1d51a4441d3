"""What every search engine behind `search.index` must offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from archive.errors import LuuTruError
from search.entry import Entry
from search.query import Query


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

    def add(self, entries: Iterable[Entry]) -> int:
        """Index entries, replacing those of the same code; how many."""

    def remove(self, codes: Iterable[str]) -> None:
        """Let no search find these documents; unknown codes are passed over."""

    def find(self, query: Query, leniency: Leniency, limit: int, offset: int) -> Found:
        """The best entries for `query`, newest first when it has no words."""

    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every entry by its code."""

    def entries(self) -> Iterator[Entry]:
        """Every entry as it was added."""

    def count(self) -> int:
        """How many entries there are."""

    def close(self) -> None:
        """Give back what is open."""
