"""Rewriting: the history of an OCFL object without some of its files, in every version, as if they had never come.

Versions never change; this is the one exception, for a document that is destroyed while its case file stays
(archive/destroying_documents.py), and nothing else may ask for it. What stays is linked, never copied nor touched; the
new object is made whole beside and changes places with the old one in one step; the old one is purged. The same
inventories and the same paths give the same bytes, so that copies which are rewritten one by one stay equal.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from archive import inventory, purging
from archive.errors import IntegrityError
from archive.files import fsync_folder
from archive.i18n import _
from archive.inventory import INVENTORY, SIDECAR
from archive.store import Store

Gone = Callable[[str, int], bool]   # whether a logical path goes, in this version
_EXCHANGE, _HERE = 2, -100          # renameat2(2): RENAME_EXCHANGE, AT_FDCWD


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What an object will be: its inventories by version, the content that goes, and what was before.

    `inventories`: version → bytes. `paths`: the logical paths that are in no version any more. `content`: where the
    bytes that go lie (seen from the object's folder), with their SHA-256; `kept`: where those that stay do; `strays`:
    where such bytes lie of which no inventory tells. `changed`: version → SHA-256 before and after, SHA-512 before and
    after, of the inventories that change.
    """

    inventories: Mapping[int, bytes]
    paths: tuple[str, ...]
    content: Mapping[str, str]
    kept: frozenset[str]
    strays: tuple[str, ...]
    changed: Mapping[int, tuple[str, str, str, str]]


def foresee(folder: Path, gone: Gone) -> Rewritten:
    """What the object in `folder` will be without the paths that are `gone`. Reads its inventories only.

    Raises IntegrityError when one of them cannot be proved by its sidecar, OSError.
    """
    newest = inventory.newest(folder)
    before: dict[int, bytes] = {}
    for n in range(1, newest + 1):
        before[n] = (folder / f"v{n}" / INVENTORY).read_bytes()
        if not inventory.sidecar_is_right(folder / f"v{n}", before[n]):
            raise IntegrityError(_("{object}: nothing says what it should hold").format(object=f"{folder.name} v{n}"))
    if newest == 0 or (folder / INVENTORY).read_bytes() != before[newest]:
        raise IntegrityError(_("{object}: nothing says what it should hold").format(object=folder.name))
    last = orjson.loads(before[newest])
    states = {version: _kept(one["state"], gone, int(version[1:])) for version, one in last["versions"].items()}
    wanted = {digest for state in states.values() for digest in state}
    after = {n: _without(data, states, wanted) for n, data in before.items()}
    fixity = inventory.by_path(last.get("fixity", {}).get("sha256", {}))
    dropped = {path: fixity.get(path, "") for digest, paths in last["manifest"].items() if digest not in wanted
               for path in paths}
    paths = sorted({path for version, one in last["versions"].items() for some in one["state"].values()
                    for path in some if gone(path, int(version[1:]))})
    changed = {n: (hashlib.sha256(one).hexdigest(), hashlib.sha256(after[n]).hexdigest(),
                   hashlib.sha512(one).hexdigest(), hashlib.sha512(after[n]).hexdigest())
               for n, one in before.items() if one != after[n]}
    kept = frozenset(path for digest, some in last["manifest"].items() if digest in wanted for path in some)
    strays = tuple(path for path in _files(folder) if path not in kept and path not in dropped
                   and gone(path.partition("/content/")[2], _version_of(path)))
    return Rewritten(after, tuple(paths), dropped, kept, strays, changed)


def carry_out(store: Store, object_id: str, gone: Gone, *, overwrite: bool) -> bool:
    """Rewrite one object of a store; False when there was nothing to do. Safe to say again after a kill.

    Raises IntegrityError as `foresee`, OSError when the disk does not let go: the object is then the old one or the
    new one, whole.
    """
    folder, waiting = store.folder(object_id), store.staging.parent / purging.FOLDER
    stage = store.staging / stage_name(object_id)
    old = stage.with_name(f"{stage.name}.old")
    if os.path.lexists(old) and not os.path.lexists(folder):
        stage.rename(folder)        # an exchange in two steps that was killed between them
    # What a killed run was making, or the old object after the exchange: what the other one holds has two names.
    left = [one for one in (stage, old) if os.path.lexists(one)]
    if left:
        purging.purge(waiting, left, overwrite=overwrite)
    if not folder.is_dir():
        return False
    store.inventory(object_id)      # a put that a kill interrupted is finished first
    new = foresee(folder, gone)
    if not new.changed and not new.strays:
        return False
    _build(folder, stage, new)
    purging.purge(waiting, [stage if _exchanged(folder, stage, old) else old], overwrite=overwrite)
    return True


