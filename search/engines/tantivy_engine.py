"""The Tantivy engine: one index folder, written by one process at a time and read by any number.

It keeps a copy of each entry and text for snippets; that copy is never the truth.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import tantivy
from tantivy import Occur
from tantivy import Query as Clause

from search.alphabet import written
from search.engines.base import Found, IndexBusyError, Leniency, Order
from search.engines.clauses import CLOSE, Known, everything_known, keys, whole
from search.engines.keeping import compressed, decompressed
from search.engines.terms import FACETS, KEYS, STREAMS, column, issued_days, order_of, pieces
from search.engines.terms import keys as keys_of
from search.entry import Entry
from search.query import Query

HEAP_BYTES = 128_000_000
LOCK_SECONDS = 5.0
_APART = " | "                 # stands between two pieces as no word does
MOST_VOCABULARIES = 8          # remembered: of so many kinds of people and filters
MOST_VALUES = 65_000           # of one facet: more than the agencies of a country


def _schema() -> Any:
    build = tantivy.SchemaBuilder()
    for name in KEYS:
        build.add_text_field(name, fast=name == "case", tokenizer_name="raw", index_option="basic")
    for name in STREAMS:
        build.add_text_field(name, tokenizer_name="whitespace", index_option="position")
    for name in FACETS:
        build.add_text_field(column(name), fast=True, tokenizer_name="raw", index_option="basic")
    for name in ("first_day", "last_day", "place"):
        build.add_unsigned_field(name, fast=True)
    build.add_bytes_field("entry", stored=True)
    return build.build()


class TantivyEngine:
    """One Tantivy index folder; what each method promises is said in `search.engines.base.Engine`."""

    SCHEMA_VERSION: ClassVar[int] = 5

    def __init__(self, folder: Path) -> None:
        self._meta = folder / "meta.json"
        self._schema = _schema()
        self._index = tantivy.Index(self._schema, str(folder), reuse=True)
        self._index.config_reader("manual")
        self._seen: tuple[int, int] | None = None
        self._kinds = _TantivyClauses(self._schema)
        self._words: dict[Query, dict[str, int]] = {}         # of the titles, as long as nothing is committed

    def add(self, entries: Iterable[Entry], *, fresh: bool = False) -> int:
        count = 0
        writer: Any = None
        try:
            for entry in entries:
                writer = writer or self._writer()
                if not fresh:                 # every deletion is looked for in every segment
                    writer.delete_documents_by_term("code", entry.code)
                writer.add_document(_document(entry))
                count += 1
            if writer is not None:
                writer.commit()
        except BaseException:
            if writer is not None:
                writer.rollback()
            raise
        finally:
            if writer is not None:            # merges end before the lock is given back
                writer.wait_merging_threads()
        return count

    def remove(self, codes: Iterable[str]) -> None:
        writer = self._writer()
        try:
            for code in codes:
                writer.delete_documents_by_term("code", code)
            writer.commit()
        finally:
            writer.wait_merging_threads()

    def find(self, query: Query, leniency: Leniency, limit: int, offset: int, order: Order = "best") -> Found:
        searcher = self._searcher()
        scored = bool(query.wanted) and order == "best"
        by: dict[str, Any] = {} if scored else {
            "order_by_field": "place", "order": tantivy.Order.Asc if order == "oldest" else tantivy.Order.Desc}
        result = searcher.search(self._whole(query, leniency, ranked=scored), limit=limit, offset=offset, count=True,
                                 **by)
        return Found(result.count, [(float(score) if scored else 0.0, _entry(searcher.doc(address)))
                                    for score, address in result.hits])

    def total(self, query: Query, leniency: Leniency) -> int:
        # In the order of a number nothing is scored, and one hit at least must be asked for.
        return int(self._searcher().search(self._whole(query, leniency, ranked=False), limit=1, count=True,
                                           order_by_field="place").count)

    def facets(self, query: Query, leniency: Leniency, names: Sequence[str]) -> dict[str, dict[str, int]]:
        asked = {name: {"terms": {"field": column(name), "size": MOST_VALUES}} for name in names}
        told = self._searcher().aggregate(self._whole(query, leniency, ranked=False), asked) if asked else {}
        return {name: {bucket["key"]: int(bucket["doc_count"]) for bucket in told[name]["buckets"]} for name in names}

    def vocabulary(self, query: Query) -> dict[str, int]:
        searcher = self._searcher()
        if (known := self._words.get(query)) is None:
            found = searcher.terms_with_prefix("title", "", filter_query=self._whole(query, Leniency.strict))
            known = {word: count for word, count in found if count}
            if len(self._words) >= MOST_VOCABULARIES:
                self._words.clear()
            self._words[query] = known
        return known

    def fingerprints(self) -> dict[str, str]:
        terms = self._searcher().terms_with_prefix("identity", "", filter_query=Clause.all_query())
        return dict(term.split("\t", 1) for term, _ in terms)

    def entries(self) -> Iterator[Entry]:
        searcher = self._searcher()
        everything, step = Clause.all_query(), 20_000
        for offset in range(0, searcher.num_docs, step):
            for _, address in searcher.search(everything, limit=step, offset=offset, count=False).hits:
                yield _entry(searcher.doc(address))

    def count(self) -> int:
        return int(self._searcher().num_docs)

    def close(self) -> None:
        self._seen = None

    def _searcher(self) -> Any:
        """A searcher on the last commit, whoever made it."""
        try:
            status = self._meta.stat()
        except FileNotFoundError:             # a rebuild has just dropped this one: serve from what is open
            return self._index.searcher()
        seen = (status.st_ino, status.st_mtime_ns)
        if seen != self._seen:
            self._index.reload()
            self._words.clear()
            self._seen = seen
        return self._index.searcher()

    def _writer(self) -> Any:
        """The writer. A killed process gave its lock back; one that is alive is waited for a little."""
        patience = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                return self._index.writer(HEAP_BYTES, 1)
            except ValueError as problem:
                if "LockBusy" not in str(problem):
                    raise
                if time.monotonic() > patience:
                    raise IndexBusyError(str(problem)) from problem
                time.sleep(0.1)

    def _whole(self, query: Query, leniency: Leniency, *, ranked: bool = True) -> Any:
        known = self._known(query) if leniency == Leniency.one_edit else everything_known
        return whole(self._kinds, query, leniency, known, ranked=ranked)

    def _known(self, query: Query) -> Known:
        """Whether a word occurs in what may be found: what may not is not betrayed by how words are forgiven either."""
        searcher: Any = self._index.searcher()
        needed, excluded = keys(self._kinds, query)

        def known(word: str) -> bool:
            if not needed and not excluded:
                return bool(searcher.doc_freq("words", word))
            wanted = self._kinds.combined([*needed, self._kinds.term("words", word)], excluded, [])
            return bool(searcher.search(wanted, limit=1, count=True).count)

        return known


class _TantivyClauses:
    """The clauses of Tantivy; what each means is said in `search.engines.clauses.Kinds`."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema

    def term(self, field: str, value: str) -> Any:
        return Clause.term_query(self._schema, field, value)

    def phrase(self, field: str, words: Sequence[str]) -> Any:
        return Clause.phrase_query(self._schema, field, list(words))

    def together(self, field: str, words: Sequence[str]) -> Any:
        return Clause.phrase_query(self._schema, field, list(words), CLOSE)

    def near(self, field: str, word: str) -> Any:
        return Clause.fuzzy_term_query(self._schema, field, word, 1)

    def begins(self, field: str, start: str) -> Any:
        return Clause.regex_query(self._schema, field, f"{_escaped(start)}.*")

    def one_of(self, field: str, values: Sequence[str]) -> Any:
        return Clause.term_set_query(self._schema, field, list(values))

    def between(self, field: str, first: int | None, last: int | None) -> Any:
        return Clause.range_query(self._schema, field, tantivy.FieldType.Unsigned, first, last)

    def everything(self) -> Any:
        return Clause.all_query()

    def any_of(self, clauses: Sequence[Any]) -> Any:
        return Clause.boolean_query([(Occur.Should, one) for one in clauses])

    def all_of(self, clauses: Sequence[Any]) -> Any:
        return Clause.boolean_query([(Occur.Must, one) for one in clauses])

    def at_least(self, count: int, clauses: Sequence[Any]) -> Any:
        return Clause.boolean_query([(Occur.Should, one) for one in clauses], minimum_number_should_match=count)

    def boosted(self, clause: Any, factor: float) -> Any:
        return Clause.boost_query(clause, factor)

    def unscored(self, clause: Any) -> Any:
        return Clause.const_score_query(clause, 0.0)

    def combined(self, needed: Sequence[Any], excluded: Sequence[Any], ranking: Sequence[Any]) -> Any:
        return Clause.boolean_query([*((Occur.Must, one) for one in needed),
                                     *((Occur.MustNot, one) for one in excluded),
                                     *((Occur.Should, one) for one in ranking)])


def _escaped(text: str) -> str:
    return "".join(sign if sign.isalnum() else f"\\{sign}" for sign in text)


def _document(entry: Entry) -> Any:
    """What Tantivy gets of an entry."""
    document = tantivy.Document()
    issued, text = issued_days(entry), written(entry.text)
    found = list(pieces(entry, text))
    document.add_text("words", _APART.join([folded for _name, (folded, _exact) in found]))
    document.add_text("exact", _APART.join([exact for _name, (_folded, exact) in found]))
    for name, (folded, _exact) in found:
        if name:
            document.add_text(name, folded)
    for name, value in keys_of(entry, text, issued):
        document.add_text(name, value)
    document.add_unsigned("first_day", issued[0] if issued else 0)
    document.add_unsigned("last_day", issued[1] if issued else 0)
    document.add_unsigned("place", order_of(entry, issued))
    document.add_bytes("entry", compressed(entry, text))
    return document


def _entry(document: Any) -> Entry:
    return decompressed(document.get_first("entry"))
