"""The heading of a registry list: which column means what. Knows headings (registry_columns.toml), never values."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from archive.fields.kinds import KEYS_OF, Kind
from archive.spelling import fold

FILE, IGNORED = "file", ""

Line = tuple[int, tuple[str, ...]]     # number of a row in its table, and its cells as text


@cache
def columns_data() -> Mapping[str, Any]:
    """registry_columns.toml."""
    with Path(__file__).with_name("registry_columns.toml").open("rb") as stream:
        return tomllib.load(stream)


@cache
def tag_columns() -> Mapping[str, str]:
    """Folded headings to what the column holds: a tag, `file`, a kind of two things in one, or "" for ignored."""
    data = columns_data()
    known = {fold(heading): IGNORED for heading in data["ignored"]["headings"]}
    for tag, headings in (*data["tags"].items(), *data["split"].items()):
        known.update({fold(heading): tag for heading in headings})
    known.update({fold(tag): tag for tag in data["tags"]})
    known.update({fold(heading): FILE for heading in data["file"]["headings"]})
    return known


@cache
def kind_columns(kind: str) -> Mapping[str, str]:
    """Folded headings to the tag that they mean in the rows of "photo" or "av" only."""
    return {fold(heading): tag for tag, headings in columns_data()[kind].items() for heading in headings}


def is_formula(value: str) -> bool:
    """Whether a cell as printed is a formula or the error that one left."""
    return value.startswith("=") or value in ("#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!")


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading that was found: columns to names as printed and to tags, and where the rows begin.

    `kinds`: what columns mean instead in rows about "photo" or "av", where the heading has a column of that kind.
    """

    ends: int
    names: dict[int, str]
    tags: dict[int, str]
    kinds: dict[Kind, dict[int, str]]
    unknown: tuple[str, ...]
    doubled: tuple[str, ...]

    @classmethod
    def find(cls, rows: Sequence[Line]) -> Heading | None:
        """The heading among the first rows, of one line or of two laid over each other; None when there is none."""
        limits = columns_data()["limits"]
        texts = [cells for _line, cells in rows[:limits["heading_rows"] + 1]]
        for at, cells in enumerate(texts[:limits["heading_rows"]]):
            one = cls._of(cells, at + 1)
            two = cls._of(_laid_over(cells, texts[at + 1]), at + 2) if at + 1 < len(texts) else None
            better = two if two and (not one or len(two.tags) > len(one.tags)) else one
            if better is not None:
                return better
        return None

    @classmethod
    def _of(cls, cells: Sequence[str], ends: int) -> Heading | None:
        known = tag_columns()
        names = {column: " ".join(cell.split()) for column, cell in enumerate(cells) if cell.strip()}
        meanings = {column: known[fold(name)] for column, name in names.items() if fold(name) in known}
        tags = {column: tag for column, tag in meanings.items() if tag != IGNORED}
        others = set(tags.values()) - {FILE}
        if FILE not in tags.values() or len(others) < columns_data()["limits"]["known_columns"]:
            return None
        order = [fold(heading) for heading in columns_data()["file"]["headings"]]
        files = [column for column, tag in tags.items() if tag == FILE]
        best = min(files, key=lambda column: order.index(fold(names[column])))
        tags = {column: tag for column, tag in tags.items() if tag != FILE or column == best}
        kinds = {kind: {column: kind_columns(kind)[fold(name)] for column, name in names.items()
                        if fold(name) in kind_columns(kind)}
                 for kind, keys in KEYS_OF.items() if not others.isdisjoint(keys)}
        unknown = tuple(name for column, name in names.items()
                        if column not in meanings and not any(column in columns for columns in kinds.values()))
        doubled = tuple(name for column, name in names.items()
                        if (column in tags and list(tags.values()).count(tags[column]) > 1) or column in files[1:])
        return cls(ends, _distinct(names), tags, kinds, unknown, doubled)


def _laid_over(upper: Sequence[str], lower: Sequence[str]) -> list[str]:
    """A heading of two lines, as merged cells print it: the lower line counts where it is a known heading."""
    width = max(len(upper), len(lower))
    above, below = ([*cells, *[""] * (width - len(cells))] for cells in (upper, lower))
    return [under if fold(under) in tag_columns() and fold(over) not in tag_columns() else over
            for over, under in zip(above, below, strict=True)]


def _distinct(names: Mapping[int, str]) -> dict[int, str]:
    """Column names for the raw record, numbered where one comes twice."""
    seen: dict[str, int] = {}
    distinct = {}
    for column, name in names.items():
        seen[name] = seen.get(name, 0) + 1
        distinct[column] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return distinct
