"""Snippets: the place of a text that shows why it was found, with the words that were looked for marked.

Made from the text as it is stored, so that people read it with its marks and capitals. Never HTML: whoever
shows a snippet escapes it for the place where it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import compress, pairwise

from search.query import Query
from search.vietnamese import clean, forms, spans, streams

LONGEST_TEXT = 300_000
"""Only so much of a text is looked through, characters: some 100 pages."""

_BEFORE = 6                    # tokens of the text before the first word that is marked, and in all
_WINDOW = 32
_PLAIN_GAPS = frozenset(("", " ", ", ", "/", "-", ". "))
_MOST_TOKENS, _LONGEST_TOKEN = 10_000, 64     # remembered of one query
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


_Match = tuple[int, str, bool]
"""Which token of the text, the folded word, and whether it follows on the one before as in the query."""


class _LookedFor(dict[str, tuple[tuple[str, str], ...]]):
    """Of each token of a text (what stands between two blanks) the words that are looked for, folded and exact.

    The hits of a page share it: most tokens are in many of their texts.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(words)

    def __missing__(self, token: str) -> tuple[tuple[str, str], ...]:
        if len(self) >= _MOST_TOKENS:
            self.clear()
        folded, exact = forms(token)
        if " " in (word := folded[:-1]):
            held = tuple(both for both in zip(folded.split(), exact.split(), strict=True) if both[0] in self._words)
        else:                           # most tokens are one word
            held = ((word, exact[:-1]),) if word in self._words else ()
        if len(token) <= _LONGEST_TOKEN:
            self[token] = held
        return held


_looked_for = lru_cache(maxsize=8)(_LookedFor)


class Wanted:
    """The words of a query, made ready for the texts of all its hits."""

    def __init__(self, query: Query) -> None:
        self.folded = query.folded
        self.both = tuple(dict.fromkeys(zip(self.folded, query.exact, strict=True)))
        self.followers = frozenset(pairwise(self.folded))
        self.looked_for = _looked_for(frozenset(self.folded))


def snippet(text: str, query: Query | Wanted, *, one_edit: bool = False) -> Snippet:
    """The best place of `text` for `query`: where most of its words stand close together.

    With `one_edit`, words that differ by one letter are marked too, as the search found them.
    """
    asked = query if isinstance(query, Wanted) else Wanted(query)
    text = clean(text[:LONGEST_TEXT])
    tokens = text.split()
    near = _neighbours(streams(text).folded, dict.fromkeys(asked.folded)) if one_edit else set()
    looked_for = _LookedFor({*asked.folded, *near}) if near else asked.looked_for
    held = list(map(looked_for.__getitem__, tokens))
    found = [(n, held[n]) for n in compress(range(len(held)), held)]
    wanted = _wanted(asked.both, {exact for _n, words in found for _folded, exact in words}) | dict.fromkeys(near)
    followers = asked.followers
    begin = max(0, _best(list(_matches(found, wanted, followers))) - _BEFORE)
    # A text that is split so often ends with all that was not.
    start = len(text) - len(text.split(None, begin)[-1]) if 0 < begin < len(tokens) else 0
    pieces = text[start:].split(None, _WINDOW)
    end = len(text) - (len(pieces[-1]) if len(pieces) > _WINDOW else 0)
    window = [(folded, exact, start + first, start + last) for folded, exact, first, last in spans(text[start:end])]
    window = window or list(spans(text, 0, _WINDOW))         # it begins with nothing but signs
    if not window:
        return Snippet("")
    hits = [_hits(wanted, folded, exact) for folded, exact, _, _ in window]
    made = _cut(text, [(first, last) for _, _, first, last in window], hits,
                more_before=begin > 0, more_after=end < len(text))
    return replace(made, page=_page(text, window, hits, followers))


def _matches(found: Iterable[tuple[int, tuple[tuple[str, str], ...]]], wanted: Mapping[str, set[str] | None],
             followers: frozenset[tuple[str, str]]) -> Iterator[_Match]:
    """The words that were found."""
    last, before = -2, ""
    for n, held in found:
        for folded, exact in held:
            marks = wanted[folded]
            if marks is None or exact in marks:
                yield n, folded, n - last < 2 and (before, folded) in followers
            last, before = n, folded


def _page(text: str, window: Sequence[tuple[str, str, int, int]], hits: Sequence[bool],
          followers: frozenset[tuple[str, str]]) -> int:
    """The page on which a window stands; it may lie on two: the one that says more."""
    pages = {text.count("\f", 0, window[0][2]) + 1: 0.0}
    before = ""
    for (folded, _exact, start, _end), hit in zip(window, hits, strict=True):
        if hit:
            page = text.count("\f", 0, start) + 1
            pages[page] = pages.get(page, 0.0) + 1.0 + ((before, folded) in followers)
        before = folded
    return max(pages, key=lambda page: (pages[page], -page))


def highlight(text: str, query: Query) -> Snippet:
    """All of `text` (a title) with the words of `query` marked."""
    text = clean(text)
    wanted = _wanted(tuple(zip(query.folded, query.exact, strict=True)), set(streams(text).exact))
    return Snippet(text, tuple((start, end) for folded, exact, start, end in spans(text)
                               if _hits(wanted, folded, exact)))


def _wanted(both: Iterable[tuple[str, str]], present: set[str]) -> dict[str, set[str] | None]:
    """The words looked for, with the marks they must bear to be marked: văn is not vận where the text has văn.

    `both` are the words of the query, folded and exact, `present` those of the text, exact.
    """
    wanted: dict[str, set[str] | None] = {}
    for folded, typed in both:
        known = wanted.get(folded, set())
        wanted[folded] = known | {typed} if known is not None and typed != folded and typed in present else None
    return wanted


def _hits(wanted: Mapping[str, set[str] | None], folded: str, exact: str) -> bool:
    if folded not in wanted:
        return False
    marks = wanted[folded]
    return marks is None or exact in marks


def _best(matches: Sequence[_Match]) -> int:
    """The token at which the best window begins: each word looked for counts once, twice where it follows on."""
    best = best_score = score = last = 0
    inside: dict[str, list[int]] = {}        # of each word in the window: how many there are, how many follow on
    for token, word, follows in matches:
        reach = token + _WINDOW - _BEFORE
        while last < len(matches) and matches[last][0] < reach:
            _token, other, other_follows = matches[last]
            numbers = inside.setdefault(other, [0, 0])
            score += (not numbers[0]) + (other_follows and not numbers[1])
            numbers[0] += 1
            numbers[1] += other_follows
            last += 1
        if score > best_score:
            best, best_score = token, score
        numbers = inside[word]
        numbers[0] -= 1
        numbers[1] -= follows
        score -= (not numbers[0]) + (follows and not numbers[1])
    return best


def _cut(text: str, places: Sequence[tuple[int, int]], marked: Sequence[bool], *, more_before: bool,
         more_after: bool) -> Snippet:
    """The text between the places, blanks and line breaks as one blank, with its marks moved along."""
    out, marks = "… " if more_before else "", []
    last = places[0][0]
    for (start, end), hit in zip(places, marked, strict=True):
        gap = text[last:start]
        out += gap if gap in _PLAIN_GAPS else _between(gap)
        if hit:
            marks.append((len(out), len(out) + end - start))
        out += text[start:end]
        last = end
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
