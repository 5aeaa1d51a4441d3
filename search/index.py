"""The search index: the one interface behind which an engine stands.

The index is a follower: the store and the catalogue are never asked of it, and it can be thrown away and made
again (`luutru index rebuild`). Its folder holds index.json (engine, versions, the generation in use) and one
folder for each generation, so that a rebuild replaces the old index in one step or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

from archive.i18n import _
from archive.settings import Settings
from search import generations, suggesting
from search.aliases import BUILT_IN, Aliases, aliases_with
from search.engines.base import Engine, Found, IndexBusyError, Leniency, Order
from search.entry import Entry, entry_from_record
from search.generations import STATE, IndexOutdatedError
from search.query import Query, describe, parse
from search.results import Difference, Facet, Filters, Hit, Results, Suggestion, access_keys, case_set
from search.snippets import Snippet, Wanted, highlight, snippet
from search.vietnamese import ANALYSIS_VERSION

__all__ = ["Difference", "Entry", "Facet", "Filters", "Hit", "Index", "IndexBusyError", "IndexOutdatedError",
           "Order", "Results", "Snippet", "Suggestion", "access_keys", "entry_from_record", "highlight", "index_folder",
           "open_index", "rebuild_index", "snippet", "verify"]

WAIT_SECONDS = 60.0
"""How long a writer waits for another one before it gives up."""

REBUILD_STEP = 10_000
"""Documents that a rebuild commits at once: a killed one goes on after the last of them."""

COUNTED_BY_CASE = 2
"""Of so many documents a case file of the groups each case file is counted; of more, each group is searched for."""

MOST_FACETS = 20
"""Values shown of one facet; the counts are of all."""

# Engines leave the interpreter to others while they count: the snippets are made meanwhile.
_beside = ThreadPoolExecutor(os.cpu_count() or 1, "luutru-counting")


class Index:
    """A search index in a folder. Reads see the last commit, also one that another process has made."""

    def __init__(self, folder: Path, engine_name: str, aliases: Aliases = BUILT_IN) -> None:
        self._folder, self._engine_name, self._aliases = folder, engine_name, aliases
        self._engine: Engine | None = None
        self._opened: tuple[int, int] = (0, 0)

    @classmethod
    def open(cls, folder: Path, engine: str = "tantivy", aliases: Aliases = BUILT_IN) -> Index:
        """Open the index in `folder`; a new one is made where there is none.

        Raises IndexOutdatedError when another version of the analysis or of the engine made it, or another engine.
        """
        index = cls(folder, engine, aliases)
        index._engine_now()
        return index

    def add(self, entries: Iterable[Entry]) -> int:
        """Index `entries`, replacing those of the same code, in one commit: all or none are in it. How many.

        Raises IndexBusyError when another process keeps writing.
        """
        self._engine_now()
        with generations.writing(self._folder, WAIT_SECONDS):
            engine = self._engine_now()       # asked for again inside: a rebuild may have come between
            generations.drop_others(self._folder, self._generation())
            return engine.add(entries)

    def remove(self, codes: Iterable[str], *, purge: bool = False) -> None:
        """Take documents out of every search. With `purge` their words and text also leave the disk at once.

        An engine only marks what is removed and drops it some day; destruction (tiêu hủy) must purge before
        it proves the absence. Purging writes the whole index again.
        """
        self._engine_now()
        with generations.writing(self._folder, WAIT_SECONDS):
            engine = self._engine_now()
            engine.remove(codes)
            generations.drop_others(self._folder, self._generation())
            if purge:
                self._write_again(engine)

    def search(self, query: str, limit: int = 20, offset: int = 0, filters: Filters | None = None,
               order: Order = "best", facets: Sequence[str] = (), *, forgiving: bool = True,
               groups: Mapping[str, tuple[str, ...]] | None = None) -> Results:
        """Find documents for what a person typed, best first (without words: newest first) or by their dates.

        All words are required. Only when nothing is found the search forgives step by step, and `understood` says so;
        not where it is not to be `forgiving`. `facets` names those that are to be counted; so are `groups` of case
        files, each under its name. Pages follow one another while the index stays as it is, by date also when it is
        merged. Raises ValueError for a date in `filters` that is none; no query ever raises.
        """
        filters = filters or Filters()
        typed = parse(query, self._aliases)
        asked = self._with(typed, filters)
        engine = self._engine_now()
        found, leniency = Found(0, []), Leniency.strict
        for leniency in _tries(asked) if forgiving else (Leniency.strict,):
            found = engine.find(asked, leniency, max(1, limit), max(0, offset), order)
            if found.total:
                break
        understood = describe(asked)
        if not found.total:
            leniency = Leniency.strict
        elif leniency:
            understood = f"{_said(leniency)} ({understood})"
        instead = suggesting.instead(engine, typed, self._aliases, tuple(filters.clauses(self._aliases))) if (
            leniency or not found.total) and forgiving and limit > 0 and offset == 0 else ""
        wanted = Wanted(asked)
        counting = _beside.submit(self._counted, engine, typed, filters, leniency, facets, groups, found.total) if (
            facets or groups is not None) else None
        hits = [_hit(score, entry, wanted, leniency) for score, entry in found.entries]
        values, inside = counting.result() if counting is not None else ({}, {})
        return Results(found.total, hits if limit > 0 else [], understood, asked,
                       {name: _facet(name, values[name], filters.chosen.get(name, "")) for name in facets}, instead,
                       inside)

    def read(self, typed: str) -> Query:
        """What a person typed, as this index reads it: for `highlight` and `snippet`."""
        return parse(typed, self._aliases)

    def suggest(self, typed: str, limit: int = 8, filters: Filters | None = None) -> list[Suggestion]:
        """What a person may be about to type, of what they may know of: numbers of documents, words of titles."""
        filters = filters or Filters()
        return suggesting.suggest(self._engine_now(), typed, tuple(filters.clauses(self._aliases)), limit)

    def entry(self, code: str, filters: Filters | None = None) -> Entry | None:
        """What is indexed of one document; None where the index does not hold it or `filters` shut it out."""
        asked = self._with(Query("", ()), replace(filters or Filters(), only=(code,)))
        found = self._engine_now().find(asked, Leniency.strict, 1, 0)
        return found.entries[0][1] if found.entries else None

    def entries_of(self, query: Query, filters: Filters, limit: int) -> list[Entry]:
        """The entries, newest first, that a query made by a program finds."""
        found = self._engine_now().find(self._with(query, filters), Leniency.strict, limit, 0, "newest")
        return [entry for _score, entry in found.entries]

    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every indexed document by its code."""
        return self._engine_now().fingerprints()

    def count(self) -> int:
        """How many documents are indexed."""
        return self._engine_now().count()

    def rebuild(self, entries: Iterable[Entry], resumed: Callable[[int], None] = lambda _held: None) -> int:
        """Make the index anew from `entries`; how many. The old one serves until the new one is whole.

        Killed half-way, the next rebuild goes on: what is held as it is wanted is not indexed again (`resumed` is told
        how many documents a killed one left). Also mends an outdated or damaged index. Raises IndexBusyError when
        another process keeps writing.
        """
        with generations.writing(self._folder, WAIT_SECONDS):
            wanted = self._wanted()
            name = generations.unfinished(self._folder, wanted)
            if name:
                try:
                    generations.engine_class(self._engine_name)(self._folder / name).close()
                except Exception:             # what the dead left cannot be read: all from the beginning
                    name = ""
            return self._fill(name or generations.begin(self._folder, wanted, noted=True), entries, resumed)

    def close(self) -> None:
        """Give back what is open; the index can be used again."""
        if self._engine is not None:
            self._engine.close()
        self._engine, self._opened = None, (0, 0)

    def _with(self, query: Query, filters: Filters) -> Query:
        return replace(query, clauses=(*query.clauses, *filters.clauses(self._aliases)))

    def _counted(self, engine: Engine, typed: Query, filters: Filters, leniency: Leniency, facets: Sequence[str],
                 groups: Mapping[str, tuple[str, ...]] | None, found: int) -> tuple[dict[str, dict[str, int]],
                                                                                    dict[str, int]]:
        """How often the values of facets occur, and how much lies in each group of case files.

        It is looked for only where something is found, and by case files along with the rest where that is quicker: a
        group takes its time by its case files, the other way by the documents.
        """
        total = found if filters.inside is None and not filters.outside else None
        by_case = groups is not None and total is not None and 0 < total <= COUNTED_BY_CASE * sum(
            map(len, groups.values()))
        counted = self._facets(engine, typed, filters, leniency, [*facets, "case"] if by_case else facets, found)
        return counted, {} if groups is None else self._groups(engine, typed, filters, leniency, groups, total,
                                                               counted.get("case"))

    def _facets(self, engine: Engine, typed: Query, filters: Filters, leniency: Leniency,
                names: Sequence[str], total: int) -> dict[str, dict[str, int]]:
        """How often the values of facets occur. In one in which a choice was made, what else could be chosen counts."""
        free = [name for name in names if not filters.chosen.get(name)]
        counted = engine.facets(self._with(typed, filters), leniency, free) if free and total else {
            name: {} for name in free}
        for name in names:
            if name not in counted:
                counted |= engine.facets(self._with(typed, filters.but_for(name)), leniency, [name])
        return counted

    def _groups(self, engine: Engine, typed: Query, filters: Filters, leniency: Leniency,
                groups: Mapping[str, tuple[str, ...]], total: int | None,
                by_case: Mapping[str, int] | None) -> dict[str, int]:
        """How many of what is found lie in each group of case files, and in all (`total`, where it is known).

        `by_case`: how many in each case file, where that was counted; else each group is searched for.
        """
        free = replace(filters, inside=None, outside=())
        total = engine.total(self._with(typed, free), leniency) if total is None else total
        counted = {"": total}
        for name, codes in groups.items():
            if by_case is not None:
                inside = case_set(codes)
                counted[name] = sum(count for case, count in by_case.items() if case in inside)
            else:
                counted[name] = engine.total(self._with(typed, replace(free, inside=codes)),
                                             leniency) if total and codes else 0
        return counted

    def _engine_now(self) -> Engine:
        """The engine on the generation in use, also after another process has rebuilt the index."""
        state_file = self._folder / STATE
        try:
            status = state_file.stat()
        except FileNotFoundError:
            self.close()
            with generations.writing(self._folder, WAIT_SECONDS):
                if not state_file.exists():
                    name = generations.begin(self._folder, self._wanted(), noted=False)
                    generations.engine_class(self._engine_name)(self._folder / name).close()
                    generations.put_in_use(self._folder, self._wanted(), name)
            return self._engine_now()
        seen = (status.st_ino, status.st_mtime_ns)
        if self._engine is None or self._opened != seen:
            self.close()
            try:
                self._engine = generations.engine_class(self._engine_name)(self._folder / self._generation())
            except Exception:                 # a rebuild may just have dropped it: then look again
                status = state_file.stat()
                if seen == (status.st_ino, status.st_mtime_ns):
                    raise
                return self._engine_now()
            self._opened = seen
        return self._engine

    def _wanted(self) -> dict[str, object]:
        return generations.versions(self._engine_name, ANALYSIS_VERSION)

    def _generation(self) -> str:
        return generations.in_use(self._folder, self._wanted())

    def _fill(self, name: str, entries: Iterable[Entry], resumed: Callable[[int], None]) -> int:
        """Bring a generation to hold `entries` and nothing else, step by step, and put it into use."""
        engine = generations.engine_class(self._engine_name)(self._folder / name)
        seen: set[str] = set()
        try:
            held = engine.fingerprints()
            if held:
                resumed(len(held))

            def lacking() -> Iterator[Entry]:
                for entry in entries:
                    seen.add(entry.code)
                    if held.get(entry.code) != entry.fingerprint or not entry.fingerprint:
                        yield entry

            rest, known = lacking(), set(held)
            while step := list(islice(rest, REBUILD_STEP)):
                codes = {entry.code for entry in step}
                engine.add(step, fresh=len(codes) == len(step) and codes.isdisjoint(known))
                known |= codes
            surplus = held.keys() - seen
            if surplus:                       # may have been destroyed since: no word of it may stay on the disk
                engine.remove(surplus)
                self._write_again(engine)
                return len(seen)
        finally:
            engine.close()
        generations.put_in_use(self._folder, self._wanted(), name)
        self.close()
        return len(seen)

    def _write_again(self, engine: Engine) -> None:
        """Write what `engine` holds as a generation of its own and put that into use."""
        name = generations.begin(self._folder, self._wanted(), noted=False)
        fresh = generations.engine_class(self._engine_name)(self._folder / name)
        try:
            rest = engine.entries()
            while step := list(islice(rest, REBUILD_STEP)):
                fresh.add(step, fresh=True)
        finally:
            fresh.close()
        generations.put_in_use(self._folder, self._wanted(), name)
        self.close()


