"""The search index: the one interface behind which an engine stands.

The index is a follower: the store and the catalogue are never asked of it, and it can be thrown away and made
again (`luutru index rebuild`). Its folder holds index.json (engine, versions, the generation in use) and one
folder for each generation, so that a rebuild replaces the old index in one step or not at all.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive.errors import LuuTruError
from archive.files import json_bytes, write_atomically
from archive.i18n import _
from archive.settings import Settings
from search.engines.base import Engine, Found, IndexBusyError, Leniency
from search.entry import Entry, entry_from_record
from search.query import Clause, Query, describe, field_part, parse
from search.snippets import Snippet, snippet
from search.vietnamese import ANALYSIS_VERSION

if TYPE_CHECKING:
    from search.engines.tantivy_engine import TantivyEngine

__all__ = ["Difference", "Entry", "Filters", "Hit", "Index", "IndexBusyError", "IndexOutdatedError",
           "Results", "Snippet", "entry_from_record", "index_folder", "open_index", "rebuild_index", "verify"]

STATE = "index.json"
LAYOUT_VERSION = 1
WAIT_SECONDS = 60.0
"""How long a writer waits for another one before it gives up."""


class IndexOutdatedError(LuuTruError):
    """The search index was made by another version; `luutru index rebuild` makes it again."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page or program asks for beside the typed query; empty values ask for nothing.

    `case_file` is a whole code; `type_name` a name, an abbreviation or a code of TT 05/2025; `issued_from`
    and `issued_to` are days, months or years in any usual form.
    """

    case_file: str = ""
    type_name: str = ""
    organ: str = ""
    issued_from: str = ""
    issued_to: str = ""

    def clauses(self) -> Iterator[Clause]:
        """The filters as parts of a query. Raises ValueError, with the value, for a date that is none."""
        for name, value, whole in (("case_file", self.case_file, True), ("type", self.type_name, False),
                                   ("organ", self.organ, False), ("from", self.issued_from, False),
                                   ("to", self.issued_to, False)):
            if value:
                part = field_part(name, value, whole=whole)
                if part is None:
                    raise ValueError(value)
                yield Clause(part, False, f"{name}:{value}")


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
class Results:
    """`total` documents were found, `hits` are those asked for; `understood` says how the query was read."""

    total: int
    hits: list[Hit]
    understood: str
    query: Query = field(default=Query("", ()))


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


class Index:
    """A search index in a folder. Reads see the last commit, also one that another process has made."""

    def __init__(self, folder: Path, engine_name: str) -> None:
        self._folder, self._engine_name = folder, engine_name
        self._engine: Engine | None = None
        self._opened: tuple[int, int] = (0, 0)

    @classmethod
    def open(cls, folder: Path, engine: str = "tantivy") -> Index:
        """Open the index in `folder`; a new one is made where there is none.

        Raises IndexOutdatedError when another version of the analysis or of the engine made it.
        """
        index = cls(folder, engine)
        index._engine_now()
        return index

    def add(self, entries: Iterable[Entry]) -> int:
        """Index `entries`, replacing those of the same code, in one commit: all or none are in it. How many.

        Raises IndexBusyError when another process keeps writing.
        """
        self._engine_now()
        with _writing(self._folder):          # asked for again inside: a rebuild may have come between
            engine = self._engine_now()
            self._drop_other_generations()
            return engine.add(entries)

    def remove(self, codes: Iterable[str], *, purge: bool = False) -> None:
        """Take documents out of every search. With `purge` their words and text also leave the disk at once.

        An engine only marks what is removed and drops it some day; destruction (tiêu hủy) must purge before
        it proves the absence. Purging writes the whole index again.
        """
        self._engine_now()
        with _writing(self._folder):
            engine = self._engine_now()
            engine.remove(codes)
            self._drop_other_generations()
            if purge:
                self._replace(engine.entries())

    def search(self, query: str, limit: int = 20, offset: int = 0, filters: Filters | None = None) -> Results:
        """Find documents for what a person typed, best first.

        All words are required. Only when nothing is found the search forgives step by step, and `understood`
        says so. Raises ValueError for a date in `filters` that is none; no query ever raises.
        """
        asked = parse(query)
        if filters:
            asked = replace(asked, clauses=(*asked.clauses, *filters.clauses()))
        engine = self._engine_now()
        found, leniency = Found(0, []), Leniency.strict
        for leniency in _tries(asked):
            found = engine.find(asked, leniency, max(1, limit), max(0, offset))
            if found.total:
                break
        understood = describe(asked)
        if not found.total:
            leniency = Leniency.strict
        elif leniency:
            understood = f"{_said(leniency)} ({understood})"
        hits = [_hit(score, entry, asked, leniency) for score, entry in found.entries]
        return Results(found.total, hits if limit > 0 else [], understood, asked)

    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every indexed document by its code."""
        return self._engine_now().fingerprints()

    def count(self) -> int:
        """How many documents are indexed."""
        return self._engine_now().count()

    def rebuild(self, entries: Iterable[Entry]) -> int:
        """Make the index anew from `entries`; how many. The old one serves until the new one is whole.

        Also mends an outdated or damaged index. Raises IndexBusyError when another process keeps writing.
        """
        with _writing(self._folder):
            return self._replace(entries)

    def close(self) -> None:
        """Give back what is open; the index can be used again."""
        if self._engine is not None:
            self._engine.close()
        self._engine, self._opened = None, (0, 0)

    def _engine_now(self) -> Engine:
        """The engine on the generation in use, also after another process has rebuilt the index."""
        state_file = self._folder / STATE
        try:
            status = state_file.stat()
        except FileNotFoundError:
            self.close()
            with _writing(self._folder):
                if not state_file.exists():
                    self._replace([])
            return self._engine_now()
        seen = (status.st_ino, status.st_mtime_ns)
        if self._engine is None or self._opened != seen:
            self.close()
            try:
                generation = _read_state(state_file, self._engine_name)
                self._engine = _engine(self._engine_name)(self._folder / generation)
            except Exception:                 # a rebuild may just have dropped it: then look again
                status = state_file.stat()
                if seen == (status.st_ino, status.st_mtime_ns):
                    raise
                return self._engine_now()
            self._opened = seen
        return self._engine

    def _replace(self, entries: Iterable[Entry]) -> int:
        """Write `entries` as a new generation, make it the one in use, drop all others."""
        numbers = (int(path.name.rpartition("-")[2]) for path in self._folder.glob("generation-*"))
        name = f"generation-{max(numbers, default=0) + 1}"
        (self._folder / name).mkdir()
        engine = _engine(self._engine_name)(self._folder / name)
        try:
            count = engine.add(entries)
        finally:
            engine.close()
        state = _versions(self._engine_name) | {"generation": name}
        write_atomically(self._folder / STATE, json_bytes(state))
        self.close()
        self._drop_other_generations()
        return count

    def _drop_other_generations(self) -> None:
        """Remove generations that are not in use: the one before, and what a killed rebuild left."""
        used = _read_state(self._folder / STATE, self._engine_name)
        for path in self._folder.glob("generation-*"):
            if path.name != used:
                shutil.rmtree(path)


