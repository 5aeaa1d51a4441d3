"""The technical log names items by their ids: what they are called and say stays where it is guarded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from archive.hiding import HIDDEN
from ingest.item import Item

SHORTEST = 4        # letters: shorter words are everywhere, and name nobody


def anonymous(error: str, item: Item) -> str:
    """A traceback without what is known of its item: names of files, subject, persons, every other field.

    Libraries put into their errors what they could not read. The item's id, which stays, leads to the rest.
    """
    for said in sorted(set(_said(item)), key=len, reverse=True):
        error = error.replace(said, HIDDEN)
    return error


def _said(item: Item) -> Iterator[str]:
    for name in (item.name, *(part.name for part in item.parts)):
        path = PurePosixPath(name)
        yield from (one for one in (name, path.name, path.stem) if len(one) >= SHORTEST)
    yield from _texts(item.fields)
    yield from _texts({key: value for key, value in item.facts.items() if key in ("registry", "corrections")})


def _texts(told: Any) -> Iterator[str]:
    """Every text in JSON-ready values, whole and as Python quotes it."""
    if isinstance(told, Mapping):
        for value in told.values():
            yield from _texts(value)
    elif isinstance(told, list | tuple):
        for value in told:
            yield from _texts(value)
    elif isinstance(told, str) and len(told) >= SHORTEST:
        yield told
        if (quoted := repr(told)[1:-1]) != told:
            yield quoted
