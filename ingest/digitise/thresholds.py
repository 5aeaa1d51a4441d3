"""The figures of thresholds.toml, read once; it must never hold a figure of its own."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("thresholds.toml")


@cache
def _table() -> dict[str, Any]:
    with TABLE.open("rb") as stream:
        return tomllib.load(stream)


def threshold(section: str, name: str) -> float:
    """The figure `name` of `section`. Raises KeyError for one that the table does not have: our fault."""
    return float(_table()[section][name])


def profile(name: str) -> dict[str, float]:
    """The scan rules of a legal profile: least dpi, least dpi of large sheets, whether colour is asked."""
    return {key: float(value) for key, value in _table()["profiles"][name].items()}


def sizes() -> tuple[tuple[float, float], ...]:
    """The known sizes of paper, mm, short side first."""
    return tuple((float(short), float(long)) for short, long in _table()["sheets"]["known"])


def words(section: str, name: str) -> tuple[str, ...]:
    """The list of words `name` of `section`."""
    return tuple(_table()[section][name])
