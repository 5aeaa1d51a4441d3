"""The Whoosh engine: pure Python, for machines on which no native engine runs, up to some ten thousand documents.

It answers as the Tantivy engine does, several hundred times slower. The folder is trusted: Whoosh reads its own
pickles from it, so nobody but the archive may write there.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from whoosh import collectors, columns, fields, formats, matching, query
from whoosh import index as storage
from whoosh.index import EmptyIndexError, LockError

from search.alphabet import written
from search.engines.base import Found, IndexBusyError, Leniency, Order
from search.engines.clauses import Known, everything_known, keys, whole
from search.engines.keeping import packed, unpacked
from search.engines.terms import FACETS, KEYS, STREAMS, column, issued_days, order_of, pieces
from search.engines.terms import keys as keys_of
from search.entry import Entry
from search.query import Query
from search.snippets import one_edit_apart

LOCK_SECONDS = 5.0
HEAP_MB = 128
_GAP = 100                     # places between two pieces of a stream: no phrase runs across


class _Streamed(fields.FieldType):                # type: ignore[misc]
    """Words with their places; the value is a list of pieces, each of words with a blank between."""

    def __init__(self) -> None:
        super().__init__(formats.Positions(), None, scorable=True)

    def index(self, value: Sequence[str], **_kwargs: Any) -> Iterator[tuple[bytes, int, float, bytes]]:
        """The words, each with how often, its weight and its places."""
        places: dict[str, list[int]] = defaultdict(list)
        first = 0
        for piece in value:
            words = piece.split()
            for place, word in enumerate(words, first):
                places[word].append(place)
            first += len(words) + _GAP
        for word, at in places.items():
            yield word.encode(), len(at), float(len(at)), self.format.encode(at)


class _Keyed(fields.FieldType):                   # type: ignore[misc]
    """Values taken whole; the value is a list of them. `counted`: the first is kept beside, to count by."""

    def __init__(self, *, counted: bool = False) -> None:
        super().__init__(formats.Existence(), None, sortable=columns.RefBytesColumn() if counted else False)

    def index(self, value: Sequence[str], **_kwargs: Any) -> Iterator[tuple[bytes, int, float, bytes]]:
        """The values, each once."""
        for key in dict.fromkeys(value):
            yield key.encode("utf-8", "replace"), 1, 1.0, b""


def _schema() -> Any:
    known: dict[str, Any] = {name: _Keyed(counted=name == "case") for name in KEYS}
    known |= {name: _Streamed() for name in STREAMS}
    known |= {column(name): _Keyed(counted=True) for name in FACETS}
    known |= {name: fields.NUMERIC(int, 64, signed=False, sortable=name == "place")
              for name in ("first_day", "last_day", "place")}
    return fields.Schema(**known, entry=fields.STORED(), text=fields.STORED())


class WhooshEngine:
    """One Whoosh index folder; what each method promises is said in `search.engines.base.Engine`."""

    SCHEMA_VERSION: ClassVar[int] = 2

    def __init__(self, folder: Path) -> None:
        try:
            self._index = storage.open_dir(str(folder))
        except EmptyIndexError:
            self._index = storage.create_in(str(folder), _schema())
        self._reading: Any = None
        self._kinds = _WhooshClauses()

    def add(self, entries: Iterable[Entry], *, fresh: bool = False) -> int:
        latest: dict[str, Entry] = {}
        count = 0
        for entry in entries:                 # Whoosh cannot replace what it has not committed yet
            latest[entry.code] = entry
            count += 1
        if not latest:
            return 0
        writer = self._writer()
        try:
            held = not fresh and self._searcher().doc_count_all() > 0
            for entry in latest.values():
                if held:
                    writer.delete_by_term("code", entry.code)
                writer.add_document(**_document(entry))
            writer.commit()
        except BaseException:
            if not writer.is_closed:
                writer.cancel()
            raise
        return count

    def remove(self, codes: Iterable[str]) -> None:
        writer = self._writer()
        try:
            for code in codes:
                writer.delete_by_term("code", code)
            writer.commit()
        except BaseException:
            if not writer.is_closed:
                writer.cancel()
            raise

    def find(self, query: Query, leniency: Leniency, limit: int, offset: int, order: Order = "best") -> Found:
        searcher = self._searcher()
        scored = bool(query.wanted) and order == "best"
        if scored:
            # Neither skipping nor replacing what cannot rank any more: both lose matches, and the count is not true.
            collector = collectors.TopCollector(limit + offset, usequality=False, replace=0)
        else:
            collector = collectors.SortingCollector("place", limit + offset, reverse=order != "oldest")
        searcher.search_with_collector(self._whole(query, leniency, ranked=scored), collector)
        result = collector.results()
        hits = [(float(result.score(n)) if scored else 0.0, result[n].fields())
                for n in range(offset, min(result.scored_length(), limit + offset))]
        return Found(len(result), [(score, unpacked(hit["entry"], hit["text"])) for score, hit in hits])

    def total(self, query: Query, leniency: Leniency) -> int:
        searcher = self._searcher()
        wanted = self._whole(query, leniency, ranked=False)
        return sum(1 for leaf, _offset in searcher.leaf_searchers()
                   for _n in wanted.matcher(leaf, searcher.boolean_context()).all_ids())

    def facets(self, query: Query, leniency: Leniency, names: Sequence[str]) -> dict[str, dict[str, int]]:
        counted: dict[str, Counter[str]] = {name: Counter() for name in names}
        if not names:
            return {}
        searcher = self._searcher()
        wanted = self._whole(query, leniency, ranked=False)
        for leaf, _offset in searcher.leaf_searchers():
            found = list(wanted.matcher(leaf, searcher.boolean_context()).all_ids())
            for name in names:
                if leaf.reader().has_column(column(name)):
                    values = leaf.reader().column_reader(column(name), translate=False)
                    counted[name].update(value.decode() for n in found if (value := values[n]))
        return {name: dict(values) for name, values in counted.items()}

    def vocabulary(self, query: Query) -> dict[str, int]:
        searcher = self._searcher()
        wanted, found = self._whole(query, Leniency.strict), Counter[str]()
        for leaf, _offset in searcher.leaf_searchers():
            inside = set(wanted.matcher(leaf, searcher.boolean_context()).all_ids())
            reader = leaf.reader()
            for word in list(reader.lexicon("title")):
                if count := len(inside.intersection(reader.postings("title", word).all_ids())):
                    found[word.decode()] += count
        return dict(found)

    def fingerprints(self) -> dict[str, str]:
        held: dict[str, str] = {}
        for leaf, _offset in self._searcher().leaf_searchers():
            reader = leaf.reader()
            for term in list(reader.lexicon("identity")):
                if reader.postings("identity", term).is_active():        # passes over what was deleted
                    code, fingerprint = term.decode().split("\t", 1)
                    held[code] = fingerprint
        return held

    def entries(self) -> Iterator[Entry]:
        for stored in self._searcher().reader().all_stored_fields():
            yield unpacked(stored["entry"], stored["text"])

    def count(self) -> int:
        return int(self._searcher().doc_count())

    def close(self) -> None:
        if self._reading is not None:
            self._reading.close()
        self._reading = None
        self._index.close()

    def _searcher(self) -> Any:
        """A searcher on the last commit, whoever made it."""
        if self._reading is None:
            self._reading = self._index.searcher()
        try:
            if not self._reading.up_to_date():
                fresh = self._index.searcher()        # not refresh(), which takes up segments that were merged away
                self._reading.close()
                self._reading = fresh
        except (OSError, EmptyIndexError):    # a rebuild has just dropped this one: serve from what is open
            pass
        return self._reading

    def _writer(self) -> Any:
        """The writer. A killed process gave its lock back; one that is alive is waited for a little."""
        patience = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                return self._index.writer(limitmb=HEAP_MB)
            except LockError as problem:
                if time.monotonic() > patience:
                    raise IndexBusyError(str(problem)) from problem
                time.sleep(0.1)

    def _whole(self, asked: Query, leniency: Leniency, *, ranked: bool = True) -> Any:
        return whole(self._kinds, asked, leniency,
                     self._known(asked) if leniency == Leniency.one_edit else everything_known, ranked=ranked)

    def _known(self, asked: Query) -> Known:
        """Whether a word occurs in what may be found: what may not is not betrayed by how words are forgiven either."""
        searcher = self._searcher()
        needed, excluded = keys(self._kinds, asked)

        def known(word: str) -> bool:
            wanted = self._kinds.combined([*needed, self._kinds.term("words", word)], excluded, [])
            return any(wanted.matcher(leaf, searcher.boolean_context()).is_active()
                       for leaf, _offset in searcher.leaf_searchers())

        return known


class _AtLeast(query.compound.CompoundQuery):     # type: ignore[misc]
    """So many of its parts: the library's own Or promises it and does not do it."""

    def __init__(self, subqueries: Sequence[Any], count: int) -> None:
        super().__init__(list(subqueries))
        self._count = count

    def normalize(self) -> Any:
        return self

    def matcher(self, searcher: Any, context: Any = None) -> Any:
        met = Counter(n for part in self.subqueries for n in part.matcher(searcher, context).all_ids())
        return matching.ListMatcher(sorted(n for n, times in met.items() if times >= self._count))


