"""Snippets: the place of a text that shows why it was found, with the words that were looked for marked.

Made from the text as it is stored, so that people read it with its marks and capitals. Never HTML: whoever
shows a snippet escapes it for the place where it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from search.query import Query
from search.vietnamese import clean, spans, streams

LONGEST_TEXT = 300_000
"""Only so much of a text is looked through, characters: some 100 pages."""

_BEFORE = 6
_WINDOW = 32
_FUZZY_FROM = 4


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of text, the places in it (start, end) that are to be marked, and the page it stands on, from 1."""

    text: str
    marks: tuple[tuple[int, int], ...] = ()
    page: int = 1

    def pieces(self) -> Iterable[tuple[str, bool]]:
        """The text in pieces, each with whether it is marked."""
        place = 0
        for start, end in self.marks:
            if start > place:
                yield self.text[place:start], False
            yield self.text[start:end], True
            place = end
        if place < len(self.text):
            yield self.text[place:], False

    def marked(self, before: str = "«", after: str = "»") -> str:
        """The text with `before` and `after` round each mark: for plain output."""
        return "".join(f"{before}{piece}{after}" if hit else piece for piece, hit in self.pieces())


@dataclass(frozen=True, slots=True)
class _Match:
    word: int                                 # which word of the text
    folded: str
    weight: float


def snippet(text: str, query: Query, *, one_edit: bool = False) -> Snippet:
    """The best place of `text` for `query`: where most of its words stand close together.

    With `one_edit`, words that differ by one letter are marked too, as the search found them.
    """
    text = clean(text[:LONGEST_TEXT])
    words = streams(text)
    wanted = _wanted(query, words.exact)
    if one_edit:
        for word in _neighbours(words.folded, wanted):
            wanted[word] = None
    followers = set(pairwise(query.folded))
    matches: list[_Match] = []
    for number in [number for number, word in enumerate(words.folded) if word in wanted]:
        word = words.folded[number]
        if _hits(wanted, word, words.exact[number]):
            follows = number > 0 and (words.folded[number - 1], word) in followers
            matches.append(_Match(number, word, 1.0 + follows))
    begin = max(0, _best(matches) - _BEFORE)
    window = list(spans(text, begin, _WINDOW))
    if not window:
        return Snippet("")
    made = _cut(text, [(start, end) for _, _, start, end in window],
                [_hits(wanted, folded, exact) for folded, exact, _, _ in window],
                more_before=begin > 0, more_after=begin + len(window) < len(words.folded))
    pages = {text.count("\f", 0, window[0][2]) + 1: 0.0}
    for match in matches:
        if begin <= match.word < begin + len(window):       # it may lie on two pages: the one that says more
            page = text.count("\f", 0, window[match.word - begin][2]) + 1
            pages[page] = pages.get(page, 0.0) + match.weight
    return replace(made, page=max(pages, key=lambda page: (pages[page], -page)))


def highlight(text: str, query: Query) -> Snippet:
    """All of `text` (a title) with the words of `query` marked."""
    text = clean(text)
    wanted = _wanted(query, streams(text).exact)
    return Snippet(text, tuple((start, end) for folded, exact, start, end in spans(text)
                               if _hits(wanted, folded, exact)))


def _wanted(query: Query, present: Sequence[str]) -> dict[str, set[str] | None]:
    """The words looked for, with the marks they must bear to be marked: văn is not vận where the text has văn."""
    exact = set(present)
    wanted: dict[str, set[str] | None] = {}
    for folded, typed in zip(query.folded, query.exact, strict=True):
        known = wanted.get(folded, set())
        wanted[folded] = known | {typed} if known is not None and typed != folded and typed in exact else None
    return wanted


def _hits(wanted: Mapping[str, set[str] | None], folded: str, exact: str) -> bool:
    if folded not in wanted:
        return False
    marks = wanted[folded]
    return marks is None or exact in marks


def _best(matches: Sequence[_Match]) -> int:
    """The word at which the best window begins: each word looked for counts once, at its greatest weight."""
    best, best_score, score = 0, 0.0, 0.0
    last = 0
    inside: dict[str, list[int]] = {}        # of each word in the window: how many follow on, how many do not

    def count(match: _Match, change: int) -> float:
        """Take a match in (1) or out (-1): by how much the score of the window changes."""
        numbers = inside.setdefault(match.folded, [0, 0])
        before = 2.0 if numbers[0] else 1.0 if numbers[1] else 0.0
        numbers[match.weight < 2.0] += change
        return (2.0 if numbers[0] else 1.0 if numbers[1] else 0.0) - before

    for match in matches:
        while last < len(matches) and matches[last].word < match.word + _WINDOW - _BEFORE:
            score += count(matches[last], 1)
            last += 1
        if score > best_score:
            best, best_score = match.word, score
        score += count(match, -1)
    return best


def _cut(text: str, places: Sequence[tuple[int, int]], marked: Sequence[bool], *, more_before: bool,
         more_after: bool) -> Snippet:
    """The text between the places, blanks and line breaks as one blank, with its marks moved along."""
    out, marks = "… " if more_before else "", []
    for n, (start, end) in enumerate(places):
        if n:
            out += _between(text[places[n - 1][1]:start])
        if marked[n]:
            marks.append((len(out), len(out) + end - start))
        out += text[start:end]
    tail = " …" if more_after else text[places[-1][1]:places[-1][1] + 1].strip()
    return Snippet(out + tail, tuple(marks))


def _between(gap: str) -> str:
    """What stands between two words, on one line; ruled and dotted lines are shortened."""
    short = " ".join(gap.split())
    short = short[:4] + "…" if len(short) > 5 else short
    if not short:
        return " " if gap else ""
    return (" " if gap[0].isspace() else "") + short + (" " if gap[-1].isspace() else "")


def _neighbours(words: Sequence[str], wanted: Iterable[str]) -> set[str]:
    """The words of a text that are one edit away from a wanted one, as the second try finds them."""
    present = set(words)
    return {word for other in wanted if len(other) >= _FUZZY_FROM and other not in present
            for word in present if one_edit_apart(word, other)}


def one_edit_apart(first: str, second: str) -> bool:
    """Whether one letter added, left out, changed or swapped with its neighbour makes one word the other."""
    if abs(len(first) - len(second)) > 1 or first == second:
        return False
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    one, two = first[start:], second[start:]
    return (one[1:] == two[1:] or one[1:] == two or one == two[1:]
            or (one[:2] == two[1::-1] and one[2:] == two[2:]))
