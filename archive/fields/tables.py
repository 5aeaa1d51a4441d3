"""The legal field tables and code lists, read from the YAML files beside this module.

Each table is law or the best reconstruction of it; nothing here may fill a gap in it. A row says where
it was read and how sure that is: only rows of high or medium confidence may be cited as law.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import yaml

from archive.spelling import fold

FOLDER = Path(__file__).parent
PROFILES = ("tt05_2025", "tt02_2019", "nd30_2020", "cv7197_2025")

Mandatory = Literal["yes", "no", "conditional", "unknown"]
Confidence = Literal["high", "medium", "low"]
Kind = Literal["String", "LongText", "Number", "Date", "Boolean", ""]


@dataclass(frozen=True, slots=True)
class Condition:
    """A conditional field must be there when the field `key` has one of `values`.

    `convention`: the law does not say so; it is the system's own rule.
    """

    key: str
    values: tuple[str, ...]
    convention: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a legal field table.

    `tag` is the name the text gives, "" where it gives none; `key` the name under which our records carry
    the value, "" for a row that only gathers its parts. `length` is in characters (digits for a number),
    None where the text states none. `composed_from`: the value is made from that field when packing.
    `repeats`: several values joined by ";" in our record are several elements, each with the length.
    """

    profile: str
    package: str
    level: str
    order: str
    tag: str
    key: str
    name_vi: str
    name_en: str
    kind: Kind
    length: int | None
    mandatory: Mandatory
    conditions: tuple[Condition, ...]
    code_list: str
    partial_date: bool
    repeats: bool
    composed_from: str
    rule: str
    required_in_software: str
    source: str
    read_in: str
    confidence: Confidence

    @property
    def is_law(self) -> bool:
        """Whether the row is sure enough to be cited."""
        return self.confidence != "low"


@dataclass(frozen=True, slots=True)
class CodeList:
    """A list of coded values: code to Vietnamese text, with the other spellings that are understood."""

    id: str
    source: str
    confidence: Confidence
    multi: bool
    unpadded: bool
    note: str
    values: Mapping[str, str]
    aliases: Mapping[str, str]          # folded spelling -> code

    def code_of(self, text: str) -> str | None:
        """The code that `text` gives: the code itself, its Vietnamese text or a known spelling; else None."""
        text = text.strip()
        if text in self.values:
            return text
        if self.unpadded and text.isascii() and text.isdigit() and text.zfill(2) in self.values:
            return text.zfill(2)
        return self.aliases.get(fold(text))


@dataclass(frozen=True, slots=True)
class Profile:
    """One legal regime: its tables and how records are checked against them."""

    id: str
    title_vi: str
    title_en: str
    in_force_from: str
    in_force_until: str
    notes: tuple[str, ...]
    levels: Mapping[str, str]
    by_direction: Mapping[str, str]
    default_package: Mapping[str, str]
    filled_by_archive: Mapping[str, frozenset[str]]
    may_be_empty: frozenset[str]
    rows: tuple[Row, ...]

    def table(self, level: str, package: str | None = None) -> tuple[Row, ...]:
        """The rows of one level in printed order; `package` None: the one our own records follow.

        Raises KeyError for a level or package that the regime does not have: that is a fault of ours.
        """
        wanted = self.default_package.get(level, "") if package is None else package
        return _table(self.id, level, wanted)


@cache
def profile(name: str) -> Profile:
    """The regime `name`, read once a process. Raises KeyError for a regime that is not held."""
    if name not in PROFILES:
        raise KeyError(name)
    raw = _load(FOLDER / f"{name}.yaml")
    return Profile(
        id=name, title_vi=raw["title_vi"], title_en=raw["title_en"], in_force_from=raw["in_force_from"],
        in_force_until=raw["in_force_until"], notes=tuple(raw["notes"]), levels=raw["levels"],
        by_direction=raw.get("by_direction", {}), default_package=raw["default_package"],
        filled_by_archive={level: frozenset(keys) for level, keys in raw["filled_by_archive"].items()},
        may_be_empty=frozenset(raw["may_be_empty"]), rows=_rows(name, raw))


def read_rows(name: str) -> tuple[Row, ...]:
    """Every row of the file `name` in its order: of a regime, or of our own fields ("own")."""
    return _rows(name, _load(FOLDER / f"{name}.yaml"))


@cache
def code_lists() -> Mapping[str, CodeList]:
    """Every code list by its id."""
    raw = _load(FOLDER / "code_lists.yaml")
    return MappingProxyType({name: _code_list(name, entry) for name, entry in raw["lists"].items()})


@cache
def _table(name: str, level: str, package: str) -> tuple[Row, ...]:
    rows = tuple(row for row in profile(name).rows if row.level == level and row.package == package)
    if not rows:
        raise KeyError((name, level, package))
    return rows


def _load(path: Path) -> dict[str, Any]:
    # The C loader reads the largest table in under 20 ms; the Python one takes ten times as long.
    with path.open("rb") as stream:
        data: dict[str, Any] = yaml.load(stream, yaml.CSafeLoader)
    return data


def _rows(name: str, raw: Mapping[str, Any]) -> tuple[Row, ...]:
    return tuple(_row(name, table, entry) for table in raw["tables"] for entry in table["fields"])


def _row(name: str, table: Mapping[str, Any], entry: Mapping[str, Any]) -> Row:
    return Row(
        profile=name, package=table["package"], level=table["level"], order=entry["order"], tag=entry["tag"],
        key=entry.get("key", entry["tag"]), name_vi=entry["name_vi"], name_en=entry["name_en"],
        kind=entry["type"], length=entry["length"], mandatory=entry["mandatory"],
        conditions=tuple(Condition(when["key"], tuple(when["in"]), when.get("convention", False))
                         for when in entry.get("when", ())),
        code_list=entry.get("code_list", ""), partial_date=entry.get("partial_date", False),
        repeats=entry.get("repeats", False), composed_from=entry.get("composed_from", ""),
        rule=entry.get("rule", ""), required_in_software=entry.get("required_in_software", ""),
        source=table["source"], read_in=table["read_in"],
        confidence=entry.get("confidence", table["confidence"]))


def _code_list(name: str, entry: Mapping[str, Any]) -> CodeList:
    aliases = {fold(text): code for code, text in entry["values"].items()}
    for code, texts in entry.get("aliases", {}).items():
        aliases.update({fold(text): code for text in texts})
    return CodeList(id=name, source=entry["source"], confidence=entry["confidence"],
                    multi=entry.get("multi", False), unpadded=entry.get("unpadded", False),
                    note=entry.get("note", ""), values=MappingProxyType(entry["values"]),
                    aliases=MappingProxyType(aliases))