def stage_name(object_id: str) -> str:
    """The folder in the staging area in which an object is made anew."""
    return f"rewriting-{hashlib.sha256(object_id.encode()).hexdigest()[:32]}"


def _kept(state: Mapping[str, list[str]], gone: Gone, version: int) -> dict[str, list[str]]:
    found = {digest: [path for path in paths if not gone(path, version)] for digest, paths in state.items()}
    return {digest: paths for digest, paths in found.items() if paths}


def _without(data: bytes, states: Mapping[str, Mapping[str, list[str]]], wanted: set[str]) -> bytes:
    """An inventory with the states that are left; its very bytes when they are all as they were."""
    told: dict[str, Any] = orjson.loads(data)
    versions = {name: {**one, "state": states[name]} for name, one in told["versions"].items()}
    manifest = {digest: paths for digest, paths in told["manifest"].items() if digest in wanted}
    if versions == told["versions"] and manifest == told["manifest"]:
        return data
    lie = {path for paths in manifest.values() for path in paths}
    fixity = {name: {digest: left for digest, paths in block.items() if (left := [one for one in paths if one in lie])}
              for name, block in told.get("fixity", {}).items()}
    return inventory.as_bytes({**told, "versions": versions, "manifest": manifest,
                               **({"fixity": fixity} if "fixity" in told else {})})


def _build(folder: Path, stage: Path, new: Rewritten) -> None:
    """The new object beside the old: what stays is linked (copied, where the disk knows no links). Flushed."""
    stage.mkdir(parents=True)
    folders = {stage}
    own = {f"v{n}/{name}" for n in new.changed for name in (INVENTORY, SIDECAR)} | {INVENTORY, SIDECAR}
    for path in _files(folder):
        if path in own or path in new.content or path in new.strays:
            continue
        target = stage / path
        target.parent.mkdir(parents=True, exist_ok=True)
        folders |= {target.parent, *(one for one in target.parents if stage in one.parents)}
        try:
            os.link(folder / path, target, follow_symlinks=False)
        except OSError:
            shutil.copy2(folder / path, target, follow_symlinks=False)
            _flush(target)
    last = max(new.inventories)
    for n, place in [*((n, stage / f"v{n}") for n in new.changed), (last, stage)]:
        place.mkdir(exist_ok=True)
        folders.add(place)
        for name, data in ((INVENTORY, new.inventories[n]), (SIDECAR, inventory.sidecar(new.inventories[n]))):
            (place / name).write_bytes(data)
            _flush(place / name)
    for one in sorted(folders, reverse=True):
        fsync_folder(one)
    fsync_folder(stage.parent)


def _version_of(path: str) -> int:
    """The version whose folder a path in an object begins with; of none a later one than any."""
    first = path.partition("/")[0]
    return int(first[1:]) if first[:1] == "v" and first[1:].isdecimal() else sys.maxsize


def _files(folder: Path) -> Iterator[str]:
    for base, folders, names in os.walk(folder):
        inside = Path(base).relative_to(folder)
        yield from ((inside / name).as_posix() for name in names)
        yield from ((inside / name).as_posix() for name in folders if (Path(base) / name).is_symlink())


def _flush(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _exchanged(folder: Path, stage: Path, old: Path) -> bool:
    """Let object and stage change places in one step; where the system cannot, in two: the old one is then `old`."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
        done = call(_HERE, os.fsencode(stage), _HERE, os.fsencode(folder), _EXCHANGE) == 0
    except AttributeError:
        done = False
    if not done:
        folder.rename(old)
        stage.rename(folder)
    fsync_folder(folder.parent)
    fsync_folder(stage.parent)
    return bool(done)
