"""What a query means, in the few kinds of clause that every engine has: so all engines find the same.

An engine brings the clauses (`Kinds`); which of them a query is made of, and what ranks how high, is said here once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from search.engines.base import Leniency
from search.query import Begins, FieldIs, Issued, Key, Number, Part, Phrase, Query, Word
from search.vietnamese import letters, streams

# How often what is looked for comes first was measured with whole titles in every spelling, parts of titles, words
# moved or left out, and names in texts (docs/performance.md).
PHRASE_BOOST = 10.0            # all words of the query as one phrase, folded; and once more with their marks
TOGETHER_BOOST, CLOSE = 20.0, 12       # places between the words, all in all
TITLE_BOOST, TITLE_PHRASE_BOOST = 1.5, 5.0
OWN_BOOST, OWN_SHORT_BOOST, CITED_BOOST = 30.0, 15.0, 6.0
TITLE_WORDS = 4                # of a longer query, looked for in a title together
FUZZY_BOOST = 0.3
FUZZY_FROM = 4                 # letters; shorter syllables are all one letter apart from one another

Clause = Any
"""A clause of an engine: each library has its own type."""


class Kinds(Protocol):
    """The clauses of an engine."""

    def term(self, field: str, value: str) -> Clause:
        """The field has this word or key."""

    def phrase(self, field: str, words: Sequence[str]) -> Clause:
        """The field has these words (two or more), one after another."""

    def together(self, field: str, words: Sequence[str]) -> Clause:
        """The field has these words (two or more) close together, in about this order; only for ranking."""

    def near(self, field: str, word: str) -> Clause:
        """The field has a word one edit apart from this one."""

    def begins(self, field: str, start: str) -> Clause:
        """The field has a word or key that begins so."""

    def one_of(self, field: str, values: Sequence[str]) -> Clause:
        """The field has one of these keys."""

    def between(self, field: str, first: int | None, last: int | None) -> Clause:
        """The field's number lies within these, both included; None: open."""

    def everything(self) -> Clause:
        """Every document."""

    def any_of(self, clauses: Sequence[Clause]) -> Clause:
        """One of these at least."""

    def all_of(self, clauses: Sequence[Clause]) -> Clause:
        """All of these."""

    def at_least(self, count: int, clauses: Sequence[Clause]) -> Clause:
        """So many of these."""

    def boosted(self, clause: Clause, factor: float) -> Clause:
        """The same, of so much more weight."""

    def unscored(self, clause: Clause) -> Clause:
        """The same, of no weight."""

    def combined(self, needed: Sequence[Clause], excluded: Sequence[Clause], ranking: Sequence[Clause]) -> Clause:
        """All that is needed, nothing that is excluded; what ranks only adds to the score."""


Known = Callable[[str], bool]


def everything_known(_word: str) -> bool:
    """That no word is looked for more widely than it stands."""
    return True


