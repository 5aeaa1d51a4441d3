"""How agencies are called in short: UBND is Ủy ban nhân dân, in a query and among the agencies of the hits.

The words that everybody uses are organ_words.toml; an agency adds its own in a file of the same form that
the setting search.aliases names. What is stored and shown is never changed by it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from archive.errors import SettingsError
from archive.i18n import _
from search.vietnamese import fold, streams

ORGANS = Path(__file__).with_name("organ_words.toml")
LARGEST = 1_000_000            # bytes of such a file


@dataclass(frozen=True)
class Aliases:
    """Abbreviations with what they stand for, as they are written."""

    pairs: tuple[tuple[str, str], ...]

    def names(self, typed: str) -> tuple[str, ...]:
        """The ways to write the name of an agency that `typed` stands for: as typed, then written out or in short."""
        plain = fold(typed)
        names = [typed]
        for short, full in self.pairs:
            for form, other in ((fold(short), full), (fold(full), short)):
                if form in plain and (pattern := re.compile(rf"\b{form}\b")).search(plain):
                    names.append(pattern.sub(other, plain))
        return tuple(dict.fromkeys(names))

    def of_words(self, words: Sequence[str]) -> list[tuple[tuple[str, ...], ...]]:
        """What each of the folded `words` may be written as instead: an abbreviation's full words, and for each word
        of a full name, where it stands whole, the abbreviation."""
        others: list[tuple[tuple[str, ...], ...]] = [()] * len(words)
        for n, word in enumerate(words):
            others[n] += self._written_out.get(word, ())
            for full, short in self._by_first.get(word, ()):
                if tuple(words[n:n + len(full)]) == full:
                    for place in range(n, n + len(full)):
                        others[place] += ((short,),)
        return others

    @cached_property
    def _folded(self) -> tuple[tuple[str, str], ...]:
        return tuple((fold(short), fold(full)) for short, full in self.pairs)

    @cached_property
    def _written_out(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        found: dict[str, tuple[tuple[str, ...], ...]] = {}
        for short, full in self._folded:
            found[short] = (*found.get(short, ()), tuple(full.split()))
        return found

    @cached_property
    def _by_first(self) -> Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]:
        found: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {}
        for short, full in self._folded:
            words = tuple(full.split())
            found[words[0]] = (*found.get(words[0], ()), (words, short))
        return found


def _read(path: Path) -> tuple[tuple[str, str], ...]:
    with path.open("rb") as stream:
        told = tomllib.load(stream)
    for short, full in told.items():
        if not isinstance(full, str) or len(streams(short).folded) != 1 or len(streams(full).folded) < 2:
            raise ValueError(_("{short}: an abbreviation of one word, and two words or more for it, are wanted")
                             .format(short=short))
    return tuple(told.items())


def aliases_with(own: Path | None) -> Aliases:
    """The abbreviations of everybody and those of the agency's file `own`, which win; None or no file: the first alone.

    Raises SettingsError for a file that is not in the form of organ_words.toml.
    """
    if own is None or not own.is_file():
        return BUILT_IN
    try:
        if own.stat().st_size > LARGEST:
            raise ValueError(_("the file is too large"))
        added = _read(own)
    except (OSError, ValueError) as problem:      # a TOML fault is a ValueError
        raise SettingsError(_("search.aliases: {path}: {fault}").format(path=own, fault=problem)) from problem
    shorts = {fold(short) for short, _full in added}
    return Aliases((*(pair for pair in BUILT_IN.pairs if fold(pair[0]) not in shorts), *added))


@lru_cache(maxsize=10_000)
def canonical_organ(name: str) -> str:
    """One folded form of an agency's name, written out: the key under which its documents are counted together."""
    plain = fold(name)
    for short, full in BUILT_IN._folded:
        plain = re.sub(rf"\b{short}\b", full, plain)
    return plain


BUILT_IN = Aliases(_read(ORGANS))