def open_index(settings: Settings) -> Index:
    """The index of the archive that `settings` describe. Raises IndexOutdatedError."""
    return Index.open(index_folder(settings), settings.search.engine)


def rebuild_index(settings: Settings, entries: Iterable[Entry]) -> int:
    """Make the archive's index anew from `entries`, whatever state it is in; how many were indexed."""
    return Index(index_folder(settings), settings.search.engine).rebuild(entries)


def index_folder(settings: Settings) -> Path:
    """Where the archive's index lies."""
    return settings.root / "index"


def verify(index: Index, expected: Mapping[str, str]) -> Difference:
    """Compare the fingerprints in `index` with `expected` ones (code → fingerprint)."""
    held = index.fingerprints()
    both = expected.keys() & held.keys()
    return Difference(missing=sorted(expected.keys() - both), surplus=sorted(held.keys() - both),
                      stale=sorted(code for code in both if expected[code] != held[code]))


def _tries(query: Query) -> Iterator[Leniency]:
    yield Leniency.strict
    if any(getattr(part, "marked", False) for part in query.wanted):
        yield Leniency.unmarked
    if query.wanted:
        yield Leniency.one_edit
    if len(query.wanted) >= 3:
        yield from (Leniency.most, Leniency.half)


def _said(leniency: Leniency) -> str:
    return {
        Leniency.unmarked: _("nothing has the quoted phrase with these marks; shown: regardless of marks"),
        Leniency.one_edit: _("nothing has these words; shown: documents with words one letter apart"),
        Leniency.most: _("nothing has all the words; shown: documents with most of them"),
        Leniency.half: _("nothing has most of the words; shown: documents with half of them"),
    }[leniency]


def _hit(score: float, entry: Entry, query: Query, leniency: Leniency) -> Hit:
    return Hit(entry.code, score, entry.case_file, entry.number, entry.notation, entry.issued_on,
               entry.type_name, entry.organ, entry.subject, entry.signer, entry.case_title, entry.legal_value,
               snippet(entry.text, query, one_edit=leniency == Leniency.one_edit))


def _engine(name: str) -> type[TantivyEngine]:
    from search.engines.tantivy_engine import TantivyEngine  # here: loading it would slow every command down

    return {"tantivy": TantivyEngine}[name]


def _versions(engine: str) -> dict[str, Any]:
    return {"layout": LAYOUT_VERSION, "engine": engine, "schema": _engine(engine).SCHEMA_VERSION,
            "analysis": ANALYSIS_VERSION}


def _read_state(state_file: Path, engine: str) -> str:
    """The name of the generation in use. Raises IndexOutdatedError."""
    try:
        state = dict(json.loads(state_file.read_bytes()))
    except (ValueError, TypeError) as problem:
        raise IndexOutdatedError(_("the search index cannot be read; run: luutru index rebuild")) from problem
    generation = state.pop("generation", "")
    if state != _versions(engine) or not (state_file.parent / generation).is_dir():
        raise IndexOutdatedError(_("the search index was made by another version; run: luutru index rebuild"))
    return str(generation)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Be the one writer of the index; a killed writer's lock goes with it. Raises IndexBusyError."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "writer.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        patience = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > patience:
                    raise IndexBusyError(_("another process is writing the search index")) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)