class _Near(query.terms.MultiTerm):               # type: ignore[misc]
    """Words one edit apart, as Tantivy finds them: a swap of neighbours is one edit."""

    def __init__(self, fieldname: str, text: str) -> None:
        self.fieldname, self.text, self.boost, self.constantscore = fieldname, text, 1.0, False

    def _btexts(self, ixreader: Any) -> Iterator[bytes]:
        for term in ixreader.lexicon(self.fieldname):
            word = term.decode()
            if word == self.text or one_edit_apart(word, self.text):
                yield term


class _WhooshClauses:
    """The clauses of Whoosh; what each means is said in `search.engines.clauses.Kinds`."""

    def term(self, field: str, value: str) -> Any:
        return query.Term(field, value)

    def phrase(self, field: str, words: Sequence[str]) -> Any:
        return query.Phrase(field, list(words))

    def together(self, field: str, words: Sequence[str]) -> Any:
        return query.Phrase(field, list(words), slop=5)      # from word to word

    def near(self, field: str, word: str) -> Any:
        return _Near(field, word)

    def begins(self, field: str, start: str) -> Any:
        return query.Prefix(field, start)

    def one_of(self, field: str, values: Sequence[str]) -> Any:
        return query.Or([query.Term(field, value) for value in values]) if values else query.NullQuery

    def between(self, field: str, first: int | None, last: int | None) -> Any:
        return query.NumericRange(field, first, last)

    def everything(self) -> Any:
        return query.Every()

    def any_of(self, clauses: Sequence[Any]) -> Any:
        return query.Or(list(clauses))

    def all_of(self, clauses: Sequence[Any]) -> Any:
        return query.And(list(clauses))

    def at_least(self, count: int, clauses: Sequence[Any]) -> Any:
        return query.AndMaybe(_AtLeast(clauses, count), query.Or(list(clauses)))

    def boosted(self, clause: Any, factor: float) -> Any:
        return clause.with_boost(factor) if hasattr(clause, "boost") else clause

    def unscored(self, clause: Any) -> Any:
        return query.ConstantScoreQuery(clause, 0.0)

    def combined(self, needed: Sequence[Any], excluded: Sequence[Any], ranking: Sequence[Any]) -> Any:
        found = needed[0] if len(needed) == 1 else query.And(list(needed))
        if excluded:
            found = query.AndNot(found, query.Or(list(excluded)))
        return query.AndMaybe(found, query.Or(list(ranking))) if ranking else found


def _document(entry: Entry) -> dict[str, Any]:
    """What Whoosh gets of an entry."""
    issued, text = issued_days(entry), written(entry.text)
    told: dict[str, Any] = defaultdict(list)
    for name, (folded, exact) in pieces(entry, text):
        told["words"].append(folded)
        told["exact"].append(exact)
        if name:
            told[name].append(folded)
    for name, value in keys_of(entry, text, issued):
        told[name].append(value)
    return {**told, "first_day": issued[0] if issued else 0, "last_day": issued[1] if issued else 0,
            "place": order_of(entry, issued), "entry": packed(entry), "text": entry.text}