def whole(kinds: Kinds, query: Query, leniency: Leniency, known: Known = everything_known, *,
          ranked: bool = True) -> Clause:
    """The clause for all of `query`: what must be, what must not be, and (unless it is not to be `ranked`) what ranks.

    `known` says whether a word occurs in what may be found (asked with Leniency.one_edit alone).
    """
    needed, excluded = keys(kinds, query)
    optional: list[Clause] = []
    for one in query.clauses:
        if isinstance(one.part, Key):
            continue
        if one.negative:
            excluded.append(_excluded(kinds, one.part))
            continue
        clause = _part(kinds, one.part, leniency, known)
        if isinstance(one.part, FieldIs | Issued | Begins):
            needed.append(kinds.unscored(clause))
        else:
            optional.append(clause)
    ranking: list[Clause] = []
    if optional:
        count = {Leniency.most: len(optional) - max(1, len(optional) // 4),
                 Leniency.half: (len(optional) + 1) // 2}.get(leniency, len(optional))
        needed.append(kinds.at_least(count, optional) if count < len(optional) else _all(kinds, optional))
        ranking = list(_ranking(kinds, query, leniency)) if ranked else []
    elif not needed:
        needed.append(kinds.everything())
    return kinds.combined(needed, excluded, ranking)


def keys(kinds: Kinds, query: Query) -> tuple[list[Clause], list[Clause]]:
    """What `query` needs and excludes by keys: what may be found at all, whatever is looked for."""
    needed: list[Clause] = []
    excluded: list[Clause] = []
    for one in query.clauses:
        if isinstance(one.part, Key):
            clause = kinds.one_of(one.part.field, one.part.values)
            if one.negative:
                excluded.append(clause)
            else:
                needed.append(kinds.unscored(clause))
    return needed, excluded


def _ranking(kinds: Kinds, query: Query, leniency: Leniency) -> Iterator[Clause]:
    folded, exact = query.folded, query.exact
    title = [kinds.term("title", word) for word in dict.fromkeys(folded)]
    # Of many words a title counts where it has several that follow one another in the query: a title has few
    # syllables that are not in most titles, and each of them alone would be looked at in all of these.
    at_once = TITLE_WORDS if len(title) > TITLE_WORDS and leniency < Leniency.most else 1
    for first in range(0, len(title), at_once):
        yield kinds.boosted(_all(kinds, title[first:first + at_once]), TITLE_BOOST)
    phrases = []
    if len(folded) > 1:
        phrases += [kinds.boosted(_phrase(kinds, "words", folded), PHRASE_BOOST),
                    kinds.boosted(_phrase(kinds, "title", folded), TITLE_PHRASE_BOOST)]
    if exact != folded:
        phrases.append(kinds.boosted(_phrase(kinds, "exact", exact), PHRASE_BOOST))
    # Not pairs of neighbours: an engine would look at every document that has two such words, for each pair. And a
    # figure is the number of a document rather than a word of a sentence.
    if len(close := [word for word in folded if not word.isdigit()]) > 1:
        together = kinds.boosted(kinds.together("words", close), TOGETHER_BOOST)
        for phrase in phrases:      # who has the phrase has the words together: it is looked for nowhere else
            together = kinds.combined([together], [], [phrase])
        yield together
    else:
        yield from phrases


def _excluded(kinds: Kinds, part: Part) -> Clause:
    """The clause for what must not be: marks that were typed are kept, so that -mật leaves mắt alone."""
    if isinstance(part, Word | Phrase) and part.folded != part.exact:
        return _phrase(kinds, "exact", [part.exact] if isinstance(part, Word) else part.exact)
    return _part(kinds, part, Leniency.strict, everything_known)


def _part(kinds: Kinds, part: Part, leniency: Leniency, known: Known) -> Clause:
    match part:
        case Word():
            return _word(kinds, part, leniency, known)
        case Phrase():
            if part.marked and leniency == Leniency.strict:
                return _phrase(kinds, "exact", part.exact)
            if leniency == Leniency.one_edit and not part.quoted:
                return _all(kinds, [_word(kinds, Word(word, word), leniency, known) for word in part.folded])
            if part.days:
                issued = _part(kinds, Issued(*part.days), leniency, known)
                written = dict.fromkeys((part.folded, *part.also))
                return _any(kinds, [issued, *(_phrase(kinds, "words", one) for one in written)])
            return _phrase(kinds, "words", part.folded)
        case Number():
            key = part.number.key
            return kinds.any_of([kinds.boosted(kinds.term("own", key), OWN_BOOST),
                                 kinds.boosted(kinds.term("own_short", key), OWN_SHORT_BOOST),
                                 kinds.boosted(kinds.term("cited", key), CITED_BOOST),
                                 _all(kinds, [kinds.term("words", word) for word in part.folded])])
        case FieldIs(field="number", values=(key,)):
            return kinds.any_of([kinds.term("own", key), kinds.term("own_short", key)])
        case FieldIs(field="cited", values=(key,)):
            return kinds.term("cited", key)
        case FieldIs(field="case_file", values=values, whole=True):
            return kinds.one_of("case", [letters(value) for value in values])
        case FieldIs():
            name = {"case_file": "case_words", "subject": "title"}.get(part.field, part.field)
            return _any(kinds, [_phrase(kinds, name, streams(value).folded) for value in part.values])
        case Begins():
            return kinds.begins(part.field, part.start)
        case Issued(first=first, last=last):
            return kinds.all_of([kinds.between("last_day", first or 1, None),
                                 kinds.between("first_day", 1, last)])
        case Key():
            return kinds.one_of(part.field, part.values)


def _word(kinds: Kinds, part: Word, leniency: Leniency, known: Known) -> Clause:
    word = part.folded
    found = [kinds.term("words", word)]
    found += [_phrase(kinds, "words", other) for other in part.also]
    if word.isdigit():                        # "quyết định 104": the document of that number before others
        found.append(kinds.boosted(kinds.term("own_short", word), CITED_BOOST))
    # Most syllables are one letter apart from common ones: only a word that is nowhere gets a second chance.
    if leniency == Leniency.one_edit and len(word) >= FUZZY_FROM and not known(word):
        found.append(kinds.boosted(kinds.near("words", word), FUZZY_BOOST))
    return _any(kinds, found)


def _phrase(kinds: Kinds, field: str, words: Sequence[str]) -> Clause:
    return kinds.term(field, words[0]) if len(words) == 1 else kinds.phrase(field, words)


def _any(kinds: Kinds, clauses: Sequence[Clause]) -> Clause:
    return clauses[0] if len(clauses) == 1 else kinds.any_of(clauses)


def _all(kinds: Kinds, clauses: Sequence[Clause]) -> Clause:
    return clauses[0] if len(clauses) == 1 else kinds.all_of(clauses)
