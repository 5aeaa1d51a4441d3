"""Defects: which findings make a scanned document a faulty one, and the rate that NĐ 31/2026/NĐ-CP Điều 12 asks about.

Must never read the catalogue or a file: rows in, figures out. What counts as which error stands in defects.toml and is
this system's reading of the law.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ingest.digitise.telling import pages_of

TABLE = Path(__file__).with_name("defects.toml")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of error. `of`: the class of TT 05/2025 Đ9; `counted`: part of the rate of NĐ 31/2026 Điều 12."""

    name: str
    of: Literal["scan", "catalogue"]
    counted: bool
    vi: str
    en: str
    article: str
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Band:
    """A band of Điều 12: from `least` per cent, under `below` per cent."""

    least: float
    below: float
    article: str


class Row(NamedTuple):
    """One finding about a scanned document: `pages` as the finding tells them ("1, 3–5"; "" for the whole)."""

    document: str
    code: str
    pages: str = ""


@dataclass(frozen=True, slots=True)
class Defects:
    """What is wrong among `documents` scanned documents of `pages` pages.

    `kinds`: documents by kind of error; `faulty`: documents with an error that counts; `faulty_pages`: their pages
    that a counted finding names (all pages, where it names none).
    """

    documents: int
    pages: int
    kinds: Mapping[str, int]
    faulty: int
    faulty_pages: int

    @property
    def rate(self) -> float | None:
        """The share of faulty documents, per cent; None where nothing was scanned."""
        return 100 * self.faulty / self.documents if self.documents else None

    @property
    def page_rate(self) -> float | None:
        """The share of faulty pages, per cent; None without pages."""
        return 100 * self.faulty_pages / self.pages if self.pages else None


def defects(rows: Iterable[Row], scanned: Mapping[str, int]) -> Defects:
    """The errors that `rows` tell of the documents `scanned` (code or item → number of pages)."""
    by_kind: dict[str, set[str]] = {}
    pages: dict[str, set[int]] = {}
    for row in rows:
        kind = kind_of(row.code)
        if kind is None or row.document not in scanned:
            continue
        by_kind.setdefault(kind.name, set()).add(row.document)
        if kind.counted:
            all_pages = range(1, scanned[row.document] + 1)
            pages.setdefault(row.document, set()).update(pages_of(row.pages).intersection(all_pages) or all_pages)
    return Defects(len(scanned), sum(scanned.values()),
                   {name: len(by_kind[name]) for name in kinds() if name in by_kind},
                   len(pages), sum(len(found) for found in pages.values()))


def band_of(rate: float) -> Band | None:
    """The band of Điều 12 that a rate (per cent, more than 0) lies in; None from the last threshold on."""
    return next((band for band in bands() if band.least <= rate < band.below), None)


def kind_of(code: str) -> Kind | None:
    """The kind of error that a finding is; None for one that is no error of scanning or cataloguing."""
    return _by_code().get(code)


def codes() -> Collection[str]:
    """Every finding that is an error of scanning or cataloguing."""
    return _by_code().keys()


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind of error by its name, in the order in which they are shown."""
    return {name: Kind(name, one["of"], one["counted"], one["vi"], one["en"], one["article"], frozenset(one["codes"]))
            for name, one in _table()["kinds"].items()}


@cache
def bands() -> tuple[Band, ...]:
    """The bands of Điều 12, the lowest first."""
    return tuple(Band(one["from"], one["to"], one["article"]) for one in _table()["bands"])


@cache
def _by_code() -> Mapping[str, Kind]:
    return {code: kind for kind in kinds().values() for code in kind.codes}


@cache
def _table() -> dict[str, Any]:
    with TABLE.open("rb") as stream:
        return tomllib.load(stream)
