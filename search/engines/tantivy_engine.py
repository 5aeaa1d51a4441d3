"""The Tantivy engine: one index folder, written by one process at a time and read by any number.

All text analysis is ours (search/vietnamese.py): Tantivy gets words with a blank between and cuts at blanks.
It keeps a copy of each entry and text for snippets; that copy is never the truth.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import tantivy
from tantivy import Occur
from tantivy import Query as Clause

from search.engines.base import Found, IndexBusyError, Leniency
from search.entry import Entry
from search.numbers import cited_in, number_of
from search.query import FieldIs, Issued, Number, Part, Phrase, Query, Word, days
from search.vietnamese import bigrams, clean, letters, lowered, split, streams

HEAP_BYTES = 128_000_000
LOCK_SECONDS = 5.0

# Measured on 24,863 administrative texts with 150 titles in six disguises: recall@10 0.994, mean rank 0.985.
PHRASE_BOOST = 10.0            # all words of the query as one phrase, folded; and once more with their marks
BIGRAM_BOOST = 2.0
TITLE_BOOST, TITLE_PHRASE_BOOST = 1.5, 5.0
OWN_BOOST, OWN_SHORT_BOOST, CITED_BOOST = 30.0, 15.0, 6.0
FUZZY_BOOST = 0.3
FUZZY_FROM = 4                 # letters; shorter syllables are all one letter apart from one another

_KEPT = tuple(one.name for one in fields(Entry) if one.name != "text")
_kept = attrgetter(*_KEPT)


def _schema() -> Any:
    build = tantivy.SchemaBuilder()
    for name in ("code", "identity", "case", "own", "own_short", "cited"):      # keys, taken whole
        build.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("words", "exact", "title", "type", "organ", "signer", "case_words"):
        build.add_text_field(name, tokenizer_name="whitespace", index_option="position")
    build.add_text_field("bigrams", tokenizer_name="whitespace", index_option="freq")
    for name in ("first_day", "last_day"):
        build.add_unsigned_field(name, fast=True)
    for name in ("entry", "text"):
        build.add_bytes_field(name, stored=True)
    return build.build()


class TantivyEngine:
    """One Tantivy index folder; what each method promises is said in `search.engines.base.Engine`."""

    SCHEMA_VERSION = 1

    def __init__(self, folder: Path) -> None:
        self._meta = folder / "meta.json"
        self._schema = _schema()
        self._index = tantivy.Index(self._schema, str(folder), reuse=True)
        self._index.config_reader("manual")
        self._seen: tuple[int, int] | None = None

    def add(self, entries: Iterable[Entry]) -> int:
        count = 0
        writer: Any = None
        try:
            for entry in entries:
                writer = writer or self._writer()
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

    def find(self, query: Query, leniency: Leniency, limit: int, offset: int) -> Found:
        searcher = self._searcher()
        clause = self._whole(query, leniency)
        by = {} if query.wanted else {"order_by_field": "last_day"}
        result = searcher.search(clause, limit=limit, offset=offset, count=True, **by)
        scored = bool(query.wanted)
        return Found(result.count, [(float(score) if scored else 0.0, _entry(searcher.doc(address)))
                                    for score, address in result.hits])

    def fingerprints(self) -> dict[str, str]:
        terms = self._searcher().terms_with_prefix("identity", "", filter_query=Clause.all_query())
        return dict(term.split("\t", 1) for term, _ in terms)

    def entries(self) -> Iterator[Entry]:
        searcher = self._searcher()
        everything, step = Clause.all_query(), 1000
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

    # --- queries --------------------------------------------------------------------------------------

    def _whole(self, query: Query, leniency: Leniency) -> Any:
        """The clause for all of `query`: what must be, what must not be, and what ranks."""
        clauses: list[tuple[Any, Any]] = []
        optional: list[Any] = []
        for one in query.clauses:
            if one.negative:
                clauses.append((Occur.MustNot, self._excluded(one.part)))
                continue
            clause = self._part(one.part, leniency)
            if isinstance(one.part, FieldIs | Issued):
                clauses.append((Occur.Must, Clause.const_score_query(clause, 0.0)))
            else:
                optional.append(clause)
        if optional:
            needed = {Leniency.most: len(optional) - max(1, len(optional) // 4),
                      Leniency.half: (len(optional) + 1) // 2}.get(leniency, len(optional))
            clauses.append((Occur.Must, _at_least(needed, optional)))
            clauses += [(Occur.Should, clause) for clause in self._ranking(query)]
        elif not any(occur == Occur.Must for occur, _ in clauses):
            clauses.append((Occur.Must, Clause.all_query()))
        return Clause.boolean_query(clauses)

    def _ranking(self, query: Query) -> Iterator[Any]:
        folded, exact = query.folded, query.exact
        for word in dict.fromkeys(folded):
            yield Clause.boost_query(self._term("title", word), TITLE_BOOST)
        if exact != folded:
            yield Clause.boost_query(self._phrase("exact", exact), PHRASE_BOOST)
        if len(folded) > 1:
            yield Clause.boost_query(self._phrase("words", folded), PHRASE_BOOST)
            yield Clause.boost_query(self._phrase("title", folded), TITLE_PHRASE_BOOST)
            for pair in dict.fromkeys(bigrams(folded)):
                yield Clause.boost_query(self._term("bigrams", pair), BIGRAM_BOOST)

    def _excluded(self, part: Part) -> Any:
        """The clause for what must not be: marks that were typed are kept, so that -mật leaves mắt alone."""
        if isinstance(part, Word | Phrase) and part.folded != part.exact:
            return self._phrase("exact", [part.exact] if isinstance(part, Word) else part.exact)
        return self._part(part, Leniency.strict)

    def _part(self, part: Part, leniency: Leniency) -> Any:
        match part:
            case Word():
                return self._word(part.folded, leniency)
            case Phrase():
                if part.marked and leniency == Leniency.strict:
                    return self._phrase("exact", part.exact)
                if leniency == Leniency.one_edit and not part.quoted:
                    return _all([self._word(word, leniency) for word in part.folded])
                return self._phrase("words", part.folded)
            case Number():
                key = part.number.key
                return _any([Clause.boost_query(self._term("own", key), OWN_BOOST),
                             Clause.boost_query(self._term("own_short", key), OWN_SHORT_BOOST),
                             Clause.boost_query(self._term("cited", key), CITED_BOOST),
                             _all([self._term("words", word) for word in part.folded])])
            case FieldIs(field="number", values=(key,)):
                return _any([self._term("own", key), self._term("own_short", key)])
            case FieldIs(field="case_file", values=values, whole=True):
                return _any([self._term("case", letters(value)) for value in values])
            case FieldIs():
                name = {"case_file": "case_words", "subject": "title"}.get(part.field, part.field)
                return _any([self._phrase(name, streams(value).folded) for value in part.values])
            case Issued(first=first, last=last):
                return _all([self._between("last_day", first or 1, None),
                             self._between("first_day", 1, last)])

    def _word(self, word: str, leniency: Leniency) -> Any:
        found = [self._term("words", word)]
        if word.isdigit():                    # "quyết định 104": the document of that number before others
            found.append(Clause.boost_query(self._term("own_short", word), CITED_BOOST))
        # Most syllables are one letter apart from common ones: only a word that is nowhere gets a second chance.
        if (leniency == Leniency.one_edit and len(word) >= FUZZY_FROM
                and not self._index.searcher().doc_freq("words", word)):
            near = Clause.fuzzy_term_query(self._schema, "words", word, 1)
            found.append(Clause.boost_query(near, FUZZY_BOOST))
        return _any(found)

    def _term(self, field: str, value: str) -> Any:
        return Clause.term_query(self._schema, field, value)

    def _phrase(self, field: str, words: Sequence[str]) -> Any:
        if len(words) == 1:
            return self._term(field, words[0])
        return Clause.phrase_query(self._schema, field, list(words))

    def _between(self, field: str, lower: int | None, upper: int | None) -> Any:
        return Clause.range_query(self._schema, field, tantivy.FieldType.Unsigned, lower, upper)


def _any(clauses: Sequence[Any]) -> Any:
    return clauses[0] if len(clauses) == 1 else Clause.boolean_query([(Occur.Should, one) for one in clauses])


def _all(clauses: Sequence[Any]) -> Any:
    return clauses[0] if len(clauses) == 1 else Clause.boolean_query([(Occur.Must, one) for one in clauses])


def _at_least(count: int, clauses: Sequence[Any]) -> Any:
    if count >= len(clauses):
        return _all(clauses)
    return Clause.boolean_query([(Occur.Should, one) for one in clauses], minimum_number_should_match=count)


def _document(entry: Entry) -> Any:
    """What Tantivy gets of an entry. In `words` the fields stand apart: no phrase runs across."""
    document = tantivy.Document()
    number = clean(f"{entry.number} {entry.notation}").strip()
    issued = days(entry.issued_on) if entry.issued_on else None
    text = lowered(entry.text)
    for name, value in (("title", entry.subject), ("type", entry.type_name), ("organ", entry.organ),
                        ("signer", entry.signer), ("case_words", entry.case_title),
                        ("case_words", entry.case_file), ("", entry.code.lower()), ("", number.lower()),
                        ("", _written(entry.issued_on)), ("", text)):
        # A night repeats the same agencies, types and case files; texts are not worth remembering.
        folded, exact, pairs = _analysed(lowered(value)) if name else _analyse(value)
        if folded:
            document.add_text("words", folded)
            document.add_text("exact", exact)
            document.add_text("bigrams", pairs)
            if name:
                document.add_text(name, folded)
    _add_numbers(document, entry, text, issued)
    document.add_text("code", entry.code)
    document.add_text("identity", f"{entry.code}\t{entry.fingerprint}")
    document.add_text("case", letters(entry.case_file))
    document.add_unsigned("first_day", issued[0] if issued else 0)
    document.add_unsigned("last_day", issued[1] if issued else 0)
    document.add_bytes("entry", json.dumps(_kept(entry)).encode())
    document.add_bytes("text", entry.text.encode("utf-8", "replace"))
    return document


def _analyse(lowered_text: str) -> tuple[str, str, str]:
    """What the streams get of a text: folded words, exact words, bigrams."""
    words = split(lowered_text)
    return " ".join(words.folded), " ".join(words.exact), " ".join(bigrams(words.folded))


_analysed = lru_cache(maxsize=2000)(_analyse)


def _add_numbers(document: Any, entry: Entry, text: str, issued: tuple[int, int] | None) -> None:
    own = number_of(entry.number, entry.notation)
    if own is not None:
        document.add_text("own", own.key)
        for key in own.short_keys(str(issued[0] // 10000) if issued else ""):
            document.add_text("own_short", key)
    for key in sorted({*cited_in(lowered(entry.subject)), *cited_in(text)}):
        document.add_text("cited", key)


def _written(issued_on: str) -> str:
    """The day as documents and people write it, so that 15/11/2016 finds what was issued on that day."""
    return "/".join(reversed(issued_on.split("-")))


def _entry(document: Any) -> Entry:
    return Entry(**dict(zip(_KEPT, json.loads(document.get_first("entry")), strict=True)),
                 text=document.get_first("text").decode())
