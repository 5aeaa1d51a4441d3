"""Document paths: which files of a case file's objects are a single document's, by their names (docs/format.md).

Received files, copies and texts bear the document's code, its records the ordinal. What a sender's package brought
besides (documentation/) is the package's, not the document's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from archive import layout

_PACKAGE = "documentation/"
_AFTER = ("", ".", "-")         # what may follow the code in a name


def home_of(document: str) -> str:
    """The code of the case file that a document's code names."""
    return document.rpartition(".")[0]


def ordinal_of(document: str) -> int:
    """The ordinal that a document's code ends with. Raises ValueError for what is no code."""
    return int(document.rpartition(".")[2])


def paths_of(documents: Collection[str]) -> Callable[[str], bool]:
    """Whether a logical path belongs to one of these documents, which are all of one case file."""
    codes = frozenset(documents)
    length = max(map(len, codes), default=0)
    records = tuple(f"{layout.DOCUMENTS}/{ordinal_of(code):07d}." for code in sorted(codes))

    def own(path: str) -> bool:
        name = path.rpartition("/")[2]
        return not path.startswith(_PACKAGE) and (path.startswith(records) or (
            name[:length] in codes and name[length:length + 1] in _AFTER))

    return own
