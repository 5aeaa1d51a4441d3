"""Suggestions while a person types, and what may have been meant where nothing is found.

Both are made of what the person may know of, and of nothing else: their filters go into every question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, product

from search.aliases import Aliases
from search.engines.base import Engine, Leniency
from search.entry import Entry
from search.keystrokes import meant
from search.numbers import read_number
from search.query import Begins, Clause, FieldIs, Query, Word, parse
from search.results import Suggestion
from search.snippets import one_edit_apart
from search.vietnamese import clean, fold, spans, streams

SHORTEST, LONGEST = 2, 200     # characters typed
LOOKED_AT = 40                 # titles that suggestions are read from
FURTHER = 3                    # words that a suggestion adds
MOST_WORDS, MOST_TRIES, MOST_CANDIDATES = 8, 24, 5


def suggest(engine: Engine, typed: str, filters: Sequence[Clause], limit: int) -> list[Suggestion]:
    """Documents whose number begins as typed, then words with which titles go on; the most frequent first."""
    text = clean(typed).lstrip()[:LONGEST]
    if len(text.strip()) < SHORTEST or limit < 1:
        return []
    found = [_of_number(entry) for entry in islice(_numbered(engine, text, filters), (limit + 1) // 2)]
    words = streams(text).folded
    query = parse(text)
    if words and all(isinstance(one.part, Word) and not one.negative for one in query.clauses):
        goes_on = not text[-1].isspace()
        asked: list[Clause] = [Clause(FieldIs("subject", (word,)), False, "") for word in dict.fromkeys(words)]
        if goes_on:
            asked = asked if words[-1] in words[:-1] else asked[:-1]
            asked.append(Clause(Begins("title", words[-1]), False, ""))
        entries = engine.find(Query("", (*asked, *filters)), Leniency.strict, LOOKED_AT, 0, "newest").entries
        continued: Counter[str] = Counter()
        shown: dict[str, str] = {}
        for _score, entry in entries:
            if piece := _continued(entry.subject, words, goes_on):
                continued[fold(piece)] += 1
                shown.setdefault(fold(piece), piece)
        # most_common keeps the order of equals, which is by date: the newest first
        found += [Suggestion(shown[key]) for key, _count in continued.most_common()]
    return found[:limit]


def _numbered(engine: Engine, text: str, filters: Sequence[Clause]) -> Iterator[Entry]:
    number = read_number(text.strip())
    if number is None or number[1] != len(text.strip()):
        return
    for field in ("own", "own_short"):
        asked = Query("", (Clause(Begins(field, number[0].key), False, ""), *filters))
        entries = engine.find(asked, Leniency.strict, LOOKED_AT, 0, "newest").entries
        if entries:
            yield from (entry for _score, entry in entries)
            return


def _of_number(entry: Entry) -> Suggestion:
    written = "/".join(part for part in (entry.number, entry.notation) if part)
    return Suggestion(written, entry.code, entry.subject)


def _continued(subject: str, words: Sequence[str], goes_on: bool) -> str:
    """The piece of a title that begins with `words` (the last of them perhaps half) and goes on a little."""
    subject = clean(subject)
    places = list(spans(subject))
    folded = [one[0] for one in places]
    whole, last = (words[:-1], words[-1]) if goes_on else (words, "")
    for start in range(len(folded) - len(words) + 1):
        if folded[start:start + len(whole)] == list(whole) and (
                not goes_on or folded[start + len(whole)].startswith(last)):
            end = min(start + len(words) + FURTHER, len(places)) - 1
            return " ".join(subject[places[start][2]:places[end][3]].split())
    return ""


def instead(engine: Engine, typed: Query, aliases: Aliases, filters: Sequence[Clause]) -> str:
    """What may have been meant where `typed` finds nothing, and finds something; empty: none.

    First what the keys would have written on a keyboard that speaks Vietnamese, then two words that were typed as one,
    then a query one letter a word apart, the one that finds most. Words are taken from the titles that the person may
    see, so nothing is proposed that only others could know.
    """
    if written := _by_keys(typed):
        asked = parse(written, aliases)
        found = engine.find(Query(written, (*asked.clauses, *filters)), Leniency.strict, 1, 0)
        if found.total and _bears(found.entries[0][1], asked):
            return written
    places = [n for n, one in enumerate(typed.clauses)
              if isinstance(one.part, Word) and not one.negative and not one.part.folded.isdigit()]
    if not places or len(places) > MOST_WORDS:
        return ""
    known = engine.vocabulary(Query("", tuple(filters)))
    if (apart := _apart(typed, places, known)) and engine.find(
            Query(apart, (*parse(apart, aliases).clauses, *filters)), Leniency.strict, 1, 0).total:
        return apart
    meant = {n: _alike(_folded(typed.clauses[n]), known) for n in places}
    unknown = [n for n in places if _folded(typed.clauses[n]) not in known and meant[n]]
    if unknown:
        tries = [dict(zip(unknown, chosen, strict=True)) for chosen in product(*(meant[n][:3] for n in unknown[:3]))]
    else:
        tries = [{n: word} for n in places for word in meant[n]]
    best, best_total, best_entry = {}, 0, None
    for changes in tries[:MOST_TRIES]:
        clauses = tuple(replace(one, part=Word(changes[n], changes[n])) if n in changes else one
                        for n, one in enumerate(typed.clauses))
        found = engine.find(Query(typed.typed, (*clauses, *filters)), Leniency.strict, 1, 0)
        if found.total > best_total:
            best, best_total, best_entry = changes, found.total, found.entries[0][1]
    if best_entry is None:
        return ""
    marks = {} if typed.typed.isascii() else _written(best_entry, set(best.values()))
    return " ".join(marks.get(best[n], best[n]) if n in best else one.typed for n, one in enumerate(typed.clauses))


def _by_keys(typed: Query) -> str:
    """The query with the syllables that its keys write in Telex or VNI; empty where they write nothing else."""
    words = [meant(one.typed) if isinstance(one.part, Word) and not one.negative else "" for one in typed.clauses]
    if not any(words) or len(words) > MOST_WORDS:
        return ""
    return " ".join(word or one.typed for word, one in zip(words, typed.clauses, strict=True))


def _apart(typed: Query, places: Sequence[int], known: dict[str, int]) -> str:
    """The query with a blank put into those words that are nowhere, where that makes two known ones; empty: none."""
    found: dict[int, str] = {}
    for n in places:
        word = _folded(typed.clauses[n])
        halves = [(word[:at], word[at:]) for at in range(2, len(word) - 1)] if word not in known else []
        split = [pair for pair in halves if pair[0] in known and pair[1] in known]
        if split and not _alike(word, known):
            first, second = max(split, key=lambda pair: min(known[pair[0]], known[pair[1]]))
            found[n] = f"{first} {second}"
    return " ".join(found.get(n, one.typed) for n, one in enumerate(typed.clauses)) if found else ""


def _bears(entry: Entry, asked: Query) -> bool:
    """Whether those words of a query that bear marks stand in a document with just these."""
    marked = {exact for folded, exact in zip(asked.folded, asked.exact, strict=True) if folded != exact}
    return marked <= {*streams(entry.subject).exact, *streams(entry.text).exact}


def _folded(clause: Clause) -> str:
    return clause.part.folded if isinstance(clause.part, Word) else ""


def _alike(word: str, known: dict[str, int]) -> list[str]:
    """The known words one edit apart from `word`, the most frequent first."""
    near = [other for other in known if abs(len(other) - len(word)) < 2 and one_edit_apart(other, word)]
    return sorted(near, key=lambda other: (-known[other], other))[:MOST_CANDIDATES]


def _written(entry: Entry, words: set[str]) -> dict[str, str]:
    """How the folded `words` are written in a document, with their marks."""
    found: dict[str, str] = {}
    for text in (clean(entry.subject), clean(entry.text)):
        for folded, _exact, start, end in spans(text):
            if folded in words:
                found.setdefault(folded, text[start:end].lower())
    return found