def open_index(settings: Settings) -> Index:
    """The index of the archive that `settings` describe. Raises IndexOutdatedError, SettingsError."""
    return Index.open(index_folder(settings), settings.search.engine, _aliases(settings))


def rebuild_index(settings: Settings, entries: Iterable[Entry],
                  resumed: Callable[[int], None] = lambda _held: None) -> int:
    """Make the archive's index anew from `entries`, whatever state it is in; how many were indexed."""
    return Index(index_folder(settings), settings.search.engine).rebuild(entries, resumed)


def index_folder(settings: Settings) -> Path:
    """Where the archive's index lies."""
    return settings.root / "index"


def _aliases(settings: Settings) -> Aliases:
    return aliases_with(settings.path(settings.search.aliases))


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


def _hit(score: float, entry: Entry, query: Wanted, leniency: Leniency) -> Hit:
    return Hit(entry.code, score, entry.case_file, entry.number, entry.notation, entry.issued_on,
               entry.type_name, entry.organ, entry.subject, entry.signer, entry.case_title, entry.legal_value,
               snippet(entry.text, query, one_edit=leniency == Leniency.one_edit))


def _facet(name: str, counted: Mapping[str, int], chosen: str) -> tuple[Facet, ...]:
    """The most frequent values, of an agency under the name that most documents write; what is chosen always."""
    values: dict[str, tuple[int, int, str]] = {}          # value → how many in all, of the name, the name
    for found, count in sorted(counted.items()):
        value, _tab, written = found.partition("\t")
        total, most, known = values.get(value, (0, 0, ""))
        values[value] = (total + count, *max((most, known), (count, written or value), key=lambda one: one[0]))
    facets = sorted((Facet(value, written, total) for value, (total, _most, written) in values.items()),
                    key=lambda one: (-one.count, one.value))
    if name == "year":
        facets.sort(key=lambda one: one.value, reverse=True)
    return (*facets[:MOST_FACETS], *(one for one in facets[MOST_FACETS:] if one.value == chosen))
