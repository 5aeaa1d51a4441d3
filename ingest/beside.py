"""Signature files that lie beside what they sign: `X.pdf.p7s` or `X.p7s` beside `X.pdf`.

Told by names alone, the same in the inbox, in a message and in a package. Must never choose between two files: which
one was signed is for a person to say.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

SUFFIX = ".p7s"
ENVELOPE = ".p7m"       # a file that holds what it signs; the signed content was taken out of it under the same rule


def is_signature(name: str) -> bool:
    """Whether a file of this name is meant as a detached signature of another file."""
    return name.lower().endswith(SUFFIX) and len(name.rpartition("/")[2]) > len(SUFFIX)


def signed_by(name: str, names: Iterable[str]) -> list[str]:
    """Which of `names` the signature file `name` can belong to: as `Owners.of`."""
    return Owners(other for other in names if other != name).of(name)


class Owners:
    """The files that a signature file can belong to, looked up by name."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact: dict[str, set[str]] = defaultdict(set)
        self._stems: dict[str, set[str]] = defaultdict(set)
        for name in names:
            if not is_signature(name):
                folded = _folded(name)
                self._exact[folded].add(name)
                self._stems[_stem(folded)].add(name)

    def of(self, name: str) -> list[str]:
        """The files that the signature file `name` can belong to: none, the one, or several to choose from.

        `X.pdf.p7s` belongs to `X.pdf`; only where there is none, it is read as `X.p7s`: the files called X with one
        more ending. Files of other folders are never meant; upper and lower case and Unicode forms do not matter.
        """
        wanted = _folded(wanted_name(name))
        return sorted(self._exact.get(wanted, ())) or sorted(self._stems.get(wanted, ()))


def wanted_name(name: str) -> str:
    """The name of what the signature file `name` signs, by the first of the two rules."""
    return name[:-len(SUFFIX)] if name.lower().endswith((SUFFIX, ENVELOPE)) else name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _stem(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    stem, dot, _ending = last.rpartition(".")
    return f"{folder}{slash}{stem}" if dot and stem else name
