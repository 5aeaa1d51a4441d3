"""The folder of a search index: which of its generations is in use, who writes, what a killed rebuild left.

index.json names the engine, its versions and the generation in use; unfinished.json the one that a rebuild is
still making, so that the next rebuild goes on with it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from archive.errors import LuuTruError
from archive.files import json_bytes, locked, write_atomically
from archive.i18n import _
from search.engines.base import Engine, IndexBusyError

STATE = "index.json"
UNFINISHED = "unfinished.json"
LAYOUT_VERSION = 1


class IndexOutdatedError(LuuTruError):
    """The search index was made by another version; `luutru index rebuild` makes it again."""


def engine_class(name: str) -> type[Engine]:
    """The engine of that name."""
    # Imported here: loading one would slow every command down.
    if name == "whoosh":
        from search.engines.whoosh_engine import WhooshEngine

        return WhooshEngine
    from search.engines.tantivy_engine import TantivyEngine

    return TantivyEngine


def versions(engine: str, analysis: int) -> dict[str, Any]:
    """What an index must have been made with to be of use."""
    return {"layout": LAYOUT_VERSION, "engine": engine, "schema": engine_class(engine).SCHEMA_VERSION,
            "analysis": analysis}


def in_use(folder: Path, wanted: dict[str, Any]) -> str:
    """The name of the generation in use. Raises IndexOutdatedError when it was not made with `wanted`."""
    try:
        state = dict(json.loads((folder / STATE).read_bytes()))
    except (ValueError, TypeError) as problem:
        raise IndexOutdatedError(_("the search index cannot be read; run: luutru index rebuild")) from problem
    generation = state.pop("generation", "")
    if state != wanted or not (folder / generation).is_dir():
        raise IndexOutdatedError(_("the search index was made by another version; run: luutru index rebuild"))
    return str(generation)


def put_in_use(folder: Path, wanted: dict[str, Any], name: str) -> None:
    """Make this generation the one in use, and drop all others: what came before, what was left half made."""
    write_atomically(folder / STATE, json_bytes(wanted | {"generation": name}))
    drop_others(folder, name)


def drop_others(folder: Path, used: str) -> None:
    """Remove the generations that are not in use."""
    (folder / UNFINISHED).unlink(missing_ok=True)
    for path in folder.glob("generation-*"):
        if path.name != used:
            shutil.rmtree(path)


def unfinished(folder: Path, wanted: dict[str, Any]) -> str:
    """The generation that a rebuild with the same versions has left half made; empty: none."""
    try:
        state = dict(json.loads((folder / UNFINISHED).read_bytes()))
    except (OSError, ValueError, TypeError):
        return ""
    name = str(state.pop("generation", ""))
    return name if state == wanted and name.startswith("generation-") and (folder / name).is_dir() else ""


def begin(folder: Path, wanted: dict[str, Any], *, noted: bool) -> str:
    """Make the folder of a new generation; `noted`: a rebuild that is killed can go on with it."""
    numbers = (int(path.name.rpartition("-")[2]) for path in folder.glob("generation-*"))
    name = f"generation-{max(numbers, default=0) + 1}"
    (folder / name).mkdir()
    if noted:
        write_atomically(folder / UNFINISHED, json_bytes(wanted | {"generation": name}))
    return name


@contextmanager
def writing(folder: Path, wait: float) -> Iterator[None]:
    """Be the one writer of the index; a killed one's lock goes with it. Raises IndexBusyError after `wait` seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "writer.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not locked(handle, wait):
            raise IndexBusyError(_("another process is writing the search index"))
        yield
    finally:
        os.close(handle)
